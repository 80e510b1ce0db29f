"""What may be posted when, and how far all is done."""

from signaling.v1 import calls_pb2 as calls
from signaling.v1 import signaling_pb2 as pb

from signaling_service.webhook.window import SIZE, Window


def ended(number: int, call: str) -> calls.SignalingEvent:
    """A call is over."""
    return calls.SignalingEvent(cursor=f"{number}", call_ended=calls.CallEndedEvent(call_id=call))


def test_the_position_is_behind_what_is_done() -> None:
    """All of it: what is done ahead of it does not count yet."""
    window = Window("0")
    first, second = window.add(ended(1, "a")), window.add(ended(2, "b"))
    assert first is not None
    assert second is not None
    window.pass_over(ended(3, "c"))

    window.finish(second)
    assert (window.position, window.room) == ("0", SIZE - 3)
    window.finish(first)
    assert (window.position, window.room) == ("3", SIZE)


def test_a_call_is_told_in_order() -> None:
    """The next event of it once the one before is done."""
    window = Window("0")
    first = window.add(ended(1, "a"))
    assert first is not None
    assert window.add(ended(2, "a")) is None

    second = window.finish(first)
    assert second is not None
    assert second.event == ended(2, "a")
    assert window.finish(second) is None


def test_a_device_is_told_in_order() -> None:
    """That it comes and goes; other devices of its user are others."""
    window = Window("0")
    phone, tablet = (pb.Device(user_id="bob", device_id=name) for name in ("phone", "tablet"))
    come = calls.SignalingEvent(
        cursor="1", device_connected=calls.DeviceConnectedEvent(device=phone)
    )
    gone = calls.SignalingEvent(
        cursor="2", device_disconnected=calls.DeviceDisconnectedEvent(device=phone)
    )
    other = calls.SignalingEvent(
        cursor="3", device_connected=calls.DeviceConnectedEvent(device=tablet)
    )

    assert window.add(come) is not None
    assert window.add(gone) is None
    assert window.add(other) is not None
