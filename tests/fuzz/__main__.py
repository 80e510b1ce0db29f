"""Fuzz the targets: `python -m tests.fuzz --inputs 100000 [--keep] [TARGET …]`."""

import shutil
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from hashlib import sha256
from pathlib import Path
from typing import Final

from tests.fuzz import corpus
from tests.fuzz.targets import TARGETS

ARTIFACTS: Final = Path("artifacts/fuzz")
MOST: Final = 280  # inputs that are kept for a target, the shortest of those that matter
UNNAMED: Final = "found-"


def main() -> int:
    """Run each target, until all its inputs are through or one of them fails."""
    parser = ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--inputs", type=int, default=100_000, help="for each target")
    parser.add_argument("--seconds", type=int, default=0, help="for each target, at most")
    parser.add_argument("--keep", action="store_true", help="what is new goes into the corpus")
    options = parser.parse_args()
    failed = 0
    for name in options.targets or TARGETS:
        limits = [f"-runs={options.inputs}", f"-max_total_time={options.seconds}"]
        failed |= fuzz(name, limits, is_kept=options.keep)
    return failed


def fuzz(name: str, limits: list[str], *, is_kept: bool) -> int:
    """Fuzz one target; what has failed is left in `ARTIFACTS`. Returns 0 if nothing has."""
    found, minimal = ARTIFACTS / name, ARTIFACTS / f"{name}-minimal"
    for directory in (found, minimal):
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
    seeds, kept = TARGETS[name].seeds(), corpus.read(name)
    for label, data in {**seeds, **kept}.items():
        (found / label).write_bytes(data)
    artifacts = f"-artifact_prefix={ARTIFACTS}/{name}-"
    failed = _run(name, artifacts, "-print_final_stats=1", *limits, str(found))
    if is_kept and not failed:
        _run(name, "-merge=1", str(minimal), str(found))
        minimum = {path.read_bytes() for path in minimal.iterdir()}
        corpus.write(name, _kept(kept, minimum - set(seeds.values())))
    return failed


def _kept(before: Mapping[str, bytes], minimum: AbstractSet[bytes]) -> dict[str, bytes]:
    """The inputs whose name says something, and of the others the shortest."""
    kept = {label: data for label, data in before.items() if not label.startswith(UNNAMED)}
    found = sorted(minimum - set(kept.values()), key=lambda each: (len(each), each))
    return kept | {
        f"{UNNAMED}{sha256(each).hexdigest()[:8]}": each for each in found[: MOST - len(kept)]
    }


def _run(name: str, *arguments: str) -> int:
    return subprocess.call([sys.executable, "-m", "tests.fuzz.engine", name, *arguments])


if __name__ == "__main__":
    sys.exit(main())
