"""Token buckets: what may happen at once, and in the long run."""

from signaling_service.core.buckets import BUCKETS_KEPT, UNLIMITED, Buckets, Rate, TokenBucket

RATE = Rate(per_second=2, burst=3)


def test_burst_then_rate() -> None:
    """The burst at once; then one whenever it has filled."""
    bucket = TokenBucket(RATE, now=0)

    assert [bucket.take(0) for _ in range(4)] == [2, 1, 0, -1]
    assert bucket.take(0.25) == -0.5
    assert bucket.take(0.5) == 0
    assert bucket.take(0.5) == -1


def test_what_is_refused_takes_nothing() -> None:
    """Asking again and again does not put the time off."""
    bucket = TokenBucket(RATE, now=0)
    for _ in range(100):
        bucket.take(0)

    assert bucket.take(0.5) == 0


def test_credit() -> None:
    """So far it may be overdrawn, and the debt is paid off first."""
    bucket = TokenBucket(RATE, now=0)

    assert [bucket.take(0, credit=2) for _ in range(6)] == [2, 1, 0, -1, -2, -3]
    assert [bucket.take(0, UNLIMITED) for _ in range(2)] == [-3, -4]
    assert bucket.take(2.5) == 0


def test_it_holds_no_more_than_the_burst() -> None:
    """However long nothing happens; and a clock that goes back takes nothing away."""
    bucket = TokenBucket(RATE, now=10)
    assert bucket.take(1000) == 2
    assert bucket.take(999) == 1


def test_full_buckets_are_forgotten() -> None:
    """What is kept is bounded by what happened lately; a bucket with debt is kept."""
    buckets: Buckets[str] = Buckets()
    buckets.take("busy", Rate(1e-9, 1), now=0)
    for number in range(10 * BUCKETS_KEPT):
        buckets.take(f"once-{number}", RATE, now=number)

    assert len(buckets) <= BUCKETS_KEPT
    assert buckets.take("busy", Rate(1e-9, 1), now=0) < 0


def test_a_rate_in_words() -> None:
    """As refusals name it."""
    assert str(Rate(0.5, 20)) == "at most 20 at once, then 0.5 a second"
