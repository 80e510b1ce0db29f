"""Lists of calls in pages (AIP-158): what a token says, and how a page is filled."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Final

from signaling.v1 import calls_pb2
from signaling.v1 import signaling_pb2 as pb

from signaling_service.backends.archive import Archive, Place
from signaling_service.core.requests import is_valid_id
from signaling_service.snapshots import call_of
from signaling_service.transport.rich import invalid

PAGE_SIZE: Final = 50
MAX_PAGE_SIZE: Final = 1000
LOOK_AT_ONCE: Final = 200  # calls that are read in one go
LOOK_AT_MOST: Final = 2000  # for a page: fewer than were asked for may be found


async def page_of(
    archive: Archive, request: calls_pb2.ListCallsRequest
) -> calls_pb2.ListCallsResponse:
    """A page of calls.

    Raises:
        StreamEndedError: a field is not as it has to be.
    """
    size = _check(request)
    user_id = request.user_id if request.HasField("user_id") else None
    place = _place_in(request) if request.page_token else None
    found: list[calls_pb2.Call] = []
    looked_at = 0
    while True:
        most = LOOK_AT_ONCE if request.state else min(size - len(found), LOOK_AT_ONCE)
        calls = await archive.calls(user_id, place, most)
        for call in calls:
            place = Place(call.created_at, call.call_id)
            if request.state in (pb.CALL_STATE_UNSPECIFIED, call.state):
                found.append(call_of(call))
            if len(found) == size:
                return _page(found, place, request)
        looked_at += len(calls)
        if len(calls) < most:
            return _page(found, None, request)
        if looked_at >= LOOK_AT_MOST:
            return _page(found, place, request)


def _page(
    found: Sequence[calls_pb2.Call], place: Place | None, request: calls_pb2.ListCallsRequest
) -> calls_pb2.ListCallsResponse:
    """What was found; the next page goes on behind a place, if there is one."""
    token = "" if place is None else _token(place, request)
    return calls_pb2.ListCallsResponse(calls=found, next_page_token=token)


def _check(request: calls_pb2.ListCallsRequest) -> int:
    """How many calls a page has; a larger one is not given (AIP-158)."""
    if request.page_size < 0:
        raise invalid("page_size", "is negative")
    if request.HasField("user_id") and not is_valid_id(request.user_id):
        raise invalid("user_id", "is no id of a user")
    if request.state not in pb.CallState.values():
        raise invalid("state", "is no CallState")
    return min(request.page_size or PAGE_SIZE, MAX_PAGE_SIZE)


def _filters(request: calls_pb2.ListCallsRequest) -> list[object]:
    return [request.user_id, request.state]


def _token(place: Place, request: calls_pb2.ListCallsRequest) -> str:
    told = json.dumps([*place, *_filters(request)])
    return urlsafe_b64encode(told.encode()).decode()


def _place_in(request: calls_pb2.ListCallsRequest) -> Place:
    try:
        created_at, call_id, *filters = json.loads(urlsafe_b64decode(request.page_token))
        place = Place(float(created_at), str(call_id))
    except (ValueError, TypeError, RecursionError):
        raise invalid("page_token", "is none of this service") from None
    if filters != _filters(request):
        raise invalid("page_token", "is of a list with other filters")
    return place
