"""What a call policy is."""

from typing import Final, Protocol

from signaling.v1 import signaling_pb2 as pb

from signaling_service.core.errors import SignalingError
from signaling_service.core.model import Device, Verdict


class CallPolicy(Protocol):
    """Decides who may call whom.

    An installed package offers one as an entry point: a class, or a function, that
    makes it without arguments. Every process of the service has its own.
    """

    async def start(self) -> None:
        """Make ready, before the service listens; what this raises ends the start."""

    async def close(self) -> None:
        """Let go of everything, also after a start that failed; nobody asks any more."""

    async def may_call(
        self, caller: Device, callee_user_id: str, callee_device_id: str | None
    ) -> Verdict:
        """Whether `caller` may call this user, or the one device of the user that it names.

        It runs on the event loop that carries all calls: await, never block. Whatever
        it raises means no, as does an answer that takes longer than `cached.TIMEOUT`.
        Whoever calls can tell how long it took: a no should take as long as a yes.
        """


class Everybody:
    """The policy when none is set: everybody may call everybody."""

    async def start(self) -> None:
        """See `CallPolicy.start`."""

    async def close(self) -> None:
        """See `CallPolicy.close`."""

    async def may_call(
        self,
        caller: Device,  # noqa: ARG002 - the protocol's
        callee_user_id: str,  # noqa: ARG002 - likewise
        callee_device_id: str | None,  # noqa: ARG002 - likewise
    ) -> Verdict:
        """See `CallPolicy.may_call`."""
        return Verdict.ALLOWED


EVERYBODY: Final[CallPolicy] = Everybody()


async def verdict_on(policy: CallPolicy, caller: Device, offer: pb.SdpOffer) -> Verdict:
    """What a policy says of a first offer; of one within a call it is not asked."""
    if not offer.recipient_user_id:
        return Verdict.ALLOWED
    named = offer.recipient_device_id if offer.HasField("recipient_device_id") else None
    return await policy.may_call(caller, offer.recipient_user_id, named)


class PolicyFailedError(SignalingError):
    """A policy has no verdict; the text says why in a word, and names nobody."""
