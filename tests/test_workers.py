"""Several processes on one port are one service, and one thing to start and stop."""

import asyncio
import json
import re
import signal
import socket
import sys
import urllib.request

import psutil
import pytest
from grpc import StatusCode
from signaling.v1 import signaling_pb2 as pb

from signaling_service.config import SettingError, Settings
from signaling_service.workers.port import reserved
from tests.devices import Device, User
from tests.shared import shared_cell
from tests.transport.node import Node, people, running, start
from tests.valkey import Valkey
from tests.valkey.waiting import until

TRIES = 40  # connections, until one gets to the other worker


@pytest.fixture
def two(valkey: Valkey) -> tuple[str, ...]:
    """The options for two workers."""
    return ("--workers", "2", "--backend", shared_cell(valkey))


def workers_of(node: Node) -> list[psutil.Process]:
    """The processes of its workers."""
    return psutil.Process(node.pid).children()


def connected_to(worker: psutil.Process, node: Node) -> set[int]:
    """The ports at the other end of a worker's connections."""
    port = int(node.address.rpartition(":")[2])
    connections = worker.net_connections()
    return {each.raddr.port for each in connections if each.raddr and each.laddr.port == port}


async def connects(device: Device, node: Node) -> psutil.Process:
    """Connect, and see to which worker."""
    before = {worker: connected_to(worker, node) for worker in workers_of(node)}
    await device.connects()
    (worker,) = (each for each, had in before.items() if connected_to(each, node) - had)
    return worker


async def connects_elsewhere(device: Device, node: Node, worker: psutil.Process) -> None:
    """Connect again and again until it is not to this worker."""
    for _ in range(TRIES):
        if await connects(device, node) != worker:
            return
        await device.drops()
    raise AssertionError("all connections get to one worker")


async def test_one_service(two: tuple[str, ...]) -> None:
    """It says once that it serves, when all workers do; each says where its metrics are.

    gRPC is in the workers alone.
    """
    async with running(*two, "--metrics-listen", "127.0.0.1:0") as node:
        workers = [line for line in node.log if line["event"] == "worker_serving"]
        (serving,) = [line for line in node.log if line["event"] == "serving"]
        maps = [str(psutil.Process(node.pid).memory_maps())]
        maps += [str(worker.memory_maps()) for worker in workers_of(node)]

        assert node.log[-1] == serving
        assert (serving["workers"], {line["worker"] for line in workers}) == (2, {0, 1})
        assert {line["address"] for line in workers} == {serving["address"]}
        assert ["cygrpc" in each for each in maps] == [False, True, True]
        for line in workers:
            text = await asyncio.to_thread(read, f"http://{line['metrics']}/metrics")
            assert "signaling_call_setup_seconds" in text
        node.terminate()
        assert await node.exits() == 0


def read(url: str) -> str:
    """What is there."""
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - ours
        return str(answer.read().decode())


async def test_call_between_workers(two: tuple[str, ...]) -> None:
    """Whichever worker a device is connected to."""
    async with running(*two) as node, people(node, "alice", "bob") as (alice, bob):
        worker = await connects(alice.phone, node)
        await connects_elsewhere(bob.phone, node, worker)

        call = await rings(alice.phone, bob.phone)
        await bob.phone.answers(call)
        await alice.phone.hears("answer")
        await bob.phone.hears_progress(pb.PROGRESS_KIND_WON)
        await alice.phone.trickles(call, 1, 2)
        assert await bob.phone.hears_candidates(2) == [1, 2]
        await bob.phone.hangs_up(call)
        await alice.phone.hears_end(pb.END_REASON_HANGUP)


