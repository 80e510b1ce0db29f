"""What an operator sees of a webhook: figures, and what is worth a line in the log."""

from collections.abc import Callable, Iterable
from typing import Final

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from signaling_service.webhook.receiver import SUCCESS, Answer

QUIET: Final = 10.0  # s; between two lines about the same

log = structlog.get_logger()


class Figures:
    """What is counted, as plain numbers; `show` makes families of them, on any thread."""

    def __init__(self) -> None:
        self._posts = {"taken": 0, "refused": 0, "failed": 0}
        self._lost = 0
        self._retrying = 0
        self._is_ours = False
        self._age: Callable[[], float] = lambda: 0.0
        self._last = Answer(SUCCESS.start)
        self._is_failing, self._told_at = False, float("-inf")
        self._untold, self._lost_at = 0, float("-inf")

    def watch(self, age: Callable[[], float]) -> None:
        """Let `age` say how old the oldest event is, in seconds; called on another thread."""
        self._age = age

    def show(self) -> Iterable[Metric]:
        """What Prometheus gets."""
        name = "signaling_webhook_"
        posts = CounterMetricFamily(
            f"{name}posts", "Posts, by what became of them.", labels=["result"]
        )
        for result, count in self._posts.items():
            posts.add_metric([result], count)
        yield posts
        lost = "Events that the receiver has not taken for an hour."
        yield CounterMetricFamily(f"{name}events_lost", lost, value=self._lost)
        retrying = "Events that were posted and not taken, and will be posted again."
        yield GaugeMetricFamily(f"{name}retrying", retrying, value=self._retrying)
        oldest = "How long ago the oldest event happened that is not taken; 0 if all are."
        yield GaugeMetricFamily(f"{name}oldest_seconds", oldest, value=self._age())
        active = "Whether this node is the one that posts."
        yield GaugeMetricFamily(f"{name}active", active, value=int(self._is_ours))

    def holds(self, *, is_ours: bool) -> None:
        """From now on this node is the one that posts, or it is not any more."""
        self._is_ours, self._retrying = is_ours, 0
        if is_ours:
            log.info("webhook_claimed")
        else:
            log.info("webhook_released")

    def answered(self, answer: Answer, now: float) -> None:
        """A post was made."""
        result = "taken" if answer.is_taken else "refused" if answer.status else "failed"
        self._posts[result] += 1
        self._last = answer
        self.tell(now)

    def retries(self, change: int) -> None:
        """So many more events wait to be posted again, or fewer."""
        self._retrying += change

    def lost(self) -> None:
        """An event is too old to be posted."""
        self._lost += 1
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
