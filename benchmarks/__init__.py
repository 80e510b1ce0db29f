"""Benchmarks: the service beside a bare gRPC relay, in one run, on the same core.

Every process of a benchmark runs gRPC with the same experiments as the service.
Such settings count only when they are in the environment before `grpc` is
imported, and this file is what runs first.
"""

import os

GRPC_EXPERIMENTS = (
    "-event_engine_listener,-event_engine_callback_cq,-event_engine_for_all_other_endpoints"
)

os.environ.setdefault("GRPC_EXPERIMENTS", GRPC_EXPERIMENTS)
# children are started anew, never forked: gRPC need not prepare for it, nor warn
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
