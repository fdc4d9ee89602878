"""A real PostgreSQL server in a temporary directory, on a loopback port."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from peers.ports import free_port

USER = "everyauth"
NUMBERS = count()


def programs() -> Path:
    """Return the directory of the newest installed server (Debian keeps it off PATH); skips without one."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    named = shutil.which("initdb")
    if not found and not named:
        pytest.skip("PostgreSQL is not installed: tests/run installs it")
    return found[-1] if found else Path(named or "").parent


class Postgres:
    """A server that can be stopped, frozen and started again."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.log = directory / "log"
        self._programs = programs()
        self.port = free_port()
        self._run("initdb", "-D", self.data, "-U", USER, "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync")

    def start(self) -> None:
        options = f"-h 127.0.0.1 -p {self.port} -k {self.directory} -c fsync=off"
        self._run("pg_ctl", "-D", self.data, "-w", "-s", "-l", self.log, "-o", options, "start")

    def stop(self) -> None:
        """Stop it at once, with all its connections."""
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "-s", "stop")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Freeze the server and the processes of its connections: they accept data and never respond."""
        leader = int((self.data / "postmaster.pid").read_text().split()[0])
        # It first: after that it starts no further process, and none that ends is gone.
        os.kill(leader, signal.SIGSTOP)
        children = [*map(int, Path(f"/proc/{leader}/task/{leader}/children").read_text().split())]
        for process in children:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in (leader, *children):
                os.kill(process, signal.SIGCONT)

    def new_database(self) -> str:
        """Create an empty database, and return its URL."""
        name = f"d{next(NUMBERS)}"
        self.sql(f"CREATE DATABASE {name}")
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"

    def sql(self, statement: str, url: str = "") -> str:
        """Run a statement without the store."""
        url = url or f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"
        return self._run("psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement, url).strip()

    def _run(self, program: str, *arguments: object) -> str:
        command = [str(self._programs / program), *map(str, arguments)]
        if os.geteuid() == 0:
            # The server refuses to run as root.
            command = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *command]
        # Files, not pipes: the server inherits them, and would keep a pipe open.
        with tempfile.TemporaryFile() as out:
            done = subprocess.run(command, cwd=self.directory, stdout=out, stderr=out, check=False)
            out.seek(0)
            output = out.read().decode()
        assert done.returncode == 0, f"{program}: {output}"
        return output


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for all tests, each of which creates its own database."""
    with running() as server:
        yield server


@contextmanager
def running() -> Iterator[Postgres]:
    """Run a server, for the tests that stop or freeze it."""
    programs()
    # Not below pytest's directory, which only its owner may enter.
    directory = Path(tempfile.mkdtemp(prefix="everyauth-postgres-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(directory, "nobody", "nogroup")
        server = Postgres(directory)
        server.start()
        try:
            yield server
        finally:
            if (server.data / "postmaster.pid").exists():
                server.stop()
    finally:
        shutil.rmtree(directory)
