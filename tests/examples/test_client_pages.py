"""What the pages for other languages say is in the protos, and what they tell to run is there."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from .client_names import LANGUAGES, MESSAGES, Language, names

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "docs" / "clients"
BUF = Path(sys.executable).with_name("buf")
MAX_LINES = 150
every_language = pytest.mark.parametrize("language", LANGUAGES, ids=lambda each: each.name)


def page(language: Language) -> str:
    return (CLIENTS / f"{language.name}.md").read_text()


def code(language: Language) -> str:
    """The blocks and spans of the page, and the file beside it."""
    text = page(language)
    blocks = re.findall(rf"^```{language.fence}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 2
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    spans = [span for span in re.findall(r"`([^`]+)`", prose) if is_code(span)]
    files = [path.read_text() for path in folder(language) if path.suffix != ".yaml"]
    assert len(files) == 1
    return "\n".join(blocks + spans + files)


def is_code(span: str) -> bool:
    """Whether it is a name, or something done with one: no program, package or path."""
    return bool(re.fullmatch(r"\.?\w+(\(\))?|.*[={(].*|[A-Z]\w+\.\w+_\w+", span))


def folder(language: Language) -> list[Path]:
    return sorted((CLIENTS / language.name).iterdir())


def template(language: Language) -> dict[str, Any]:
    loaded = yaml.safe_load((CLIENTS / language.name / "buf.gen.yaml").read_text())
    assert isinstance(loaded, dict)
    return loaded


@every_language
def test_every_name_is_in_the_protos(language: Language) -> None:
    """Messages, fields and values in a page and in its file are spelt as the stubs spell them."""
    assert language.mistakes(code(language)) == []


@every_language
def test_no_word_hides_a_name_of_the_protos(language: Language) -> None:
    """What is listed as no name of the protos is none, and is used."""
    assert language.words() & language.vocabulary() == set()
    assert language.words() <= set(names(code(language)))


@pytest.mark.parametrize(
    ("spoken", "right", "wrong"),
    [
        ("swift", "recipientUserID", "recipientUserId"),
        ("swift", "kind == .won", "kind == .won_it"),
        ("swift", "welcome.sessionID", "welcome.callID"),
        ("swift", "SignalingHello.with { $0.agent", "SignalingHello.with { $0.userID"),
        ("swift", ".offer(.with { $0.sdp = local", ".offer(.with { $0.agent = local"),
        ("swift", "OneOf_Payload", "OneOf_Payloads"),
        ("kotlin", "PROGRESS_KIND_WON", "PROGRESS_KIND_WIN"),
        ("kotlin", "ReconnectRole.RECONNECT_ROLE_OFFER", "ReconnectRole.PROGRESS_KIND_WON"),
        ("kotlin", "response.error.inReplyTo", "response.error.seq"),
        ("kotlin", "sdpOffer { recipientUserId", "sdpOffer { userId"),
        ("kotlin", "PayloadCase.ENDED", "PayloadCase.END"),
        ("csharp", "ErrorCode.Unavailable", "ErrorCode.Won"),
        ("csharp", "new SdpOffer { RecipientUserId", "new SdpOffer { UserId"),
        ("csharp", "PayloadOneofCase.Ended", "PayloadOneofCase.End"),
        ("csharp", "response.Draining", "response.Hello"),
        ("csharp", "SdpMLineIndex", "SdpMlineIndex"),
        ("dart", "ConnectResponse_Payload.ended", "ConnectResponse_Payload.hangup"),
        ("dart", "..recipientUserId", "..userId"),
        ("dart", "hasDraining", "hasDrained"),
        ("dart", "ProgressKind.PROGRESS_KIND_WON", "ProgressKind.WON"),
    ],
)
def test_a_misspelt_name_is_found(spoken: str, right: str, wrong: str) -> None:
    """Whether nothing has this name, or only something else has it."""
    (language,) = [each for each in LANGUAGES if each.name == spoken]
    right_code = code(language)

    assert right in right_code
    assert language.mistakes(right_code.replace(right, wrong, 1)) != []


@every_language
def test_a_page_says_that_it_was_not_run(language: Language) -> None:
    """At its top; and it is short, and says what the others say, in the same order."""
    text = page(language)

    assert text.split("\n\n")[1].startswith("**This page was not run:**")
    assert len(text.splitlines()) < MAX_LINES
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [
        *("Install and generate", "The stream", "A call", "Traps", "In the background"),
    ]


@every_language
def test_a_page_names_its_plugins(language: Language) -> None:
    """Each program that its template runs, on the own machine; and the template itself."""
    text, loaded = page(language), template(language)

    assert loaded["version"] == "v2"
    programs = [each.get("local", "protoc") for each in loaded["plugins"]]
    assert [each for each in programs if f"`{each}`" not in text] == []
    assert {each["out"] for each in loaded["plugins"]} == {f"gen/{language.name}"}
    assert f"buf generate --template docs/clients/{language.name}/buf.gen.yaml" in text


@every_language
def test_what_a_template_reads_is_the_device_protocol(language: Language) -> None:
    """`buf` builds the input of the template, with every message of the stream."""
    (source,) = template(language)["inputs"]
    paths = [argument for path in source["paths"] for argument in ("--path", path)]
    command = (str(BUF), "build", source["directory"], *paths, "-o", "-#format=binpb")

    built = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    files = FileDescriptorSet.FromString(built.stdout).file
    found = {message.name for file in files for message in file.message_type}
    assert found >= set(MESSAGES)
