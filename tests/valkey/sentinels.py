"""A replicated engine, guarded by sentinels."""

from contextlib import AsyncExitStack
from typing import Any, Final, Self

from tests.valkey.replicated import Replicated
from tests.valkey.server import Valkey
from tests.valkey.waiting import until

SERVICE: Final = "signaling"
_COUNT: Final = 3
_QUORUM: Final = 2
_DOWN_AFTER: Final = 750  # ms; more than a busy machine makes an engine wait
_FAILOVER_TIMEOUT: Final = 3000  # ms
# Sentinels look and talk more often than they do by themselves, and a machine that is busy
# does not make them stand back for half a minute; ms. There are reasons not to go further:
# they reconnect once in a ping period, and take a primary to be down that they have not
# reached; five of it is how old news of a replica may be, once a second while the primary
# is down; who takes writes and should not is put right after four publish periods, in
# which the news of a fail-over has to be round.
_PACE: Final = (
    *("ping-period", 250),
    *("info-period", 400),
    *("ask-period", 100),
    *("publish-period", 500),
    *("tilt-trigger", 10_000),
    *("tilt-period", 1000),
)


class Sentinels:
    """A primary, its replicas, and three sentinels that know each other when it begins.

    A primary that does not answer for 0.75 s is taken to be down. `primary` is the
    one of the last fail-over, `replicas` are the others, running or not. A `password`
    is asked for by the sentinels.
    """

    def __init__(
        self, *, replicas: int = 1, append_only: bool = False, password: str | None = None
    ) -> None:
        self._password = password
        self._pair = Replicated(replicas=replicas, append_only=append_only)
        self.sentinels: list[Valkey] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._pair)
            for _ in range(_COUNT):
                sentinel = self._guard()
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
        """Let a replica be the primary: the one before runs on and becomes a replica.

        All replicas have to run.
        """
        await self.in_step()
        await until(self._know_each_other)
        await until(self._begins_to_hand_over)
        await until(self._name_another)
        await self.in_step()

    async def in_step(self) -> None:
        """Wait until every replica has its copy and receives what is written."""
        await self._pair.in_step()

    def _guard(self) -> Valkey:
        """A sentinel."""
        config = [
            f"sentinel monitor {SERVICE} 127.0.0.1 {self.primary.port} {_QUORUM}",
            f"sentinel down-after-milliseconds {SERVICE} {_DOWN_AFTER}",
            f"sentinel failover-timeout {SERVICE} {_FAILOVER_TIMEOUT}",
        ]
        if self._password:
            config.append(f"sentinel sentinel-pass {self._password}")
        return Valkey(config=config, arguments=["--sentinel"], password=self._password)

    async def _begins_to_hand_over(self) -> bool:
        """Ask for it: refused while no replica is fit, for one that has just started too."""
        await self.sentinels[0].run("SENTINEL FAILOVER", SERVICE)
        return True

    async def _know_each_other(self) -> bool:
        """Whether every sentinel knows the others, and every replica, and finds them well."""
        return all([await self._knows_all(sentinel) for sentinel in self.sentinels])

    async def _knows_all(self, sentinel: Valkey) -> bool:
        primary = await _state(sentinel)
        replicas = await sentinel.run("SENTINEL SLAVES", SERVICE)
        return (
            primary["num-other-sentinels"] == _COUNT - 1
            and primary["flags"] == "master"
            and [(each["flags"], each["role-reported"]) for each in replicas]
            == [("slave", "slave")] * len(self.replicas)
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
