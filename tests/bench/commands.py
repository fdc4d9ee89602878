"""Times our commands beside bare Python: `python tests/bench/commands.py [REPEATS]`.

It builds a wheel of its own checkout, installs it into a temporary virtual environment, as users have it, and runs the
console script there as whole processes, over a Secret Service of its own and over sealed stores.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.homes import A_TOKEN, FEW, SERVICE, Home, keyring_home, sealed_home
from bench.installed import install
from bench.others import NotInstalled, Place, gh, keyring_get
from bench.processes import Job, measure
from bench.table import Limit, table

REPEATS = 30
MANY = 10_000
PYTHON = "bare Python"
KEYRING_GET = "keyring get"
GH = ("gh auth token, hosts.yml", "gh auth token, keyring")
TOKEN = f"everyauth token {SERVICE}"
GET = f"everyauth identity get {SERVICE} me"
GET_ANY = "everyauth identity get me"
LS_FEW, LS_MANY = (f"identity ls, {count} identities" for count in (FEW, MANY))

FULL = [Limit(16, PYTHON)]
FROM_KEYRING = [Limit(3.5, PYTHON), Limit(0.25, KEYRING_GET), *(Limit(1, name) for name in GH)]
LIMITS = {
    "token SERVICE, keyring": [*FROM_KEYRING, Limit(2, PYTHON, memory=True)],
    "identity get SERVICE WHO, keyring": FROM_KEYRING,
    "identity get WHO, keyring": [Limit(4.5, PYTHON)],
    "token SERVICE, sealed": [Limit(5.5, PYTHON), Limit(2, PYTHON, memory=True)],
    "identity get SERVICE WHO, sealed": [Limit(5.5, PYTHON)],
    "identity get WHO, sealed": [Limit(5.5, PYTHON)],
    "--version": [Limit(2, PYTHON)],
    "token SERVICE --min-ttl 1m, keyring": FULL,
    "identity get SERVICE WHO --min-ttl 1m, keyring": FULL,
    "--help": FULL,
    "completion of a service's name": FULL,
    "service ls": FULL,
    LS_MANY: [*FULL, Limit(1.1, LS_FEW, memory=True)],
}


def everyday(home: Home, where: str) -> Iterator[Job]:
    """Commands that scripts run, over one kind of store."""
    yield home.job(f"token SERVICE, {where}", TOKEN, says=A_TOKEN)
    yield home.job(f"identity get SERVICE WHO, {where}", GET, says=A_TOKEN)
    yield home.job(f"identity get WHO, {where}", GET_ANY, says=A_TOKEN)


def whole_path(home: Home) -> Iterator[Job]:
    """Commands that run through the whole command line's parser."""
    yield home.job("token SERVICE --min-ttl 1m, keyring", f"{TOKEN} --min-ttl 1m", says=A_TOKEN)
    yield home.job("identity get SERVICE WHO --min-ttl 1m, keyring", f"{GET} --min-ttl 1m", says=A_TOKEN)
    yield home.job("--help", "everyauth --help", says="identity")
    line = ["everyauth", "__complete", "bash", "everyauth token pagerd", "pagerd"]
    yield Job(name="completion of a service's name", argv=line, environment=home.environment, says=SERVICE)
    yield home.job("service ls", "everyauth service ls", says=SERVICE)


def jobs(programs: Path, directory: Path, running: ExitStack) -> Iterator[Job]:
    """Every job, bare Python first, in the order of the table."""
    keyring, service = running.enter_context(keyring_home(directory / "keyring", programs))
    yield keyring.job(PYTHON, "python -I -c pass")
    yield from everyday(keyring, "keyring")
    sealed = sealed_home(directory / "sealed", programs)
    sealed.seed(FEW)
    yield from everyday(sealed, "sealed")
    yield keyring.job("--version", "everyauth --version", says="everyauth")
    yield from whole_path(keyring)
    yield keyring.job(LS_FEW, "everyauth identity ls", says="user-1")
    many = sealed_home(directory / "many", programs)
    many.seed(MANY)
    yield many.job(LS_MANY, "everyauth identity ls", says=f"user-{MANY - 1}")
    place = Place(home=keyring, service=service, running=running)
    yield from keyring_get(place)
    try:
        yield from gh(place)
    except NotInstalled as missing:
        print(f"{missing} is not installed, so it is left out.", file=sys.stderr)


def main() -> None:
    """Print the table; the argument is how often every job is run."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else REPEATS
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        directory = Path(name)
        took = measure(list(jobs(install(directory), directory, running)), repeats=repeats)
    print(table(took, LIMITS, base=PYTHON))


if __name__ == "__main__":
    main()
