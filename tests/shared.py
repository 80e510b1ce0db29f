"""Tests on nodes that share an engine; each has its own cell there."""

import itertools
from typing import Final

import pytest

from tests.valkey import Valkey

ONE_NODE: Final = "one node"
TWO_NODES: Final = "two nodes"
OVER_WEB: Final = "one node, over WebSocket"

# streams of the devices take turns at the nodes: what is said at one has to arrive at the other
on_one_node_and_two = pytest.mark.parametrize("backends", [ONE_NODE, TWO_NODES], indirect=True)
# and, since both transports are one but for the bytes, over the other one with a single node
over_both = pytest.mark.parametrize("backends", [ONE_NODE, TWO_NODES, OVER_WEB], indirect=True)

_NUMBERS = itertools.count()


def shared_cell(valkey: Valkey) -> str:
    """The URL of a cell that nobody else uses."""
    return cell_at(valkey.url)


def cell_at(url: str) -> str:
    """The same, on the engine at a URL, with whatever parameters that has."""
    return f"{url}{'&' if '?' in url else '?'}cell=cell-{next(_NUMBERS)}"
