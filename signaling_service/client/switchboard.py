"""Which call a response belongs to, and what the app is told of it. No I/O."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from signaling.v1 import signaling_pb2 as pb

from signaling_service.client.call import Call
from signaling_service.client.events import (
    CallEvent,
    Cause,
    Ended,
    Lost,
    Refused,
    call_event,
    ended_event,
)
from signaling_service.client.inbox import Inbox
from signaling_service.client.news import ClientEvent, Connected, IceServers, Incoming, Missed
from signaling_service.client.session import Session

GONE: Final = (pb.ERROR_CODE_CALL_NOT_FOUND, pb.ERROR_CODE_NOT_A_PARTY)


class Switchboard:
    """The calls of a device.

    Args:
        session: the device's.
        news: where the app reads what concerns no single call.
        send: how a call's requests get on their way.
    """

    def __init__(
        self,
        session: Session,
        news: Inbox[ClientEvent],
        send: Callable[[pb.ConnectRequest], None],
    ) -> None:
        self.welcome = pb.Welcome()  # the last one
        self.ice_servers: tuple[pb.IceServer, ...] = ()
        self._session = session
        self._news = news
        self._send = send
        self._calls: dict[str, Call] = {}
        self._backlog: list[Call] = []  # came while the device was away, and may be over by now

    @property
    def calls(self) -> Mapping[str, Call]:
        """The calls that are not over, by their id."""
        return MappingProxyType(self._calls)

    def place(self, call_id: str, offer: pb.SdpOffer) -> Call:
        """Begin a call."""
        call = Call(call_id, offer, self._request)
        self._send(pb.ConnectRequest(call_id=call_id, offer=offer))
        self._calls[call_id] = call
        return call

    def hear(self, response: pb.ConnectResponse) -> None:
        """Act on one response; each once and in order."""
        match response.WhichOneof("payload"):
            case "welcome":
                self._begin(response)
            case "ice_servers":
                self._serve(response.ice_servers.servers)
                self._news.put(IceServers(self.ice_servers))
            case "offer" if response.offer.negotiation <= 1:
                self._ring(response)
            case "error":
                self._refuse(response)
            case _:
                self._pass_on(response)
        if self._session.heard >= self.welcome.last_seq:
            self._announce()

    def lose(self, cause: Cause) -> None:
        """End every call without a word of the service."""
        for call in list(self._calls.values()):
            call.deliver(Lost(cause))
        self._calls.clear()

    def _begin(self, response: pb.ConnectResponse) -> None:
        self.welcome = welcome = response.welcome
        if self._session.begin(response):
            self._start_anew(welcome)
        self._serve(welcome.ice_servers)
        self._news.put(Connected(welcome.resumed, tuple(welcome.calls), welcome))

    def _start_anew(self, welcome: pb.Welcome) -> None:
        """The calls went with the old session; of some the service knows how they ended."""
        for snapshot in welcome.calls:
            call = self._calls.get(snapshot.call_id)
            if call is not None and snapshot.state == pb.CALL_STATE_ENDED:
                call.deliver(ended_event(snapshot.ended))
        self.lose(Cause.SESSION)
        # what rings still will be offered again
        self._backlog = [call for call in self._backlog if isinstance(call.ended, Ended)]

    def _ring(self, response: pb.ConnectResponse) -> None:
        call = Call(response.call_id, response.offer, self._request, response.sender)
        self._calls[call.call_id] = call
        self._backlog.append(call)  # unless it is none, it is announced at once

    def _announce(self) -> None:
        """Tell of calls that came, after all that had happened to them while nobody was there."""
        for call in self._backlog:
            self._news.put(Incoming(call) if call.ended is None else Missed(call))
        self._backlog.clear()

    def _request(self, request: pb.ConnectRequest) -> None:
        self._send(request)
        if request.HasField("hangup"):
            self._cancel(request.call_id)

    def _cancel(self, call_id: str) -> None:
        """End a call that was hung up before the service could store its offer."""
        call = self._calls.get(call_id)
        if call is not None and (hangup := self._session.outbox.cancel(call_id)) is not None:
            del self._calls[call_id]
            call.deliver(Ended(pb.END_REASON_CANCELLED, text=hangup.text))

    def _refuse(self, response: pb.ConnectResponse) -> None:
        if self._session.sends_again(response):
            self._cancel(response.call_id)
            return
        error = response.error
        request = self._session.name_of(error.in_reply_to)
        refused = Refused(request, error.code, error.detail, error)
        call = self._calls.get(response.call_id)
        if call is not None:
            self._deliver(call, refused)
            if error.HasField("ended"):
                self._deliver(call, ended_event(error.ended))
            elif request == "call" or error.code in GONE:
                self._deliver(call, Lost(Cause.REFUSED))
        elif not response.call_id:  # else it came second, and its call has ended
            self._news.put(refused)

    def _pass_on(self, response: pb.ConnectResponse) -> None:
        call, event = self._calls.get(response.call_id), call_event(response)
        if call is not None and event is not None:
            self._deliver(call, event)

    def _deliver(self, call: Call, event: CallEvent) -> None:
        call.deliver(event)
        if call.ended is not None:
            self._calls.pop(call.call_id, None)
        if call.ended is event:  # else it is hung up, and the service has yet to hear of it
            self._session.outbox.forget(call.call_id)

    def _serve(self, servers: Iterable[pb.IceServer]) -> None:
        self.ice_servers = tuple(servers)
