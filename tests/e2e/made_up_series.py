"""Series for promtool: for each alert some that let it fire, and some with which all is well.

A series is what it is called and how it goes, minute by minute, in promtool's words: `0+60x30`
begins at 0 and grows by 60 half an hour long.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

NODE: Final = 'instance="node-1",job="signaling"'
Series = Mapping[str, str]


class Trouble(NamedTuple):
    """What is wrong, and after how many minutes somebody hears of it."""

    series: Series
    minutes: int = 30
    labels: str = NODE  # that the alert has


def _calls(**reasons: int) -> Series:
    """Calls that end, by reason, so many a minute."""
    name = "signaling_calls_ended_total"
    return {
        f'{name}{{reason="{reason}",{NODE}}}': f"0+{each}x2000" for reason, each in reasons.items()
    }


def _late(name: str, bound: str, *, share_within: float) -> Series:
    """A histogram of which only a share is within a bound."""
    within = round(600 * share_within)
    return {
        f'{name}_bucket{{le="{bound}",{NODE}}}': f"0+{within}x60",
        f'{name}_bucket{{le="5.0",{NODE}}}': "0+600x60",
        f'{name}_bucket{{le="+Inf",{NODE}}}': "0+600x60",
    }


def _of_node(name: str, goes: str, labels: str = "") -> Series:
    return {f"{name}{{{labels}{NODE}}}": goes}


def _opened(**ways: int) -> Series:
    """Sessions that open, so many a minute."""
    name = "signaling_sessions_opened_total"
    return {f'{name}{{how="{how}",{NODE}}}': f"0+{each}x60" for how, each in ways.items()}


def _ended(**statuses: int) -> Series:
    """Streams that end, so many a minute."""
    name = "signaling_streams_ended_total"
    return {
        f'{name}{{status="{status}",{NODE}}}': f"0+{each}x60" for status, each in statuses.items()
    }


def _answered(**answers: int) -> Series:
    """Answers of the policy, so many a minute."""
    name = "signaling_policy_answers_total"
    return {
        f'{name}{{answer="{answer}",{NODE}}}': f"0+{each}x60" for answer, each in answers.items()
    }


_MESSAGES: Final = _of_node("signaling_messages_total", "0+6000x60", 'direction="in",kind="offer",')

WELL: Final[Series] = {
    **_of_node("up", "1x60"),
    **_of_node("signaling_ready", "1x60"),
    **_of_node("signaling_backend_up", "1x60"),
    **_late("signaling_backend_round_trip_seconds", "0.005", share_within=1),
    **_late("signaling_event_loop_lag_seconds", "0.005", share_within=1),
    **_of_node("process_cpu_seconds_total", "0+20x60"),
    **_calls(hangup=50, no_answer=20, connect_failed=5),
    **_of_node("signaling_streams", "5000x60"),
    **_of_node("signaling_mailbox_messages", "3000x60"),
    **_MESSAGES,
    **_of_node(
        "signaling_requests_refused_total", "0+300x60", 'code="wrong_state",kind="candidates",'
    ),
    **_opened(fresh=100, resumed=600, refused=20),
    **_ended(ok=100, cancelled=600, unauthenticated=20),
    **_answered(allowed=300, not_allowed=100, failed=1),
    **_of_node("process_resident_memory_bytes", "300000000x60"),
    **_of_node("process_open_fds", "5100x60"),
    **_of_node("process_max_fds", "20000x60"),
}

TROUBLES: Final[Mapping[str, Trouble]] = {
    "SignalingDown": Trouble(_of_node("up", "1x5 0x60")),
    "SignalingNotReady": Trouble(_of_node("signaling_ready", "1x5 0x60")),
    "SignalingBackendAway": Trouble(_of_node("signaling_backend_up", "1x5 0x60")),
    "SignalingBackendSlow": Trouble(
        _late("signaling_backend_round_trip_seconds", "0.1", share_within=0.9),
        labels='instance="node-1"',
    ),
    "SignalingEventLoopLag": Trouble(
        _late("signaling_event_loop_lag_seconds", "0.25", share_within=0.9),
        labels='instance="node-1"',
    ),
    "SignalingCpuBusy": Trouble(_of_node("process_cpu_seconds_total", "0+57x60")),
    "SignalingCallsFailing": Trouble(_calls(hangup=10, connect_failed=5), labels=""),
    # yesterday all went well; from then on nobody answers
    "SignalingNobodyAnswers": Trouble(
        {
            f'signaling_calls_ended_total{{reason="hangup",{NODE}}}': "0+10x1440 14400+2x200",
            f'signaling_calls_ended_total{{reason="no_answer",{NODE}}}': "0+2x1440 2880+10x200",
        },
        minutes=1530,
        labels="",
    ),
    "SignalingMailboxesDeep": Trouble(
        {
            **_of_node("signaling_mailbox_messages", "3000x60"),
            **_of_node("signaling_streams", "200x60"),
        }
    ),
    "SignalingRefusalsHigh": Trouble(
        {
            **_MESSAGES,
            **_of_node(
                "signaling_requests_refused_total",
                "0+900x60",
                'code="limit_exceeded",kind="candidates",',
            ),
        },
        labels='code="limit_exceeded"',
    ),
    "SignalingReconnectStorm": Trouble(
        {**_opened(resumed=6000), **_of_node("signaling_streams", "5000x60")}, labels=""
    ),
    "SignalingSessionsLost": Trouble(_opened(resumed=50, refused=50), labels=""),
    "SignalingCredentialsRefused": Trouble(_ended(cancelled=100, unauthenticated=100), labels=""),
    "SignalingPolicyFailing": Trouble(_answered(allowed=50, failed=10), labels=""),
    "SignalingWebhookBehind": Trouble(
        _of_node("signaling_webhook_oldest_seconds", "0+60x60"), labels=""
    ),
    "SignalingInternalErrors": Trouble(
        _of_node("signaling_streams_ended_total", "0x20 1x60", 'status="internal",'),
        minutes=25,
        labels='instance="node-1"',
    ),
    "SignalingMemoryGrowing": Trouble(
        {
            **_of_node("process_resident_memory_bytes", "300000000+1000000x600"),
            **_of_node("signaling_streams", "5000x600"),
        },
        minutes=480,
    ),
    "SignalingFileDescriptorsLow": Trouble(
        {
            **_of_node("process_open_fds", "18000x60"),
            **_of_node("process_max_fds", "20000x60"),
        }
    ),
}
