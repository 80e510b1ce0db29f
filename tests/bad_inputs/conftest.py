"""Two people in a call of their own, and one who sends what is bad."""

from collections.abc import Callable
from pathlib import Path

import pytest

from signaling_service.app import App
from signaling_service.config import Settings
from tests.bad_inputs import requests, streams, tokens
from tests.bad_inputs.bystanders import Bystanders
from tests.bad_inputs.case import Case, Refused
from tests.clock import ManualClock
from tests.devices import User
from tests.tokens import AUDIENCE, ISSUER, Issuer
from tests.transport.settings import settings

CASES = {**tokens.CASES, **streams.CASES, **requests.CASES}


# what HTTP/2 itself refuses, or has methods for
OF_GRPC = ("above 64 KiB", "token of 20 KB", "flood of metadata", "unknown", "reflection")
OVER = {
    **{name: (case, False) for name, case in CASES.items()},
    **{
        f"{name}, over WebSocket": (case, True)
        for name, case in CASES.items()
        if not name.startswith(OF_GRPC) or isinstance(case, Refused)
    },
}


@pytest.fixture(params=list(OVER.values()), ids=list(OVER))
def input_over(request: pytest.FixtureRequest) -> tuple[Case, bool]:
    """One bad input, and whether it comes over WebSocket."""
    found: tuple[Case, bool] = request.param
    return found


@pytest.fixture
def case(input_over: tuple[Case, bool]) -> Case:
    """One bad input."""
    return input_over[0]


@pytest.fixture
def over_web(request: pytest.FixtureRequest) -> bool:
    """Whether devices come over WebSocket."""
    if "case" not in request.fixturenames:
        return False
    return bool(request.getfixturevalue("input_over")[1])


@pytest.fixture
def issuer(clock: ManualClock) -> Issuer:
    return Issuer(now=clock.now())


@pytest.fixture
def service_settings(tmp_path: Path, issuer: Issuer) -> Settings:
    """A service that takes tokens."""
    keys = str(issuer.writes(tmp_path / "keys.json"))
    return settings(auth="jwt", jwt_keys=keys, jwt_issuer=ISSUER, jwt_audience=AUDIENCE)


@pytest.fixture
def person(person: Callable[[str], User], issuer: Issuer) -> Callable[[str], User]:
    """Makes users whose phones and tablets have tokens."""

    def make(user_id: str) -> User:
        user = person(user_id)
        for device_id in ("phone", "tablet"):
            getattr(user, device_id).token = issuer.token(user_id, device_id)
        return user

    return make


@pytest.fixture
async def bystanders(app: App, clock: ManualClock, alice: User, bob: User) -> Bystanders:
    """Two people in a call; afterwards they still are, and they alone."""
    bystanders = Bystanders(app, clock, alice, bob)
    await bystanders.begin()
    return bystanders
