"""A node, put together: its parts, and the order in which they start and end."""

import asyncio
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Final, Self

import structlog
from prometheus_client.core import Metric

from signaling_service.auth.throttle import Throttle
from signaling_service.backends.link import WrongBackendError
from signaling_service.backends.memory import MemoryBackend
from signaling_service.backends.redis import RedisBackend
from signaling_service.clock import Clock, SystemClock, sleep
from signaling_service.config import METRICS_LISTEN, SettingError, Settings
from signaling_service.ice_endpoint import IceEndpoint
from signaling_service.journal import Journal
from signaling_service.metrics import families
from signaling_service.metrics.node import Metrics
from signaling_service.parts import (
    authenticator_of,
    backend_of,
    bounded,
    call_policy_of,
    doors_of,
    edge_of,
    ice_of,
    told,
    tracer_of,
    webhook_of,
    websocket_tls_of,
)
from signaling_service.policy.cached import Cached
from signaling_service.process import Stop, give_memory_back
from signaling_service.registry import CallRegistry
from signaling_service.transport.call_servicer import CallServicer
from signaling_service.transport.door import Door
from signaling_service.transport.pacing import Pacing
from signaling_service.transport.reception import Reception
from signaling_service.transport.server import Server
from signaling_service.transport.service import Service
from signaling_service.transport.servicer import SignalingServicer
from signaling_service.transport.streams import Streams
from signaling_service.transport.watching import Watchers
from signaling_service.transport.writes import WriteWatch
from signaling_service.witness import Witness

STOP_GRACE: Final = 1.0  # s; for streams to carry their status to the device

log = structlog.get_logger()


