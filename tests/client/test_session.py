"""Numbers, acks and resume, without a stream."""

from signaling.v1 import signaling_pb2 as pb

from signaling_service.client.session import ACK_EVERY, REMEMBERED, Session


def welcome(*, resumed: bool = False, ack: int = 0, session_id: str = "a") -> pb.ConnectResponse:
    return pb.ConnectResponse(ack=ack, welcome=pb.Welcome(session_id=session_id, resumed=resumed))


def said(session: Session) -> list[tuple[int, int]]:
    """What the session writes now: seq and ack of every request."""
    written = []
    while (request := session.next_request()) is not None:
        written.append((request.seq, request.ack))
    return written


def ring() -> pb.ConnectRequest:
    return pb.ConnectRequest(call_id="a-call", ringing=pb.Ringing())


def a_session(requests: int = 0) -> Session:
    """Connected, and with so many requests written."""
    session = Session("app/1", {"os": "none"})
    session.begin(welcome())
    for _ in range(requests):
        session.add(ring())
    said(session)
    return session


def test_the_first_hello_remembers_nothing() -> None:
    """A process that starts names no session; the next hello names the one it has."""
    session = Session("app/1", {"os": "none"})
    first = session.hello()
    session.begin(welcome(session_id="s3cret"))

    assert not first.hello.HasField("session_id")
    assert (first.hello.agent, dict(first.hello.labels)) == ("app/1", {"os": "none"})
    assert session.hello().hello.session_id == "s3cret"


def test_what_was_added_before_the_first_welcome_is_sent_after_it() -> None:
    """An app need not wait for the connection."""
    session = Session()
    session.add(ring())
    session.begin(welcome())

    assert said(session) == [(1, 0)]


def test_a_resume_sends_again_what_lies_above_the_ack() -> None:
    """And only that, in order."""
    session = a_session(requests=3)
    session.add(ring())
    session.begin(welcome(resumed=True, ack=2))

    assert said(session) == [(3, 0), (4, 0)]


def test_acknowledged_requests_are_forgotten() -> None:
    """An ack covers everything up to it."""
    session = a_session(requests=3)
    session.hear(pb.ConnectResponse(ack=2))

    assert session.unacked == 1


def test_a_response_is_heard_once() -> None:
    """What comes again was heard before; what has no number always counts."""
    session = a_session()
    heard = [session.hear(pb.ConnectResponse(seq=seq)) for seq in (1, 2, 1, 2, 3, 0, 0)]

    assert heard == [True, True, False, False, True, True, True]


def test_an_ack_rides_on_a_request() -> None:
    """Then nothing is owed any more."""
    session = a_session()
    session.hear(pb.ConnectResponse(seq=1))
    session.add(ring())

    assert session.owes_ack
    assert said(session) == [(1, 1)]
    assert not session.owes_ack


def test_an_ack_is_due_after_so_many_responses() -> None:
    """A device that only listens acknowledges all the same."""
    session = a_session()
    due = []
    for seq in range(1, ACK_EVERY + 1):
        session.hear(pb.ConnectResponse(seq=seq))
        due.append(session.is_ack_due)

    assert due == [False] * (ACK_EVERY - 1) + [True]
    assert session.bare_ack() == pb.ConnectRequest(ack=ACK_EVERY)
    assert not session.is_ack_due


def test_a_hello_acknowledges() -> None:
    """On a resume nothing comes that was heard."""
    session = a_session()
    session.hear(pb.ConnectResponse(seq=1))

    assert session.hello().ack == 1


def test_a_fresh_session_drops_what_was_not_acknowledged_and_numbers_anew() -> None:
    """The requests were about calls that are no more."""
    session = a_session(requests=2)
    session.hear(pb.ConnectResponse(seq=1))
    was_lost = session.begin(welcome(session_id="another"))
    session.add(ring())

    assert was_lost
    assert session.unacked == 1
    assert said(session) == [(1, 0)]
    assert session.hear(pb.ConnectResponse(seq=1))


def test_requests_are_known_by_name_for_a_while() -> None:
    """A refusal says which request it refuses."""
    session = a_session()
    session.add(pb.ConnectRequest(offer=pb.SdpOffer(recipient_user_id="bob")))
    session.add(pb.ConnectRequest(offer=pb.SdpOffer()))
    said(session)
    named = [session.name_of(seq) for seq in (1, 2, 3)]
    for _ in range(REMEMBERED):
        session.add(ring())
    said(session)

    assert named == ["call", "offer", ""]
    assert [session.name_of(seq) for seq in (1, 3)] == ["", "ringing"]
