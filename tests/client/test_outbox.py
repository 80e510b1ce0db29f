"""What is sent again, when, and in which order, without a stream."""

from typing import Final

from signaling.v1 import signaling_pb2 as pb

from signaling_service.client.outbox import KEPT, Outbox

REMEMBERED: Final = 100
PAUSE: Final = 1.0


def about(call_id: str, kind: str) -> pb.ConnectRequest:
    """A request about a call; "call" is its first offer."""
    match kind:
        case "call":
            return pb.ConnectRequest(call_id=call_id, offer=pb.SdpOffer(recipient_user_id="bob"))
        case "hangup":
            return pb.ConnectRequest(call_id=call_id, hangup=pb.Hangup(text="bye"))
    return pb.ConnectRequest(call_id=call_id, app_message=pb.AppMessage(content_type=kind))


def an_outbox(*kinds: str) -> Outbox:
    """With requests about the call "a", waiting to be written."""
    outbox = Outbox(REMEMBERED)
    for kind in kinds:
        outbox.add(about("a", kind))
    return outbox


def what(request: pb.ConnectRequest) -> str:
    kind = request.WhichOneof("payload")
    return request.app_message.content_type if kind == "app_message" else kind or ""


def written(outbox: Outbox) -> list[tuple[int, str]]:
    """What is written now: seq and what it is."""
    requests = []
    while (request := outbox.next()) is not None:
        requests.append((request.seq, what(request)))
    return requests


def test_what_was_refused_goes_again_alone_after_the_pause() -> None:
    """Under a new number, and all that follows waits until it is stored."""
    outbox = an_outbox("1")
    first = written(outbox)
    was_taken = outbox.refuse(1, PAUSE)
    outbox.add(about("a", "2"))
    in_the_pause, pause = written(outbox), outbox.pause
    outbox.go_on()
    alone = written(outbox)
    outbox.acknowledge(2)

    assert was_taken
    assert (first, in_the_pause, pause, alone) == ([(1, "1")], [], PAUSE, [(2, "1")])
    assert written(outbox) == [(3, "2")]


def test_it_waits_for_the_answers_to_what_was_on_its_way() -> None:
    """They are refused too, mostly, and then keep their order."""
    outbox = an_outbox("1", "2", "3")
    written(outbox)
    outbox.refuse(1, PAUSE)
    outbox.go_on()
    before = outbox.has_next
    outbox.refuse(2, PAUSE)
    outbox.acknowledge(3)
    outbox.go_on()
    sent = written(outbox)
    outbox.acknowledge(4)

    assert not before
    assert sent + written(outbox) == [(4, "1"), (5, "2")]


def test_one_that_is_refused_again_goes_on_waiting() -> None:
    """As often as it takes, and nothing overtakes it."""
    outbox = an_outbox("1", "2")
    sent = written(outbox)
    for seq in (1, 2):
        outbox.refuse(seq, PAUSE)
    for seq in (3, 4):
        outbox.go_on()
        sent += written(outbox)
        outbox.refuse(seq, PAUSE)
    outbox.go_on()
    sent += written(outbox)
    outbox.acknowledge(5)

    assert sent == [(1, "1"), (2, "2"), (3, "1"), (4, "1"), (5, "1")]
    assert written(outbox) == [(6, "2")]


def test_an_ack_that_covers_a_refused_request_says_nothing_of_it() -> None:
    """It may even come before the refusal: a later request was stored, this one was not."""
    outbox = an_outbox("1", "2")
    written(outbox)
    outbox.acknowledge(2)
    was_taken = outbox.refuse(1, PAUSE)
    outbox.go_on()

    assert was_taken
    assert written(outbox) == [(3, "1")]


def test_a_resume_numbers_every_request_once_in_the_app_s_order() -> None:
    """The copy that was lost and the request that had not been written are one each."""
    outbox = an_outbox("1", "2")
    written(outbox)
    outbox.refuse(1, PAUSE)
    outbox.acknowledge(2)
    outbox.go_on()
    outbox.add(about("a", "3"))
    copy = written(outbox)
    outbox.resume(2)

    assert copy == [(3, "1")]
    assert written(outbox) == [(3, "1"), (4, "3")]


def test_a_resume_does_not_send_what_was_stored_although_it_was_refused() -> None:
    """The welcome's ack is its number: only the answer to it was lost. Below, nobody knows."""
    outbox = an_outbox("1", "2", "3")
    written(outbox)
    for seq in (1, 2, 3):
        outbox.refuse(seq, PAUSE)
    outbox.go_on()
    copy = written(outbox)
    outbox.resume(2)

    assert copy == [(4, "1")]
    assert written(outbox) == [(3, "1"), (4, "3")]