async def test_browsers_share_a_port(two: tuple[str, ...]) -> None:
    """Each worker gets some of the WebSocket clients."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    async with running(*two, "--websocket-listen", address) as node:
        crowd = [User(f"user-{number}", f"ws://{address}/") for number in range(24)]
        for each in crowd:
            await each.phone.connects()
        await node.logs("session_opened", times=len(crowd))
        lines = [line for line in node.log if line["event"] == "session_opened"]
        assert {line["worker"] for line in lines} == {0, 1}
        for each in crowd:
            await each.close()


async def test_killed_worker(two: tuple[str, ...]) -> None:
    """It is replaced; its devices resume, and their calls go on."""
    async with running(*two) as node, people(node, "alice", "bob") as (alice, bob):
        victim = await connects(alice.phone, node)
        await connects_elsewhere(bob.phone, node, victim)
        call = await rings(alice.phone, bob.phone)

        victim.kill()

        assert (await alice.phone.is_ended())[0] is StatusCode.UNAVAILABLE
        assert (await node.logs("worker_died"))["signal"] == "SIGKILL"
        assert (await alice.phone.resumes()).resumed
        await bob.phone.answers(call)
        await alice.phone.hears("answer")
        successor = await node.logs("worker_serving", times=3)
        assert successor["worker"] == (await node.logs("worker_died"))["worker"]
        assert len(workers_of(node)) == 2
        assert [line["event"] for line in node.log].count("serving") == 1


async def rings(caller: Device, callee: Device) -> str:
    """A call that rings."""
    call = await caller.offers(callee)
    await callee.is_rung()
    await caller.hears_progress(pb.PROGRESS_KIND_RINGING)
    return call


async def test_drain(two: tuple[str, ...]) -> None:
    """All workers drain, even if they get the signal as well; when all have ended, all is well.

    A terminal sends Ctrl-C to every process, which is no reason to hurry.
    """
    async with running(*two) as node, people(node, "alice", "bob") as (alice, bob):
        worker = await connects(alice.phone, node)
        await connects_elsewhere(bob.phone, node, worker)

        for process in (*workers_of(node), psutil.Process(node.pid)):
            process.send_signal(signal.SIGINT)

        for phone in (alice.phone, bob.phone):
            await phone.hears("draining")
            assert await phone.half_closes() is StatusCode.OK
        assert await node.exits() == 0
    assert [line["event"] for line in node.log].count("stopped") == 2


async def test_second_signal(two: tuple[str, ...]) -> None:
    """It hurries all workers."""
    async with running(*two, "--drain-deadline", "600") as node, people(node, "alice") as (alice,):
        await alice.phone.connects()
        node.terminate()
        await alice.phone.hears("draining")

        node.terminate()

        assert await alice.phone.is_ended() == (StatusCode.UNAVAILABLE, "draining")
        assert await node.exits() == 0


async def test_signals_while_it_starts(two: tuple[str, ...]) -> None:
    """None of them breaks anything: the workers begin, drain and end."""
    node = await start(*two)

    async def have_been_started() -> bool:
        return len(workers_of(node)) == 2

    await until(have_been_started)
    for process in (*workers_of(node), psutil.Process(node.pid)):
        process.terminate()

    assert await node.exits() == 0
    assert "Traceback" not in "".join(node.lines)


async def test_killed_supervisor(two: tuple[str, ...]) -> None:
    """Workers drain, as nobody would replace them; then nothing is left of the service."""
    async with running(*two) as node, people(node, "alice") as (alice,):
        await alice.phone.connects()

        node.kill()

        await alice.phone.hears("draining")
        assert await alice.phone.half_closes() is StatusCode.OK
        assert await node.exits() == -signal.SIGKILL  # and the log of all its processes is over
    assert [line["event"] for line in node.log].count("stopped") == 2


async def test_supervisor_that_dies_without_listening(valkey: Valkey) -> None:
    """What it has not read makes another error of the end of its line: the worker drains."""
    options = {"listen": "127.0.0.1:0", "workers": 2, "backend": shared_cell(valkey)}
    ours, theirs = socket.socketpair()
    ours.setblocking(False)  # noqa: FBT003 - the name says it
    with ours, theirs:
        command = (sys.executable, "-m", "signaling_service.workers", "0")
        process = await asyncio.create_subprocess_exec(
            *command, stdin=theirs.fileno(), stderr=asyncio.subprocess.PIPE
        )
        ours.sendall(json.dumps({**options, "metrics_listen": "off"}).encode() + b"\n")
        node = Node(process)
        first = await asyncio.get_running_loop().sock_recv(ours, 1)

    try:
        assert first == b"{"
        assert await node.exits() == 0
        assert node.log[-1]["event"] == "stopped"
    finally:
        await node.close()


async def test_setting_that_only_workers_find_wrong(two: tuple[str, ...]) -> None:
    """All end, code 2; it is said once."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        node = await start(*two, "--metrics-listen", f"127.0.0.1:{taken.getsockname()[1]}")

        assert await node.exits() == 2

    complaints = [line for line in node.lines if not line.startswith("{")]
    assert complaints == [
        "error --metrics-listen (SIGNALING_METRICS_LISTEN): Address already in use"
    ]


async def test_memory_is_not_shared() -> None:
    """So it has one worker."""
    node = await start("--workers", "2")

    assert await node.exits() == 2
    (complaint,) = node.lines
    assert complaint.startswith("error --workers (SIGNALING_WORKERS): memory")


def test_metrics_have_a_port_each() -> None:
    """One above the other, unless it is any; there have to be so many ports."""
    several = Settings(workers=3, backend="redis://127.0.0.1", metrics_listen="127.0.0.1:65533")
    anywhere = Settings(metrics_listen="127.0.0.1:0")

    assert [several.metrics_address(number) for number in range(3)] == [
        ("127.0.0.1", 65533 + number) for number in range(3)
    ]
    assert anywhere.metrics_address(2) == ("127.0.0.1", 0)
    assert Settings(metrics_listen="off").metrics_address(1) is None
    with pytest.raises(ValueError, match="4 workers need more ports"):
        Settings(workers=4, backend="redis://127.0.0.1", metrics_listen="127.0.0.1:65533")


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_port_is_reserved(host: str) -> None:
    """For the workers alone: neither another service nor others' workers get it."""
    with reserved(Settings(listen=f"{host}:0")) as address:
        port = int(address.removeprefix(f"{host}:"))

        assert port != 0
        taken = pytest.raises(SettingError, match=f"cannot listen on {re.escape(address)}")
        with taken, reserved(Settings(listen=address)):
            pass


def test_port_of_somebody_else() -> None:
    """Who shares it with all the world gets no company here."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"

        taken = pytest.raises(SettingError, match="cannot listen")
        with taken, reserved(Settings(listen=address)):
            pass
