"""The client for Node.js: its build, and its calls at a real service."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Final

import grpc
import pytest
from signaling.v1 import signaling_pb2 as pb

from tests.valkey.ports import free_port

from .example_device import EVENT_TIMEOUT, Device, device
from .network import Network
from .program import issue
from .service_process import Service, client_environment, forwarder, serving
from .terminal import terminal

CLIENT: Final = Path(__file__).parents[2] / "examples" / "node"
MAIN: Final = str(CLIENT / "build" / "src" / "main.js")
BUILD_TIMEOUT: Final = 120.0  # s, a compiler's cold start on a busy machine
SIGNALCTL: Final = str(Path(sys.executable).with_name("signalctl"))
SERVICE: Final = "signaling.v1.SignalingService"
SDP: Final = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
NAME: Final = "signaling-service"  # who issues tokens, and for whom
HUNG_UP: Final = "END_REASON_HANGUP"
CONNECTED: Final = "PEER_CONNECTION_STATE_CONNECTED"
UNKNOWN: Final = b"\xa2\x06\x02\x08\x01"  # field 100, a message
WON: Final = "PROGRESS_KIND_WON"
RINGING: Final = "PROGRESS_KIND_RINGING"


def _found(name: str) -> str:
    program = shutil.which(name)
    assert program is not None, f"no {name}: run scripts/install-e2e.sh"
    return program


def npm(script: str) -> None:
    """Run a script of the package, to its success."""
    finished = subprocess.run(
        [_found("npm"), "--silent", "run", script],
        cwd=CLIENT,
        env=client_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=BUILD_TIMEOUT,
        check=False,
        text=True,
    )
    assert finished.returncode == 0, finished.stdout


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """Its stubs are generated from the protos, and what is compiled is strictly typed."""
    npm("build")


def node(address: str, *arguments: str) -> AbstractContextManager[Device]:
    """A device in Node.js at the service."""
    return device(_found("node"), MAIN, *arguments, "--address", address)


def signalctl(address: str, *arguments: str) -> AbstractContextManager[Device]:
    """A device on the client library for Python."""
    return device(SIGNALCTL, *arguments, "--target", address, "--json")


def start_call(alice: Device, bob: Device) -> None:
    """See a call between two of them through to where both are connected."""
    call = bob.wait_for("incoming", **{"from": "alice/laptop"})["call"]
    alice.wait_for("progress", kind=RINGING, device="bob/phone")
    bob.wait_for("progress", kind=WON)
    alice.wait_for("answered", call=call)
    for one in (alice, bob):
        one.wait_for("candidates", count=2)
        one.wait_for("peer_state", state=CONNECTED)


def talk_and_hang_up(alice: Device, bob: Device) -> None:
    """Say something both ways; Alice hangs up, and both leave."""
    alice.say("hello")
    assert bob.wait_for("app_message")["text"] == "hello"
    bob.say("hello, Alice")
    alice.wait_for("app_message", text="hello, Alice")
    alice.hang_up()
    for one in (alice, bob):
        one.wait_for("ended", reason=HUNG_UP, by="alice/laptop")
    bob.hang_up()
    assert [alice.exit_code(), bob.exit_code()] == [0, 0]


def test_it_is_formatted() -> None:
    """It looks as its formatter wants it."""
    npm("check")


def test_a_call_from_node_to_node(service: Service) -> None:
    """A whole call between two devices in Node.js."""
    with node(service.address, "listen", "--as", "bob/phone") as bob:
        bob.wait_for("connected", resumed=False)
        with node(service.address, "call", "bob", "--as", "alice/laptop") as alice:
            start_call(alice, bob)
            talk_and_hang_up(alice, bob)


def test_python_calls_node(service: Service) -> None:
    """A device in Node.js takes a call of the client library for Python."""
    with node(service.address, "listen", "--as", "bob/phone") as bob:
        bob.wait_for("connected")
        calling = ("call", "bob", "--from", "alice/laptop", "--seconds", "0")
        with signalctl(service.address, *calling) as alice:
            bob.wait_for("incoming")
            bob.wait_for("candidates")
            bob.wait_for("ended", reason=HUNG_UP)
            assert alice.exit_code() == 0


def test_node_calls_python(service: Service) -> None:
    """The client library for Python takes a call of a device in Node.js."""
    listening = ("listen", "--as", "bob/phone", "--count", "1")
    with (
        signalctl(service.address, *listening) as bob,
        node(service.address, "call", "bob", "--as", "alice/laptop") as alice,
    ):
        alice.wait_for("answered", **{"from": "bob/phone"})
        alice.wait_for("candidates")
        alice.wait_for("peer_state", state=CONNECTED)
        alice.hang_up()
        alice.wait_for("ended", reason=HUNG_UP)
        assert [alice.exit_code(), bob.exit_code()] == [0, 0]


def test_a_terminal_calls_node(service: Service) -> None:
    """A person with `buf curl` calls a device in Node.js."""
    with (
        node(service.address, "listen", "--as", "bob/phone") as bob,
        terminal(service, "alice", "laptop") as alice,
    ):
        bob.wait_for("connected")
        alice.type(hello={})
        alice.wait_for("welcome")
        alice.type(callId="by-hand", offer={"recipientUserId": "bob", "sdp": SDP})
        assert alice.wait_for("answer")["sender"] == {"userId": "bob", "deviceId": "phone"}
        assert len(alice.wait_for("candidates")["candidates"]["candidates"]) == 2
        bob.wait_for("progress", kind=WON)
        alice.type(callId="by-hand", hangup={})
        bob.wait_for("ended", call="by-hand", reason=HUNG_UP)
        assert alice.leave() == 0


def test_a_call_goes_on_after_a_cut(service: Service) -> None:
    """What both say while nothing gets through arrives once, in order, when that is over."""
    address = f"127.0.0.1:{free_port()}"
    with ExitStack() as stack:
        bob = stack.enter_context(node(service.address, "listen", "--as", "bob/phone"))
        bob.wait_for("connected")
        with forwarder(service, address) as path:
            calling = node(address, "call", "bob", "--as", "alice/laptop")
            alice = stack.enter_context(calling)
            start_call(alice, bob)
            path.send_signal(signal.SIGSTOP)
            alice.say("written, and lost on the way")
            alice.wait_for("said")
        alice.wait_for("disconnected")
        bob.wait_for("progress", kind="PROGRESS_KIND_AWAY")
        alice.say("not written")
        bob.say("still there?")

        with forwarder(service, address):
            assert alice.wait_for("connected")["resumed"]
            alice.wait_for("app_message", text="still there?")
            said = [bob.wait_for("app_message")["text"] for _ in range(2)]
            assert said == ["written, and lost on the way", "not written"]
            talk_and_hang_up(alice, bob)


def test_the_older_of_two_streams_stays_away(service: Service) -> None:
    """Started twice as the same device, the first one leaves and does not come back."""
    with node(service.address, "listen", "--as", "bob/phone") as first:
        first.wait_for("connected")
        with node(service.address, "listen", "--as", "bob/phone") as second:
            second.wait_for("connected")
            first.wait_for("turned_away", status="ABORTED")
            assert first.exit_code() == 1
            second.hang_up()
            assert second.exit_code() == 0


def test_a_call_with_tokens_over_tls(signed: tuple[Service, Path]) -> None:
    """A whole call where the service wants both; who has somebody else's signature is sent away."""
    service, directory = signed
    with _signed_in(service, directory, "bob", "phone", "listen") as bob:
        bob.wait_for("connected")
        with _signed_in(service, directory, "alice", "laptop", "call", "bob") as alice:
            start_call(alice, bob)
            talk_and_hang_up(alice, bob)

    (directory / "bob.token").write_text("not.a.token")
    forged = ("listen", "--token-file", str(directory / "bob.token"))
    trusted = ("--tls-ca", str(directory / "ca.pem"))
    with node(service.address, *forged, *trusted) as stranger:
        stranger.wait_for("turned_away", status="UNAUTHENTICATED")
        assert stranger.exit_code() == 1


