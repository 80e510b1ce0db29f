"""Settings: what an operator may choose, from options and `SIGNALING_…` variables."""

import ipaddress
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from signaling_service.backends.location import Location
from signaling_service.core.rules import ENDED_MEMORY, Limits, Rules
from signaling_service.ice import TURN_SCHEMES, TurnRest
from signaling_service.transport.pacing import Rate, Rates

METRICS_LISTEN: Final = "127.0.0.1:9464"  # the port that OpenTelemetry's exporters use
MAX_PORT: Final = 65535
LIMIT_PREFIX: Final = "SIGNALING_LIMIT_"
MAX_WORKERS: Final = 64  # more cores than one port is worth

_LIMITS: Final = Limits()
_RATES: Final = Rates()

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(gt=0)]
PerSecond = Annotated[float, Field(gt=0, allow_inf_nan=False)]


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
    streams_per_connection: Count = 100
    request_metadata_bytes: Count = 8 * 1024
    keepalive_seconds: Seconds = 15  # a ping after this long without traffic
    keepalive_timeout_seconds: Seconds = 5  # dead, if it is not answered
    client_ping_seconds: Seconds = 10  # a client may ping this often
    stuck_write_seconds: Seconds = 10
    connection_age_seconds: Seconds = 4 * 3600
    ended_call_seconds: Seconds = ENDED_MEMORY  # so long a late request hears how its call ended

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
        )

    @property
    def core(self) -> Limits:
        """The limits that the call machine knows."""
        return Limits(**{name: getattr(self, name) for name in Limits.__dataclass_fields__})


class Settings(BaseModel):
    """What `serve` runs with. Field names are those of the options; durations are seconds."""

    # what is wrong may be a URL with a password
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    listen: str = "127.0.0.1:50051"
    workers: Annotated[int, Field(ge=1, le=MAX_WORKERS)] = 1
    backend: str = "memory"
    auth: Literal["dev"] = "dev"
    turn_url: tuple[str, ...] = ()
    turn_secret_file: Path | None = None
    turn_ttl: Seconds = 3600
    ice_endpoint: str | None = None
    ice_endpoint_token_file: Path | None = None
    ring_timeout: Seconds = 60
    resume_window: Seconds = 120
    drain_deadline: Seconds = 15
    metrics_listen: str = METRICS_LISTEN
    reflection: bool = True
    limits: LimitSettings = Field(default_factory=LimitSettings)

    @field_validator("metrics_listen")
    @classmethod
    def _check_metrics_listen(cls, listen: str) -> str:
        if listen != "off":
            _host_and_port(listen)
        return listen

    @field_validator("listen")
    @classmethod
    def _check_listen(cls, listen: str) -> str:
        host, _ = _host_and_port(listen)
        if not _is_loopback(host):
            raise ValueError(f"{host!r} is not loopback, and dev credentials are anybody's")
        return listen

    @field_validator("backend")
    @classmethod
    def _check_backend(cls, backend: str) -> str:
        if backend != "memory":
            Location.parse(backend)
        return backend

    @field_validator("turn_url")
    @classmethod
    def _check_turn_url(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            if not url.startswith(("stun:", "stuns:", "turn:", "turns:")):
                raise ValueError(f"{url!r} does not start with stun:, turn: or turns:")
        return urls

    @field_validator("ice_endpoint")
    @classmethod
    def _check_ice_endpoint(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("https://", "http://127.0.0.1")):
            raise ValueError(f"{url!r} does not start with https://")
        return url

    @model_validator(mode="after")
    def _servers_fit_together(self) -> Self:
        is_turn = any(url.startswith(TURN_SCHEMES) for url in self.turn_url)
        if is_turn and self.turn_secret_file is None:
            raise ValueError("--turn-url: a TURN server needs --turn-secret-file")
        if self.ice_endpoint is not None and self.turn_url:
            raise ValueError("--ice-endpoint: is there instead of --turn-url")
        try:
            self.turn_rest()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ValueError(f"--turn-secret-file: {reason}") from error
        try:
            self.ice_endpoint_token()
        except OSError as error:
            raise ValueError(f"--ice-endpoint-token-file: {error.strerror}") from error
        return self

    @model_validator(mode="after")
    def _workers_share_what_they_must(self) -> Self:
        if self.workers > 1 and self.backend == "memory":
            text = "memory is one process's own; more of them need a --backend that they share"
            raise ValueError(f"{_option('workers')}: {text}")
        where = self.metrics_address(self.workers - 1)
        if where is not None and where[1] > MAX_PORT:
            raise ValueError(f"{_option('metrics_listen')}: {self.workers} workers need more ports")
        return self

    def listen_address(self) -> tuple[str, int]:
        """Where to listen: host and port."""
        return _host_and_port(self.listen)

    def metrics_address(self, worker: int = 0) -> tuple[str, int] | None:
        """Where a worker serves metrics, None for nowhere; port 0 is any."""
        if self.metrics_listen == "off":
            return None
        host, port = _host_and_port(self.metrics_listen)
        return host, port + worker if port else 0

    def backend_location(self) -> Location | None:
        """Where the engine is that nodes share, None for `memory`."""
        return None if self.backend == "memory" else Location.parse(self.backend)

    @property
    def backend_name(self) -> str:
        """The backend without its secrets."""
        location = self.backend_location()
        return self.backend if location is None else location.safe

    def turn_rest(self) -> TurnRest:
        """The STUN and TURN servers that the operator runs."""
        return TurnRest(self.turn_url, self.turn_secret_file, self.turn_ttl)

    def ice_endpoint_token(self) -> str | None:
        """What the endpoint wants to see."""
        file = self.ice_endpoint_token_file
        return None if file is None else file.read_text().strip()

    def rules(self) -> Rules:
        """What the call machine keeps to."""
        return Rules(
            ring_timeout=self.ring_timeout,
            resume_window=self.resume_window,
            ended_memory=self.limits.ended_call_seconds,
            has_relays=self.ice_endpoint is not None or self.turn_rest().has_relays,
            limits=self.limits.core,
        )


class SettingError(Exception):
    """A setting turned out to be wrong when it was used; `name` is the field's."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{_option(name)}: {text}")


def explain(errors: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line for each setting that is wrong, from a ValidationError's `errors()`."""
    lines = []
    for error in errors:
        message = str(error["msg"]).removeprefix("Value error, ")
        name = str(error["loc"][0]) if error["loc"] else ""
        if name in LimitSettings.model_fields:
            name = LIMIT_PREFIX + name.upper()
        elif name:
            name = _option(name)
        lines.append(f"{name}: {message}" if name else message)
    return lines


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')} (SIGNALING_{name.upper()})"


def _host_and_port(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > MAX_PORT:
        raise ValueError(f"{address!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
