"""What a run measures, and how much of it: one block of numbers for a full and a quick run."""

from dataclasses import dataclass
from typing import Final

CANDIDATE_BYTES: Final = 200  # one serialized IceCandidate: a host or srflx line with its ufrag
CANDIDATES_PER_MESSAGE: Final = 10  # what a browser gathers within 20-50 ms
CANDIDATES_PER_SIDE: Final = 10  # of a whole call: two interfaces, UDP and TCP, STUN and TURN
CALLS_IN_PARALLEL: Final = 16  # enough to keep a core busy, few enough to fit one load process
WINDOW: Final = 16  # candidate messages under way per call: fewer than the receiver acks at once
FEW_IDLE_DEVICES: Final = 10
LATENCY_MESSAGES_PER_SECOND: Final = 500
STREAMS_PER_HOLDER: Final = 2500  # idle streams that one load process holds open
STREAMS_PER_CONNECTION: Final = 100  # the service's limit; for standing calls only
STALL_TIMEOUT: Final = 300.0  # seconds for any one step, opening every stream included


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much one run does. Counts are per round; a figure is the median of the rounds."""

    rounds: int
    candidate_messages: int
    calls_per_pair: int
    idle_streams: tuple[int, ...]
    standing_idle_devices: int
    standing_calls: int
    standing_watch_seconds: float
    latency_seconds: float
    cluster_messages: int
    cluster_idle_devices: int
    cluster_calls: int
    storm_devices: int
    storms: int
    storm_pairs: int
    storm_quiet_seconds: float


FULL: Final = Plan(
    rounds=7,
    candidate_messages=40_000,
    calls_per_pair=40,
    idle_streams=(1_000, 5_000, 10_000),
    standing_idle_devices=10_000,
    standing_calls=5_000,
    standing_watch_seconds=30.0,  # two keepalive intervals
    latency_seconds=10.0,
    cluster_messages=10_000,  # in each of four set-ups
    cluster_idle_devices=10_000,
    cluster_calls=2_000,
    storm_devices=5_000,
    storms=3,
    storm_pairs=40,
    storm_quiet_seconds=15.0,
)

QUICK: Final = Plan(
    rounds=5,
    candidate_messages=8_000,
    calls_per_pair=10,
    idle_streams=(200, 1_000),
    standing_idle_devices=1_000,
    standing_calls=250,
    standing_watch_seconds=15.0,
    latency_seconds=5.0,
    cluster_messages=2_000,
    cluster_idle_devices=2_000,
    cluster_calls=250,
    storm_devices=1_000,
    storms=3,
    storm_pairs=40,
    storm_quiet_seconds=5.0,
)
