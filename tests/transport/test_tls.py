"""TLS: certificates that are renewed while the service runs, and services that show theirs."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from signaling.v1 import signaling_pb2 as pb
from signaling.v1 import signaling_pb2_grpc
from structlog.testing import capture_logs
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from signaling_service.app import App
from signaling_service.config import SettingError
from tests.clock import ManualClock
from tests.devices import User, channel_to
from tests.transport.settings import settings

PUSH, BILLING = "push.example", "billing.example"


class Authority:
    """A CA of the operator's, and where its files are."""

    def __init__(self, directory: Path) -> None:
        self._ca = trustme.CA()
        self._directory = directory
        self.ca = directory / "ca.pem"
        self.cert, self.key = directory / "server.pem", directory / "server-key.pem"
        self._ca.cert_pem.write_to_path(str(self.ca))
        self.certifies_the_service()

    def certifies_the_service(self) -> None:
        """Write a certificate, over the one that is there."""
        issued = self._ca.issue_cert("127.0.0.1")
        issued.private_key_pem.write_to_path(str(self.key))
        self.cert.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))

    @property
    def options(self) -> dict[str, Any]:
        """The settings of a service with that certificate."""
        return {"tls_cert": self.cert, "tls_key": self.key}

    def client(self, name: str | None = None) -> grpc.ChannelCredentials:
        """A client that trusts the CA; with a name it has a certificate for that."""
        roots = self.ca.read_bytes()
        if name is None:
            return grpc.ssl_channel_credentials(roots)
        issued = self._ca.issue_cert(name)
        chain = b"".join(each.bytes() for each in issued.cert_chain_pems)
        return grpc.ssl_channel_credentials(roots, issued.private_key_pem.bytes(), chain)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def asks(address: str, tls: grpc.ChannelCredentials, **metadata: str) -> grpc.StatusCode:
    """Ask for ICE servers; returns how that ended."""
    async with channel_to(address, tls) as channel:
        stub = signaling_pb2_grpc.SignalingServiceStub(channel)
        call = stub.GetIceServers(
            pb.GetIceServersRequest(), metadata=tuple(metadata.items()), timeout=10
        )
        return await call.code()


async def test_call_over_tls(authority: Authority, clock: ManualClock) -> None:
    """Devices come in by TLS; who does not trust the certificate stays out."""
    async with App(settings(**authority.options), clock) as app:
        alice, bob = User("alice", app.address), User("bob", app.address)
        alice.tls = bob.tls = authority.client()
        await alice.phone.connects()
        await bob.phone.connects()
        await alice.phone.offers(bob)
        await bob.phone.hears("offer")

        stranger = grpc.ssl_channel_credentials(trustme.CA().cert_pem.bytes())
        assert await asks(app.address, stranger) is grpc.StatusCode.UNAVAILABLE
        await alice.close()
        await bob.close()


async def test_renewal(authority: Authority, clock: ManualClock, tmp_path: Path) -> None:
    """A new certificate serves the next connection; half of one changes nothing."""
    async with App(settings(**authority.options), clock) as app:
        carol = User("carol", app.address)
        carol.tls = authority.client()
        await carol.phone.connects()
        with capture_logs() as logs:
            authority.key.write_bytes(b"")  # as a tool that writes one file after the other
            await carol.tablet.connects()
            new = Authority(tmp_path)
            dave = User("dave", app.address)
            dave.tls = new.client()
            await dave.phone.connects()

        await carol.phone.hears_nothing()
        assert await asks(app.address, carol.tls) is grpc.StatusCode.UNAVAILABLE
        events = [line["event"] for line in logs if line["event"].startswith("certificates")]
        assert events[0] == "certificates_unreadable"
        assert events[-1] == "certificates_renewed"
        await carol.close()
        await dave.close()


async def comes_over_websocket(app: App, authority: Authority) -> pb.ConnectResponse:
    """The first response to who trusts this authority."""
    url = f"wss://{app.websocket_address}"
    tls = ssl.create_default_context(cafile=str(authority.ca))
    offered = [Subprotocol(each) for each in ("signaling.v1", "user-id.erin", "device-id.tab")]
    async with connect(url, ssl=tls, subprotocols=offered, proxy=None) as socket:
        await socket.send(pb.ConnectRequest(hello=pb.Hello()).SerializeToString())
        return pb.ConnectResponse.FromString(await socket.recv(decode=False))


