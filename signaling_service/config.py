"""Settings: what an operator may choose, from options and `SIGNALING_…` variables."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from signaling.v1 import calls_pb2 as calls

from signaling_service.addresses import MAX_PORT, check_web_url, host_and_port
from signaling_service.auth.address import Network
from signaling_service.backends.location import Location
from signaling_service.core.rules import Rules
from signaling_service.ice import TURN_SCHEMES, TurnRest
from signaling_service.limits import LIMIT_PREFIX, LimitSettings, Seconds
from signaling_service.loopback import is_loopback
from signaling_service.policy import installed, location
from signaling_service.webhook.signing import Secrets

METRICS_LISTEN: Final = "127.0.0.1:9464"  # the port that OpenTelemetry's exporters use
MAX_WORKERS: Final = 64  # more cores than one port is worth
EVENT_KINDS: Final = tuple(
    field.name for field in calls.SignalingEvent.DESCRIPTOR.oneofs_by_name["event"].fields
)


class Settings(BaseModel):
    """What `serve` runs with. Field names are those of the options; durations are seconds."""

    # what is wrong may be a URL with a password
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    listen: str = "127.0.0.1:50051"
    workers: Annotated[int, Field(ge=1, le=MAX_WORKERS)] = 1
    backend: str = "memory"
    auth: Literal["dev", "jwt"] | None = None  # None: dev on loopback, jwt elsewhere
    jwt_keys: str | None = None
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    tls_service_name: tuple[str, ...] = ()
    service_listen: str | None = None
    plaintext: bool = False
    websocket_listen: str | None = None
    websocket_origin: tuple[str, ...] = ()  # none: pages on loopback
    trusted_proxies: tuple[Network, ...] = ()
    call_policy: str | None = None
    turn_url: tuple[str, ...] = ()
    turn_secret_file: Path | None = None
    turn_ttl: Seconds = 3600
    ice_endpoint: str | None = None
    ice_endpoint_token_file: Path | None = None
    ring_timeout: Seconds = 60
    resume_window: Seconds = 120
    drain_deadline: Seconds = 15
    metrics_listen: str = METRICS_LISTEN
    otlp_endpoint: str | None = None
    trace_sample: Annotated[float, Field(ge=0, le=1)] = 0.01
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    reflection: bool | None = None  # None: with dev credentials
    webhook_url: str | None = None
    webhook_secret_file: Path | None = None
    webhook_kind: tuple[str, ...] = ()  # none: every kind
    limits: LimitSettings = Field(default_factory=LimitSettings)

    @field_validator("metrics_listen")
    @classmethod
    def _check_metrics_listen(cls, listen: str) -> str:
        if listen != "off":
            host_and_port(listen)
        return listen

    @field_validator("listen", "service_listen", "websocket_listen")
    @classmethod
    def _check_listen(cls, listen: str | None) -> str | None:
        if listen is not None:
            host_and_port(listen)
        return listen

    @field_validator(
        *("turn_url", "tls_service_name", "trusted_proxies", "webhook_kind", "websocket_origin"),
        mode="before",
    )
    @classmethod
    def _take_list(cls, values: object) -> object:
        """As a command line has it: a list, or nothing."""
        return () if values is None else values

    @field_validator("websocket_origin")
    @classmethod
    def _check_websocket_origin(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            parts = urlsplit(origin)
            if f"{parts.scheme}://{parts.netloc}" != origin or not parts.hostname:
                raise ValueError(f"{origin!r} is not https://HOST or https://HOST:PORT")
        return origins

    @field_validator("jwt_keys")
    @classmethod
    def _check_jwt_keys(cls, keys: str | None) -> str | None:
        if keys is not None and "://" in keys:
            check_web_url(keys)
        return keys

    @field_validator("backend")
    @classmethod
    def _check_backend(cls, backend: str) -> str:
        if backend != "memory":
            Location.parse(backend)
        return backend

    @field_validator("call_policy")
    @classmethod
    def _check_call_policy(cls, policy: str | None) -> str | None:
        if policy is None or policy in installed.names():
            return policy
        if location.is_url(policy):
            location.PolicyLocation.parse(policy)
            return policy
        names = ", ".join(installed.names()) or "none"
        raise ValueError(f"{policy!r} is neither a URL nor installed; installed: {names}")

    @field_validator("otlp_endpoint")
    @classmethod
    def _check_otlp_endpoint(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "http://none")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
            raise ValueError("is not http://HOST:PORT, or https://… for TLS")
        return url

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
        if url is not None:
            check_web_url(url)
        return url

    @field_validator("webhook_url")
    @classmethod
    def _check_webhook_url(cls, url: str | None) -> str | None:
        if url is not None:
            check_web_url(url)
            if "@" in urlsplit(url).netloc or "#" in url:
                raise ValueError("has a user, a password or a fragment")
            if not url.isascii() or not url.isprintable() or " " in url:
                raise ValueError("has characters that are to be escaped")
            _ = urlsplit(url).port  # or ValueError
        return url

    @field_validator("webhook_kind")
    @classmethod
    def _check_webhook_kind(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        for kind in kinds:
            if kind not in EVENT_KINDS:
                raise ValueError(f"{kind!r} is none of {', '.join(EVENT_KINDS)}")
        return kinds

    @model_validator(mode="after")
    def _credentials_fit_together(self) -> Self:
        for host, name in self._public_hosts():
            if not self.takes_tokens and not is_loopback(host):
                text = f"{host!r} is not loopback, and dev credentials are anybody's"
                raise ValueError(f"{_option(name)}: {text}")
        for name in ("jwt_keys", "jwt_issuer", "jwt_audience"):
            is_given = bool(getattr(self, name))
            if self.takes_tokens and not is_given:
                raise ValueError(f"{_option(name)}: is needed for tokens (--auth jwt)")
            if is_given and not self.takes_tokens:
                raise ValueError(f"{_option(name)}: is of no use with dev credentials")
        return self

    @model_validator(mode="after")
    def _doors_fit_together(self) -> Self:
        for name, other in (
            ("tls_cert", "tls_key"),
            ("tls_key", "tls_cert"),
            ("tls_client_ca", "tls_cert"),
            ("service_listen", "tls_client_ca"),
            ("tls_service_name", "tls_client_ca"),
            ("websocket_origin", "websocket_listen"),
        ):
            if getattr(self, name) and not getattr(self, other):
                raise ValueError(f"{_option(name)}: needs {_option(other)}")
        if self.plaintext and self.tls_cert:
            raise ValueError(f"{_option('plaintext')}: contradicts {_option('tls_cert')}")
        for host, _ in self._public_hosts():
            if self.plaintext or self.tls_cert or is_loopback(host):
                continue
            text = f"{host!r} is not loopback: it is needed, or --plaintext behind a TLS proxy"
            raise ValueError(f"{_option('tls_cert')}: {text}")
        return self

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
    def _webhook_is_signed(self) -> Self:
        for name, other in (
            ("webhook_url", "webhook_secret_file"),
            ("webhook_secret_file", "webhook_url"),
            ("webhook_kind", "webhook_url"),
        ):
            if getattr(self, name) and not getattr(self, other):
                raise ValueError(f"{_option(name)}: needs {_option(other)}")
        try:
            self.webhook_secrets()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ValueError(f"--webhook-secret-file: {reason}") from error
        return self

    @model_validator(mode="after")
    def _workers_share_what_they_must(self) -> Self:
        if self.workers > 1 and self.backend == "memory":
            text = "memory is one process's own; more of them need a --backend that they share"
            raise ValueError(f"{_option('workers')}: {text}")
        for name in ("service_listen", "websocket_listen"):
            where = getattr(self, name)
            if self.workers > 1 and where is not None and not host_and_port(where)[1]:
                raise ValueError(f"{_option(name)}: workers that share it need a port")
        where = self.metrics_address(self.workers - 1)
        if where is not None and where[1] > MAX_PORT:
            raise ValueError(f"{_option('metrics_listen')}: {self.workers} workers need more ports")
        return self

    @property
    def takes_tokens(self) -> bool:
        """Whether devices come in by token: else they are who they say they are."""
        if self.auth is None:
            return not is_loopback(self.listen_address()[0])
        return self.auth == "jwt"

    @property
    def reflects(self) -> bool:
        """Whether clients may ask for the protocol's description."""
        return not self.takes_tokens if self.reflection is None else self.reflection

    def listen_address(self) -> tuple[str, int]:
        """Where to listen: host and port."""
        return host_and_port(self.listen)

    def _public_hosts(self) -> list[tuple[str, str]]:
        """Where devices come in, and what says so."""
        names = ("listen", "websocket_listen")
        given = [(getattr(self, name), name) for name in names]
        return [(host_and_port(where)[0], name) for where, name in given if where]

    def metrics_address(self, worker: int = 0) -> tuple[str, int] | None:
        """Where a worker serves metrics, None for nowhere; port 0 is any."""
        if self.metrics_listen == "off":
            return None
        host, port = host_and_port(self.metrics_listen)
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

    def webhook_secrets(self) -> Secrets | None:
        """What posts are signed with."""
        file = self.webhook_secret_file
        return None if file is None else Secrets(file)

    def rules(self) -> Rules:
        """What the call machine keeps to."""
        return Rules(
            ring_timeout=self.ring_timeout,
            resume_window=self.resume_window,
            ended_memory=self.limits.ended_call_seconds,
            has_relays=self.ice_endpoint is not None or self.turn_rest().has_relays,
            events_kept=self.limits.events,
            traces_kept=self.limits.traces,
            revocation_memory=self.limits.revocation_seconds,
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
