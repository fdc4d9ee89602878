"""kill -9 at random moments of save, delete, move and key rotation: no record is lost, and none is half there.

EVERYAUTH_KILLS says how often each is killed; the more, the longer.
"""

import base64
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from peers.secret_service import secret_service
from peers.stores import KEY, keyring_of, sealed_store

from everyauth_cli.errors import RecordMoved
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.store.opening import open_store
from everyauth_cli.store.records import Query
from everyauth_cli.store.sealed.key_place import SealingKey

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("EVERYAUTH_KILLS", "6"))
USERS = [f"user-{number}" for number in range(6)]
REPOSITORY = Path(__file__).resolve().parents[2]

OPEN = """
import random, sys
sys.path[:0] = ["tests"]
from pathlib import Path
from peers.stores import keyring_of, sealed_store
from everyauth_cli.errors import RecordMoved
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.store.opening import open_store
from everyauth_cli.store.records import Query
from everyauth_cli.store.sealed.key_place import SealingKey
def opened(place, bus):
    directory = Path(place) if "://" not in place else Path("/nonexistent")
    if bus:
        keyring = keyring_of(directory, bus_address=bus)
        return open_store("keyring:", data_dir=directory, keyring=keyring, sealing_key=SealingKey())
    return sealed_store(directory, "sqlite://" if "://" not in place else place)
def key(user):
    return RecordKey(profile="default", kind="identity", service="example", tenant=user, user=user)
def metadata(n):
    return {"id": f"idn-{n}", "n": n, "tags": {"n": str(n)}, "login_required": None, "expires_at": n, "updated_at": n}
place, bus, *users = sys.argv[1:]
store = opened(place, bus)
"""
SAVE = """
n = random.randrange(10**9)
while True:
    user, n = random.choice(users), n + 1
    with store.lock(key(user)):
        record = store.get(key(user))
        if record is not None and random.random() < 0.2:
            store.delete(key(user))
            continue
        version = record.version if record else None
        store.save(key(user), metadata(n), Secret({"n": n, "padding": "x" * random.randrange(3000)}), version=version)
    print("saved", flush=True)
"""
MOVE = """
from everyauth_cli.store.move import move, record_keys
here, there = store, opened(users.pop(), "")
print("saved", flush=True)
while True:
    for source, target in ((here, there), (there, here)):
        for found in list(record_keys(source)):
            move(source, target, found)
"""
ROTATE = """
from everyauth_cli.store.sealed.sealer import Sealer
records = store.backend
first, second = records._read_keys()[0], Secret(b"2" * 32)
print("saved", flush=True)
while True:
    for keys in ([second, first], [first, second]):
        records._read_keys = lambda: keys
        records._in_use, records._sealers = None, {}
        records.use_first_key()
        for found in records.outdated():
            records.reseal(found, store.name(found))
"""


def key(user):
    return RecordKey(profile="default", kind="identity", service="example", tenant=user, user=user)


def killed(script, *arguments):
    """Run a script, and kill it a moment after it has begun."""
    command = [sys.executable, "-c", OPEN + script, *map(str, arguments)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"saved\n", process.stderr.read()
        time.sleep(random.uniform(0, 0.3))
        assert process.poll() is None, process.stderr.read()
        process.kill()


def check_whole(store):
    """Each record is whole, is listed as it is, and is found by its id and its tag."""
    for user in USERS:
        record = store.get(key(user))
        if record is None:
            continue
        assert record.metadata["n"] == record.secret.reveal()["n"]
        # What a killed save did not list is listed by the next one.
        store.save(key(user), record.metadata, record.secret, version=record.version)


@pytest.fixture(params=["sqlite", "postgresql", "keyring"])
def place(request, tmp_path):
    """A place for a store, the address of its bus, and the store."""
    if request.param == "keyring":
        with secret_service(tmp_path / "service") as service:
            keyring = keyring_of(tmp_path, bus_address=service.bus_address)
            store = open_store("keyring:", data_dir=tmp_path, keyring=keyring, sealing_key=SealingKey())
            yield tmp_path, service.bus_address, store
        return
    url = request.getfixturevalue("postgres").new_database() if request.param == "postgresql" else "sqlite://"
    yield (tmp_path if request.param == "sqlite" else url), "", sealed_store(tmp_path, url)


def test_a_save_or_a_deletion_that_is_killed_leaves_whole_records(place):
    where, bus, store = place
    for _ in range(KILLS):
        killed(SAVE, where, bus, *USERS)
        check_whole(store)
        listed = {entry.key.user for entry in store.list(Query(key("")._replace(tenant="")))}
        assert listed == {user for user in USERS if store.get(key(user)) is not None}


def test_a_move_that_is_killed_loses_nothing(tmp_path, place):
    where, bus, store = place
    other = tmp_path / "other"
    for n, user in enumerate(USERS):
        found = {"id": f"idn-{n}", "n": n, "tags": {}, "login_required": None, "expires_at": n, "updated_at": n}
        store.save(key(user), found, Secret({"n": n}), version=None)
    for _ in range(KILLS):
        killed(MOVE, where, bus, other)
        assert all(present(store, sealed_store(other), user) for user in USERS)


def present(one, other, user):
    """Whether a record is in one of two stores, whole."""
    for store in (one, other):
        try:
            record = store.get(key(user))
        except RecordMoved:
            continue
        if record is not None:
            return record.metadata["n"] == record.secret.reveal()["n"]
    return False


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_rotation_that_is_killed_loses_nothing(request, tmp_path, kind):
    url = request.getfixturevalue("postgres").new_database() if kind == "postgresql" else "sqlite://"
    store = sealed_store(tmp_path, url)
    for n, user in enumerate(USERS):
        store.save(key(user), {"n": n}, Secret({"n": n}), version=None)
    both = SealingKey(text=Secret(" ".join([KEY, base64.urlsafe_b64encode(b"2" * 32).decode()])))
    for _ in range(KILLS):
        killed(ROTATE, tmp_path if kind == "sqlite" else url, "")
        found = sealed_store(tmp_path, url, key=both)
        assert [found.get(key(user)).secret for user in USERS] == [Secret({"n": n}) for n in range(len(USERS))]
