"""The log of a node: what an operator needs, for machines, and no word of what was said."""

from grpc import StatusCode
from signaling.v1 import signaling_pb2 as pb

from tests.devices import User, answered_call, candidate
from tests.transport.http2 import Http2
from tests.transport.node import Node, people, running

CANARIES = ("C4naryUfrag", "C4naryPassword", "192.0.2.99", "C4naryText", "C4naryAgent")
SDP = "v=0\r\na=ice-ufrag:C4naryUfrag\r\na=ice-pwd:C4naryPassword\r\n"
LINE = "candidate:1 1 udp 1 192.0.2.99 49999 typ host"


async def has_a_troubled_life(alice: User, bob: User) -> list[str]:
    """A call with all that must not be told to anybody, and with mistakes; returns more of it."""
    await alice.phone.connects(pb.Hello(agent="C4naryAgent"))
    await bob.phone.connects()
    call = await alice.phone.offers(bob, sdp=SDP, metadata={"name": "C4naryText"})
    await bob.phone.hears("offer")
    line = pb.IceCandidate(candidate=LINE)
    await alice.phone.sends(call=call, candidates=pb.IceCandidates(candidates=[line]))
    await bob.phone.sends(call=call, answer=pb.SdpAnswer(sdp=SDP))
    await bob.phone.hears_progress(pb.PROGRESS_KIND_WON)
    await bob.phone.hears("candidates")
    await bob.phone.sends(call=call, answer=pb.SdpAnswer(sdp=SDP))
    await bob.phone.is_refused(pb.ERROR_CODE_WRONG_STATE)
    await bob.phone.sends(call=call, candidates=pb.IceCandidates(candidates=[candidate(1)] * 33))
    await bob.phone.is_refused(pb.ERROR_CODE_LIMIT_EXCEEDED)
    await bob.phone.hangs_up(call, "C4naryText")
    await bob.phone.hears_end(pb.END_REASON_HANGUP)
    await bob.phone.drops()
    session_id = bob.phone.welcome.session_id
    await bob.phone.connects(pb.Hello(session_id=session_id + "x"))
    await bob.phone.acks(1000)
    assert (await bob.phone.is_ended())[0] is StatusCode.INVALID_ARGUMENT
    return [session_id, bob.phone.welcome.session_id]


async def test_log() -> None:
    """One JSON object a line, with what an operator needs and no word of what was said."""
    async with running() as node, people(node, "alice", "bob") as (alice, bob):
        session_ids = await has_a_troubled_life(alice, bob)
        await alice.close()
        node.terminate()
        assert await node.exits() == 0

    is_json(node)
    assert node.log[-1]["event"] == "stopped"
    text = "\n".join(node.lines)
    assert [canary for canary in (*CANARIES, *session_ids) if canary in text] == []


async def test_log_of_lost_devices() -> None:
    """Also gRPC says what it has to say in JSON: of a device lost in the middle of a write."""
    async with running() as node, people(node, "alice", "bob") as (alice, bob):
        call = await answered_call(alice, bob)
        await bob.phone.half_closes()
        await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
        hello = pb.Hello(session_id=bob.phone.welcome.session_id)
        miser = Http2(node.address)
        await miser.open(window=0)
        miser.request(1, bob.phone.identity)
        miser.send(1, pb.ConnectRequest(hello=hello, ack=bob.phone.received))
        await alice.phone.hears_progress(pb.PROGRESS_KIND_BACK)
        for _ in range(40):
            message = pb.AppMessage(body=b"x" * 4096)
            await alice.phone.sends(call=call, app_message=message)
        await alice.phone.hears_nothing()

        miser.abort()

        await alice.phone.hears_progress(pb.PROGRESS_KIND_AWAY)
        await alice.close()
        node.terminate()
        assert await node.exits() == 0
    is_json(node)


def is_json(node: Node) -> None:
    """Whatever it logged can be read by a machine."""
    assert all({"event", "level", "timestamp"} <= line.keys() for line in node.log)
    assert {line["level"] for line in node.log} == {"info"}
    (serving,) = [line for line in node.log if line["event"] == "serving"]
    assert (serving["address"], serving["backend"]) == (node.address, "memory")
