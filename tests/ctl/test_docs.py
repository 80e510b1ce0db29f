"""What the tour of the terminal shows is what there is."""

import re
from pathlib import Path

import typer

from signaling_service.ctl import cli, complaints, dialing

PAGE = Path(__file__).parents[2] / "docs" / "signalctl.md"
TEXT = PAGE.read_text()


def commands() -> dict[str, set[str]]:
    """The options of every command."""
    group = typer.main.get_command(cli.app)
    assert hasattr(group, "commands")
    return {
        name: {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
        for name, command in group.commands.items()
    }


def test_every_command_has_its_row() -> None:
    """And no other."""
    rows = re.findall(r"^\| `(\w+)[^`]*` \| \S", TEXT, re.MULTILINE)

    assert rows == list(commands())


def test_what_is_typed_exists() -> None:
    """Every command that the page shows, with every option."""
    typed = re.findall(r"(?:^\$? ?|`)signalctl\s([a-z]+)([^`\n]*)", TEXT, re.MULTILINE)

    assert len(typed) > len(commands())
    for command, rest in typed:
        assert set(re.findall(r"--[a-z-]+", rest)) <= commands()[command]


def test_options_exist() -> None:
    """Whatever stands by itself is an option of some command."""
    everywhere = set.union(*commands().values()) | {"--help"}

    assert set(re.findall(r"`(--[a-z-]+)`", TEXT)) <= everywhere


def test_every_exit_code_has_its_row() -> None:
    """Those of all commands, and those of `call`."""
    rows = [int(code) for code in re.findall(r"^\| (\d+) \| \S", TEXT, re.MULTILINE)]

    all_codes = {complaints.DONE, complaints.FAILED, complaints.USAGE, complaints.BROKEN}
    assert set(rows) == all_codes | {complaints.INTERRUPTED, *dialing.EXIT_CODES.values()}


def test_what_it_shows_fits() -> None:
    """No line of a screen is wider than 80 columns, but those for programs."""
    screens = re.findall(r"^```console\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)

    lines = [line for screen in screens if "--json" not in screen for line in screen.splitlines()]
    assert max(map(len, lines)) <= 80


def test_links_lead_somewhere() -> None:
    """Every file that the page names is there."""
    links = re.findall(r"\]\(([^)#]+)", TEXT)

    assert links
    assert all((PAGE.parent / link).exists() for link in links)
