"""What an operator sees of a webhook: figures, and what is worth a line in the log."""

from collections.abc import Callable
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from signaling_service.webhook.receiver import SUCCESS, Answer

QUIET: Final = 10.0  # s; between two lines about the same

log = structlog.get_logger()


class Figures:
    """Counts posts in `registry`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._posts = Counter(
            "signaling_webhook_posts",
            "Posts, by what became of them: taken, refused (any other status), failed (none).",
            ["result"],
            registry=registry,
        )
        for result in ("taken", "refused", "failed"):
            self._posts.labels(result)
        self._lost = Counter(
            "signaling_webhook_events_lost",
            "Events that the receiver has not taken for an hour.",
            registry=registry,
        )
        self._retrying = Gauge(
            "signaling_webhook_retrying",
            "Events that were posted, were not taken, and will be posted again.",
            registry=registry,
        )
        self._oldest = Gauge(
            "signaling_webhook_oldest_seconds",
            "How long ago the oldest event happened that is not taken; 0 if all are.",
            registry=registry,
        )
        self._holds = Gauge(
            "signaling_webhook_active",
            "Whether this node is the one that posts.",
            registry=registry,
        )
        self._last = Answer(SUCCESS.start)
        self._is_failing, self._told_at = False, float("-inf")
        self._untold, self._lost_at = 0, float("-inf")

    def watch(self, age: Callable[[], float]) -> None:
        """Show the age of the oldest event, in seconds; called on another thread."""
        self._oldest.set_function(age)

    def holds(self, *, is_ours: bool) -> None:
        """From now on this node is the one that posts, or it is not any more."""
        self._holds.set(is_ours)
        self._retrying.set(0)
        if is_ours:
            log.info("webhook_claimed")
        else:
            log.info("webhook_released")

    def answered(self, answer: Answer, now: float) -> None:
        """A post was made."""
        if answer.is_taken:
            self._posts.labels("taken").inc()
        else:
            self._posts.labels("refused" if answer.status else "failed").inc()
        self._last = answer
        self.tell(now)

    def retries(self, change: int) -> None:
        """So many more events wait to be posted again, or fewer."""
        self._retrying.inc(change)

    def lost(self) -> None:
        """An event is too old to be posted."""
        self._lost.inc()
        self._untold += 1

    def tell(self, now: float, *, at_once: bool = False) -> None:
        """Log what was lost, and whether posts are taken; now and then."""
        if self._untold and (at_once or now - self._lost_at >= QUIET):
            log.error("webhook_events_lost", events=self._untold)
            self._untold, self._lost_at = 0, now
        if self._last.is_taken != self._is_failing or not (at_once or now - self._told_at >= QUIET):
            return
        # a receiver that takes every other post does not fill the log
        self._is_failing, self._told_at = not self._last.is_taken, now
        if self._is_failing:
            log.warning("webhook_failing", status=self._last.status, error=self._last.error)
        else:
            log.info("webhook_back")

    def lost_uncounted(self) -> None:
        """Nobody knows how many events fell out of the log."""
        log.error("webhook_events_lost", events="unknown")
