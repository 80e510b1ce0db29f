"""The pulse of an event loop."""

import time

from signaling_service.metrics.pulse import INTERVAL, Pulse
from tests.valkey.waiting import until


async def beats(pulse: Pulse, count: int) -> None:
    """Wait until it has beaten so often."""

    async def has() -> bool:
        return pulse.lag.cumulated[-1] >= count

    await until(has)


async def test_loop_that_turns_has_a_pulse() -> None:
    """It was heard a moment ago, and each beat tells how late it was."""
    pulse = Pulse()
    pulse.start()

    await beats(pulse, 2)

    assert pulse.lag.total >= 0
    pulse.close()


async def test_loop_that_is_held_up_is_late() -> None:
    """By as long as something held it up, less what was left to the next beat."""
    pulse = Pulse()
    pulse.start()
    await beats(pulse, 1)

    held_up_until = time.monotonic() + 2 * INTERVAL
    while time.monotonic() < held_up_until:
        pass
    silence = pulse.silence
    await beats(pulse, 2)

    assert silence >= 2 * INTERVAL
    assert pulse.lag.total >= INTERVAL
    pulse.close()


async def test_pulse_that_is_taken_no_more() -> None:
    """It is silent for ever longer."""
    pulse = Pulse()
    pulse.start()
    pulse.close()

    first = pulse.silence

    assert pulse.silence > first
