"""Times a full keyring, beside the keyring library's own calls: `python tests/bench/keyring_size.py [REPEATS]`.

2,000 identities are written to a gnome-keyring of its own, which takes a minute or two. Both sides read and write the
same item alternately, each time over a new connection, as two processes would.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import keyring.backends.SecretService
from bench.homes import SERVICE
from bench.seed import identity_of
from peers.secret_service import secret_service

from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.model import DEFAULT_PROFILE, DEFAULT_USER
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.settings import Settings, read_settings
from everyauth_cli.store.from_settings import store_of
from everyauth_cli.store.identities import identity_key, read_identity, save_identity
from everyauth_cli.store.keyring.library import USERNAME

REPEATS = 30
IDENTITIES = 2000
KEY = identity_key(DEFAULT_PROFILE, SERVICE, user=DEFAULT_USER)


def fill(settings: Settings) -> None:
    """Write the identities, the default user's last."""
    store, service = store_of(settings), Catalogue(settings.services_dir).get(SERVICE)
    for user in [*(f"user-{number}" for number in range(1, IDENTITIES)), DEFAULT_USER]:
        save_identity(
            store, identity_key(DEFAULT_PROFILE, SERVICE, user=user), identity_of(service, user, now=now_ms())
        )


def jobs(settings: Settings) -> dict[str, Callable[[], object]]:
    """The jobs: reading and writing one item, with everyauth and with the library; each writes what it has read."""
    backend = keyring.backends.SecretService.Keyring
    name = store_of(settings).name(KEY)
    text, identity = backend().get_password(name, USERNAME), read_identity(store_of(settings), KEY)
    assert text
    assert identity
    return {
        "read, everyauth": lambda: read_identity(store_of(settings), KEY),
        "read, keyring library": lambda: backend().get_password(name, USERNAME),
        "write, everyauth": lambda: save_identity(store_of(settings), KEY, identity),
        "write, keyring library": lambda: backend().set_password(name, USERNAME, text),
    }


def timed(job: Callable[[], object]) -> float:
    begun = time.perf_counter()
    job()
    return time.perf_counter() - begun


def main() -> None:
    """Print the medians; the argument is how often every job is run."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else REPEATS
    with tempfile.TemporaryDirectory() as name, secret_service(Path(name)) as service:
        # The keyring library finds the bus nowhere else.
        os.environ.update(service.environment)
        settings = read_settings({"EVERYAUTH_HOME": name, "DBUS_SESSION_BUS_ADDRESS": service.bus_address})
        print(f"Writing {IDENTITIES} identities ...", file=sys.stderr)
        fill(settings)
        work = jobs(settings)
        runs = [{what: timed(job) for what, job in work.items()} for _ in range(repeats + 1)][1:]
    print("| job | ms | of the keyring library's |\n| --- | ---: | --- |")
    for what in work:
        theirs = f"{what.partition(',')[0]}, keyring library"
        ratio = statistics.median(run[what] / run[theirs] for run in runs)
        print(f"| {what} | {statistics.median(run[what] for run in runs) * 1000:.1f} | {ratio:.2f}x |")


if __name__ == "__main__":
    main()