def test_what_a_newer_service_says_is_acknowledged() -> None:
    """A payload that it does not know is acknowledged and ignored, and the client goes on."""
    acks: SimpleQueue[int] = SimpleQueue()
    with newer_service(acks) as address, node(address, "listen", "--as", "bob/phone") as bob:
        bob.wait_for("connected")
        assert acks.get(timeout=EVENT_TIMEOUT) == 1
        bob.hang_up()
        assert bob.exit_code() == 0


@contextmanager
def newer_service(acks: "SimpleQueue[int]") -> Iterator[str]:
    """A service of the future: what it says first, no client of today knows."""

    def connect(requests: Iterator[bytes], _context: grpc.ServicerContext) -> Iterator[bytes]:
        next(requests)  # the hello
        welcome = pb.Welcome(session_id="a-session")
        yield pb.ConnectResponse(welcome=welcome).SerializeToString()
        yield pb.ConnectResponse(seq=1).SerializeToString() + UNKNOWN
        for request in requests:
            acks.put(pb.ConnectRequest.FromString(request).ack)

    server = grpc.server(ThreadPoolExecutor(max_workers=1))
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(connect)
    service = grpc.method_handlers_generic_handler(SERVICE, {"Connect": handler})
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


@pytest.fixture
def signed(tmp_path: Path) -> Iterator[tuple[Service, Path]]:
    """A service that wants tokens over TLS, and the files that `certs` made for it."""
    issue("certs", "--directory", str(tmp_path))
    tokens = ("--jwt-keys", str(tmp_path / "token-keys.json"))
    parties = ("--jwt-issuer", NAME, "--jwt-audience", NAME)
    certificate = ("--tls-cert", str(tmp_path / "server.pem"))
    key = ("--tls-key", str(tmp_path / "server-key.pem"))
    with serving(Network(), "--auth", "jwt", *tokens, *parties, *certificate, *key) as service:
        yield service, tmp_path


def _signed_in(
    service: Service, directory: Path, user: str, name: str, *arguments: str
) -> AbstractContextManager[Device]:
    key = ("--key", str(directory / "token-key.pem"))
    token = directory / f"{user}.token"
    token.write_text(issue("token", "--user", user, "--device", name, *key))
    files = ("--token-file", str(token), "--tls-ca", str(directory / "ca.pem"))
    return node(service.address, *arguments, *files)
