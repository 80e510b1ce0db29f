"""What is wrong with a request, and answered with an error; the stream stays."""

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration
from signaling.v1 import signaling_pb2 as pb

from tests.bad_inputs.case import MINE, THEIRS, Case, Refused, refused
from tests.devices import candidate, sdp

INVALID: Final = pb.ERROR_CODE_INVALID_MESSAGE
LARGE: Final = pb.ERROR_CODE_TOO_LARGE
MANY: Final = pb.ERROR_CODE_LIMIT_EXCEEDED
WRONG_STATE: Final = pb.ERROR_CODE_WRONG_STATE
BAD_ID: Final = "needs 1 to 128 printable characters, no spaces, braces or *"
BAD_CALL_ID: Final = "call_id: 1 to 64 of A-Z a-z 0-9 _ . : - are needed"
NO_CALL: Final = "there is no call with this call_id"
RINGING: Final = pb.Ringing()


def _ask(call_id: str = MINE, **payload: Any) -> pb.ConnectRequest:
    return pb.ConnectRequest(call_id=call_id, **payload)


def _offer(call_id: str = MINE, **fields: Any) -> pb.ConnectRequest:
    """A first offer that is all right but for these fields."""
    return _ask(call_id, offer=pb.SdpOffer(**{"recipient_user_id": "trent", **fields}))


def _candidates(*candidates: pb.IceCandidate) -> pb.ConnectRequest:
    return _ask(candidates=pb.IceCandidates(candidates=candidates))


def _line(line: str) -> pb.ConnectRequest:
    return _candidates(pb.IceCandidate(candidate=line))


def _answer() -> pb.ConnectRequest:
    return _ask(answer=pb.SdpAnswer(sdp=sdp()))


def _ended(reason: pb.EndReason.ValueType, user_id: str, device_id: str) -> pb.CallEnded:
    return pb.CallEnded(reason=reason, ended_by=pb.Device(user_id=user_id, device_id=device_id))


