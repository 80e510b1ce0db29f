"""A policy that an installed package offers."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from signaling.v1 import signaling_pb2 as pb
from structlog.testing import capture_logs

from signaling_service.app import App
from signaling_service.config import SettingError, Settings
from signaling_service.core.model import Verdict
from signaling_service.policy import installed
from tests.core.names import ALICE
from tests.devices import User
from tests.test_cli import run

MODULE: Final = '''
from signaling_service.core.model import Verdict


class OwnUser:
    """People may call their own devices, and nobody else."""

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def may_call(self, caller, callee_user_id, callee_device_id) -> Verdict:
        return Verdict.ALLOWED if caller.user_id == callee_user_id else Verdict.NOT_ALLOWED


class Failing(OwnUser):
    async def start(self) -> None:
        raise ConnectionError("no database")
'''
ENTRY_POINTS: Final = f"""[{installed.GROUP}]
own-user = a_policy:OwnUser
failing = a_policy:Failing
missing = a_policy:Missing
"""


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the package is installed."""
    (tmp_path / "a_policy.py").write_text(MODULE)
    about = tmp_path / "a_policy-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: a-policy\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(ENTRY_POINTS)
    with monkeypatch.context() as patched:
        patched.syspath_prepend(tmp_path)
        yield tmp_path


def serve(packages: Path, name: str) -> tuple[int, str]:
    """Try to start a service with this policy; returns its exit code and what it says."""
    path = os.pathsep.join([str(packages), os.environ.get("PYTHONPATH", "")])
    ended = run(
        *("serve", "--listen", "127.0.0.1:0", "--call-policy", name),
        PYTHONPATH=path,
        SIGNALING_METRICS_LISTEN="off",
    )
    return ended.returncode, ended.stderr


@pytest.mark.usefixtures("packages")
async def test_load() -> None:
    """By its name, made anew for each process."""
    assert installed.names() == ["failing", "missing", "own-user"]
    policy = installed.load("own-user")

    assert await policy.may_call(ALICE, "alice", None) is Verdict.ALLOWED
    assert await policy.may_call(ALICE, "bob", None) is Verdict.NOT_ALLOWED


@pytest.mark.usefixtures("packages")
async def test_calls() -> None:
    """A service asks it, and says in its log that it does."""
    settings = Settings(listen="127.0.0.1:0", call_policy="own-user")
    with capture_logs() as log:
        async with App(settings) as app:
            alice, bob = User("alice", app.address), User("bob", app.address)
            await alice.connect("phone", "tablet")
            await bob.connect("phone")
            await alice.phone.offers(bob)
            await alice.phone.hears_progress(pb.PROGRESS_KIND_WAITING)
            await alice.phone.offers(alice)
            await alice.tablet.hears("offer")
            await bob.phone.hears_nothing()
            await alice.close()
            await bob.close()

    (serving,) = [line for line in log if line["event"] == "serving"]
    assert serving["call_policy"] == "own-user"


def test_wrong_name(packages: Path) -> None:
    """Exit code 2, and the names there are."""
    code, told = serve(packages, "own_user")

    assert code == 2
    assert told == (
        "error --call-policy (SIGNALING_CALL_POLICY): 'own_user' is neither a URL nor installed; "
        "installed: failing, missing, own-user\n"
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("missing", "AttributeError: module 'a_policy' has no attribute 'Missing'"),
        ("failing", "ConnectionError: no database"),
        ("grpcs://127.0.0.1:1?ca=nowhere.pem", "FileNotFoundError: [Errno 2] No such file"),
    ],
)
def test_policy_that_does_not_start(packages: Path, name: str, why: str) -> None:
    """Exit code 2, with what is wrong: without it everybody could call everybody."""
    code, told = serve(packages, name)

    assert code == 2
    assert told.startswith(f"error --call-policy (SIGNALING_CALL_POLICY): {why}")
    assert "Traceback" not in told


@pytest.mark.usefixtures("packages")
async def test_start_that_fails_leaves_nothing_open() -> None:
    """No port is listened on."""
    app = App(Settings(listen="127.0.0.1:0", call_policy="failing"))

    with pytest.raises(SettingError, match="no database"):
        await app.__aenter__()

    assert app.address == ""
