"""Real Chromium in a network of its own, and the people who try calls on the page with it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import expect, sync_playwright

from .network import Network

TIMEOUT: Final = 20_000  # ms, for what happens at once, on a busy machine
FLAGS: Final = (
    "--no-sandbox",  # it runs as root, in a namespace of its own
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--disable-features=WebRtcHideLocalIpsWithMdns",  # nobody answers mDNS there
    "--autoplay-policy=no-user-gesture-required",
)
LAPTOP: Final = {"width": 1280, "height": 900}
PHONE: Final = {"width": 360, "height": 740}

# frames of the other's picture that this tab has decoded, counted by the browser
REMOTE: Final = "document.querySelector('#remote')"
DECODED: Final = f"{REMOTE}.getVideoPlaybackQuality().totalVideoFrames"


@dataclass(frozen=True)
class Browser:
    """A running Chromium, and the page that it opens."""

    chromium: Any
    url: str
    artifacts: Path

    @contextmanager
    def person(
        self, name: str, viewport: Any = LAPTOP, *, is_drawn: bool = False, **options: Any
    ) -> Iterator["Person"]:
        """Somebody who has signed in, in a tab that shares nothing with another."""
        context = self.chromium.new_context(viewport=viewport, bypass_csp=True, **options)
        context.set_default_timeout(TIMEOUT)
        try:
            person = Person(name, context.new_page(), self)
            person.opens_the_page()
            person.signs_in(is_drawn=is_drawn)
            yield person
            assert person.mistakes == []
        finally:
            context.close()


class Person:
    """Somebody in front of a tab: what they do, and what they see."""

    def __init__(self, name: str, page: Any, browser: Browser) -> None:
        self.name = name
        self.page = page
        self.mistakes: list[str] = []  # of the page's scripts
        self._browser = browser
        page.on("pageerror", lambda error: self.mistakes.append(str(error)))

    def opens_the_page(self) -> None:
        """Go to the page."""
        self.page.goto(self._browser.url)

    def signs_in(self, *, is_drawn: bool) -> None:
        """Fill in the first form."""
        self.page.get_by_label("Show a moving drawing").set_checked(is_drawn)
        self.page.get_by_label("Your name").fill(self.name)
        self.presses("Sign in")
        self.sees("Ready. Ring somebody")

    def presses(self, button: str) -> None:
        """Press a button by its name."""
        self.page.get_by_role("button", name=button, exact=True).click()

    def rings(self, whom: "Person | str") -> None:
        """Call somebody."""
        name = whom if isinstance(whom, str) else whom.name
        self.page.get_by_label("Whom to ring").fill(name)
        self.presses("Ring")

    def answers(self) -> None:
        """Take the call that rings."""
        self.presses("Answer")

    def declines(self) -> None:
        """Decline the call that rings."""
        self.presses("Decline")

    def hangs_up(self) -> None:
        """End the call."""
        self.presses("Hang up")

    def drops_the_network(self) -> None:
        """Use the page's own button."""
        self.presses("Drop the network for 10 s")

    def reloads(self) -> None:
        """Load the page again."""
        self.page.reload()

    def sees(self, status: str) -> None:
        """The status line says so, or will in time."""
        expect(self.page.locator("#status")).to_contain_text(status, timeout=TIMEOUT)

    def is_shown(self, message: str) -> None:
        """The ladder has a message that goes like this, or will in time."""
        rows = self.page.locator("#ladder li").filter(has_text=message)
        expect(rows.last).to_be_attached(timeout=TIMEOUT)

    def is_asked(self) -> None:
        """The dialog of an incoming call is there."""
        expect(self.page.get_by_role("dialog", name="Incoming call")).to_be_visible(timeout=TIMEOUT)

    def is_asked_no_more(self) -> None:
        """It is not."""
        expect(self.page.get_by_role("dialog")).to_be_hidden(timeout=TIMEOUT)

    def has_line(self, state: str) -> None:
        """Whether it is connected to the service, as the page says."""
        expect(self.page.locator("#connection")).to_have_text(state, timeout=TIMEOUT)

    def sees_moving_pictures(self) -> None:
        """More and more frames of the other are decoded."""
        before = self.page.evaluate(DECODED)
        self.page.wait_for_function(f"{DECODED} > {before} + 5", timeout=TIMEOUT)

    def hears_sound(self) -> None:
        """The other's sound is being played."""
        self.page.wait_for_function(f"{REMOTE}.srcObject?.getAudioTracks()[0]?.muted === false")
        self.page.wait_for_function(f"{REMOTE}.currentTime > 0.5", timeout=TIMEOUT)

    def flows(self) -> int:
        """How often sound and picture have begun to flow, by the ladder."""
        return int(self._flowing().count())

    def flows_again(self, before: int) -> None:
        """They have begun more often than before, or will in time."""
        expect(self._flowing()).to_have_count(before + 1, timeout=TIMEOUT)

    def _flowing(self) -> Any:
        return self.page.locator("#ladder li").filter(has_text="both ways")

    def focuses(self, button: str) -> None:
        """A button has the focus, and may be pressed by the keyboard."""
        expect(self.page.get_by_role("button", name=button)).to_be_focused(timeout=TIMEOUT)

    def violations(self, axe: Path) -> list[str]:
        """What axe finds wrong with the page as it is."""
        self.page.evaluate(axe.read_text())
        found = self.page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']})")
        return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found["violations"]]

    def keeps(self, name: str) -> None:
        """Keep a picture of the page, for people to look at."""
        is_asked = self.page.get_by_role("dialog").is_visible()  # it covers what is in view alone
        path = self._browser.artifacts / f"{name}.png"
        self.page.screenshot(path=path, full_page=not is_asked, animations="disabled")


@contextmanager
def browsing(network: Network, url: str, artifacts: Path, directory: Path) -> Iterator[Browser]:
    """Chromium in a network."""
    chromium = shutil.which("chromium")
    assert chromium is not None, "no Chromium: run scripts/install-e2e.sh"
    command = directory / "chromium"
    command.write_text(f'#!/bin/sh\nexec {" ".join(network.command(chromium))} "$@"\n')
    command.chmod(0o755)
    artifacts.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=command, args=list(FLAGS))
        try:
            yield Browser(running, url, artifacts)
        finally:
            running.close()
