"""A node of which only the webhook runs."""

from collections.abc import Collection
from pathlib import Path

from signaling_service.backends.claims import Claims
from signaling_service.clock import Clock
from signaling_service.core.errors import BackendAwayError
from signaling_service.metrics.node import Metrics
from signaling_service.webhook.figures import Figures
from signaling_service.webhook.log import Log
from signaling_service.webhook.poster import Parts, Poster
from signaling_service.webhook.receiver import TIMEOUT, Receiver
from signaling_service.webhook.signing import Secrets
from tests import canaries
from tests.valkey.waiting import until

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - a test's


class Passage:
    """A node's way to its claims, which may break off."""

    def __init__(self, claims: Claims) -> None:
        self.is_dead = False
        self._claims = claims

    async def claim(self, name: str, holder: str, seconds: float) -> str | None:
        """See `Claims.claim`."""
        self._pass()
        return await self._claims.claim(name, holder, seconds)

    async def advance(self, name: str, holder: str, position: str, seconds: float) -> bool:
        """See `Claims.advance`."""
        self._pass()
        return await self._claims.advance(name, holder, position, seconds)

    async def give_up(self, name: str, holder: str) -> None:
        """See `Claims.give_up`."""
        self._pass()
        await self._claims.give_up(name, holder)

    def _pass(self) -> None:
        if self.is_dead:
            raise BackendAwayError


class Node:
    """Posts what is in `log` to `url`, as long as it has the claim."""

    def __init__(  # noqa: PLR0913 - each is another part
        self,
        url: str,
        log: Log,
        claims: Claims,
        clock: Clock,
        file: Path,
        *,
        kinds: Collection[str] = (),
        timeout: float = TIMEOUT,
    ) -> None:
        canaries.plant(SECRET, SECRET.removeprefix("whsec_"))
        file.write_text(SECRET)
        metrics, figures = Metrics(), Figures()
        metrics.show(figures.show)
        self.registry = metrics.registry
        self._passage = Passage(claims)
        self.poster = Poster(
            Parts(log, self._passage, Receiver(url, timeout), Secrets(file), figures, clock), kinds
        )

    def figure(self, name: str, **labels: str) -> float | None:
        """What an operator reads."""
        return self.registry.get_sample_value(f"signaling_webhook_{name}", labels)

    async def counts(self, value: float, name: str, **labels: str) -> None:
        """Wait until an operator reads this."""

        async def is_so() -> bool:
            return self.figure(name, **labels) == value

        await until(is_so)

    async def is_active(self) -> None:
        """Wait until it is the one that posts."""
        await self.counts(1, "active")

    async def dies(self) -> None:
        """End without giving the claim up."""
        self._passage.is_dead = True
        await self.poster.close()
