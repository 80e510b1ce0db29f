"""The fuzzer's process: `python -m tests.fuzz.engine TARGET`, and what libFuzzer takes."""

import sys
from importlib import import_module
from typing import Any


def main() -> None:
    """Fuzz one target, guided by what it covers of the service; does not return."""
    atheris: Any = import_module("atheris")  # an extra of its own, which tests do without
    with atheris.instrument_imports(include=["signaling_service"]):
        targets = import_module("tests.fuzz.targets").TARGETS
    name, *arguments = sys.argv[1:]
    target = targets[name]
    # to merge, libFuzzer starts this anew, with arguments of its own
    command = f"{sys.executable} -m tests.fuzz.engine {name}"
    atheris.Setup([command, f"-max_len={target.longest}", "-timeout=20", *arguments], target.take)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
