"""Keys at a URL: fetched when that helps, and never at an attacker's pace."""

import asyncio
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from signaling_service.auth.identity import KeysAwayError
from signaling_service.auth.key_url import FIRST_RETRY, FRESH, MAX_AGE, MIN_INTERVAL, UrlKeys
from tests.auth.key_server import KeyServer, key_server
from tests.clock import ManualClock
from tests.tokens import Issuer, jwks


@pytest.fixture
def server() -> Iterator[KeyServer]:
    """The web server of an issuer with one key, `old`."""
    with key_server() as running:
        running.body = jwks(Issuer(kid="old")).encode()
        yield running


@pytest.fixture
async def keys(server: KeyServer, clock: ManualClock) -> UrlKeys:
    """Its keys, fetched once."""
    found = UrlKeys(server.url, clock)
    await found.start()
    return found


async def names(keys: UrlKeys, kid: str) -> list[str | None]:
    """The names of the keys that may have signed such a token."""
    return [key.kid for key in await keys.find(kid)]


async def test_keys_are_kept(server: KeyServer, keys: UrlKeys) -> None:
    """One fetch serves every token."""
    for _ in range(100):
        assert await names(keys, "old") == ["old"]

    assert server.asked == 1


async def test_new_key(server: KeyServer, keys: UrlKeys, clock: ManualClock) -> None:
    """A rotation is seen by the first token that the new key has signed."""
    server.body = jwks(Issuer(kid="old"), Issuer(kid="new")).encode()
    clock.advance(MIN_INTERVAL)

    assert await names(keys, "new") == ["new"]
    assert server.asked == 2


async def test_unknown_keys(server: KeyServer, keys: UrlKeys, clock: ManualClock) -> None:
    """Ten thousand forged names ask the issuer once a minute."""
    for number in range(10_000):
        assert await names(keys, f"forged-{number}") == []
    assert server.asked == 1
    clock.advance(MIN_INTERVAL)
    for number in range(1000):
        await names(keys, f"forged-{number}")
    assert server.asked == 2


async def test_single_flight(server: KeyServer, keys: UrlKeys, clock: ManualClock) -> None:
    """Whoever needs a fetch that is under way waits for that one."""
    server.body = jwks(Issuer(kid="new")).encode()
    server.may_answer.clear()
    clock.advance(MIN_INTERVAL)
    waiting = [asyncio.create_task(names(keys, "new")) for _ in range(20)]
    await asyncio.sleep(0)
    server.may_answer.set()

    assert await asyncio.gather(*waiting) == [["new"]] * 20
    assert server.asked == 2


async def test_key_that_was_withdrawn(server: KeyServer, keys: UrlKeys, clock: ManualClock) -> None:
    """It counts for as long as what was fetched is fresh, and nobody waits for the fetch then."""
    server.body = jwks(Issuer(kid="new")).encode()
    clock.advance(FRESH)
    assert await names(keys, "old") == ["old"]
    assert server.asked == 1

    clock.advance(1)
    assert await names(keys, "old") == ["old"]
    assert await names(keys, "new") == ["new"]  # waits for the fetch that has begun
    assert await names(keys, "old") == []


async def test_issuer_is_away(server: KeyServer, keys: UrlKeys, clock: ManualClock) -> None:
    """Its last keys count for an hour; then nobody comes in, until it is back."""
    body, server.body, server.status = server.body, b"", 503
    with capture_logs() as logs:
        clock.advance(MAX_AGE)
        assert await names(keys, "old") == ["old"]
        assert await names(keys, "no such key") == []  # waits for the fetch that failed
        clock.advance(1)
        with pytest.raises(KeysAwayError):
            await keys.find("old")
    assert {line["event"] for line in logs} == {"jwt_keys_unreachable"}
    assert "127.0.0.1" not in str(logs)

    server.body, server.status = body, 200
    clock.advance(MIN_INTERVAL)
    assert await names(keys, "old") == ["old"]


BAD_ANSWERS = {
    "an error": (500, b""),
    "no HTTP": (5, b""),
    "no keys": (200, b'{"keys": []}'),
    "a page": (200, b"<html>"),
    "too long": (200, b" " * 1_000_000),
}


@pytest.mark.parametrize(("status", "body"), BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
async def test_bad_answer(server: KeyServer, clock: ManualClock, status: int, body: bytes) -> None:
    """Nobody comes in, and it is asked again before long."""
    good, server.status, server.body = server.body, status, body
    keys = UrlKeys(server.url, clock)
    await keys.start()
    with pytest.raises(KeysAwayError):
        await keys.find("old")
    assert server.asked == 1

    server.status, server.body = 200, good
    clock.advance(FIRST_RETRY)
    assert await names(keys, "old") == ["old"]


async def test_redirect(server: KeyServer, clock: ManualClock) -> None:
    """Keys come from where the operator said, and from nowhere else."""
    server.status, server.location = 302, server.url + "?elsewhere"
    keys = UrlKeys(server.url, clock)
    await keys.start()

    with pytest.raises(KeysAwayError):
        await keys.find("old")
    assert server.asked == 1
