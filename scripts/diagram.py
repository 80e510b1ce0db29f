"""Draw the call's states from the transition table, for ARCHITECTURE.md.

`python scripts/diagram.py` prints the diagram, `--write` puts it between its
markers. Steps that leave the state as it is are left out.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Final

from signaling_service.core.call import TRANSITIONS
from signaling_service.core.model import Driver, State

PAGE: Final = Path(__file__).parent.parent / "ARCHITECTURE.md"
BEGIN: Final = "<!-- state diagram -->"
END: Final = "<!-- /state diagram -->"
SIDES: Final = (Driver.CALLER, Driver.CALLEE)


def diagram() -> str:
    """The transition table as a Mermaid block."""
    edges: dict[tuple[State, State], dict[Driver, list[str]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for (driver, before, kind), states in TRANSITIONS.items():
        for after in states:
            if before is not after:
                edges[before, after][driver].append(kind)
    lines = [
        f"    {_name(before)} --> {_name(after)} : {_label(kinds)}"
        for (before, after), kinds in sorted(edges.items())
    ]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


def page(text: str) -> str:
    """`text` with the diagram between its markers."""
    block = f"{BEGIN}\n{diagram()}\n{END}"
    return re.sub(f"{BEGIN}.*?{END}", lambda _: block, text, flags=re.DOTALL)


def _name(state: State) -> str:
    return "[*]" if state is State.NEW else state.name


def _label(kinds: dict[Driver, list[str]]) -> str:
    """Who makes the call go this way, and by what."""
    caller, callee = (set(kinds[side]) for side in SIDES)
    groups = [
        ("either side", caller & callee),
        ("caller", caller - callee),
        ("callee", callee - caller),
        ("clock", set(kinds[Driver.CLOCK])),
        ("presence", set(kinds[Driver.PRESENCE])),
        ("service", set(kinds[Driver.SERVICE])),
    ]
    # not "caller: offer": a label of Mermaid's ends at its second colon
    return ", ".join(f"{driver} {'/'.join(sorted(names))}" for driver, names in groups if names)


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page(PAGE.read_text()))
    else:
        sys.stdout.write(diagram() + "\n")
