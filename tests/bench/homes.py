"""Home directories for the installed command, each with a store and identities."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.processes import Job
from peers.secret_service import SecretService, secret_service

SEED = Path(__file__).with_name("seed.py")
SERVICE = "pagerduty"
A_TOKEN = "access-token-of-me"
FEW = 10


@dataclass(frozen=True)
class Home:
    """A user's home directory, and the directory of the installed programs."""

    directory: Path
    programs: Path
    session: Mapping[str, str]

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a login shell, and the session bus if the home has one."""
        path = f"{self.programs}:/usr/local/bin:/usr/bin:/bin"
        return {"PATH": path, "HOME": str(self.directory), "LANG": "C.UTF-8", **self.session}

    def job(self, name: str, line: str, *, says: str = "", stdin: Path = Path("/dev/null")) -> Job:
        """A command line, in words that need no quoting."""
        return Job(name=name, argv=line.split(), environment=self.environment, says=says, stdin=stdin)

    def seed(self, count: int, service: str = SERVICE) -> None:
        """Write that many identities of a service through the library."""
        command = [self.programs / "python", SEED, service, str(count)]
        subprocess.run(command, env=self.environment, check=True)


def sealed_home(directory: Path, programs: Path) -> Home:
    """Make an empty home with a sealed store, as `store use` makes it: URL and key file are in the configuration."""
    home = Home(directory, programs, {})
    directory.mkdir()
    command = [programs / "everyauth", "store", "use", "sqlite://"]
    subprocess.run(command, env=home.environment, check=True, capture_output=True)
    return home


@contextmanager
def keyring_home(directory: Path, programs: Path) -> Iterator[tuple[Home, SecretService]]:
    """Make a home with a few identities, whose secrets are in a Secret Service that runs as long as the context."""
    with secret_service(directory) as service:
        home = Home(directory, programs, {"DBUS_SESSION_BUS_ADDRESS": service.bus_address})
        home.seed(FEW)
        yield home, service
