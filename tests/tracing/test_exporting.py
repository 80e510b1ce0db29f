"""Traces never get in the way: without a collector, without the packages, in a crowd."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import grpc
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from signaling.v1 import signaling_pb2 as pb
from structlog.testing import capture_logs

from signaling_service.core.model import Device
from signaling_service.tracing.context import Place, of_call
from signaling_service.tracing.exporting import Collector
from signaling_service.tracing.otlp import ASKED, QUEUE, OtlpTracer
from signaling_service.tracing.spans import Spans, context
from tests.clock import ManualClock
from tests.devices import answered_call
from tests.tracing.collector import collecting, place
from tests.transport.node import people, running
from tests.transport.test_tls import Authority

ALICE = Device("alice", "phone")
WITHOUT_PACKAGES = """
import sys
sys.modules["opentelemetry"] = None
from signaling_service.cli import app
app()
"""
WHAT_IS_IMPORTED = """
import asyncio, sys
from signaling_service.app import App
from signaling_service.config import Settings

async def run():
    async with App(Settings(listen="127.0.0.1:0")):
        pass

asyncio.run(run())
parts = ("opentelemetry.exporter", "opentelemetry.sdk.trace")
print([name for name in sys.modules if name.startswith(parts)])
"""


class Stuck(SpanExporter):
    """A collector that takes one batch, and never is done with it until it may be."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []
        self.loop = asyncio.get_running_loop()
        self.has_begun = asyncio.Event()
        self.may_go_on = asyncio.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """On the thread of the batches."""
        self.loop.call_soon_threadsafe(self.has_begun.set)
        asyncio.run_coroutine_threadsafe(self.may_go_on.wait(), self.loop).result()
        self.spans += spans
        return SpanExportResult.SUCCESS


def free_address() -> str:
    """Where nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{unused.getsockname()[1]}"


def a_span() -> ReadableSpan:
    """Any."""
    return Spans().served("offer", {}, None, context=context(of_call("call")))


async def message(tracer: OtlpTracer, request: pb.ConnectRequest) -> bool:
    """Send a message; returns whether it was recorded."""
    span = tracer.message("ringing", request, ALICE)
    if span is None:
        return False
    await span.over(asyncio.sleep(0))
    return True


async def test_collector_that_is_away_is_told_of_once() -> None:
    """Not for each batch; and that it is back, with how many spans were lost."""
    address = free_address()
    exporter = Collector(f"http://{address}")

    with capture_logs() as logs:
        for _ in range(3):
            result = await asyncio.to_thread(exporter.export, [a_span()])
            assert result is SpanExportResult.FAILURE
        lost = 3
        async with collecting(address) as collector:
            while await asyncio.to_thread(exporter.export, [a_span()]) is SpanExportResult.FAILURE:
                lost += 1
            assert len(collector.spans) == 1
    exporter.shutdown()

    assert [(line["event"], line.get("lost")) for line in logs] == [
        ("traces_away", None),
        ("traces_back", lost),
    ]


async def test_collector_with_tls_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against the roots that OpenTelemetry's own variable names."""
    authority = Authority(tmp_path)
    pair = (authority.key.read_bytes(), authority.cert.read_bytes())
    async with collecting(tls=grpc.ssl_server_credentials([pair])) as collector:
        url = collector.url.replace("http", "https")
        stranger = Collector(url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(authority.ca))
        friend = Collector(url)

        results = [await asyncio.to_thread(each.export, [a_span()]) for each in (stranger, friend)]
        stranger.shutdown()
        friend.shutdown()

    assert results == [SpanExportResult.FAILURE, SpanExportResult.SUCCESS]


async def test_spans_that_nobody_takes_are_dropped(clock: ManualClock) -> None:
    """The queue is bounded, whoever traces waits for nobody, and the newest are kept."""
    exporter = Stuck()
    tracer = OtlpTracer(exporter, 1, clock)
    many = 2 * QUEUE
    for seq in range(1, many + 1):
        assert await message(tracer, pb.ConnectRequest(seq=seq, call_id="call"))
    await exporter.has_begun.wait()
    exporter.may_go_on.set()
    await tracer.close()

    seqs = {(span.attributes or {})["signaling.seq"] for span in exporter.spans}
    assert QUEUE <= len(seqs) < many
    assert many in seqs


async def test_clients_may_not_ask_for_everything(clock: ManualClock) -> None:
    """What they ask for beyond that is carried on unchanged."""
    exporter = Stuck()
    exporter.may_go_on.set()
    tracer = OtlpTracer(exporter, 0, clock)
    theirs = str(Place(1, 2))
    burst = int(ASKED.burst)
    requests = [pb.ConnectRequest(traceparent=theirs) for _ in range(burst + 1)]

    assert [await message(tracer, request) for request in requests] == [*[True] * burst, False]
    assert requests[0].traceparent != theirs
    assert requests[-1].traceparent == theirs
    await tracer.close()


async def test_what_is_left_is_sent_at_the_end() -> None:
    """By a node as it runs: a call of its last moments."""
    async with collecting() as collector:
        options = ("--otlp-endpoint", collector.url, "--trace-sample", "1")
        async with running(*options) as node, people(node, "alice", "bob") as (alice, bob):
            call = await answered_call(alice, bob)
            await alice.phone.hangs_up(call)
            await alice.phone.hears_end(pb.END_REASON_HANGUP)
            await alice.close()
            await bob.close()
            node.terminate()
            assert await node.exits() == 0

    assert [place(span) for span in collector.named("call")] == [of_call(call)]
    (serving,) = [line for line in node.log if line["event"] == "serving"]
    assert serving["traces"] == collector.url


async def test_node_stops_without_its_collector() -> None:
    """Everything works, and it exits as if nothing was."""
    options = ("--otlp-endpoint", f"http://{free_address()}", "--trace-sample", "1")
    async with running(*options) as node, people(node, "alice", "bob") as (alice, bob):
        await answered_call(alice, bob)
        await alice.close()
        await bob.close()
        node.terminate()
        assert await node.exits() == 0

    assert [line["event"] for line in node.log].count("traces_away") == 1
    assert len(node.log) == len(node.lines)


def test_nothing_is_imported_unless_it_is_wanted() -> None:
    """A node without traces does not pay for them: what else is there of it, redis imports."""
    printed = subprocess.run(
        [sys.executable, "-c", WHAT_IS_IMPORTED], check=True, capture_output=True, text=True
    )

    assert printed.stdout.splitlines()[-1] == "[]"


def test_extra_that_is_not_installed_is_named() -> None:
    """Exit code 2, and what to install."""
    options = ("--otlp-endpoint", "http://127.0.0.1:4317", "--metrics-listen", "off")
    refused = subprocess.run(
        [sys.executable, "-c", WITHOUT_PACKAGES, "serve", "--listen", "127.0.0.1:0", *options],
        check=False,
        capture_output=True,
        text=True,
    )

    assert refused.returncode == 2
    assert "--otlp-endpoint (SIGNALING_OTLP_ENDPOINT)" in refused.stderr
    assert "pip install 'signaling-service[otel]'" in refused.stderr
