"""A PostgreSQL of its own: a real server process, from a wheel."""

import importlib.metadata
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psycopg
from psycopg import sql

from tests.valkey import processes
from tests.valkey.ports import free_port
from tests.valkey.waiting import until

_PACKAGE: Final = Path(str(importlib.metadata.distribution("pgserver").locate_file("pgserver")))
_STARTS: Final = 5  # somebody may take a port between looking and listening
_NOT_ROOT: Final = "nobody"  # it does not run as root


class Postgres:
    """A server for `async with`, without a password, that forgets everything at the end."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="postgres-")
        self._path = Path(self._directory.name)
        self._programs = _PACKAGE / "pginstall/bin"
        self._user: dict[str, Any] = {}
        self._port = 0
        self._databases = 0
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        """How to connect to one of its databases."""
        return f"postgresql://postgres@127.0.0.1:{self._port}/{database}"

    async def fresh(self) -> str:
        """The URL of a database that nobody else uses."""
        self._databases += 1
        name = f"test_{self._databases}"
        async with await psycopg.AsyncConnection.connect(self.url(), autocommit=True) as connection:
            await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    async def __aenter__(self) -> Self:
        try:
            self._prepare()
            for _ in range(_STARTS):
                if await self._start():
                    break
        except BaseException:
            self._close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    def _prepare(self) -> None:
        data = self._path / "data"
        data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            self._become_somebody(data)
        self._run(
            "initdb",
            "--username=postgres",
            "--auth=trust",
            "--no-sync",
            "--locale=C",
            "--encoding=UTF8",
            str(data),
        )

    def _become_somebody(self, data: Path) -> None:
        """Run it as another user; on a copy, if the wheel is where only root can read."""
        user = pwd.getpwnam(_NOT_ROOT)
        self._user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        os.chown(data, user.pw_uid, user.pw_gid)
        self._path.chmod(0o755)
        if self._may_run():
            return
        for source in (_PACKAGE, _PACKAGE.with_suffix(".libs")):
            if source.exists():
                shutil.copytree(source, self._path / source.name, symlinks=True)
        self._programs = self._path / "pgserver/pginstall/bin"

    def _may_run(self) -> bool:
        """Whether the user gets at the programs."""
        try:
            self._run("initdb", "--version")
        except (PermissionError, subprocess.CalledProcessError):
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, *arguments],
            check=True,
            capture_output=True,
            cwd=self._path,
            **self._user,
        )

    async def _start(self) -> bool:
        """Try a port; False if somebody else has it."""
        self._port = free_port()
        settings = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off")
        command = [
            str(self._programs / "postgres"),
            *("-D", str(self._path / "data"), "-p", str(self._port)),
            *(word for setting in settings for word in ("-c", setting)),
        ]
        self._process = processes.begin(command, self._path, self._path / "log", **self._user)
        process = self._process

        async def is_there() -> bool:
            if process.poll() is not None:
                return True
            try:
                async with await psycopg.AsyncConnection.connect(self.url()):
                    return True
            except psycopg.OperationalError:
                return False

        await until(is_there)
        return process.poll() is None

    def _close(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)  # it ends at once, and its children too
            self._process.wait()
            processes.end(self._process)
        self._directory.cleanup()