async def test_renewal_for_browsers(
    authority: Authority, clock: ManualClock, tmp_path: Path
) -> None:
    """The same for WebSocket clients, while half of one changes nothing."""
    listening = settings(**authority.options, websocket_listen="127.0.0.1:0")
    async with App(listening, clock) as app:
        assert (await comes_over_websocket(app, authority)).HasField("welcome")
        authority.key.write_bytes(b"")
        assert (await comes_over_websocket(app, authority)).HasField("welcome")
        old = ssl.create_default_context(cafile=str(authority.ca))
        new = Authority(tmp_path)
        assert (await comes_over_websocket(app, new)).HasField("welcome")
        with pytest.raises(ssl.SSLCertVerificationError):
            await connect(f"wss://{app.websocket_address}", ssl=old, proxy=None)


def mutual(authority: Authority, **options: Any) -> Any:
    """A service with an address for services beside the one for devices."""
    return settings(
        **authority.options,
        tls_client_ca=authority.ca,
        service_listen="127.0.0.1:0",
        **options,
    )


async def test_service_by_certificate(authority: Authority, clock: ManualClock) -> None:
    """Who shows a certificate of the CA is the service that it names."""
    async with App(mutual(authority), clock) as app:
        assert await asks(app.service_address, authority.client(PUSH)) is grpc.StatusCode.OK
        # devices need none, and without one nobody is a service
        assert await asks(app.address, authority.client()) is grpc.StatusCode.UNAUTHENTICATED
        nobody = await asks(app.service_address, authority.client())
        assert nobody is grpc.StatusCode.UNAVAILABLE
        issued = trustme.CA().issue_cert(PUSH)
        forged = grpc.ssl_channel_credentials(
            authority.ca.read_bytes(),
            issued.private_key_pem.bytes(),
            issued.cert_chain_pems[0].bytes(),
        )
        assert await asks(app.service_address, forged) is grpc.StatusCode.UNAVAILABLE


async def test_services_by_name(authority: Authority, clock: ManualClock) -> None:
    """With names given, another certificate of the same CA is nobody."""
    async with App(mutual(authority, tls_service_name=(PUSH,)), clock) as app:
        assert await asks(app.service_address, authority.client(PUSH)) is grpc.StatusCode.OK
        other = await asks(app.service_address, authority.client(BILLING))
        assert other is grpc.StatusCode.UNAUTHENTICATED


async def test_devices_may_need_a_certificate(authority: Authority, clock: ManualClock) -> None:
    """With one address everybody shows one; a device is still who its credentials say."""
    options = settings(**authority.options, tls_client_ca=authority.ca)
    async with App(options, clock) as app:
        alice = User("alice", app.address)
        alice.tls = authority.client("phone.example")
        await alice.phone.connects()
        assert await asks(app.address, authority.client()) is grpc.StatusCode.UNAVAILABLE
        await alice.close()


Change = Callable[[Authority], object]
WRONG: dict[str, tuple[Change, str]] = {
    "no file": (lambda a: a.cert.unlink(), "No such file"),
    "no PEM": (lambda a: a.cert.write_bytes(b"nonsense"), "--tls-cert"),
    "no key": (lambda a: a.key.write_bytes(b"nonsense"), "--tls-cert"),
    "another key": (
        lambda a: trustme.CA().issue_cert("127.0.0.1").private_key_pem.write_to_path(str(a.key)),
        "the key is not that of the certificate",
    ),
    "no CA": (lambda a: a.ca.write_bytes(b"nonsense"), "--tls-cert"),
}


@pytest.mark.parametrize(("change", "text"), WRONG.values(), ids=WRONG.keys())
async def test_wrong_files(
    authority: Authority, clock: ManualClock, change: Change, text: str
) -> None:
    """The service does not start, and says why."""
    change(authority)

    with pytest.raises(SettingError, match=text):
        async with App(mutual(authority), clock):
            pass
