"""A policy that is asked over gRPC: `signaling.v1.CallPolicyService`."""

from collections.abc import Mapping
from typing import Final

import grpc
from google.protobuf.message import DecodeError
from signaling.v1 import policy_pb2 as pb

from signaling_service.core.model import Device, Verdict
from signaling_service.policy.base import PolicyFailedError
from signaling_service.policy.location import PolicyLocation

_SERVICE: Final = pb.DESCRIPTOR.services_by_name["CallPolicyService"]
METHOD: Final = f"/{_SERVICE.full_name}/{_SERVICE.methods_by_name['MayCall'].name}"
OPTIONS: Final = (
    ("grpc.enable_http_proxy", 0),  # straight to it, whatever the environment says
    ("grpc.max_receive_message_length", 1024),  # bytes; a verdict has two
    # a machine that has vanished: without a keepalive, TCP takes a quarter of an hour to say so
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3000),
    # it is there again: gRPC itself waits up to two minutes before it looks
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 3000),
    ("grpc.max_reconnect_backoff_ms", 1000),
)
Ask = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]
VERDICTS: Final[Mapping[int, Verdict]] = {
    pb.CALL_VERDICT_ALLOWED: Verdict.ALLOWED,
    pb.CALL_VERDICT_NOT_ALLOWED: Verdict.NOT_ALLOWED,
    pb.CALL_VERDICT_NOT_ALLOWED_OPENLY: Verdict.NOT_ALLOWED_OPENLY,
}


class RemotePolicy:
    """A `CallPolicy` that asks a `CallPolicyService`. It sets no timeout: whoever asks does."""

    def __init__(self, location: PolicyLocation) -> None:
        self._location = location
        self._channel: grpc.aio.Channel | None = None
        self._ask: Ask | None = None

    async def start(self) -> None:
        """See `CallPolicy.start`; whether the service is there, the first call will tell.

        Raises:
            OSError: the file with its roots cannot be read.
        """
        address, is_tls, ca = self._location
        if is_tls:
            credentials = grpc.ssl_channel_credentials(ca.read_bytes() if ca else None)
            self._channel = grpc.aio.secure_channel(address, credentials, OPTIONS)
        else:
            self._channel = grpc.aio.insecure_channel(address, OPTIONS)
        # bytes: what gRPC cannot parse itself it makes None of
        self._ask = self._channel.unary_unary(METHOD)

    async def close(self) -> None:
        """See `CallPolicy.close`."""
        if self._channel is not None:
            await self._channel.close()

    async def may_call(
        self, caller: Device, callee_user_id: str, callee_device_id: str | None
    ) -> Verdict:
        """See `CallPolicy.may_call`.

        Raises:
            PolicyFailedError: there was no answer, or none that is a verdict.
        """
        if self._ask is None:
            raise AssertionError("start it first")
        request = pb.MayCallRequest(
            caller=caller.message(),
            callee_user_id=callee_user_id,
            callee_device_id=callee_device_id,
        )
        try:
            answer = await self._ask(request.SerializeToString())
            verdict = pb.MayCallResponse.FromString(answer).verdict
        except grpc.aio.AioRpcError as error:
            raise PolicyFailedError(error.code().name) from error
        except DecodeError as error:
            raise PolicyFailedError("not a MayCallResponse") from error
        if verdict not in VERDICTS:
            raise PolicyFailedError(f"verdict {verdict}")
        return VERDICTS[verdict]
