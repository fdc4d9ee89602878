"""Measures credentials per second from `get_identity` and from a bare SELECT: `python tests/bench/get_identity.py`.

The yardstick is what an app would write by hand: one SELECT by primary key over a connection that is kept open,
AES-GCM with one key, and `json.loads`, of the same text. Both read users at random, in one process and in eight, at
each size. PostgreSQL is measured where its server is installed.

The second table is an event loop's: 1,000 tasks at once that each ask for a fresh token by `aget_identity`, compared
with the sync method in a loop; and the 99th percentile of one call after the other while 40 refreshes of the same
service hang, compared with the same process before.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import multiprocessing
import os
import random
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[1])

import psycopg
import pytest
from bench.event_loop import HEAD, loop_row
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from peers.postgres import running

from everyauth_cli.errors import ServiceUnreachable
from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.flows.refresh import Patience
from everyauth_cli.model import Identity, RecordKey, Secret, Token
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.store.identities import StoredIdentity, identity_key, lookup_of, record_of, save_identity
from everyauth_cli.store.keyring.opening import Keyring
from everyauth_cli.store.opening import open_store
from everyauth_cli.store.records import Store
from everyauth_cli.store.sealed.cell import associated_data
from everyauth_cli.store.sealed.key_place import SealingKey
from everyauth_cli.store.sealed.sealer import Sealer
from everyauth_cli.store.statements import KEY, STORED
from everyauth_cli.store.table import REPLACE, Row

SERVICE = "pagerduty"
SIZES = (1_000, 100_000, 1_000_000)
PROCESSES = (1, 8)
SEALING_KEY, BARE_KEY = bytes(range(32)), bytes(range(32, 64))
BATCH = 10_000
AT_ONCE, HANGING = 1_000, 40
DAY = 24 * 60 * 60 * 1000

Read = Callable[[str], object]
FORK = multiprocessing.get_context("fork")


Filling = Iterable[tuple[RecordKey, Row, bytes]]


class Sqlite:
    """A sealed SQLite store, and a table for the yardstick in the same file."""

    name = "SQLite"

    def __init__(self, directory: Path) -> None:
        self.path = directory / "everyauth.db"
        self.url = f"sqlite://{self.path}"

    def fill(self, rows: Filling, *, with_bare: bool = True) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute("CREATE TABLE IF NOT EXISTS bare (user TEXT PRIMARY KEY, cell BLOB) WITHOUT ROWID")
            for key, row, bare in rows:
                connection.execute(REPLACE, (*key, *row))
                if with_bare:
                    connection.execute("INSERT INTO bare VALUES (?, ?)", (key.user, bare))

    def bare(self) -> Read:
        connection, cipher = sqlite3.connect(self.path), AESGCM(BARE_KEY)

        def read(user: str) -> object:
            (cell,) = connection.execute("SELECT cell FROM bare WHERE user = ?", (user,)).fetchone()
            return json.loads(cipher.decrypt(cell[:12], cell[12:], None))

        return read


class Postgresql:
    """A store in PostgreSQL, and a table for the yardstick in the same database."""

    name = "PostgreSQL"

    def __init__(self, url: str) -> None:
        self.url = url

    def fill(self, rows: Filling, *, with_bare: bool = True) -> None:
        assert with_bare
        copied: dict[str, list[tuple[Any, ...]]] = {f"everyauth_records ({', '.join(KEY + STORED)})": [], "bare": []}
        records, bares = copied.values()
        for key, row, bare in rows:
            records.append((*key, *row))
            bares.append((key.user, bare))
        with psycopg.connect(self.url) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE IF NOT EXISTS bare (username TEXT PRIMARY KEY, cell BYTEA)")
            for table, lines in copied.items():
                with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                    for line in lines:
                        copy.write_row(line)
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")

    def bare(self) -> Read:
        connection, cipher = psycopg.connect(self.url, autocommit=True), AESGCM(BARE_KEY)

        def read(user: str) -> object:
            row = connection.execute("SELECT cell FROM bare WHERE username = %s", [user]).fetchone()
            assert row is not None
            return json.loads(cipher.decrypt(row[0][:12], row[0][12:], None))

        return read


Database = Sqlite | Postgresql


def store_of(database: Database) -> Store:
    key = SealingKey(text=Secret(base64.urlsafe_b64encode(SEALING_KEY).decode()))
    nowhere = Path(os.devnull)
    return open_store(database.url, data_dir=nowhere, keyring=Keyring(lock_directory=nowhere), sealing_key=key)


def ours(database: Database) -> Read:
    auth = EveryAuth(store=store_of(database), catalogue=Catalogue(), send=never)

    def read(user: str) -> object:
        credential = auth.get_identity(SERVICE, user)
        assert credential is not None
        return credential.access_token

    return read


def never(_: object) -> Any:
    raise AssertionError("the token is fresh: nothing is to be sent")


def user(number: int) -> str:
    return f"user-{number:07}"


def identity_of(name: str) -> StoredIdentity:
    """Make an identity with a token that is valid for a day, and as long as the service's tokens are."""
    now = now_ms()
    identity = Identity(
        id=f"idn-{os.urandom(16).hex()}",
        service=SERVICE,
        user=name,
        tenant=name,
        tags={"plan": "gold"},
        scope="read write",
        account=None,
        created_at=now,
        granted_at=now,
        updated_at=now,
        expires_at=now + DAY,
        refreshable=True,
        client_id=os.urandom(16).hex(),
        origins={"token_endpoint": "https://identity.pagerduty.com"},
    )
    token = Token(
        access_token=Secret("pdus+_0" + os.urandom(32).hex()),
        refresh_token=Secret("pdur+_0" + os.urandom(32).hex()),
        scope="read write",
        issued_at=now,
        expires_at=now + DAY,
        native=Secret({"scope": "read write", "token_type": "bearer", "expires_in": 86400}),
    )
    return StoredIdentity(identity=identity, token=token)


