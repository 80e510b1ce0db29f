"""A policy that is asked over gRPC: what is a verdict, and what is a failure."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import trustme
from signaling.v1 import policy_pb2 as pb

from signaling_service.core.model import Verdict
from signaling_service.policy.base import PolicyFailedError
from signaling_service.policy.location import PolicyLocation
from signaling_service.policy.remote import RemotePolicy
from tests.core.names import ALICE
from tests.devices import PATIENCE
from tests.policy.server import ALLOWED, NOT_ALLOWED, OPENLY, PolicyServer


@pytest.fixture
async def remote(policy: PolicyServer) -> AsyncIterator[RemotePolicy]:
    """Asks the policy."""
    asking = RemotePolicy(PolicyLocation.parse(policy.url))
    await asking.start()
    yield asking
    await asking.close()


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (ALLOWED, Verdict.ALLOWED),
        (NOT_ALLOWED, Verdict.NOT_ALLOWED),
        (OPENLY, Verdict.NOT_ALLOWED_OPENLY),
        (ALLOWED + b"\x12\x05newer", Verdict.ALLOWED),
    ],
)
async def test_verdict(
    policy: PolicyServer, remote: RemotePolicy, answer: bytes, verdict: Verdict
) -> None:
    """One of three; a field of a newer version does not matter."""
    policy.answers["bob"] = answer

    assert await remote.may_call(ALICE, "bob", None) is verdict


@pytest.mark.parametrize("device_id", [None, "phone"])
async def test_question(policy: PolicyServer, remote: RemotePolicy, device_id: str | None) -> None:
    """The caller's device, the called user, and the device if one is named."""
    await remote.may_call(ALICE, "bob", device_id)

    assert policy.asked == [
        pb.MayCallRequest(caller=ALICE.message(), callee_user_id="bob", callee_device_id=device_id)
    ]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"", "verdict 0"),
        (b"\x08\xe7\x07", "verdict 999"),
        (b"\xff\xff\xff", "not a MayCallResponse"),
        (ALLOWED + b"\x12", "not a MayCallResponse"),
        (ALLOWED + b"\x12\x90\x4e" + 10_000 * b"x", "RESOURCE_EXHAUSTED"),
    ],
    ids=["empty", "unknown", "garbage", "cut-off", "large"],
)
async def test_garbage(
    policy: PolicyServer, remote: RemotePolicy, answer: bytes, told: str
) -> None:
    """What is no verdict is a failure."""
    policy.answers["bob"] = answer

    with pytest.raises(PolicyFailedError, match=f"^{told}$"):
        await remote.may_call(ALICE, "bob", None)


async def test_error(policy: PolicyServer, remote: RemotePolicy) -> None:
    """Told by its code; the text of somebody else's service stays out of our logs."""
    policy.statuses["bob"] = grpc.StatusCode.PERMISSION_DENIED

    with pytest.raises(PolicyFailedError, match=r"^PERMISSION_DENIED$"):
        await remote.may_call(ALICE, "bob", None)


async def test_question_that_is_called_off(policy: PolicyServer, remote: RemotePolicy) -> None:
    """The policy need not go on with it."""
    policy.holds("bob")
    asking = asyncio.create_task(remote.may_call(ALICE, "bob", None))
    await policy.is_asked(1)

    asking.cancel()

    await policy.has_called_off(1)
    await asyncio.wait([asking])
    assert asking.cancelled()


async def test_no_proxy_comes_between(
    policy: PolicyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the environment says; gRPC would obey it even on loopback."""
    for name in ("http_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    remote = RemotePolicy(PolicyLocation.parse(policy.url))
    await remote.start()

    assert await remote.may_call(ALICE, "bob", None) is Verdict.ALLOWED
    await remote.close()


async def test_policy_that_comes_back(policy: PolicyServer, remote: RemotePolicy) -> None:
    """While it is away every question fails at once; it is found again by itself."""
    await remote.may_call(ALICE, "bob", None)
    await policy.stop()
    with pytest.raises(PolicyFailedError, match=r"^UNAVAILABLE$"):
        await remote.may_call(ALICE, "bob", None)
    await policy.start()

    async with asyncio.timeout(PATIENCE):
        while not await is_answered(remote):
            pass


async def is_answered(remote: RemotePolicy) -> bool:
    """Whether the policy answers now."""
    try:
        return await remote.may_call(ALICE, "bob", None) is Verdict.ALLOWED
    except PolicyFailedError:
        return False


async def test_over_tls(tmp_path: Path) -> None:
    """It has to show a certificate of the authority that is named, for the host that is named."""
    authority, stranger = trustme.CA(), trustme.CA()
    leaf = authority.issue_cert("127.0.0.1")
    files = {}
    for name, each in (("ours", authority), ("theirs", stranger)):
        files[name] = tmp_path / f"{name}.pem"
        each.cert_pem.write_to_path(str(files[name]))
    chain = b"".join(each.bytes() for each in leaf.cert_chain_pems)
    policy = PolicyServer()
    await policy.start(grpc.ssl_server_credentials([(leaf.private_key_pem.bytes(), chain)]))
    trusting, doubting, misled = (
        RemotePolicy(PolicyLocation(f"{host}:{policy.port}", is_tls=True, ca=files[ca]))
        for host, ca in (("127.0.0.1", "ours"), ("127.0.0.1", "theirs"), ("localhost", "ours"))
    )

    for remote in (trusting, doubting, misled):
        await remote.start()
    assert await is_answered(trusting)
    assert not await is_answered(doubting)
    assert not await is_answered(misled)
    for remote in (trusting, doubting, misled):
        await remote.close()
    await policy.stop()


async def test_roots_that_cannot_be_read(tmp_path: Path) -> None:
    """It does not start."""
    remote = RemotePolicy(PolicyLocation("127.0.0.1:1", is_tls=True, ca=tmp_path / "nowhere"))

    with pytest.raises(FileNotFoundError):
        await remote.start()
    await remote.close()
