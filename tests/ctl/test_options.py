"""What one may say, and what is a mistake."""

import re
from pathlib import Path

import pytest

from .terminal import WIDTH, typed

COMMANDS = ("calls", "devices", "watch", "trace", "end", "kick", "call", "listen", "load")
CONNECTING = ("target", "token-file", "tls", "ca", "cert", "key", "service", "json")
NOWHERE = "127.0.0.1:1"  # nobody serves there
MISTAKES = {
    "no certificate to the key": (["--key", "nowhere.pem"], "--cert and --key go together"),
    "a certificate without TLS": (["--ca", "x", "--plaintext"], "--plaintext: --ca and --cert"),
    "no such file": (["--ca", "/nowhere/ca.pem"], "/nowhere/ca.pem: No such file or directory"),
    "no such token": (["--token-file", "/nowhere"], "/nowhere: No such file or directory"),
    "a name that is none": (["--service", "b\u00f6b"], "--service: plain letters, please"),
}


async def test_help() -> None:
    """Every command is there, and every exit code."""
    shown = await typed(NOWHERE, "--help")

    assert shown.code == 0
    assert all(re.search(rf"│ {command} ", shown.out) for command in COMMANDS)
    assert "Exit codes: 0 done · 1 what was asked failed · 2 asked wrongly · 3" in shown.out


@pytest.mark.parametrize("command", COMMANDS)
async def test_help_of_a_command(command: str) -> None:
    """Within 80 columns, and with the options that all have and their variables."""
    shown = await typed("127.0.0.1:50051", command, "--help")

    assert max(map(len, shown.out.splitlines())) <= WIDTH
    text = re.sub(r"[│\s]+", " ", shown.out)
    for option in CONNECTING:
        assert f" --{option} " in text
        assert f"[env var: SIGNALCTL_{option.upper().replace('-', '_')}]" in text


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_mistake(mistake: str) -> None:
    """Exit code 2 and one line on stderr."""
    options, line = MISTAKES[mistake]

    said = await typed(NOWHERE, "calls", *options)

    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"error {line}")
    assert said.err.count("\n") == 1


async def test_a_file_without_a_token(tmp_path: Path) -> None:
    """A token is one line of plain letters; what is in the file is not shown."""
    (tmp_path / "token").write_text("some secret\nand another\n")

    said = await typed(NOWHERE, "calls", "--token-file", str(tmp_path / "token"))

    assert said.code == 2
    assert said.err == f"error --token-file: there is no token in {tmp_path / 'token'}\n"


async def test_two_ways_to_listen() -> None:
    """A device cannot answer and reject."""
    said = await typed(NOWHERE, "listen", "--answer", "--reject", "busy")

    assert said.code == 2
    assert said.err == "error --answer, --ring and --reject: one of them, please\n"


@pytest.mark.parametrize("arguments", [["calls"], ["watch"], ["call", "bob"], ["listen"]])
async def test_nobody_serves(arguments: list[str]) -> None:
    """One line that says where nobody was, and why."""
    said = await typed(NOWHERE, *arguments)

    assert (said.code, said.out) == (3, "")
    advice = "is the service running? --target says where, --tls and --plaintext how"
    assert said.err == f"error cannot reach {NOWHERE}: Connection refused; {advice}\n"


async def test_options_are_variables() -> None:
    """What goes for every command may stand in the environment."""
    said = await typed("", "calls", SIGNALCTL_TARGET="127.0.0.1:2", SIGNALCTL_JSON="1")

    assert said.err.startswith("error cannot reach 127.0.0.1:2: ")
