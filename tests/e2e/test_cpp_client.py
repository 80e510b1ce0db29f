"""The example in C++: it is built here, and calls and is called at a real service."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import grpc
import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.client import Answered, Client, Incoming, PeerState, Won, identity
from signaling_service.client import AppMessage as Message
from signaling_service.client import Candidates as PeerCandidates
from signaling_service.client import Ended as CallEnded
from signaling_service.client import Ringing as Rings
from tests.client.people import until
from tests.client.scripted import Streamed
from tests.client.scripted import service as scripted
from tests.devices import PATIENCE, candidate, sdp
from tests.valkey.ports import free_port

from .example_device import Device
from .example_device import device as running
from .network import Network
from .program import issue
from .service_process import Service, forwarder, serving

EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "cpp"
PROGRAM: Final = str(EXAMPLE / "build" / "signaling_cpp")
BUILD_TIMEOUT: Final = 300.0  # s, on a busy machine
HUNG_UP: Final = "END_REASON_HANGUP"
CONNECTED: Final = "PEER_CONNECTION_STATE_CONNECTED"


@pytest.fixture(scope="module", autouse=True)
def program() -> None:
    """Build it, unless it is built already; a warning is a failure."""
    built = subprocess.run(
        ["make", "--silent", "-j2", f"--directory={EXAMPLE}", "CXXFLAGS=-O1 -Werror"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=BUILD_TIMEOUT,
        check=False,
        text=True,
    )
    assert built.returncode == 0, built.stdout


@contextmanager
def device(address: str, user: str, *command: str) -> Iterator[Device]:
    """The program, connected, as the device of a user."""
    with running(PROGRAM, *command, "--target", address, "--user", user) as one:
        one.wait_for("connected", resumed=False)
        yield one


@contextmanager
def a_call(alices_address: str, bobs_address: str) -> Iterator[tuple[Device, Device]]:
    """Alice's and Bob's, in a call that is connected."""
    with (
        device(bobs_address, "bob", "listen") as bob,
        device(alices_address, "alice", "call", "bob") as alice,
    ):
        for one in (alice, bob):
            one.wait_for("peer_state", state=CONNECTED)
        yield alice, bob


def happened(one: Device) -> list[object]:
    """The events of a device, in order; of progress its kind."""
    return [event.get("kind", event["event"]) for event in one.events]


def said_to(one: Device) -> list[object]:
    """The app messages that a device has got, in order."""
    return [event["text"] for event in one.events if event["event"] == "app_message"]


def test_two_of_them_have_a_call(service: Service) -> None:
    """From the offer to the hangup: each side sees its part, and the end once."""
    with a_call(service.address, service.address) as (alice, bob):
        alice.say('Do you hear "me"?')
        bob.wait_for("app_message", text='Do you hear "me"?', **{"from": "alice/cpp"})
        bob.say("Yes — I do.")
        alice.wait_for("app_message", text="Yes — I do.")
        alice.hang_up()
        for one in (alice, bob):
            one.wait_for("ended", reason=HUNG_UP, by="alice/cpp")
        assert alice.exit_code() == 0
        bob.leave()
    assert happened(alice) == [
        *("connected", "calling", "PROGRESS_KIND_RINGING", "answered", "candidates"),
        *("peer_state", "app_message", "ended", "done"),
    ]
    assert happened(bob) == [
        *("connected", "incoming", "PROGRESS_KIND_WON", "candidates"),
        *("peer_state", "app_message", "ended", "done"),
    ]


@pytest.fixture
async def python(service: Service) -> AsyncIterator[Client]:
    """A device of Carol's that the library in Python holds."""
    async with Client(service.address, identity("carol", "python")) as client:
        await client.ready()
        yield client


async def test_it_calls_the_library_in_python(service: Service, python: Client) -> None:
    """What the C++ side offers, an app in Python answers."""
    with device(service.address, "alice", "call", "carol") as alice:
        call = (await until(python, Incoming)).call
        call.ring()
        call.answer(sdp("Cccc"))
        await until(call, Won)
        call.send_candidates([candidate(1, "Cccc")])
        assert len((await until(call, PeerCandidates)).candidates) == 2  # a line, and the end
        assert (await until(call, PeerState)).state == "connected"
        call.report("connected")
        await asyncio.to_thread(alice.wait_for, "peer_state", state=CONNECTED)
        alice.say("bye")
        assert (await until(call, Message)).body == b"bye"
        call.hangup()
        ended = await asyncio.to_thread(alice.wait_for, "ended")
        assert (ended["reason"], ended["by"]) == (HUNG_UP, "carol/python")
        await asyncio.to_thread(alice.leave)


async def test_the_library_in_python_calls_it(service: Service, python: Client) -> None:
    """What an app in Python offers, the C++ side answers."""
    with device(service.address, "bob", "listen") as bob:
        call = python.call("bob", sdp("Cccc"))
        call.send_candidates([candidate(1, "Cccc")])
        assert (await until(call, Rings)).device == pb.Device(user_id="bob", device_id="cpp")
        await until(call, Answered)
        assert len((await until(call, PeerCandidates)).candidates) == 2  # a line, and the end
        assert (await until(call, PeerState)).state == "connected"
        call.send(Message(b"hello", "text/plain"))
        await asyncio.to_thread(bob.wait_for, "app_message", text="hello")
        call.hangup()
        assert (await until(call, CallEnded)).reason == pb.END_REASON_HANGUP
        await asyncio.to_thread(bob.wait_for, "ended", reason=HUNG_UP)
        await asyncio.to_thread(bob.leave)