def test_names_are_those_of_the_numbers_in_use() -> None:
    """What a resume takes back has no name, until its number is another's."""
    outbox = an_outbox("call", "hangup")
    written(outbox)
    outbox.refuse(1, PAUSE)
    outbox.resume(0)
    cleared = [outbox.name_of(seq) for seq in (1, 2)]
    outbox.cancel("a")
    written(outbox)

    assert cleared == ["", ""]
    assert [outbox.name_of(seq) for seq in (1, 2)] == ["call", "hangup"]


def test_a_call_that_is_over_needs_nothing_more() -> None:
    """Neither what waits nor what is refused later; other calls go on."""
    outbox = an_outbox("1", "2")
    outbox.add(about("b", "3"))
    written(outbox)
    outbox.refuse(1, PAUSE)
    outbox.forget("a")
    for seq in (2, 3):
        outbox.refuse(seq, PAUSE)
    outbox.go_on()

    assert written(outbox) == [(4, "3")]


def test_an_offer_is_taken_back_when_its_call_is_hung_up() -> None:
    """Only the hangup goes out: the offer may have been stored, and must not come late."""
    outbox = an_outbox("call", "1")
    written(outbox)
    before = outbox.cancel("a")
    outbox.refuse(1, PAUSE)
    outbox.add(about("a", "hangup"))
    hangup = outbox.cancel("a")
    outbox.refuse(2, PAUSE)
    outbox.go_on()

    assert (before, hangup) == (None, pb.Hangup(text="bye"))
    assert written(outbox) == [(3, "hangup")]


def test_a_hangup_that_was_on_its_way_takes_the_offer_back_too() -> None:
    """It needs no second request, unless it is refused itself."""
    outbox = an_outbox("call", "hangup")
    written(outbox)
    outbox.refuse(1, PAUSE)
    hangup = outbox.cancel("a")
    stored = len(outbox)
    outbox.refuse(2, PAUSE)
    outbox.go_on()

    assert (hangup, stored) == (pb.Hangup(text="bye"), 1)
    assert written(outbox) == [(3, "hangup")]


def test_an_offer_on_its_way_is_not_taken_back() -> None:
    """The service puts it and the hangup into one order."""
    outbox = an_outbox("call")
    written(outbox)
    outbox.refuse(1, PAUSE)
    outbox.go_on()
    written(outbox)
    outbox.add(about("a", "hangup"))

    assert outbox.cancel("a") is None


def test_what_has_overtaken_its_call_s_offer_goes_again_behind_it() -> None:
    """The service knew no such call; a request that came after the offer has no such excuse."""
    outbox = an_outbox("call", "1")
    written(outbox)
    outbox.refuse(1, PAUSE)
    outbox.acknowledge(2)
    overtook = outbox.has_overtaken(2)
    outbox.go_on()
    sent = written(outbox)
    outbox.acknowledge(3)
    sent += written(outbox)

    assert overtook
    assert sent == [(3, "offer"), (4, "1")]
    assert not outbox.has_overtaken(4)


def test_a_stream_that_is_left_holds_nothing_back() -> None:
    """It is the last chance."""
    outbox = an_outbox("1", "2")
    written(outbox)
    outbox.refuse(1, PAUSE)
    outbox.release()

    assert written(outbox) == [(3, "1")]


def test_what_is_remembered_is_bounded() -> None:
    """A refusal that comes far too late is one for the app; a long outage costs no memory."""
    outbox = an_outbox(*["1"] * (KEPT + 1))
    written(outbox)
    outbox.acknowledge(KEPT + 1)
    outbox.add(about("a", "2"))
    for seq in range(KEPT + 2, KEPT + 2 + 2 * REMEMBERED):
        outbox.go_on()
        written(outbox)
        assert outbox.refuse(seq, PAUSE)
    outbox.resume(KEPT + 2)  # so long ago that nobody knows

    assert not outbox.refuse(1, PAUSE)
    assert written(outbox) == [(KEPT + 3, "2")]


def test_a_new_stream_brings_its_own_credentials() -> None:
    """A token that the old one may have got is not sent again: by now it is the older one."""
    outbox = an_outbox("1")
    outbox.add(pb.ConnectRequest(refresh=pb.Refresh(access_token="old")))  # noqa: S106 - no secret
    outbox.add(about("a", "2"))
    written(outbox)
    outbox.add(pb.ConnectRequest(refresh=pb.Refresh(access_token="new")))  # noqa: S106 - no secret
    outbox.resume(0)

    assert written(outbox) == [(1, "1"), (2, "2"), (3, "refresh")]
