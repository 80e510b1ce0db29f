"""Limits that an operator may set, from `SIGNALING_LIMIT_…` variables."""

import os
from typing import Annotated, Final, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from signaling_service.core.buckets import Rate
from signaling_service.core.rules import ENDED_MEMORY, Limits, Rules
from signaling_service.transport.pacing import Rates

LIMIT_PREFIX: Final = "SIGNALING_LIMIT_"

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(gt=0)]
PerSecond = Annotated[float, Field(gt=0, allow_inf_nan=False)]

_LIMITS: Final = Limits()
_RATES: Final = Rates()
_RULES: Final = Rules()


class LimitSettings(BaseSettings):
    """Limits, each from `SIGNALING_LIMIT_<NAME>`; counts, bytes or seconds as the name says."""

    model_config = SettingsConfigDict(env_prefix=LIMIT_PREFIX, frozen=True, extra="forbid")

    message_bytes: Count = _LIMITS.message_bytes
    sdp_bytes: Count = _LIMITS.sdp_bytes
    candidate_bytes: Count = _LIMITS.candidate_bytes
    candidates_per_message: Count = _LIMITS.candidates_per_message
    candidates_per_generation: Count = _LIMITS.candidates_per_generation
    app_message_bytes: Count = _LIMITS.app_message_bytes
    metadata_bytes: Count = _LIMITS.metadata_bytes
    calls_per_device: Count = _LIMITS.calls_per_device
    ringing_per_user: Count = _LIMITS.ringing_per_user
    devices_per_user: Count = _LIMITS.devices_per_user
    unacked_messages: Count = _LIMITS.unacked_messages
    unacked_bytes: Count = _LIMITS.unacked_bytes
    offers_per_second: PerSecond = _RATES.offers.per_second
    offers_burst: Count = int(_RATES.offers.burst)
    candidates_per_second: PerSecond = _RATES.candidates.per_second
    candidates_burst: Count = int(_RATES.candidates.burst)
    others_per_second: PerSecond = _RATES.others.per_second
    others_burst: Count = int(_RATES.others.burst)
    acks_per_second: PerSecond = _RATES.acks.per_second
    acks_burst: Count = int(_RATES.acks.burst)
    hellos_per_second: PerSecond = _RATES.hellos.per_second
    hellos_burst: Count = int(_RATES.hellos.burst)
    connections: Count = 50_000  # of a node; fewer where file descriptors are
    streams_per_connection: Count = 100
    request_metadata_bytes: Count = 8 * 1024
    keepalive_seconds: Seconds = 15  # a ping after this long without traffic
    keepalive_timeout_seconds: Seconds = 5  # dead, if it is not answered
    client_ping_seconds: Seconds = 10  # a client may ping this often
    stuck_write_seconds: Seconds = 10
    connection_idle_seconds: Seconds = 60  # a connection without an RPC is closed
    connection_age_seconds: Seconds = 4 * 3600
    ended_call_seconds: Seconds = ENDED_MEMORY  # so long a late request hears how its call ended
    events: Count = _RULES.events_kept  # of the last hour, for services
    traces: Count = _RULES.traces_kept  # of calls, live and of the last hour
    revocation_seconds: Seconds = _RULES.revocation_memory  # as long as a token may live

    @model_validator(mode="after")
    def _no_unknown_variable(self) -> Self:
        known = {LIMIT_PREFIX + name.upper() for name in type(self).model_fields}
        unknown = [name for name in os.environ if name.startswith(LIMIT_PREFIX)]
        if wrong := sorted({name.upper() for name in unknown} - known):
            names = ", ".join(sorted(known))
            raise ValueError(f"there is no {', '.join(wrong)}; the limits are {names}")
        return self

    @property
    def rates(self) -> Rates:
        """How fast a device may send."""
        return Rates(
            offers=Rate(self.offers_per_second, self.offers_burst),
            candidates=Rate(self.candidates_per_second, self.candidates_burst),
            others=Rate(self.others_per_second, self.others_burst),
            acks=Rate(self.acks_per_second, self.acks_burst),
            hellos=Rate(self.hellos_per_second, self.hellos_burst),
        )

    @property
    def core(self) -> Limits:
        """The limits that the call machine knows."""
        return Limits(**{name: getattr(self, name) for name in Limits.__dataclass_fields__})
