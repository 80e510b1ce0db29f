"""A replicated engine, guarded by sentinels."""

from contextlib import AsyncExitStack
from typing import Any, Final, Self

from tests.valkey.replicated import Replicated
from tests.valkey.server import Valkey
from tests.valkey.waiting import until

SERVICE: Final = "signaling"
_COUNT: Final = 3
_QUORUM: Final = 2
_DOWN_AFTER: Final = 500  # ms
_FAILOVER_TIMEOUT: Final = 3000  # ms
# sentinels look and talk more often than they do by themselves, and a machine that is
# busy does not make them stand back for half a minute
_PACE: Final = (
    *("info-period", 200),
    *("ask-period", 100),
    *("publish-period", 200),
    *("tilt-trigger", 10_000),
    *("tilt-period", 1000),
)


class Sentinels:
    """A primary, its replicas, and three sentinels that know each other when it begins.

    A primary that does not answer for 0.5 s is taken to be down. `primary` is the
    one of the last fail-over, `replicas` are the others, running or not.
    """

    def __init__(self, *, replicas: int = 1, append_only: bool = False) -> None:
        self._pair = Replicated(replicas=replicas, append_only=append_only)
        self.sentinels: list[Valkey] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._pair)
            for _ in range(_COUNT):
                sentinel = Valkey(config=_guard(self.primary), arguments=["--sentinel"])
                self.sentinels.append(await stack.enter_async_context(sentinel))
                await sentinel.run("SENTINEL DEBUG", *_PACE)
            await until(self._know_each_other)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def primary(self) -> Valkey:
        """The engine that takes writes."""
        return self._pair.primary

    @property
    def replicas(self) -> list[Valkey]:
        """The engines that follow it, or will when they are started again."""
        return self._pair.replicas

    @property
    def url(self) -> str:
        """`redis+sentinel://host:port,…/signaling`."""
        addresses = ",".join(sentinel.address for sentinel in self.sentinels)
        return f"redis+sentinel://{addresses}/{SERVICE}"

    async def fail_over(self) -> None:
        """Kill the primary; all sentinels name another when this returns, and it is one."""
        self.primary.kill()
        await until(self._name_another)

    async def hand_over(self) -> None:
        """Let a replica be the primary: the one before runs on and becomes a replica."""
        before = self.primary
        await until(self._begins_to_hand_over)
        await until(self._name_another)
        await until(lambda: _has_role(before, "slave"))

    async def _begins_to_hand_over(self) -> bool:
        """Ask for it: refused while no replica is fit, for one that has just started too."""
        await self.sentinels[0].run("SENTINEL FAILOVER", SERVICE)
        return True

    async def _know_each_other(self) -> bool:
        known = [await _state(sentinel) for sentinel in self.sentinels]
        return all(
            state["num-other-sentinels"] == _COUNT - 1
            and state["num-slaves"] == len(self.replicas)
            and state["flags"] == "master"
            for state in known
        )

    async def _name_another(self) -> bool:
        """Whether there is a new primary, by all accounts; `primary` then is that."""
        ports = {int((await _state(sentinel))["port"]) for sentinel in self.sentinels}
        promoted = [replica for replica in self.replicas if {replica.port} == ports]
        if not promoted or not await _has_role(promoted[0], "master"):
            return False
        self.replicas[self.replicas.index(promoted[0])] = self.primary
        self._pair.primary = promoted[0]
        return True


async def _state(sentinel: Valkey) -> dict[str, Any]:
    """What a sentinel knows of the primary."""
    fields = await sentinel.run("SENTINEL MASTER", SERVICE)
    return dict(fields)


async def _has_role(engine: Valkey, role: str) -> bool:
    return bool((await engine.info("replication"))["role"] == role)


def _guard(primary: Valkey) -> list[str]:
    return [
        f"sentinel monitor {SERVICE} 127.0.0.1 {primary.port} {_QUORUM}",
        f"sentinel down-after-milliseconds {SERVICE} {_DOWN_AFTER}",
        f"sentinel failover-timeout {SERVICE} {_FAILOVER_TIMEOUT}",
    ]