_FORM: Final[Mapping[str, Case]] = {
    "unknown payload": refused(
        INVALID,
        "unsupported: the request has no payload that this service knows",
        pb.ConnectRequest.FromString(b"\xf2\x3e\x03new"),  # field 1006
    ),
    "offer without sdp": refused(INVALID, "offer: needs sdp or sealed", _offer()),
    "empty sdp": refused(INVALID, "offer.sdp: is empty", _offer(sdp="")),
    "empty sealed": refused(INVALID, "offer.sealed: is empty", _offer(sealed=b"")),
    "sdp without v=0": refused(
        INVALID, "offer.sdp: does not start with v=0 (RFC 8866)", _offer(sdp="o=- 1 1")
    ),
    "sdp with NUL": refused(INVALID, "offer.sdp: has a NUL", _offer(sdp=sdp() + "\0")),
    "sdp over 32 KiB": refused(
        LARGE, "offer.sdp: 32769 bytes, at most 32768", _offer(sdp="v=0".ljust(32769))
    ),
    "answer over 32 KiB": refused(
        LARGE,
        "answer.sealed: 32769 bytes, at most 32768",
        _ask(answer=pb.SdpAnswer(sealed=bytes(32769))),
    ),
    "metadata over 1 KiB": refused(
        LARGE,
        "offer.metadata: 1025 bytes, at most 1024",
        _offer(sdp=sdp(), metadata={"a": "x" * 1024}),
    ),
    "metadata of 3,000 keys": refused(
        LARGE,
        "offer.metadata: 10890 bytes, at most 1024",
        _offer(sdp=sdp(), metadata={str(key): "" for key in range(3000)}),
    ),
    "metadata with an escape": refused(
        INVALID,
        "offer.metadata: has a control character",
        _offer(sdp=sdp(), metadata={"name": "\x1b[2J"}),
    ),
    "text over 1 KiB": refused(
        LARGE, "hangup.text: 1025 bytes, at most 1024", _ask(hangup=pb.Hangup(text="x" * 1025))
    ),
    "text with NUL": refused(
        INVALID, "hangup.text: has a control character", _ask(hangup=pb.Hangup(text="\0"))
    ),
    "body over 4 KiB": refused(
        LARGE,
        "app_message.body: 4097 bytes, at most 4096",
        _ask(app_message=pb.AppMessage(body=bytes(4097))),
    ),
    "content type of two lines": refused(
        INVALID,
        "app_message.content_type: has a control character",
        _ask(app_message=pb.AppMessage(content_type="a\r\nb")),
    ),
}
_RING: Final = "offer.ring_timeout: 5 to 180 s are possible"
_NANOS: Final = "offer.ring_timeout: its nanos are 0 to 999,999,999"
_DURATIONS: Final = {
    "-1 s": (Duration(seconds=-1), _RING),
    "0 s": (Duration(), _RING),
    "the most seconds": (Duration(seconds=2**63 - 1), _RING),
    "negative nanos": (Duration(seconds=6, nanos=-1), _NANOS),
    "too many nanos": (Duration(seconds=5, nanos=2**31 - 1), _NANOS),
}
_ENUMS: Final = {
    "offer.routing": _offer(sdp=sdp(), routing=999),
    "offer.offline_policy": _offer(sdp=sdp(), offline_policy=999),
    "reject.reason": _ask(reject=pb.Reject(reason=999)),  # type: ignore[arg-type]  # a newer client's
    "connection_state.state": _ask(connection_state=pb.ConnectionState(state=999)),  # type: ignore[arg-type]  # likewise
}
_IDS: Final = ["x" * 10_000, "a\n", "a\0", "a\u200b", "\u202ea", "a\u3164", "{x}", "*", "a b"]
_CALL_IDS: Final = ["", *_IDS, "é", "x" * 65]
_VALUES: Final[Mapping[str, Case]] = {
    **{
        f"ring timeout of {name}": refused(INVALID, text, _offer(sdp=sdp(), ring_timeout=value))
        for name, (value, text) in _DURATIONS.items()
    },
    **{
        f"{name} 999": refused(INVALID, f"{name}: 999 is unknown", request)
        for name, request in _ENUMS.items()
    },
    **{
        f"user {value[:9]!a}": refused(
            INVALID,
            f"offer.recipient_user_id: {BAD_ID}",
            _offer(sdp=sdp(), recipient_user_id=value),
        )
        for value in _IDS
    },
    **{
        f"device {value[:9]!a}": refused(
            INVALID,
            f"offer.recipient_device_id: {BAD_ID}",
            _offer(sdp=sdp(), recipient_device_id=value),
        )
        for value in ["", *_IDS]
    },
    **{
        f"call {value[:9]!a} of {len(value)}": refused(
            INVALID, BAD_CALL_ID, _ask(value, ringing=RINGING)
        )
        for value in _CALL_IDS
    },
    "candidates of a call {x}": refused(
        INVALID,
        BAD_CALL_ID,
        _ask("{x}", candidates=pb.IceCandidates(candidates=[candidate(1)])),
    ),
}
_OF_CANDIDATES: Final[Mapping[str, Case]] = {
    "no candidates": refused(
        INVALID, "candidates.candidates: at least one is needed", _candidates(), scene="in call"
    ),
    "33 candidates": refused(
        MANY,
        "candidates.candidates: 33, at most 32 in a message",
        _candidates(*map(candidate, range(33))),
        scene="in call",
    ),
    "257th candidate": refused(
        MANY,
        "candidates: 256 of 256 candidates of this ICE generation are used",
        *[_candidates(*map(candidate, range(32)))] * 8,
        _candidates(candidate(1)),
        scene="in call",
    ),
    "candidate of 1,025 bytes": refused(
        LARGE,
        "candidates.candidates[0].candidate: 1025 bytes, at most 1024",
        _line("x" * 1025),
        scene="in call",
    ),
    **{
        f"candidate with {mark!r}": refused(
            INVALID,
            "candidates.candidates[0].candidate: has a control character",
            _line(f"candidate:1{mark}a=x"),
            scene="in call",
        )
        for mark in "\r\n\0"
    },
    "mid of two lines": refused(
        INVALID,
        "candidates.candidates[1].sdp_mid: has a control character",
        _candidates(candidate(1), pb.IceCandidate(sdp_mid="0\r\na=x")),
        scene="in call",
    ),
    "m-line 65,536": refused(
        INVALID,
        "candidates.candidates[0].sdp_m_line_index: at most 65535",
        _candidates(pb.IceCandidate(sdp_m_line_index=65536)),
        scene="in call",
    ),
    "candidate of an older generation": Refused(
        sends=[
            _ask(offer=pb.SdpOffer(sdp=sdp("New1"))),
            _candidates(candidate(1), candidate(2, "New1")),
        ],
        error=pb.RequestError(
            code=pb.ERROR_CODE_STALE_CANDIDATE,
            detail="candidates.candidates: of an ICE generation that this device has left",
            candidate_indexes=[0],
        ),
        scene="in call",
    ),
}
_PARTY: Final[Mapping[str, Mapping[str, Any]]] = {
    "answer": {"answer": pb.SdpAnswer(sdp=sdp())},
    "candidates": {"candidates": pb.IceCandidates(candidates=[candidate(1)])},
    "hangup": {"hangup": pb.Hangup()},
    "reject": {"reject": pb.Reject()},
    "ringing": {"ringing": RINGING},
    "message": {"app_message": pb.AppMessage()},
    "offer": {"offer": pb.SdpOffer(sdp=sdp())},
    "state": {"connection_state": pb.ConnectionState(state=pb.PEER_CONNECTION_STATE_FAILED)},
}
_OF_CALLS: Final[Mapping[str, Case]] = {
    **{
        f"{name} in {whose}": refused(
            pb.ERROR_CODE_CALL_NOT_FOUND, NO_CALL, _ask(call_id, **payload)
        )
        for name, payload in _PARTY.items()
        for whose, call_id in (("somebody's call", THEIRS), ("no call", MINE))
    },
    "offer with a call_id in use": refused(
        pb.ERROR_CODE_CALL_ID_IN_USE,
        "call_id: is taken; choose an unguessable one, such as a UUID",
        _offer(THEIRS, sdp=sdp()),
    ),
    "offer to the device itself": refused(
        INVALID,
        "offer.recipient_device_id: is the calling device itself",
        _offer(sdp=sdp(), recipient_user_id="mallory", recipient_device_id="phone"),
    ),
    "9th call": Refused(
        sends=[_offer(f"{MINE}-{number}", sdp=sdp()) for number in range(9)],
        hears=["progress"] * 8,
        error=pb.RequestError(
            code=MANY, detail="offer: this device has 8 live calls, as many as it may have"
        ),
    ),
    "answer by the caller": refused(
        WRONG_STATE,
        "answer: not possible for the caller while the call is RINGING",
        _answer(),
        scene="caller",
    ),
    "offer by a ringing callee": refused(
        WRONG_STATE,
        "offer: not possible for the callee while the call is RINGING",
        _ask(offer=pb.SdpOffer(sdp=sdp())),
        scene="callee",
    ),
    "second answer": refused(
        WRONG_STATE, "answer: no offer of the peer is open", _answer(), scene="winner"
    ),
    "answer after another's": Refused(
        sends=[_answer()],
        error=pb.RequestError(
            code=WRONG_STATE,
            detail="the call is over for this device",
            ended=_ended(pb.END_REASON_ANSWERED_ELSEWHERE, "mallory", "tablet"),
        ),
        scene="loser",
    ),
    "answer after the end": Refused(
        sends=[_answer()],
        error=pb.RequestError(
            code=WRONG_STATE,
            detail="the call is over for this device",
            ended=_ended(pb.END_REASON_CANCELLED, "trent", "phone"),
        ),
        scene="cancelled",
    ),
}
_REFRESH: Final[Mapping[str, Case]] = {
    "refresh with no token": refused(
        pb.ERROR_CODE_NOT_ALLOWED,
        "refresh.access_token: token: is not a JWT",
        pb.ConnectRequest(refresh=pb.Refresh()),
    ),
    "refresh with 60 KB": refused(
        pb.ERROR_CODE_NOT_ALLOWED,
        "refresh.access_token: token: is not a JWT",
        pb.ConnectRequest(refresh=pb.Refresh(access_token="." * 60_000)),
    ),
}
CASES: Final[Mapping[str, Case]] = {
    **_FORM,
    **_VALUES,
    **_OF_CANDIDATES,
    **_OF_CALLS,
    **_REFRESH,
}
