"""The diagram of the states in ARCHITECTURE.md is the transition table's."""

from scripts.diagram import BEGIN, END, PAGE, diagram, page
from signaling_service.core.call import TRANSITIONS
from signaling_service.core.model import State


def test_diagram_is_current() -> None:
    """`python scripts/diagram.py --write` draws it again."""
    text = PAGE.read_text()

    assert text.count(BEGIN) == text.count(END) == 1
    assert page(text) == text


def test_every_change_of_state_is_drawn() -> None:
    """Each pair of states that a row connects has its one arrow."""
    changes = {
        (before, after)
        for (_, before, _), states in TRANSITIONS.items()
        for after in states
        if before is not after
    }

    assert diagram().count(" --> ") == len(changes)
    assert all(state.name in diagram() for state in State if state is not State.NEW)
