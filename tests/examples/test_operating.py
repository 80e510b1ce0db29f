"""What the page for operators says is so."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from grpc import StatusCode
from grpc_health.v1 import health_pb2
from opentelemetry.sdk import environment_variables
from redis import exceptions
from signaling.v1 import policy_pb2
from structlog.testing import capture_logs

from signaling_service import journal
from signaling_service.backends import link, membership
from signaling_service.backends.location import Location
from signaling_service.config import Settings
from signaling_service.limits import LIMIT_PREFIX, LimitSettings
from signaling_service.policy import cached, installed
from signaling_service.tracing import otlp
from signaling_service.transport import errors
from tests.backends.cell import Stream, connect, kinds
from tests.backends.nodes import Node
from tests.clock import ManualClock
from tests.core.events import offer_from
from tests.core.names import ALICE, PHONE
from tests.valkey import Valkey
from tests.valkey.replicated import Replicated

from . import test_docs as docs

PAGE: Final = "docs/operating.md"
DEPLOYING: Final = "docs/deploying.md"
COMPOSE: Final = "deploy/compose.yaml"
SERVICE: Final = docs.ROOT / "signaling_service"
# names in capitals that are an engine's, the system's, or to be filled in
OTHER_CAPITALS: Final = {"SIGTERM", "SCHED_BATCH", "RULE"}
# variables of the compose file that a node never sees
OTHER_VARIABLES: Final = {"SIGNALING_SECRETS"}
PASSWORD: Final = "sesame"  # noqa: S105 - a test's


def sources() -> Iterator[str]:
    """The text of every module of the service."""
    return (path.read_text() for path in SERVICE.rglob("*.py"))


def variables() -> set[str]:
    """Every variable that a node knows."""
    limits = {LIMIT_PREFIX + name.upper() for name in LimitSettings.model_fields}
    return limits | {variable for variable, _ in docs.options().values()}


def acl_rule() -> str:
    """The user of a node, as the page has it."""
    (rule,) = re.findall(r"^user signaling on >PASSWORD .*$", docs.read(PAGE), re.MULTILINE)
    return str(rule).replace("PASSWORD", PASSWORD)


def engine_settings() -> list[str]:
    """What the page sets, and what it leaves alone, by name."""
    rows = docs.table(PAGE, "## Settings that matter")
    return [span for row in rows for span in re.findall(r"`([^`]+)`", row[0])]


def compose_command(service: str) -> list[str]:
    """The items of a service's command in the compose file."""
    command = re.search(
        rf"^  {service}:$.*?^    command:\n(.*?)\n\n", docs.read(COMPOSE), re.MULTILINE | re.DOTALL
    )
    assert command is not None
    return [line.strip().removeprefix("- ").strip('"') for line in command[1].splitlines()]


@pytest.mark.parametrize("document", [PAGE, DEPLOYING])
def test_names_exist(document: str) -> None:
    """Options, variables, codes and enum values."""
    capitals = docs.enum_names() | {code.name for code in StatusCode} | OTHER_CAPITALS
    capitals |= set(health_pb2.HealthCheckResponse.ServingStatus.keys())
    for span in docs.code_spans(document):
        if re.fullmatch(r"SIGNALING_[A-Z_]+", span):
            assert span in variables()
        elif re.fullmatch(r"OTEL_[A-Z_]+", span):
            assert hasattr(environment_variables, span)
        elif re.fullmatch(r"[A-Z][A-Z_]{2,}", span):
            assert span in capitals
        elif option := re.match(r"--[a-z-]+", span):
            assert option[0] in docs.options()


def test_every_event_is_explained() -> None:
    """What a node logs is in the table, and nothing else is."""
    logged = re.compile(r'\blog\.(?:info|warning|error|exception)\(\s*"(\w+)"')
    events = {event for source in sources() for event in logged.findall(source)}
    events.add("worker_serving")  # chosen where it is logged
    rows = docs.table(PAGE, "## What to watch")

    assert {event for row in rows for event in re.findall(r"`(\w+)`", row[0])} == events


def test_statuses_are_those_that_end_streams() -> None:
    """A code with a text in quotes is one of the fixed ones."""
    fixed = {(each.code.name, each.text) for each in vars(errors).values() if is_status(each)}
    for document in (PAGE, "docs/clients.md"):
        told = re.findall(r'`([A-Z_]+)`\s"([^"]+)"', docs.prose(document))

        assert told != []
        assert {(code, re.sub(r"\s+", " ", text)) for code, text in told} <= fixed


def is_status(value: object) -> bool:
    return isinstance(value, errors.Status)


def test_errors_are_those_of_the_link() -> None:
    """What `backend_away` may name exists."""
    named = set(re.findall(r"`(\w+(?:Error|Replicas))`", docs.read(PAGE)))
    source = Path(link.__file__).read_text()

    assert named != set()
    assert {name for name in named if not hasattr(exceptions, name) and name not in source} == set()


def test_times_are_those_of_the_code() -> None:
    """The lease, how it is renewed, and how long a request waits."""
    text = docs.read(PAGE)

    lease = membership.LEASE
    assert f"**lease** of {lease:g} s, renewed every {lease / membership.BEATS:g} s" in text
    assert link.PATIENCE < 1.5


def test_what_is_said_of_policies_is_so() -> None:
    """How long a verdict is waited for, and holds; and where packages offer theirs."""
    text = docs.read(PAGE)
    verdicts = [row[0].strip("`") for row in docs.table(PAGE, "## Who may call whom")]

    assert f"No answer within {cached.TIMEOUT * 1000:.0f} ms" in text
    assert f"at most every {cached.QUIET:.0f} s" in text
    assert f"A verdict holds for {cached.MAX_AGE:.0f} s" in text
    assert f'[project.entry-points."{installed.GROUP}"]' in text
    assert [f"CALL_VERDICT_{verdict}" for verdict in verdicts] == policy_pb2.CallVerdict.keys()[1:]


