"""Inputs that are kept: one a line, its name and its bytes as Python writes them."""

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Final

KEPT: Final = Path(__file__).parent / "kept"


def read(target: str) -> dict[str, bytes]:
    """The inputs kept for a target, by name."""
    lines = (KEPT / f"{target}.txt").read_text().splitlines()
    pairs = [line.split(" ", 1) for line in lines if line and not line.startswith("#")]
    return {name: bytes(ast.literal_eval(text)) for name, text in pairs}


def write(target: str, inputs: Mapping[str, bytes]) -> None:
    """Keep these inputs, and no others, for a target."""
    lines = [f"{name} {data!r}\n" for name, data in sorted(inputs.items())]
    (KEPT / f"{target}.txt").write_text("".join(lines))
