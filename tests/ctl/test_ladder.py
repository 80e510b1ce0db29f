"""How a trace is drawn: what was refused, what the service did by itself, what nobody heard."""

import pytest
from signaling.v1 import calls_pb2 as calls
from signaling.v1 import signaling_pb2 as pb

from signaling_service.ctl.trace import drawing

from .story import LAPTOP, PHONE, TABLET, entry, to, trace

RINGING = pb.CALL_STATE_RINGING
ANSWERED = pb.CALL_STATE_ANSWERED
ENDED = pb.CALL_STATE_ENDED

TWO_PHONES = """\
          alice             service              bob                bob
         laptop                                 phone             tablet
  0.000s    ├───── offer ─────▶│                  │                  │
            │              ● RINGING              │                  │
            │                  ├───── offer ─────▶│                  │  ✓ 2 ms
            │                  ├──────────────────┼───── offer ─────▶│  ✓ 1.2 s
  0.500s    │                  │◀─── ringing ─────┤                  │
            │◀─── progress ────┤                  │                  │  ✓ 2 ms
  2.000s    │                  │◀──── answer ─────┤                  │
            │             ● ANSWERED              │                  │
            │◀──── answer ─────┤                  │                  │  ✓ 2 ms
            │                  ├──── progress ───▶│                  │  ✓ 2 ms
            │                  ├──────────────────┼───── ended ─────▶│  … no ack
  2.010s    │                  │◀──── answer ─────┼──────────────────┤
            │            ✗ WRONG_STATE            │                  │
            │                  │                  │                  │
ANSWERED after 2.0 s; 5 acknowledged within 1.2 s, 1 not"""

TIMERS = """\
          alice               service                bob
         laptop                                     phone
  0.000s    ├────── offer ──────▶│                    │
            │                ● RINGING                │
            │                    ├────── offer ──────▶│  … no ack
  1.000s    │                    │      ◆ stream lost │
 60.000s    │                 ◆ timer                 │
            │            ● ENDED NO_ANSWER            │
            │◀───── ended ───────┤                    │  ✓ 2 ms
            │                    ├────── ended ──────▶│  ✗ dropped
            │                    │                    │
ENDED NO_ANSWER after 1m 00s; 1 acknowledged within 2 ms, 2 not"""


def drawn(response: calls.GetCallTraceResponse) -> str:
    """The ladder as a terminal of 80 columns without colours has it."""
    lines = [line.plain for line in drawing(response)]
    return "\n".join(line.rstrip() for line in lines)


def many_devices(count: int) -> calls.GetCallTraceResponse:
    """A call that rings at so many devices, and everything that has a long name."""
    phones = [pb.Device(user_id="bob", device_id=f"phone-{number}") for number in range(count)]
    offer = entry(0, LAPTOP, "offer", *(to(each, "offer") for each in phones), state=RINGING)
    kinds = ("connection_state", "app_message", "candidates", "reconnect", "progress")
    rest = [entry(1, phones[0], kind, to(LAPTOP, kind), state=RINGING) for kind in kinds]
    end = entry(
        9, None, "terminate", to(LAPTOP, "ended"), state=ENDED, reason=pb.END_REASON_EXPIRED
    )
    return trace(offer, *rest, end)


def test_a_refused_answer() -> None:
    """Who is refused sees an arrow, and below it with what; who has not acknowledged is shown."""
    rings = entry(0.5, PHONE, "ringing", to(LAPTOP, "progress"), state=RINGING)
    offer = entry(0, LAPTOP, "offer", to(PHONE, "offer"), to(TABLET, "offer", 1.2), state=RINGING)
    heard = (to(LAPTOP, "answer"), to(PHONE, "progress"), to(TABLET, "ended", None))
    answer = entry(2, PHONE, "answer", *heard, state=ANSWERED)
    late = entry(2.01, TABLET, "answer", state=ANSWERED, error=pb.ERROR_CODE_WRONG_STATE)

    assert drawn(trace(offer, rings, answer, late)) == TWO_PHONES


def test_timers_and_lost_streams() -> None:
    """What nobody sent is a mark: at the service, or at the device that it happened to."""
    offer = entry(0, LAPTOP, "offer", to(PHONE, "offer", None), state=RINGING)
    lost = entry(1, PHONE, "detached", state=RINGING)
    heard = (to(LAPTOP, "ended"), to(PHONE, "ended", None, dropped=True))
    rung_out = entry(60, None, "deadline", *heard, state=ENDED, reason=pb.END_REASON_NO_ANSWER)

    assert drawn(trace(offer, lost, rung_out)) == TIMERS


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_it_fits_into_80_columns(count: int) -> None:
    """With two to five devices, whatever they say; each message has its name or a short one."""
    text = drawn(many_devices(count))

    assert max(map(len, text.splitlines())) <= 80
    for one_of in (("connection_state", "state"), ("message",), ("candidates", "cands")):
        assert any(name in text for name in one_of)


def test_more_devices_take_more_columns() -> None:
    """Nothing is left out: the lines become longer."""
    text = drawn(many_devices(7))

    assert all(f"phone-{number}" in text for number in range(7))


def test_what_was_not_kept_is_marked() -> None:
    """Of a long call the middle is missing; the ladder says where."""
    offer = entry(0, LAPTOP, "offer", to(PHONE, "offer"), state=RINGING)
    more = [entry(1, LAPTOP, "candidates", state=RINGING) for _ in range(250)]

    lines = drawn(trace(offer, *more, truncated=True)).splitlines()

    (gap,) = (index for index, line in enumerate(lines) if "more than is kept" in line)
    assert len([line for line in lines[:gap] if "candidates" in line]) == 199


def test_names_cannot_draw() -> None:
    """A device that calls itself a command of the terminal is shown, not obeyed."""
    evil = pb.Device(user_id="[red]eve", device_id="\x1b[2J\u202epad")
    offer = entry(0, evil, "offer", to(PHONE, "offer"), state=RINGING)

    text = drawn(trace(offer))

    assert "[red]eve" in text
    assert "\\x1b[2J\\u202epad" in text


def test_nothing_is_known() -> None:
    """A trace without entries is said to be one."""
    assert drawn(trace()) == "nothing is known of it"
