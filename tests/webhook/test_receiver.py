"""A post has an answer, whatever the other side does."""

import asyncio
import ssl
import threading
from pathlib import Path

import pytest
import trustme

from signaling_service.webhook.receiver import MAX_WAIT, Answer, Receiver
from tests.webhook.hook import Hook, Posted, Reply, hooking


async def test_a_receiver_that_hangs_is_hung_up_on(hook: Hook) -> None:
    """The whole of a post has a time; the next one has a connection of its own."""
    may_go = threading.Event()

    def answer(_posted: Posted) -> Reply:
        may_go.wait(10)
        return Reply()

    hook.answer = answer
    receiver = Receiver(hook.url, timeout=0.2)
    assert (await receiver.post({}, b"{}")).error == "TimeoutError"
    may_go.set()
    assert (await receiver.post({}, b"{}")).is_taken
    receiver.close()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("86400", MAX_WAIT),
        ("-1", 0.0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0),
        ("Fri, 31 Dec 2199 23:59:59 GMT", MAX_WAIT),
        ("soon", None),
        ("nan", None),
    ],
)
async def test_it_may_say_when_to_come_again(hook: Hook, text: str, seconds: float | None) -> None:
    """In seconds or as a date, up to a bound; nonsense is as nothing."""
    hook.answer = lambda _posted: Reply(503, {"retry-after": text})
    receiver = Receiver(hook.url)

    answer = await receiver.post({}, b"{}")

    receiver.close()
    assert answer == Answer(503, retry_after=seconds)
    assert answer.pause == seconds


async def test_a_connection_is_kept(hook: Hook) -> None:
    """As long as the receiver keeps it; if it has not, a new one is made at once."""
    receiver = Receiver(hook.url)
    for _ in range(3):
        assert (await receiver.post({}, b"{}")).is_taken
    assert len({posted.connection for posted in hook.posts}) == 1

    hook.posts[0].connection.close()  # type: ignore[attr-defined]
    assert (await receiver.post({}, b"{}")).is_taken
    receiver.close()


@pytest.mark.parametrize("reply", ["nothing", "nonsense"])
async def test_what_speaks_no_http_is_an_error(reply: str) -> None:
    """With a name and no text: what it sends is not for the log."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"" if reply == "nothing" else b"SSH-2.0-something\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        receiver = Receiver(f"http://127.0.0.1:{port}/")
        answer = await receiver.post({}, b"{}")
        receiver.close()

    assert answer.error in {"RemoteDisconnected", "BadStatusLine"}
    assert answer.is_away


async def test_tls_is_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A receiver shows a certificate of somebody who is trusted, or gets nothing."""
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    async with hooking(tls) as hook:
        stranger = Receiver(hook.url)
        assert (await stranger.post({}, b"{}")).error == "SSLCertVerificationError"
        stranger.close()
        assert hook.posts == []

        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        friend = Receiver(hook.url)
        assert (await friend.post({}, b"{}")).is_taken
        friend.close()
