"""People who try calls on the page, in real Chromium."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from examples.web_build import SOURCE

from .browser import PHONE, Browser, Person, browsing
from .conftest import FIGURES
from .network import PEER_ADDRESS, Network, isolated
from .service_process import Service, client_environment, serving

ARTIFACTS: Final = Path(__file__).parents[2] / "artifacts" / "chromium"
EDGE: Final = "--websocket-listen=127.0.0.1:0"
RING_TIMEOUT: Final = "5"  # s, the shortest there is
AXE: Final = SOURCE / "node_modules" / "axe-core" / "axe.min.js"
LEAVE_TIMEOUT: Final = 20.0  # s


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A network with a default route: without one Chromium gathers no candidates."""
    with isolated(f"signaling-e2e-{tmp_path_factory.getbasetemp().name}-web") as network:
        network.ip("route", "add", "default", "dev", "peer0")
        yield network


@pytest.fixture(scope="module")
def web_service(network: Network) -> Iterator[Service]:
    """A service with a WebSocket edge, whose calls ring for a short while."""
    with serving(network, EDGE, "--ring-timeout", RING_TIMEOUT) as service:
        yield service


@pytest.fixture(scope="module")
def browser(
    network: Network,
    web_service: Service,
    tmp_path_factory: pytest.TempPathFactory,
    pytestconfig: pytest.Config,
) -> Iterator[Browser]:
    """Chromium, and the page as `make web` serves it."""
    edge = next(e["websocket_address"] for e in web_service.log if e.get("event") == "serving")
    pytestconfig.stash.setdefault(FIGURES, []).append(f"screenshots: {ARTIFACTS}")
    directory = tmp_path_factory.mktemp("chromium")
    with (
        the_page(network, "--port", "0", "--edge", edge) as url,
        browsing(network, url, ARTIFACTS, directory) as browser,
    ):
        yield browser


@contextmanager
def the_page(network: Network, *options: str) -> Iterator[str]:
    """The page as `make web` serves it; the URL that a person is told."""
    page = (sys.executable, "-m", "examples.web_page", *options)
    process = subprocess.Popen(
        network.command(*page), env=client_environment(), stdout=subprocess.PIPE, text=True
    )
    try:
        yield shown_url(process)
    finally:
        process.terminate()
        process.communicate()


def shown_url(process: subprocess.Popen[str]) -> str:
    """What `make web` tells a person to open."""
    assert process.stdout is not None
    for line in process.stdout:
        found = [word for word in line.split() if word.startswith(("http://", "https://"))]
        if found:
            return found[0]
    raise AssertionError("the page is not served")


@pytest.fixture
def alice(browser: Browser) -> Iterator[Person]:
    """At a laptop."""
    with browser.person("alice") as person:
        yield person


@pytest.fixture
def bob(browser: Browser) -> Iterator[Person]:
    """At another laptop."""
    with browser.person("bob") as person:
        yield person


def talk(caller: Person, callee: Person) -> None:
    """Let them call, and see each other move."""
    caller.rings(callee)
    callee.is_asked()
    callee.answers()
    caller.sees(f"You are talking to {callee.name}")
    callee.sees(f"You are talking to {caller.name}")
    see_each_other(caller, callee)


def see_each_other(*people: Person) -> None:
    for person in people:
        person.sees_moving_pictures()


def test_two_tabs_see_each_other(alice: Person, bob: Person) -> None:
    """Both see the other move until one hangs up, and the ladder tells it without an SDP."""
    alice.keeps("ready-1280")
    talk(alice, bob)
    alice.keeps("talking-1280")
    bob.hangs_up()

    bob.sees("You hung up.")
    alice.sees("bob hung up.")
    for message in ("offer", "RINGING", "answer", "candidate", "connected", "ended HANGUP"):
        alice.is_shown(message)
    ladder = alice.page.locator("#ladder").inner_text()
    assert "v=0" not in ladder
    assert "candidate:" not in ladder
    alice.keeps("ended-1280")


def test_a_tab_talks_to_another_webrtc_stack(
    alice: Person, network: Network, web_service: Service
) -> None:
    """A device in Python, over gRPC and with aiortc, answers; its sound arrives in the tab."""
    command = (sys.executable, "-m", "examples.aiortc_call", "python", "", web_service.address)
    process = subprocess.Popen(
        network.command(*command), env=client_environment(), stdout=subprocess.DEVNULL
    )
    try:
        alice.rings("python")
        alice.sees("You are talking to python")
        alice.hears_sound()
        alice.hangs_up()
        assert process.wait(LEAVE_TIMEOUT) == 0
    finally:
        process.kill()
        process.wait()


def test_the_other_tab_stops_ringing(browser: Browser, alice: Person, bob: Person) -> None:
    """Bob has two tabs: both ring, one answers, the other says where."""
    with browser.person("bob") as bob_elsewhere:
        alice.rings(bob)
        bob.is_asked()
        bob_elsewhere.is_asked()
        bob.answers()

        bob_elsewhere.is_asked_no_more()
        bob_elsewhere.sees("You answered on another device")
        see_each_other(alice, bob)