def test_keys_are_those_of_the_scripts() -> None:
    """Each kind of key that the page counts is in the list at the top of the scripts."""
    listed = re.findall(
        r"^--   (\w+)", (SERVICE / "backends/lua/lib.lua").read_text(), re.MULTILINE
    )
    named = {
        span.rstrip(":") for span in docs.code_spans(PAGE) if re.fullmatch(r"[a-z]:|due", span)
    }

    assert named <= set(listed)
    assert named == {"b", "c", "d", "due", "h", "i", "l", "m", "n", "q", "t", "u", "x"}


def test_urls_are_understood() -> None:
    """Every form of the table, and over TLS."""
    urls = [row[0].strip("`") for row in docs.table(PAGE, "## The URL of the engine")]

    for url in [*urls, *(url.replace("redis", "rediss", 1) for url in urls)]:
        assert Location.parse(url).login == ("signaling", "PASSWORD")
    assert len(urls) == 3


@pytest.mark.parametrize("document", [PAGE, DEPLOYING])
def test_links_lead_somewhere(document: str) -> None:
    """To files and headings that exist; targets of make do too."""
    docs.test_links_lead_somewhere(document)
    targets = re.findall(r"^([a-z0-9-]+):", docs.read("Makefile"), re.MULTILINE)
    assert set(re.findall(r"`make ([a-z0-9-]+)`", docs.read(document))) <= set(targets)


def test_what_is_said_of_logs_and_traces_is_so() -> None:
    """How many lines somebody may cause, and how many spans."""
    text = docs.prose(PAGE)
    ours, theirs = journal.LINES, journal.STRANGERS

    assert f"{ours.burst} at once are written" in text
    assert f"strangers' {theirs.burst}" in text
    assert (ours.per_second, theirs.per_second) == (1, 5)
    assert f"a queue of {otlp.QUEUE} and go out on a thread" in text
    assert f"up to {otlp.ASKED.per_second} messages a second and node" in text
    assert f"`--trace-sample {Settings().trace_sample}`, the default" in text


async def test_the_settings_are_an_engines(clock: ManualClock) -> None:
    """It starts with them, and a node finds nothing to warn of; none of them is unknown."""
    settings = engine_settings()
    async with Valkey(config=[each for each in settings if " " in each]) as valkey:
        for each in settings:
            name, _, value = each.partition(" ")
            found = dict(await valkey.run("CONFIG GET", name))
            assert found[name] == value.strip('"') if value else name in found
        # what the page asks of replicas no single engine can give
        await valkey.run("CONFIG SET", "min-replicas-to-write", 0)
        assert await warnings_of_a_node(valkey, clock) == []


async def test_the_engine_of_the_compose_file_keeps_what_it_is_told(clock: ManualClock) -> None:
    """Its command starts an engine of which a node does not warn."""
    command = compose_command("valkey")
    assert command[0] == "valkey-server"
    pairs = zip(command[1::2], command[2::2], strict=True)
    elsewhere = ("--bind", "--port", "--aclfile")  # a test has its own
    arguments = [word for pair in pairs if pair[0] not in elsewhere for word in pair]

    async with Valkey(arguments=arguments) as valkey:
        assert await warnings_of_a_node(valkey, clock) == []


async def warnings_of_a_node(valkey: Valkey, clock: ManualClock) -> list[str]:
    """The events that it logs when it starts."""
    node = Node(valkey.url, clock)
    with capture_logs() as events:
        await node.start()
    await node.backend.close()
    return [event["event"] for event in events]


async def test_the_user_may_do_what_a_node_does(clock: ManualClock) -> None:
    """Two nodes carry an offer and wait for a replica, and nothing is refused."""
    async with Replicated(append_only=True, config=[acl_rule()]) as engines:
        url = f"redis://signaling:{PASSWORD}@{engines.primary.address}?replicas=1"
        here, there = Node(url, clock), Node(url, clock)
        await here.start()
        await there.start()
        alice, phone = await connect(here, ALICE), await connect(there, PHONE)
        await alice.send(offer_from(ALICE))
        assert await hears(phone) == ["offer"]
        await here.backend.close()
        await there.backend.close()

        assert await engines.primary.run("ACL LOG") == []
        used = await engines.primary.info("commandstats")
        assert {"cmdstat_wait", "cmdstat_blmpop", "cmdstat_script|load"} <= used.keys()


async def hears(stream: Stream) -> list[str]:
    """What there is to read, once there is something."""
    while not (entries := await stream.read()):
        stream.woken.clear()
        await stream.woken.wait()
    return kinds(entries)


def test_the_compose_file_sets_what_there_is() -> None:
    """Its variables are a node's, and a node has the time to drain."""
    compose = docs.read(COMPOSE)
    used = set(re.findall(r"\bSIGNALING_[A-Z_]+", compose))

    assert used - OTHER_VARIABLES <= variables()
    (deadline,) = re.findall(r"SIGNALING_DRAIN_DEADLINE: (\d+)", compose)
    (grace,) = re.findall(r"stop_grace_period: (\d+)s", compose)
    assert int(grace) >= int(deadline) + 25


@pytest.mark.parametrize("document", [DEPLOYING, COMPOSE, "deploy/Dockerfile"])
def test_what_was_not_run_is_said(document: str) -> None:
    """Whoever reads about containers reads that first."""
    assert re.search(r"there was no Docker engine where it was written", docs.read(document))
