"""What an operator reads of a webhook is enough, and not too much."""

from structlog.testing import capture_logs

from signaling_service.webhook.figures import QUIET, Figures
from signaling_service.webhook.receiver import Answer

TAKEN = Answer(204)
REFUSED = Answer(500)


def test_a_receiver_that_takes_every_other_post_does_not_fill_the_log() -> None:
    """It is said when it begins to fail, then how it is, every while."""
    figures = Figures()
    with capture_logs() as lines:
        for number in range(100):
            figures.answered(REFUSED if number % 2 else TAKEN, now=QUIET / 50 * number)

    assert [line["event"] for line in lines] == ["webhook_failing", "webhook_back"]
    assert lines[0]["status"] == 500


def test_that_it_is_back_is_said_though_nothing_happens() -> None:
    """Once the last post was taken."""
    figures = Figures()
    with capture_logs() as lines:
        figures.answered(REFUSED, now=0.0)
        figures.answered(TAKEN, now=1.0)
        figures.tell(now=QUIET - 1)
        assert len(lines) == 1
        figures.tell(now=QUIET)
        figures.tell(now=2 * QUIET)

    assert [line["event"] for line in lines] == ["webhook_failing", "webhook_back"]


def test_losses_are_told_in_sums() -> None:
    """The first at once, the others together."""
    figures = Figures()
    with capture_logs() as lines:
        for number in range(10):
            figures.lost()
            figures.tell(now=number)
        figures.tell(now=QUIET)

    assert [line["events"] for line in lines] == [1, 9]
