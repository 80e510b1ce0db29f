"""Scripts of calls: both people count aloud, and one of them ends it."""

import asyncio

from signaling.v1 import signaling_pb2 as pb

from tests.faults.part import End, Part, Plan
from tests.faults.phone import Phone
from tests.faults.profile import lasts


async def ask(phone: Phone, recipient: str, plan: Plan) -> pb.CallEnded:
    """Be the caller, to the end of the call."""
    part, ended = Part(phone, plan), pb.CallEnded()
    part.offers(recipient)
    async for response in part:
        match response.WhichOneof("payload"):
            case "progress" if plan.end is End.CANCEL:
                part.sends(hangup=pb.Hangup())
            case "answer" if response.answer.negotiation == 1:
                part.says(0)
            case "app_message":
                await _goes_on(part, response.app_message)
            case "ended":
                ended = response.ended
    return ended


async def _goes_on(part: Part, message: pb.AppMessage) -> None:
    """The callee has repeated what the caller said."""
    count, plan = part.hears(message), part.plan
    if count is None:
        return
    await lasts(part.phone.random.uniform(0, plan.pause))
    if count == plan.renegotiation:
        part.renegotiates()
    if count + 1 < plan.rounds:
        part.says(count + 1)
    elif plan.end in (End.CALLER, End.CANCEL):
        part.sends(hangup=pb.Hangup())
    else:
        part.says(plan.rounds)  # and the callee hangs up


async def reply(phone: Phone, plan: Plan) -> None:
    """Be a device of the callee, to the end of the call."""
    part = Part(phone, plan)
    async for response in part:
        match response.WhichOneof("payload"):
            case "offer" if response.offer.negotiation > 1:
                part.answers(response.offer.negotiation)
            case "offer":
                await _takes(part)
            case "app_message":
                if (count := part.hears(response.app_message)) is not None:
                    _repeats(part, count)


async def _takes(part: Part) -> None:
    """It rings: do what the plan says."""
    plan, phone = part.plan, part.phone
    part.sends(ringing=pb.Ringing())
    await lasts(phone.random.uniform(0, plan.pause))
    if phone.device_id in plan.answering:
        part.answers(1)
    elif plan.end is End.DECLINE:
        part.sends(reject=pb.Reject(reason=pb.REJECT_REASON_DECLINED))


def _repeats(part: Part, count: int) -> None:
    is_last = count == part.plan.rounds
    if is_last:
        part.sends(hangup=pb.Hangup())
    else:
        part.says(count)


async def talk(caller: Phone, callee: Phone, call_id: str) -> tuple[Part, Part]:
    """An answered call, both parts of it; what comes next is up to the test."""
    asking, replying = Part(caller, call_id), Part(callee, call_id)
    asking.offers(callee.user_id)
    await replying.until("offer")
    replying.answers(1)
    await replying.until("WON")
    await asking.until("answer")
    return asking, replying


async def listen(phone: Phone, plans: dict[str, Plan]) -> None:
    """Take every call that comes to a device of a callee; ends when cancelled."""
    async with asyncio.TaskGroup() as group:
        while True:
            group.create_task(reply(phone, plans[await phone.incoming.get()]))