def test_it_comes_with_a_token_over_tls(tmp_path: Path) -> None:
    """It trusts an authority of one's own, and is whom its token names; a bad token is final."""
    issue("certs", "--directory", str(tmp_path))
    tls = (
        "--tls-cert",
        str(tmp_path / "server.pem"),
        "--tls-key",
        str(tmp_path / "server-key.pem"),
    )
    name = ("--jwt-issuer", "signaling-service", "--jwt-audience", "signaling-service")
    jwt = ("--auth", "jwt", "--jwt-keys", str(tmp_path / "token-keys.json"), *name)

    def signed_in(user: str) -> tuple[str, ...]:
        file = tmp_path / f"{user}.jwt"
        key = str(tmp_path / "token-key.pem")
        file.write_text(issue("token", "--key", key, "--user", user, "--device", "desk"))
        return ("--token-file", str(file), "--tls-ca", str(tmp_path / "ca.pem"))

    with serving(Network(), *jwt, *tls) as service:
        with (
            device(service.address, "nobody", "listen", *signed_in("bob")) as bob,
            device(service.address, "nobody", "call", "bob", *signed_in("alice")) as alice,
        ):
            bob.wait_for("incoming", **{"from": "alice/desk"})
            alice.wait_for("answered", **{"from": "bob/desk"})
            alice.leave()
            bob.leave()
        bad = signed_in("mallory")
        Path(bad[1]).write_text("no token")
        command = [PROGRAM, "listen", "--target", service.address, *bad]
        with running(*command) as mallory:
            mallory.wait_for("turned_away", status="UNAUTHENTICATED")
            assert mallory.exit_code() == 1


def test_a_call_outlives_the_connection(service: Service) -> None:
    """What both sides say meanwhile arrives when the session is resumed: each once, in order."""
    address, texts = f"127.0.0.1:{free_port()}", ["one", "two", "three"]
    with ExitStack() as alices_way:
        alices_way.enter_context(forwarder(service, address))
        with a_call(address, service.address) as (alice, bob):
            alices_way.close()
            alice.wait_for("disconnected")
            bob.wait_for("progress", kind="PROGRESS_KIND_AWAY")
            for text in texts:
                alice.say(text)
                bob.say(text)
            with forwarder(service, address):
                alice.wait_for("connected", resumed=True)
                for one in (alice, bob):
                    one.wait_for("app_message", text=texts[-1])
                    assert said_to(one) == texts
                alice.leave()
                bob.wait_for("ended", reason=HUNG_UP)
                bob.leave()


def test_a_session_that_is_gone_takes_its_calls_along(service: Service) -> None:
    """A service that knows nothing of the session gives another one, and that one is of use."""
    address = f"127.0.0.1:{free_port()}"
    with ExitStack() as bobs_way:
        bobs_way.enter_context(forwarder(service, address))
        with a_call(service.address, address) as (_, bob), serving(Network()) as another:
            bobs_way.close()
            bob.wait_for("disconnected")
            with forwarder(another, address):
                bob.wait_for("connected", resumed=False)
                bob.wait_for("lost")
                with device(another.address, "alice", "call", "bob") as alice:
                    alice.wait_for("peer_state", state=CONNECTED)
                    alice.leave()
                bob.wait_for("ended", reason=HUNG_UP)
                bob.leave()


def test_whoever_is_replaced_stays_away(service: Service) -> None:
    """Of two programs that are the same device the newer one stays, and the older one ends."""
    with (
        device(service.address, "bob", "listen") as older,
        device(service.address, "bob", "listen") as newer,
    ):
        older.wait_for("turned_away", status="ABORTED")
        assert older.exit_code() == 1
        newer.leave()
    assert happened(older) == ["connected", "turned_away"]
    assert happened(newer) == ["connected", "done"]


async def test_what_was_not_acknowledged_is_sent_again() -> None:
    """Over the next stream of the session, with the numbers that it had."""
    heard: list[list[pb.ConnectRequest]] = []
    is_over = asyncio.Event()

    async def falls_silent(stream: Streamed) -> None:
        await stream.welcomes()
        heard.append([await stream.hears() for _ in range(2)])
        stream.ends(grpc.StatusCode.UNAVAILABLE)

    async def hears_the_rest(stream: Streamed) -> None:
        hello = await stream.hears()
        welcome = pb.Welcome(session_id="s", resumed=True)
        await stream.says(ack=1, welcome=welcome)
        heard.append([hello, await stream.hears()])
        is_over.set()
        await stream.stays()

    async with scripted(falls_silent, hears_the_rest) as address:
        with running(PROGRAM, "call", "bob", "--target", address) as alice:
            await asyncio.to_thread(alice.wait_for, "connected", resumed=True)
            await asyncio.wait_for(is_over.wait(), PATIENCE)
    [offer, candidates], [hello, again] = heard
    assert (offer.seq, offer.offer.recipient_user_id) == (1, "bob")
    assert hello.hello.session_id == "s"
    assert (again.seq, again.call_id, again.candidates) == (2, offer.call_id, candidates.candidates)


async def test_what_it_does_not_know_is_acknowledged() -> None:
    """A payload that is newer than the client is passed over, and does not come again."""
    acks: asyncio.Queue[pb.ConnectRequest] = asyncio.Queue()

    async def is_newer(stream: Streamed) -> None:
        await stream.welcomes()
        await stream.says(seq=1)  # what a member looks like to whoever does not know it
        acks.put_nowait(await stream.hears())
        await stream.stays()

    async with scripted(is_newer) as address:
        with running(PROGRAM, "listen", "--target", address) as bob:
            assert await asyncio.wait_for(acks.get(), PATIENCE) == pb.ConnectRequest(ack=1)
            await asyncio.to_thread(bob.leave)
    assert happened(bob) == ["connected", "done"]
