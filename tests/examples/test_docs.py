"""What the documents show is what there is."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from google.protobuf import json_format
from grpc import StatusCode
from signaling.v1 import calls_pb2, policy_pb2
from signaling.v1 import signaling_pb2 as pb

from examples import always_busy, minimal_client
from signaling_service.app import App
from signaling_service.cli import app as cli
from signaling_service.client import Timing
from signaling_service.limits import LIMIT_PREFIX, LimitSettings
from signaling_service.transport.rich import Reason

from .test_minimal_client import CALL, SDP, Device, running

ROOT = Path(__file__).parents[2]
DOCUMENTS = (
    "README.md",
    "CHANGELOG.md",
    "ARCHITECTURE.md",
    "SECURITY.md",
    "docs/clients.md",
    "docs/services.md",
    "docs/events.md",
    *(f"docs/clients/{language}.md" for language in ("swift", "kotlin", "csharp", "dart")),
)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INCLUDED = re.compile(
    r"<!-- (examples/\w+\.py) -->\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
# a name in capitals that is neither the protocol's nor gRPC's
OTHER_CAPITALS = {"SIGTERM", "STAY_AWAY", "CURSOR_LOST", "SSL_CERT_FILE"}
SEQUENCE_LINE = re.compile(
    r"(participant \w+ as [^:;#]+"
    r"|\w+(->>|-->>|--?[xX)])\w+: [^;#]+"
    r"|Note over \w+(,\w+)?: [^;#]+"
    r"|par|and|end|(alt|else) [^;#]+)"
)


def read(document: str) -> str:
    return (ROOT / document).read_text()


def prose(document: str) -> str:
    """The document without its code blocks."""
    return FENCE.sub("", read(document))


def code_spans(document: str) -> Iterator[str]:
    """What stands between backticks."""
    return (match[1] for match in re.finditer(r"`([^`\n]+)`", prose(document)))


def table(document: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    rows = read(document).partition(f"{heading}\n")[2].partition("\n|---")[2].partition("\n\n")[0]
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
        for row in rows.splitlines()[1:]
    ]


def enum_names() -> set[str]:
    """Every enum value, with and without its prefix."""
    enums = [
        enum
        for file in (pb.DESCRIPTOR, policy_pb2.DESCRIPTOR, calls_pb2.DESCRIPTOR)
        for enum in file.enum_types_by_name.values()
    ]
    values = [value for enum in enums for value in enum.values]
    prefixes = [
        re.sub(r"(?<=[a-z])(?=[A-Z])", "_", value.type.name).upper() + "_" for value in values
    ]
    short = {
        value.name.removeprefix(prefix) for value, prefix in zip(values, prefixes, strict=True)
    }
    return short | {value.name for value in values}


def options() -> dict[str, tuple[str, str]]:
    """Variable and default of every option of `serve`."""
    group = typer.main.get_command(cli)
    assert hasattr(group, "commands")
    found = {}
    for parameter in group.commands["serve"].params:
        if parameter.envvar is None:
            continue  # --help
        default = parameter.default
        if isinstance(default, float):
            default = f"{default:g}"
        shown = "none" if default is None else str(default).lower()
        found[parameter.opts[0]] = (str(parameter.envvar), shown)
    return found


@pytest.mark.parametrize("document", DOCUMENTS)
def test_python_is_a_file_that_is_tested(document: str) -> None:
    """Every Python block is an example, word for word."""
    included = INCLUDED.findall(read(document))

    for path, code in included:
        assert code == read(path), f"{document}: copy {path} again"
    assert len(included) == len(
        [1 for kind, _ in FENCE.findall(read(document)) if kind[:2] == "py"]
    )


async def test_the_readme_device_is_busy(service: App) -> None:
    """The few lines of the README are a device: who calls it hears that it is busy."""
    alice = Device(service.address, "alice")
    phone = asyncio.create_task(always_busy.main(service.address))

    async with running(alice):
        alice.client.send(CALL, offer=pb.SdpOffer(recipient_user_id="bob", sdp=SDP))
        rung, ended = await alice.until("progress", is_ringing), await alice.until("ended")
    phone.cancel()
    await asyncio.wait([phone])

    assert rung.progress.device == pb.Device(user_id="bob", device_id="phone")
    assert ended.ended.reason == pb.END_REASON_BUSY


def is_ringing(event: pb.ConnectResponse) -> bool:
    return event.progress.kind == pb.PROGRESS_KIND_RINGING


@pytest.mark.parametrize("document", DOCUMENTS)
def test_names_exist(document: str) -> None:
    """Capitals are the protocol's or gRPC's; fields, options and variables are there too."""
    capitals = enum_names() | {code.name for code in StatusCode} | set(Reason) | OTHER_CAPITALS
    variables = {variable for variable, _ in options().values()}
    variables |= {LIMIT_PREFIX + name.upper() for name in LimitSettings.model_fields}
    messages = pb.DESCRIPTOR.message_types_by_name
    fields = {field.name for message in messages.values() for field in message.fields}
    for span in code_spans(document):
        if re.fullmatch(r"SIGNALING_[A-Z_]+", span):
            assert span in variables
        elif re.fullmatch(r"[A-Z][A-Z_]{2,}", span):
            assert span in capitals
        elif re.fullmatch(r"--[a-z-]+", span):
            assert span in options()
        elif match := re.fullmatch(r"([A-Z][a-z]+\w*)\.(\w+)", span):
            if match[1] in messages:
                assert match[2] in messages[match[1]].fields_by_name
        elif re.fullmatch(r"[a-z]+_[a-z_]+", span) and document == "docs/clients.md":
            assert span in fields | {"enable_implicit_rollback"}


def test_every_option_stands_in_the_readme() -> None:
    """With its variable and its default."""
    rows = [[cell.strip("`") for cell in row] for row in table("README.md", "## Options")]

    assert {option: (variable, default) for option, variable, default, _ in rows} == options()


def test_every_limit_stands_in_the_client_guide() -> None:
    """With its default."""
    rows = table("docs/clients.md", "## Limits")
    shown = {row[2].strip("`"): float(re.split(r"[ /]", row[1])[0]) for row in rows}

    limits = LimitSettings().model_dump()
    assert shown == {LIMIT_PREFIX + name.upper(): float(value) for name, value in limits.items()}


def test_the_client_guide_tells_the_backoff_of_both_clients() -> None:
    """Full jitter between the same bounds, and what a draining node says comes first."""
    rule = re.search(
        r"^11\. \*\*Reconnect with full jitter, (\S+) to (\S+) s; (.*?)\*\*",
        read("docs/clients.md"),
        re.MULTILINE,
    )

    assert rule is not None
    assert rule[3] == "`reconnect_after` first."
    told = (float(rule[1]), float(rule[2]))
    assert told == (Timing().min_backoff, Timing().max_backoff)
    assert told == (minimal_client.MIN_BACKOFF, minimal_client.MAX_BACKOFF)


@pytest.mark.parametrize(
    ("heading", "enum", "prefix"),
    [
        ("### With a request", pb.ErrorCode, "ERROR_CODE_"),
        ("### How calls end", pb.EndReason, "END_REASON_"),
        ("### Saying no", pb.RejectReason, "REJECT_REASON_"),
    ],
)
def test_tables_are_complete(heading: str, enum: type[pb.ErrorCode], prefix: str) -> None:
    """Every error code, every reason of an end, every way to say no has its row."""
    rows = [re.findall(r"`(\w+)`", row[0])[0] for row in table("docs/clients.md", heading)]

    assert rows == [name.removeprefix(prefix) for name in enum.keys()[1:]]


def test_typed_requests_are_requests() -> None:
    """What the README tells a person to type is a ConnectRequest, line by line."""
    lines = [
        line
        for kind, code in FENCE.findall(read("README.md"))
        if kind == "json"
        for line in code.splitlines()
    ]

    requests = [json_format.Parse(line, pb.ConnectRequest()) for line in lines]
    kinds = [request.WhichOneof("payload") for request in requests]
    assert kinds == ["hello", "offer", "hangup", "ringing", "answer"]  # grpcurl's hello is piped


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    """Files exist, and headings do."""
    for target in re.findall(r"\]\(([^)]+)\)", prose(document)):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        linked = (ROOT / document).parent / path if path else ROOT / document
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(), re.MULTILINE)
            slugs = [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in headings]
            assert anchor in slugs, target


def test_the_map_names_modules_that_exist() -> None:
    """Every module in the table of the architecture is there, in the folder of its row."""
    for where, _ in table("ARCHITECTURE.md", "## The map"):
        names = re.findall(r"`([\w/]+\.py)`", where)
        folder = ROOT / "signaling_service" / (names[0].rpartition("/")[0] if names else "")
        assert [name for name in names if not (folder / name.rpartition("/")[2]).exists()] == []


def test_make_targets_exist() -> None:
    """Every `make …` that a document names is a target."""
    targets = set(re.findall(r"^([a-z0-9-]+):", read("Makefile"), re.MULTILINE))
    for document in DOCUMENTS:
        named = re.findall(r"(?:^|`)make ([a-z0-9-]+)", read(document), re.MULTILINE)
        assert set(named) <= targets


def test_sequence_diagrams_are_well_formed() -> None:
    """Every line is one that Mermaid knows, and every block is closed."""
    diagrams = [code for kind, code in FENCE.findall(read("docs/clients.md")) if kind == "mermaid"]

    assert len(diagrams) >= 12
    for diagram in diagrams:
        head, *lines = (line.strip() for line in diagram.splitlines())
        assert head == "sequenceDiagram"
        assert [line for line in lines if not SEQUENCE_LINE.fullmatch(line)] == []
        opened = len([line for line in lines if line.startswith(("par", "alt"))])
        participants = len([line for line in lines if line.startswith("participant")])
        assert opened - participants == lines.count("end")


def test_stubs_are_generated_on_the_own_machine() -> None:
    """`buf.gen.yaml` names programs, no service that generates."""
    template = read("buf.gen.yaml")

    assert "remote:" not in template
    assert set(re.findall(r"out: gen/(\w+)", template)) == {
        *("swift", "kotlin", "csharp", "cpp", "typescript", "go")
    }
