"""Calls between real libwebrtc peers, which speak to the service from Node.js."""

import json
import shutil
import statistics
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any, Final

from .service_process import Service, client_environment

SCENARIOS: Final = Path(__file__).parent / "node"
SCENARIO_TIMEOUT: Final = 90.0  # s, a hung process: each wait inside has a deadline of its own
CALLS: Final = 20
RACES: Final = 10
RESTARTS: Final = 6
GLARES: Final = 6


def run(scenario: str, service: Service, *, rounds: int) -> list[dict[str, Any]]:
    """What a scenario found, a dict a JSON line; the last line says how it ended."""
    node = shutil.which("node")
    assert node is not None, "no Node.js: run scripts/install-e2e.sh"
    script = str(SCENARIOS / scenario)
    command = (node, script, "--address", service.address, "--rounds", str(rounds))
    finished = subprocess.run(
        service.network.command(*command),
        env=client_environment(),
        stdout=subprocess.PIPE,
        timeout=SCENARIO_TIMEOUT,
        check=False,
        text=True,
    )
    findings = [json.loads(line) for line in finished.stdout.splitlines()]
    assert finished.returncode == 0, findings[-1:]
    assert findings.pop() == {"event": "done"}
    return findings


def p50(findings: list[dict[str, Any]]) -> float:
    """The median of their milliseconds."""
    return float(statistics.median(finding["ms"] for finding in findings))


def test_every_call_connects(peer_service: Service, figures: list[str]) -> None:
    """20 calls of 20 connect with trickled candidates alone, and carry audio and data both ways."""
    calls = run("calls.js", peer_service, rounds=CALLS)

    figures.append(
        f"{len(calls)} of {CALLS} connected, p50 {p50(calls):.0f} ms from offer to connected"
    )
    assert [call["round"] for call in calls] == list(range(1, CALLS + 1))
    assert all(call["candidates"] > 0 for call in calls)


def test_an_ice_restart_moves_the_call(peer_service: Service, figures: list[str]) -> None:
    """After an ICE restart by either side the data goes over candidates of the new generation."""
    restarts = run("ice_restart.js", peer_service, rounds=RESTARTS)

    figures.append(
        f"{len(restarts)} of {RESTARTS} restarted, p50 {p50(restarts):.0f} ms to a new pair"
    )
    assert Counter(restart["by"] for restart in restarts) == {"caller": 3, "callee": 3}
    for restart in restarts:
        assert all(old != new for old, new in restart["ufrags"])


def test_one_of_two_answers_in_the_same_instant_wins(
    peer_service: Service, figures: list[str]
) -> None:
    """Of three devices that ring two answer at once: one wins and connects, both others hear it."""
    races = run("fork.js", peer_service, rounds=RACES)

    winners = Counter(race["winner"] for race in races)
    figures.append(f"{len(races)} of {RACES} connected, p50 {p50(races):.0f} ms, {dict(winners)}")
    assert [race["round"] for race in races] == list(range(1, RACES + 1))
    assert winners.keys() <= {"phone", "tablet"}


def test_two_restarts_at_once_settle_on_one(peer_service: Service, figures: list[str]) -> None:
    """Both sides restart ICE at once: one hears GLARE, rolls back and answers, and they talk on."""
    glares = run("glare.js", peer_service, rounds=GLARES)

    rolled_back = Counter(glare["rolledBack"] for glare in glares)
    figures.append(f"{len(glares)} of {GLARES} settled, rolled back {dict(rolled_back)}")
    assert [glare["round"] for glare in glares] == list(range(1, GLARES + 1))
