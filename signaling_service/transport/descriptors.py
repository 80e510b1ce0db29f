"""How many file descriptors there are for connections."""

from typing import Final

RESERVED: Final = 64  # for the engine, metrics, the log, and what gRPC has of its own
UNBOUNDED: Final = 2**31 - 1  # as far as gRPC counts


def descriptors_left() -> int:
    """How many connections leave this process enough descriptors for everything else."""
    try:
        import resource  # noqa: PLC0415 - not there on every platform
    except ImportError:
        return UNBOUNDED
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return UNBOUNDED
    return min(max(allowed - RESERVED, 1), UNBOUNDED)