class App:
    """A running node: `async with App(settings) as app`, at `app.address`."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        clock = clock or SystemClock()
        rules, ice = settings.rules(), ice_of(settings, clock)
        self._settings = settings
        self._ice = ice
        self._clock = clock
        self.metrics = Metrics()
        self._backend = backend_of(settings, clock, rules)
        self._policy = call_policy_of(settings, clock)
        self._tracer = tracer_of(settings, clock)
        witness = Witness(Journal(clock), self._tracer, [self.metrics.calls.observe])
        self._registry = CallRegistry(self._backend, clock, rules, witness, self._policy)
        self._writes = WriteWatch(clock, settings.limits.stuck_write_seconds)
        self._streams = Streams(clock, ice)
        self._throttle = Throttle(self._backend.take, clock)
        self._authenticator = authenticator_of(settings, clock, self._throttle)
        pacing = Pacing(settings.limits.rates, clock.now)
        traffic = self.metrics.traffic
        service = Service(
            self._registry,
            clock,
            rules,
            pacing,
            ice,
            self._authenticator,
            self._writes,
            witness,
            traffic,
        )
        door = Door(self._authenticator, settings.limits.request_metadata_bytes, self._tracer)
        reception = Reception(service, self._streams, door)
        self._edge = edge_of(settings, service, reception, door)
        archive = self._backend.archive
        self._watchers = Watchers(archive, clock)
        self._server = Server(
            (
                SignalingServicer(service, reception, door),
                CallServicer(self._registry, archive, self._watchers, door),
            ),
            bounded(settings),
            reflect=settings.reflects,
            share_port=settings.workers > 1,
        )
        self._webhook = webhook_of(settings, clock, self._backend, self.metrics)
        self.address = ""
        self.service_address = ""
        self.websocket_address = ""

    async def __aenter__(self) -> Self:
        self.metrics.pulse.start()
        try:
            await self._policy.start()
        except Exception as error:
            await self._close()
            raise SettingError("call_policy", told(error)) from error
        try:
            await self._backend.start(self._server.tell_ready)
        except WrongBackendError as error:
            await self._close()
            raise SettingError("backend", str(error)) from error
        try:
            self._listen()
        except SettingError:
            await self._backend.close()
            await self._close()
            raise
        await self._authenticator.start()
        await self._server.start()
        if self._edge is not None:
            await self._edge.start(websocket_tls_of(self._settings))
        self._watch()
        if isinstance(self._ice, IceEndpoint):
            await self._ice.start()
        self._registry.start()
        if self._webhook is not None:
            self._webhook.start()
        log.info(
            "serving" if self._settings.workers == 1 else "worker_serving",
            address=self.address,
            backend=self._settings.backend_name,
            call_policy=self._settings.call_policy or "everybody",
            auth="jwt" if self._settings.takes_tokens else "dev",
            tls=self._settings.tls_cert is not None,
            metrics=self.metrics.address or "off",
            traces=self._settings.otlp_endpoint or "off",
            **self._other_addresses(),
        )
        return self

    def _other_addresses(self) -> dict[str, str]:
        found = {
            "service_address": self.service_address,
            "websocket_address": self.websocket_address,
        }
        return {name: address for name, address in found.items() if address}

    def _listen(self) -> None:
        """Take the addresses that are wanted; devices come once the server starts."""
        settings = self._settings
        public, internal = doors_of(settings)
        for name, credentials in (("listen", public), ("service_listen", internal)):
            if (where := getattr(settings, name)) is None:
                continue
            try:
                address = self._server.add_port(where, credentials)
            except OSError as error:
                raise SettingError(name, str(error)) from error
            if name == "listen":
                self.address = address
            else:
                self.service_address = address
        if self._edge is not None and (where := settings.websocket_listen) is not None:
            try:
                shared = settings.workers > 1
                self.websocket_address = self._edge.listen(where, share_port=shared)
            except OSError as error:
                raise SettingError("websocket_listen", f"cannot listen on {where}") from error

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._streams.end_all()
        self._watchers.end_all()
        if self._edge is not None:
            await self._edge.stop(STOP_GRACE)
        await self._server.stop(STOP_GRACE)
        await self._registry.close()
        if self._webhook is not None:
            await self._webhook.close()
        await self._backend.close()
        if isinstance(self._ice, IceEndpoint):
            await self._ice.close()
        await self._close()
        log.info("stopped")

    def _watch(self) -> None:
        """Let an operator see what must not grow."""
        loop, metrics = asyncio.get_running_loop(), self.metrics

        def process() -> Iterable[Metric]:
            tasks = len(asyncio.all_tasks(loop))
            return families.of_process(metrics.pulse, tasks, is_ready=self._server.is_ready)

        metrics.is_ready = lambda: self._server.is_ready
        metrics.show(process)
        metrics.show(lambda: families.of_traffic(metrics.traffic, self._streams))
        metrics.show(lambda: families.of_refusals(self._registry.refusals))
        metrics.show(lambda: families.of_watchers(self._watchers))
        metrics.show(lambda: families.of_credentials(self._throttle.held))
        self._watch_what_is_chosen()

    def _watch_what_is_chosen(self) -> None:
        """The same of the parts that not every node has."""
        metrics, backend, policy = self.metrics, self._backend, self._policy
        metrics.show(lambda: families.of_backend(backend))
        if isinstance(backend, MemoryBackend):
            metrics.show(lambda: families.of_memory(backend.held()))
        elif isinstance(backend, RedisBackend):
            metrics.show(lambda: families.of_engine(backend.figures))
        if isinstance(policy, Cached):
            metrics.show(lambda: families.of_policy(policy.answers))

    async def _close(self) -> None:
        await self._policy.close()
        await self._tracer.close()
        self._writes.close()
        self._streams.close()
        self.metrics.close()

    async def drain(self) -> None:
        """Ask every device to leave, and wait until all have or the deadline is over."""
        deadline = self._settings.drain_deadline
        log.info("draining", streams=len(self._streams), deadline=deadline)
        self._server.turn_away()
        self._streams.drain(deadline)
        self._watchers.end_all()
        empty = asyncio.create_task(self._streams.wait_empty())
        over = asyncio.create_task(sleep(self._clock, deadline))
        await asyncio.wait([empty, over], return_when=asyncio.FIRST_COMPLETED)
        for task in (empty, over):
            task.cancel()


def _serve_metrics(metrics: Metrics, settings: Settings, worker: int) -> str | None:
    """Listen for Prometheus; returns why not, if another node has the default address."""
    where = settings.metrics_address(worker)
    try:
        if where is not None:
            metrics.serve(*where)
    except OSError as error:
        if settings.metrics_listen != METRICS_LISTEN:
            raise SettingError("metrics_listen", str(error.strerror)) from error
        return str(error.strerror)
    return None


async def serve(
    settings: Settings,
    stop: Stop | None = None,
    worker: int = 0,
    on_serving: Callable[[str], None] | None = None,
) -> None:
    """Run a node until SIGTERM, SIGINT or `stop`, then drain it; who hurries stops it at once.

    It is number `worker` of those on its port, from 0; `on_serving` is told the address.
    """
    stop = stop or Stop()
    stop.on_signals()
    app = App(settings)
    trouble = _serve_metrics(app.metrics, settings, worker)
    async with app:
        if trouble is not None:
            log.warning("metrics_off", listen=settings.metrics_listen, error=trouble)
        if on_serving is not None:
            on_serving(app.address)
        memory = asyncio.create_task(give_memory_back())
        await stop.drain.wait()
        drain = asyncio.create_task(app.drain())
        hurry = asyncio.create_task(stop.hurry.wait())
        await asyncio.wait([drain, hurry], return_when=asyncio.FIRST_COMPLETED)
        for task in (drain, hurry, memory):
            task.cancel()