def test_a_reload_resumes_the_call(alice: Person, bob: Person) -> None:
    """A tab that is loaded again in the middle of a call is back in it, and media flow again."""
    talk(alice, bob)
    bob.reloads()

    bob.is_shown("welcome back")
    bob.sees("You are talking to alice")
    see_each_other(alice, bob)


def test_ten_seconds_offline_end_nothing(alice: Person, bob: Person) -> None:
    """Without a network for ten seconds a tab is away, then back; pictures never stop."""
    talk(alice, bob)
    bob.drops_the_network()

    bob.has_line("Offline")
    alice.sees("bob is offline for the moment")
    see_each_other(alice, bob)
    alice.keeps("away-1280")
    alice.sees("bob is online again")
    bob.has_line("Connected")
    bob.is_shown("welcome back")
    see_each_other(alice, bob)


def test_lost_media_come_back(alice: Person, bob: Person) -> None:
    """A media connection that is lost is made anew, whoever has lost it."""
    talk(alice, bob)
    for person in (alice, bob):
        before = alice.flows(), bob.flows()
        person.presses("Lose sound and picture")
        alice.flows_again(before[0])
        bob.flows_again(before[1])
        see_each_other(alice, bob)

    alice.is_shown("reconnect: offer")


def test_a_call_is_declined(alice: Person, bob: Person) -> None:
    """Both are told in words, and may ring again."""
    alice.rings(bob)
    bob.is_asked()
    bob.keeps("incoming-1280")
    bob.declines()

    alice.sees("bob declined.")
    bob.sees("You declined.")
    bob.is_asked_no_more()


def test_nobody_answers(alice: Person, bob: Person) -> None:
    """The ringing stops by itself, and both are told."""
    alice.rings(bob)
    bob.is_asked()

    alice.sees("bob does not answer.")
    bob.sees("You missed a call from alice.")
    bob.is_asked_no_more()


def test_a_phone_is_wide_enough(browser: Browser, alice: Person) -> None:
    """At 360 pixels nothing has to be scrolled sideways, in any state of a call."""
    with browser.person("carol", viewport=PHONE) as carol:
        fits(carol, "ready")
        alice.rings(carol)
        carol.is_asked()
        fits(carol, "incoming")
        carol.answers()
        carol.sees("You are talking to alice")
        see_each_other(alice, carol)
        fits(carol, "talking")
        carol.hangs_up()
        carol.sees("You hung up.")
        fits(carol, "ended")


def fits(person: Person, state: str) -> None:
    person.keeps(f"{state}-360")
    width = person.page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]


def test_a_call_needs_no_mouse(alice: Person, bob: Person) -> None:
    """Ring, answer and hang up by keyboard alone: the focus is where it is needed."""
    alice.page.keyboard.type("bob")
    alice.page.keyboard.press("Enter")
    bob.is_asked()
    bob.page.keyboard.press("Enter")
    bob.sees("You are talking to alice")
    bob.focuses("Hang up")
    bob.page.keyboard.press("Enter")

    alice.sees("bob hung up.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(browser: Browser, bob: Person, scheme: Any) -> None:
    """Axe finds nothing wrong by WCAG 2 A and AA, contrast included, in light and in dark."""
    with browser.person("dora", color_scheme=scheme, reduced_motion="reduce") as dora:
        assert dora.violations(AXE) == []
        bob.rings(dora)
        dora.is_asked()
        assert dora.violations(AXE) == []
        dora.answers()
        see_each_other(dora, bob)
        dora.keeps(f"talking-{scheme}-1280")
        assert dora.violations(AXE) == []


def test_without_a_camera_a_drawing_is_seen(browser: Browser, alice: Person) -> None:
    """Somebody who has no camera, or keeps it to themselves, is seen as a drawing that moves."""
    with browser.person("erik", is_drawn=True) as erik:
        talk(erik, alice)
        alice.keeps("drawn-1280")


def test_other_machines_come_in_by_https(network: Network, browser: Browser) -> None:
    """Elsewhere than on loopback the page has TLS, its tabs have tokens, and they can talk."""
    address = PEER_ADDRESS.partition("/")[0]
    with the_page(network, "--host", address, "--port", "8443") as url:
        assert url == f"https://{address}:8443/"
        elsewhere = replace(browser, url=url)
        with (
            elsewhere.person("fred", ignore_https_errors=True) as fred,
            elsewhere.person("gina", ignore_https_errors=True) as gina,
        ):
            talk(fred, gina)
            gina.reloads()
            gina.sees("You are talking to fred")
            see_each_other(fred, gina)


def test_the_page_keeps_to_its_types() -> None:
    """The page's sources pass the strict compiler, and are formatted."""
    npm = shutil.which("npm")
    assert npm is not None, "no npm: run scripts/install-e2e.sh"
    command = (npm, "run", "--silent", "check")
    done = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout
