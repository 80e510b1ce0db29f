"""What is sent, and what has to be the answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from grpc import StatusCode
from signaling.v1 import signaling_pb2 as pb

from tests.tokens import Issuer
from tests.transport.http2 import CONNECT

THEIRS: Final = "their-call"  # of people who have nothing to do with it
MINE: Final = "my-call"  # of the one who sends what is bad

Metadata = tuple[tuple[str, str], ...]


def with_token(issuer: Issuer) -> Metadata:
    """The credentials of the one who sends what is bad."""
    return issuer.bearer("mallory", "phone")


@dataclass(frozen=True, kw_only=True)
class Ended:
    """Ends the stream with a status and a fixed text.

    `sends` goes out as it is, on an RPC of its own; numbers and all.
    """

    sends: Sequence[pb.ConnectRequest | bytes] = ()
    status: StatusCode
    text: str
    metadata: Callable[[Issuer], Metadata] = with_token
    method: str = CONNECT


@dataclass(frozen=True, kw_only=True)
class Refused:
    """The last request is answered with an error, and the stream stays.

    `scene` is what part the sender has in `MINE`; requests are numbered as they are
    sent, and `hears` is what comes ahead of the error.
    """

    sends: Sequence[pb.ConnectRequest]
    error: pb.RequestError
    scene: str = "none"
    hears: Sequence[str] = ()


Case = Ended | Refused


def refused(
    code: pb.ErrorCode.ValueType, detail: str, *sends: pb.ConnectRequest, scene: str = "none"
) -> Refused:
    """A request that has an error and no more than that."""
    return Refused(sends=sends, error=pb.RequestError(code=code, detail=detail), scene=scene)
