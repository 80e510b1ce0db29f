"""Planted secrets, and a guard: none may turn up in a log, a metric or the text of an error.

Every test run has the guard on. Test devices plant what must stay secret: descriptions,
candidates, session ids, TURN passwords, tokens. What a service says is looked through when
it is read; what is written to the terminal, when the test is over. A hit fails the test.
"""

from collections.abc import Generator, Iterable
from typing import Final

import pytest
from structlog.testing import LogCapture

CANARY: Final = "c4n4ry"  # stands in every description and candidate of a test device
SHORTEST: Final = 8  # characters; a shorter one stands in any text by chance

_planted: set[str] = set()  # by the test that runs
_leaks: list[str] = []


def plant(*secrets: str) -> None:
    """From now on, until the test is over, nobody may hear these."""
    _planted.update(secret for secret in secrets if len(secret) >= SHORTEST)


def watch(where: str, text: object) -> None:
    """Look through what somebody could read."""
    if found := leaks_in(str(text)):
        _leaks.append(f"{where} tells a secret: {found}")


def leaks_in(text: str) -> list[str]:
    """The secrets in a text."""
    return [secret for secret in (CANARY, *_planted) if secret in text]


def _take_leaks(sections: Iterable[tuple[str, str]]) -> list[str]:
    for name, text in sections:
        watch(name, text)
    leaks = list(_leaks)
    _leaks.clear()
    return leaks


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, "pytest.HookRecorder", None]:
    """Fail a test that let a secret out."""
    outcome = yield
    report: pytest.TestReport = outcome.get_result()  # type: ignore[attr-defined]
    if leaks := _take_leaks(report.sections if report.passed else ()):
        report.outcome = "failed"
        report.longrepr = "\n".join(leaks)
    if call.when == "teardown":
        _planted.clear()


@pytest.fixture(autouse=True)
def logs_are_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look through what tests capture, too: it does not get to the terminal."""
    capture = LogCapture.__call__

    def watched(self: LogCapture, logger: object, method: str, event: dict[str, object]) -> None:
        watch("the log", event)
        capture(self, logger, method, event)

    monkeypatch.setattr(LogCapture, "__call__", watched)
