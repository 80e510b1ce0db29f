"""The metrics of a node, and where they are served."""

from collections.abc import Callable, Iterable
from functools import partial

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from signaling_service.metrics import families
from signaling_service.metrics.calls import Calls
from signaling_service.metrics.http import HttpServer
from signaling_service.metrics.pulse import Pulse
from signaling_service.metrics.traffic import Traffic

Show = Callable[[], Iterable[Metric]]


class Metrics:
    """What a node counts; `serve` it over HTTP, or read `registry`.

    Whoever counts changes plain numbers; they become families when somebody looks, which
    is on another thread. `is_ready` says whether the node serves devices.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.calls = Calls()
        self.traffic = Traffic()
        self.pulse = Pulse()
        self.is_ready: Callable[[], bool] = lambda: False
        self._http = HttpServer(self.registry, lambda: self.pulse.silence, self._is_ready)
        ProcessCollector(registry=self.registry)  # resident memory, CPU, file descriptors
        self.show(partial(families.of_calls, self.calls))

    def show(self, show: Show) -> None:
        """Let `show` tell of some families whenever somebody looks; on another thread."""
        self.registry.register(_Shown(show))

    def _is_ready(self) -> bool:
        return self.is_ready()

    @property
    def address(self) -> str:
        """Where they are served, "" while they are not."""
        return self._http.address

    def serve(self, host: str, port: int) -> None:
        """Serve `/metrics`, `/livez` and `/readyz` at this address, on a thread of its own.

        Raises:
            OSError: the address cannot be listened on.
        """
        self._http.serve(host, port)

    def close(self) -> None:
        """Serve no more."""
        self.pulse.close()
        self._http.close()


class _Shown(Collector):
    """Some families; that it tells of them beforehand lets `name[]` choose among them."""

    def __init__(self, show: Show) -> None:
        self._show = show

    def collect(self) -> Iterable[Metric]:
        return self._show()

    describe = collect
