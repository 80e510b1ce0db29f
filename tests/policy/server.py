"""A policy that tests script: a real `CallPolicyService`, and what it was asked."""

import asyncio
from typing import Any, Final

import grpc
from signaling.v1 import policy_pb2 as pb

from signaling_service.policy.remote import METHOD
from tests.devices import PATIENCE

ALLOWED: Final = pb.MayCallResponse(verdict=pb.CALL_VERDICT_ALLOWED).SerializeToString()
NOT_ALLOWED: Final = pb.MayCallResponse(verdict=pb.CALL_VERDICT_NOT_ALLOWED).SerializeToString()
OPENLY: Final = pb.MayCallResponse(verdict=pb.CALL_VERDICT_NOT_ALLOWED_OPENLY).SerializeToString()

Context = grpc.aio.ServicerContext[bytes, bytes]


class PolicyServer:
    """Answers with `answers` by the called user, else yes; in bytes, for they may be garbage."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        self.statuses: dict[str, grpc.StatusCode] = {}  # errors instead, by the called user
        self.asked: list[pb.MayCallRequest] = []
        self.called_off = 0  # questions that nobody waits for any more
        self.port = 0
        self._held: dict[str, asyncio.Event] = {}
        self._has_moved = asyncio.Condition()
        self._server: grpc.aio.Server | None = None

    @property
    def url(self) -> str:
        """The setting that names it."""
        return f"grpc://127.0.0.1:{self.port}"

    async def start(self, credentials: grpc.ServerCredentials | None = None) -> None:
        """Listen; the second time at the same port."""
        # two servers at a port would each get some of the questions
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        method: grpc.RpcMethodHandler[Any, Any] = grpc.unary_unary_rpc_method_handler(self._answer)
        _, service, name = METHOD.split("/")
        handler = grpc.method_handlers_generic_handler(service, {name: method})
        self._server.add_generic_rpc_handlers((handler,))
        address = f"127.0.0.1:{self.port}"
        if credentials is None:
            self.port = self._server.add_insecure_port(address)
        else:
            self.port = self._server.add_secure_port(address, credentials)
        await self._server.start()

    async def stop(self) -> None:
        """Be gone, and break off what is under way."""
        if self._server is not None:
            await self._server.stop(grace=None)
        self._server = None

    def holds(self, callee_user_id: str) -> asyncio.Event:
        """Let questions about this user wait until the event is set."""
        return self._held.setdefault(callee_user_id, asyncio.Event())

    async def is_asked(self, times: int) -> None:
        """Wait until so many questions have come."""
        await self._until(lambda: len(self.asked) >= times)

    async def has_called_off(self, times: int) -> None:
        """Wait until so many questions were called off."""
        await self._until(lambda: self.called_off >= times)

    async def _until(self, condition: Any) -> None:
        async with asyncio.timeout(PATIENCE), self._has_moved:
            await self._has_moved.wait_for(condition)

    async def _answer(self, data: bytes, context: Context) -> bytes:
        request = pb.MayCallRequest.FromString(data)
        callee = request.callee_user_id
        self.asked.append(request)
        await self._moved()
        try:
            if callee in self._held:
                await self._held[callee].wait()
        except asyncio.CancelledError:
            self.called_off += 1
            await self._moved()
            raise
        if callee in self.statuses:
            context.set_code(self.statuses[callee])
            context.set_details("secret words about bob")
        return self.answers.get(callee, ALLOWED)

    async def _moved(self) -> None:
        async with self._has_moved:
            self._has_moved.notify_all()
