"""The parts of a node that its settings choose.

Whatever turns out to be wrong with a setting here is a SettingError.
"""

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import grpc

from signaling_service.auth.authenticator import Authenticator
from signaling_service.auth.key_url import UrlKeys
from signaling_service.auth.keys import FileKeys, KeySource
from signaling_service.auth.throttle import Throttle
from signaling_service.auth.tokens import TokenVerifier
from signaling_service.backends.memory import MemoryBackend
from signaling_service.backends.redis import RedisBackend
from signaling_service.clock import Clock
from signaling_service.config import SettingError, Settings
from signaling_service.core.rules import Rules
from signaling_service.ice import IceProvider
from signaling_service.ice_endpoint import IceEndpoint
from signaling_service.limits import LimitSettings
from signaling_service.metrics.node import Metrics
from signaling_service.policy.base import CallPolicy
from signaling_service.policy.choosing import choose
from signaling_service.tracing.base import Tracer
from signaling_service.tracing.choosing import NoPackagesError
from signaling_service.tracing.choosing import choose as choose_tracer
from signaling_service.transport.descriptors import descriptors_left
from signaling_service.transport.door import Door
from signaling_service.transport.reception import Reception
from signaling_service.transport.service import Service
from signaling_service.transport.tls import Certificates
from signaling_service.webhook.figures import Figures
from signaling_service.webhook.poster import Parts, Poster
from signaling_service.webhook.receiver import Receiver

if TYPE_CHECKING:
    from signaling_service.transport.websocket import Edge

WEBSOCKET_EXTRA: Final = "pip install 'signaling-service[websocket]'"

Tls: TypeAlias = grpc.ServerCredentials | None


def backend_of(settings: Settings, clock: Clock, rules: Rules) -> MemoryBackend | RedisBackend:
    """Where calls and mailboxes live."""
    location = settings.backend_location()
    if location is None:
        return MemoryBackend(clock, rules)
    return RedisBackend(location, clock, rules, clock.follow)


def webhook_of(
    settings: Settings, clock: Clock, backend: MemoryBackend | RedisBackend, metrics: Metrics
) -> Poster | None:
    """Whoever posts events, if there is somebody to post them to."""
    secrets = settings.webhook_secrets()
    if settings.webhook_url is None or secrets is None:
        return None
    receiver, figures = Receiver(settings.webhook_url), Figures()
    metrics.show(figures.show)
    parts = Parts(backend.archive, backend.claims, receiver, secrets, figures, clock)
    return Poster(parts, settings.webhook_kind)


def authenticator_of(settings: Settings, clock: Clock, throttle: Throttle) -> Authenticator:
    """Who tells who somebody is."""
    names, proxies = settings.tls_service_name, settings.trusted_proxies
    if not settings.takes_tokens:
        return Authenticator(None, throttle, names, proxies)
    keys = _keys(settings.jwt_keys or "", clock)
    tokens = TokenVerifier(keys, settings.jwt_issuer or "", settings.jwt_audience or "", clock)
    return Authenticator(tokens, throttle, names, proxies)


def _keys(where: str, clock: Clock) -> KeySource:
    if "://" in where:
        return UrlKeys(where, clock)
    try:
        return FileKeys(Path(where))
    except OSError as error:
        raise SettingError("jwt_keys", str(error.strerror)) from error
    except ValueError as error:
        raise SettingError("jwt_keys", str(error)) from error


def doors_of(settings: Settings) -> tuple[Tls, Tls]:
    """TLS of the public address, and of the one for services."""
    cert, key, client_ca = settings.tls_cert, settings.tls_key, settings.tls_client_ca
    if cert is None or key is None:
        return None, None
    is_separate = settings.service_listen is not None
    try:
        internal = Certificates(cert, key, client_ca).credentials()
        public = Certificates(cert, key).credentials() if is_separate else internal
    except OSError as error:
        raise SettingError("tls_cert", f"{error.filename}: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise SettingError("tls_cert", str(error)) from error
    return public, internal


def edge_of(
    settings: Settings, service: Service, reception: Reception, door: Door
) -> "Edge | None":
    """Who listens for WebSocket clients, if somebody shall."""
    if settings.websocket_listen is None:
        return None
    try:
        from signaling_service.transport.websocket import Edge  # noqa: PLC0415 - an extra
        from signaling_service.transport.websocket_bounds import bounds_of  # noqa: PLC0415 - likewise
    except ModuleNotFoundError as error:
        text = f"needs the extra websocket, which is not installed: {WEBSOCKET_EXTRA}"
        raise SettingError("websocket_listen", text) from error
    bounds = bounds_of(settings.limits, settings.websocket_origin)
    return Edge(service, reception, door, bounds, bounded(settings).connections)


def bounded(settings: Settings) -> LimitSettings:
    """The limits, with no more connections of a transport than leave the other its half.

    Descriptors are left for the engine and for metrics, too.
    """
    doors = 1 if settings.websocket_listen is None else 2
    connections = min(settings.limits.connections, max(descriptors_left() // doors, 1))
    return settings.limits.model_copy(update={"connections": connections})


def websocket_tls_of(settings: Settings) -> ssl.SSLContext | None:
    """TLS of the address for WebSocket clients: that of the public one."""
    cert, key = settings.tls_cert, settings.tls_key
    if cert is None or key is None:
        return None
    client_ca = settings.tls_client_ca if settings.service_listen is None else None
    try:
        return Certificates(cert, key, client_ca).context()
    except (OSError, ValueError, TypeError) as error:
        raise SettingError("tls_cert", str(error)) from error


def call_policy_of(settings: Settings, clock: Clock) -> CallPolicy:
    """Who says who may call whom."""
    try:
        return choose(settings.call_policy, clock)
    except Exception as error:
        raise SettingError("call_policy", told(error)) from error


def tracer_of(settings: Settings, clock: Clock) -> Tracer:
    """Who traces messages."""
    try:
        return choose_tracer(settings.otlp_endpoint, settings.trace_sample, clock)
    except NoPackagesError as error:
        raise SettingError("otlp_endpoint", str(error)) from error


def told(error: Exception) -> str:
    """What somebody else's code says is wrong with it."""
    return f"{type(error).__name__}: {error}"


def ice_of(settings: Settings, clock: Clock) -> IceProvider:
    """Who knows STUN and TURN servers."""
    if settings.ice_endpoint is None:
        return settings.turn_rest()
    token = settings.ice_endpoint_token()
    return IceEndpoint(settings.ice_endpoint, token, settings.turn_ttl, clock)