def rows(store: Store, users: Iterable[str]) -> Iterator[tuple[RecordKey, Row, bytes]]:
    """Yield the rows that the library would save for these users, sealed for both tables."""
    bare, sealer = AESGCM(BARE_KEY), Sealer(Secret(SEALING_KEY))
    record = record_of(identity_of(user(0)))
    text = json.dumps(record.secret.reveal(), separators=(",", ":"))
    for each in users:
        key = identity_key("default", SERVICE, user=each)
        metadata = {**record.metadata, "id": f"idn-{each}", "tags": {"plan": "gold", "number": each}}
        whole = json.dumps({**metadata, **record.secret.reveal()}).encode()
        name, nonce = store.name(key), os.urandom(12)
        public, lookup = json.dumps(metadata, separators=(",", ":")), lookup_of(metadata)
        sealed = sealer.seal(name, Secret(text), bound_to=associated_data(name, public, "1", lookup))
        yield key, Row(public, sealed, "1", sealer.key_id, *lookup), nonce + bare.encrypt(nonce, whole, None)


def fill(database: Database, start: int, stop: int, *, with_bare: bool = True) -> None:
    store = store_of(database)
    store.probe()
    for first in range(start, stop, BATCH):
        database.fill(rows(store, map(user, range(first, min(stop, first + BATCH)))), with_bare=with_bare)


def rate(reader: Callable[[], Read], *, size: int, processes: int, seconds: float) -> float:
    """Return the reads per second of all processes together."""
    start, counts = FORK.Barrier(processes), FORK.Queue()

    def work(seed: int) -> None:
        choose = random.Random(seed)
        users = [user(number) for number in choose.choices(range(size), k=20_000)]
        read, done = reader(), 0
        for name in users[:500]:
            read(name)
        start.wait()
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            for _ in range(50):
                read(users[done % len(users)])
                done += 1
        counts.put(done / (time.perf_counter() - until + seconds))

    workers = [FORK.Process(target=work, args=[number]) for number in range(processes)]
    for worker in workers:
        worker.start()
    total = sum(counts.get(timeout=120) for _ in workers)
    for worker in workers:
        worker.join()
    return total


def measure(database: Database, *, size: int, processes: int, repeats: int, seconds: float) -> str:
    pairs = []
    for _ in range(repeats):
        us = rate(lambda: ours(database), size=size, processes=processes, seconds=seconds)
        them = rate(database.bare, size=size, processes=processes, seconds=seconds)
        pairs.append((us, them, us / them))
    us, them, ratio = (statistics.median(column) for column in zip(*pairs, strict=True))
    return f"| {database.name} | {size:,} | {processes} | {us:,.0f} | {them:,.0f} | {ratio:.2f} |"


def in_the_loop(database: Database, *, size: int, repeats: int) -> str:
    """Return the row of one store in the second table."""
    hang = threading.Event()

    def send(_: object) -> Any:
        hang.wait()
        raise ServiceUnreachable("the bench is over")

    auth = EveryAuth(store=store_of(database), catalogue=Catalogue(), send=send, patience=Patience(seconds=None))
    auth.clients.set(auth.catalogue.get(SERVICE), client_id="id", client_secret=Secret("s"))
    stale = [f"stale-{number}" for number in range(HANGING)]
    for name in stale:
        save_identity(auth.store, identity_key("default", SERVICE, user=name), expired(identity_of(name)))
    fresh = [user(number) for number in random.Random(1).choices(range(size), k=AT_ONCE)]
    try:
        return asyncio.run(
            loop_row(auth, database.name, service=SERVICE, fresh=fresh, stale=stale, hang=hang, repeats=repeats)
        )
    finally:
        hang.set()


def expired(stored: StoredIdentity) -> StoredIdentity:
    then = now_ms() - DAY
    token = replace(stored.token, issued_at=then - DAY, expires_at=then)
    return replace(stored, token=token, identity=replace(stored.identity, expires_at=then))


@contextmanager
def databases() -> Iterator[list[Database]]:
    with tempfile.TemporaryDirectory() as directory:
        found: list[Database] = [Sqlite(Path(directory))]
        with ExitStack() as open_servers:
            try:
                server = open_servers.enter_context(running())
            except pytest.skip.Exception as skipped:
                print(skipped, file=sys.stderr)
            else:
                found.append(Postgresql(server.new_database()))
            yield found


def main() -> None:
    """Print the table, each row as soon as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    print("| store | identities | processes | get_identity/s | bare SELECT/s | ratio |\n|---|---:|---:|---:|---:|---:|")
    with databases() as found:
        for database in found:
            before = 0
            for size in options.sizes:
                fill(database, before, size)
                before = size
                for processes in PROCESSES:
                    repeats, seconds = options.repeats, options.seconds
                    line = measure(database, size=size, processes=processes, repeats=repeats, seconds=seconds)
                    print(line, flush=True)
        print(f"\n{HEAD}")
        for database in found:
            print(in_the_loop(database, size=options.sizes[0], repeats=options.repeats), flush=True)


if __name__ == "__main__":
    main()
