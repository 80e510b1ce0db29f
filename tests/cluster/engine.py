"""What the engine holds of a cell, as it is now: the truth that nodes have to agree with."""

from typing import Any, Final

from redis import Redis
from signaling.v1 import calls_pb2

from signaling_service.backends.location import Location
from signaling_service.backends.redis_archive import event_from
from signaling_service.backends.views import key_of, known_call
from signaling_service.core.model import Call, Device
from tests.cluster.node import Node, Traffic

# what a cell keeps while nodes live: the highest fence, and the nodes
AT_REST: Final = frozenset({"last", "nodes", "events", "dropped"})  # the newest event stays


class Engine:
    """A look at `cell`, a URL, past all nodes; it is taken anew after there was `traffic`."""

    def __init__(self, cell: str, traffic: Traffic) -> None:
        self._traffic = traffic
        self._redis = Redis.from_url(cell.partition("?")[0], protocol=2)
        self._prefix = f"{{{Location.parse(cell).cell}}}:"
        self._calls: dict[str, Call | None] = {}
        self._tops: dict[Device, int] = {}
        self._tops_after = 0  # so many scripts

    def call(self, call_id: str) -> Call | None:
        """A call; the same object while nothing changes."""
        if call_id in self._traffic.touched:
            self._traffic.touched.discard(call_id)
            found = self._look(call_id)
            if found != self._calls.get(call_id):
                self._calls[call_id] = found
        return self._calls.get(call_id)

    def top(self, device: Device) -> int:
        """The highest seq that a device has to be told."""
        if self._tops_after != self._traffic.count:
            self._tops_after = self._traffic.count
            devices = [*dict.fromkeys([*self._tops, device])]
            found = self._run(*(("HGET", f"d:{key_of(each)}", "t") for each in devices))
            self._tops = {each: int(top or 0) for each, top in zip(devices, found, strict=True)}
        elif device not in self._tops:
            (found,) = self._run(("HGET", f"d:{key_of(device)}", "t"))
            self._tops[device] = int(found)
        return self._tops[device]

    def end_lease(self, node: Node) -> None:
        """Let the lease of a node be over."""
        self._run(("ZADD", "nodes", "0", node.backend.name))

    def is_heard(self, node: Node) -> bool:
        """Whether a node has heard every hint."""
        return self._run(("EXISTS", f"hints:{node.backend.name}")) == [0]

    def events(self) -> list[calls_pb2.SignalingEvent]:
        """All that other services were told."""
        (entries,) = self._run(("XRANGE", "events", "-", "+"))
        return [event_from(cursor, fields) for cursor, fields in entries]

    def leftovers(self, *nodes: Node) -> list[str]:
        """The keys that are left, and the nodes that are not among these."""
        names = {node.backend.name for node in nodes}
        keys = {key.decode().removeprefix(self._prefix) for key in self._run(("KEYS", "*"))[0]}
        found = {name.decode() for name in self._run(("ZRANGE", "nodes", "0", "-1"))[0]}
        return [*sorted(keys - AT_REST), *sorted(found - names)]

    def close(self) -> None:
        """Look no more."""
        self._redis.close()

    def _look(self, call_id: str) -> Call | None:
        record, held = self._run(("HGETALL", f"c:{call_id}"), ("LRANGE", f"h:{call_id}", "0", "-1"))
        flat = [part for pair in record.items() for part in pair]
        return known_call(call_id, [flat, held] if flat else []).call

    def _run(self, *commands: tuple[str, ...]) -> list[Any]:
        """The replies to commands on keys of the cell."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for name, key, *rest in commands:
                pipeline.execute_command(name, self._prefix + key, *rest)  # type: ignore[no-untyped-call]
            return list(pipeline.execute())
