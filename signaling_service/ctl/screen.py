"""What is shown: for people on a terminal, or line by line as JSON for programs."""

import io
import json
import sys
from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console, RenderableType
from rich.text import Text


class Screen:
    """stdout and stderr.

    Args:
        is_json: whether stdout is for a program.
    """

    def __init__(self, *, is_json: bool) -> None:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # arrows on an old terminal
        self.is_json = is_json
        self.out = Console(highlight=False, markup=False, emoji=False)
        self.error = Console(stderr=True, highlight=False, markup=False, emoji=False)

    def show(self, what: Message | Mapping[str, Any], shown: RenderableType | None) -> None:
        """Show something to whoever is there: as JSON, or as `shown`, None for not at all."""
        if self.is_json:
            fields = MessageToDict(what) if isinstance(what, Message) else what
            self.out.file.write(json.dumps(fields) + "\n")
            self.out.file.flush()
        elif shown is not None:
            self.out.print(shown, soft_wrap=isinstance(shown, str | Text))

    def say(self, shown: RenderableType) -> None:
        """Show what is for people alone."""
        if not self.is_json:
            self.out.print(shown, soft_wrap=isinstance(shown, str | Text))

    def note(self, text: str) -> None:
        """Say something beside, on stderr."""
        self.error.print(Text(text, "dim"), soft_wrap=True)

    def complain(self, text: str) -> None:
        """Say on stderr what went wrong, in a line."""
        self.error.print(Text.assemble(("error ", "bold red"), (text, "red")), soft_wrap=True)
