"""The lines that the README tells a person to type, typed."""

from .service_process import Service
from .terminal import look, terminal

CALL = "my-first-call"
SDP = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
PHONE = {"userId": "alice", "deviceId": "phone"}
LAPTOP = {"userId": "bob", "deviceId": "laptop"}
CONNECTED = {"state": "PEER_CONNECTION_STATE_CONNECTED"}
HELLO = {"contentType": "text/plain", "body": "aGVsbG8="}
HOST = {"candidate": "candidate:1 1 udp 1 10.0.0.1 9 typ host", "sdpMid": "0"}


def test_reflection_lists_the_service(service: Service) -> None:
    """A person who knows nothing but the address can find out what there is to call."""
    assert "signaling.v1.SignalingService" in look(service, "--list-services")
    assert "signaling.v1.SignalingService/Connect" in look(service, "--list-methods")


def test_two_terminals_call_each_other(service: Service) -> None:
    """A call between two terminals, typed without numbers, from hello to hangup."""
    with terminal(service, "alice", "phone") as alice, terminal(service, "bob", "laptop") as bob:
        for one in (alice, bob):
            one.type(hello={})
            assert one.wait_for("welcome")["welcome"]["sessionId"]

        alice.type(callId=CALL, offer={"recipientUserId": "bob", "sdp": SDP})
        offered = bob.wait_for("offer")
        assert (offered["callId"], offered["sender"]) == (CALL, PHONE)
        assert offered["offer"]["sdp"] == SDP

        bob.type(callId=CALL, ringing={})
        rung = alice.wait_for("progress")
        assert rung["progress"] == {"kind": "PROGRESS_KIND_RINGING", "device": LAPTOP}

        bob.type(callId=CALL, answer={"sdp": SDP})
        assert bob.wait_for("progress")["progress"]["kind"] == "PROGRESS_KIND_WON"
        answered = alice.wait_for("answer")
        assert (answered["sender"], answered["answer"]["sdp"]) == (LAPTOP, SDP)

        for one, other in ((alice, bob), (bob, alice)):
            one.type(callId=CALL, candidates={"candidates": [HOST]})
            assert other.wait_for("candidates")["candidates"] == {"candidates": [HOST]}
            one.type(callId=CALL, connectionState=CONNECTED)
            assert other.wait_for("connectionState")["connectionState"] == CONNECTED
            one.type(callId=CALL, appMessage=HELLO)
            assert other.wait_for("appMessage")["appMessage"] == HELLO

        alice.type(callId=CALL, hangup={})
        for one in (alice, bob):
            end = one.wait_for("ended")["ended"]
            assert end == {"reason": "END_REASON_HANGUP", "endedBy": PHONE}
            assert one.leave() == 0
