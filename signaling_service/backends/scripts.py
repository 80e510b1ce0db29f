"""The scripts that a shared engine runs: one for each thing a backend does at once."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

_LUA: Final = files(__package__) / "lua"
_NAMES: Final = (
    "abandon",
    "advance",
    "attach",
    "beat",
    "claim",
    "detach",
    "devices",
    "due",
    "end",
    "events",
    "leave",
    "list",
    "look",
    "read",
    "resync",
    "revoke",
    "revoked",
    "settle",
    "step",
    "take",
    "trace",
    "unclaim",
)


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script, by the digest that the engine knows it by."""

    name: str
    source: str
    sha: str


def _load(name: str) -> Script:
    source = (_LUA / "lib.lua").read_text() + (_LUA / f"{name}.lua").read_text()
    return Script(name, source, hashlib.sha1(source.encode()).hexdigest())  # noqa: S324 - not ours


SCRIPTS: Final[Mapping[str, Script]] = {name: _load(name) for name in _NAMES}
