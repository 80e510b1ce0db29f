"""Credentials of the service at a real coturn: who may relay, and who may not."""

import base64
import hashlib
import hmac
import re
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from .endpoint import Endpoint, endpoint
from .outages import Stage
from .phones import RELAY_ADDRESS, Phone, two_phones
from .program import output_of
from .relay import PORT

PEER: Final = str(Path(__file__).with_name("relayed_peer.py"))
ALLOCATE: Final = str(Path(__file__).with_name("allocate.py"))
ALLOCATE_TIMEOUT: Final = 60.0  # s, an interpreter's cold start and a few round trips
TTL: Final = 3600.0  # s, the service's default
UNAUTHORIZED: Final = "401"  # RFC 8489 §14.8


@pytest.fixture(scope="module")
def phones(stage: Stage) -> Iterator[tuple[Phone, Phone]]:
    """Two phones with no way to each other but the relay."""
    with two_phones(stage.core) as (first, second):
        first.direct.cut()
        yield first, second


@pytest.fixture
def sides(stage: Stage, phones: tuple[Phone, Phone]) -> Iterator[tuple[Endpoint, Endpoint]]:
    """A peer on each phone that uses relays alone; the second has called the first."""
    first, second = phones
    with ExitStack() as stack:
        callee = stack.enter_context(endpoint(first.network, _command(stage, first)))
        callee.wait_for("asked")
        command = (*_command(stage, second), "--call", first.user_id)
        yield stack.enter_context(endpoint(second.network, command)), callee


def _command(stage: Stage, phone: Phone) -> tuple[str, ...]:
    return (sys.executable, PEER, "--address", stage.address, "--user", phone.user_id)


def credential(secret: str, username: str) -> str:
    """What coturn expects of a username (draft-uberti-behave-turn-rest-00 §2.2)."""
    digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def allocate(phone: Phone, username: str, credential: str) -> str:
    """What the relay says to these credentials: an address, or the code of an error."""
    command = (sys.executable, ALLOCATE, RELAY_ADDRESS, str(PORT), username, credential)
    return output_of(phone.network.command(*command), ALLOCATE_TIMEOUT)


def assert_is_turn_rest(server: dict[str, Any], stage: Stage, user_id: str) -> None:
    """The credentials are those of the TURN REST draft, and name nobody."""
    username = server["username"]
    expiry, _, opaque = username.partition(":")
    assert server["urls"] == [stage.relay.url]
    assert server["credential"] == credential(stage.relay.secret, username)
    assert re.fullmatch(r"[A-Za-z0-9_-]{12,}", opaque)
    assert user_id not in username
    assert 0 < int(expiry) - time.time() <= TTL
    expire_time = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(expiry)))
    assert server["expireTime"] == expire_time


def test_relay_only_peers_connect(
    stage: Stage,
    phones: tuple[Phone, Phone],
    sides: tuple[Endpoint, Endpoint],
    figures: list[str],
) -> None:
    """Audio and data go through coturn, with the credentials that the service gave out."""
    caller, callee = sides
    offered_at = caller.wait_for("candidates")["at"]
    for side in sides:
        assert side.wait_for("candidates")["types"] == ["relay"]
        side.wait_for("heard")
        side.wait_for("echoed", word="over the relay")
    connected_at = max(side.wait_for("state", state="connected")["at"] for side in sides)
    figures.append(
        f"through coturn alone: connected {connected_at - offered_at:.1f} s after the offer"
    )

    for side, phone in zip(sides, reversed(phones), strict=True):
        servers = [side.wait_for(source)["iceServers"] for source in ("welcome", "asked")]
        assert [len(one) for one in servers] == [1, 1]
        for (server,) in servers:
            assert_is_turn_rest(server, stage, phone.user_id)
        assert servers[0] != servers[1]
    caller.leave()
    assert callee.wait_for("ended")["reason"] == "END_REASON_HANGUP"
    callee.leave()


def test_coturn_refuses_expired_credentials(stage: Stage, phones: tuple[Phone, Phone]) -> None:
    """A credential works until the expiry that its username names, and not after it."""
    now = int(time.time())
    good, expired = (f"{now + 60}:opaque", f"{now - 60}:opaque")
    assert allocate(phones[0], good, credential(stage.relay.secret, good)) == RELAY_ADDRESS
    assert allocate(phones[0], expired, credential(stage.relay.secret, expired)) == UNAUTHORIZED


def test_coturn_refuses_forged_credentials(stage: Stage, phones: tuple[Phone, Phone]) -> None:
    """Another secret is refused, and so is an expiry that was put off."""
    now = int(time.time())
    username, put_off = (f"{now + 60}:opaque", f"{now + 3600}:opaque")
    guessed = credential(stage.relay.secret[:-1], username)
    assert allocate(phones[0], username, guessed) == UNAUTHORIZED
    real = credential(stage.relay.secret, username)
    assert allocate(phones[0], put_off, real) == UNAUTHORIZED
