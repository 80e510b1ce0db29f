"""Cells of an engine that tests share: each has its own keys."""

import itertools

from tests.valkey import Valkey

_NUMBERS = itertools.count()


def shared_cell(valkey: Valkey) -> str:
    """The URL of a cell that nobody else uses."""
    return f"{valkey.url}?cell=cell-{next(_NUMBERS)}"
