"""`everyauth store rotate-key`: whatever happens meanwhile, every secret opens with the keys at hand."""

import itertools
import time

import pytest
from peers.sandbox import KEY
from peers.secret_service import secret_service

from everyauth_cli.errors import WrongKey
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.settings import read_settings
from everyauth_cli.store.from_settings import key_place_of, store_of
from everyauth_cli.store.sealed.keys import new_key

pytestmark = pytest.mark.slow

ROTATE = ("store", "rotate-key")


def key(number):
    return RecordKey(profile="default", kind="identity", service="example", tenant="acme", user=f"user-{number}")


def put(store, number, content=None):
    before = store.get(key(number))
    secret = Secret({"content": number if content is None else content})
    return store.save(key(number), {"n": number}, secret, version=before and before.version)


class Home:
    """A home with a sealed store; `store()` opens it as the command would at this moment."""

    def __init__(self, command, **env):
        self.command = command
        self.env = env

    def __call__(self, *arguments):
        return self.command(*arguments, env=self.env)

    @property
    def settings(self):
        return read_settings(self.command.environment(self.env))

    def store(self):
        return store_of(self.settings)

    def sealing_keys(self):
        return key_place_of(self.settings).read().reveal().split()

    def fill(self, count):
        store = self.store()
        for number in range(count):
            put(store, number)
        return store

    def contents(self, count, store=None):
        store = store or self.store()
        return [store.get(key(number)).secret.reveal()["content"] for number in range(count)]


@pytest.fixture(params=["sqlite", "postgres", "keyring"])
def any_home(request, everyauth, tmp_path):
    """A home whose store is made by `store use`: its key is in a file, or in the OS keyring."""
    home = Home(everyauth)
    if request.param == "keyring":
        home.env["DBUS_SESSION_BUS_ADDRESS"] = request.getfixturevalue("bus").bus_address
    url = request.getfixturevalue("postgres").new_database() if request.param == "postgres" else "sqlite://"
    assert home("store", "use", url).code == 0
    return home


@pytest.fixture
def bus(tmp_path):
    with secret_service(tmp_path / "service") as service:
        yield service


@pytest.fixture
def sqlite(everyauth):
    home = Home(everyauth)
    assert home("store", "use", "sqlite://").code == 0
    return home


def test_another_key_opens_everything_and_the_old_one_nothing(any_home):
    any_home.fill(5)
    (old,) = any_home.sealing_keys()
    done = any_home(*ROTATE)
    assert (done.code, done.out) == (0, "")
    assert "Secrets sealed with the new key in " in done.err
    assert ": 5.\n" in done.err
    (new,) = any_home.sealing_keys()
    assert new != old
    assert old not in done.err
    assert new not in done.err
    assert any_home.contents(5) == list(range(5))
    with_old = Home(any_home.command, EVERYAUTH_STORE=any_home.settings.store_url, EVERYAUTH_KEY=old).store()
    for number in range(5):
        with pytest.raises(WrongKey):
            with_old.get(key(number))


def test_the_old_keys_are_kept_for_other_stores_and_backups(any_home):
    any_home.fill(1)
    keys = []
    for _ in range(2):
        keys += any_home.sealing_keys()
        done = any_home(*ROTATE)
        assert done.code == 0
    place = key_place_of(any_home.settings)
    if place.key.file:
        path = place.key.file.with_name("sealing.key.before")
        assert path.stat().st_mode & 0o777 == 0o600
        kept = path.read_text().split()
        assert f"The old key is in {path}" in done.err
    else:
        kept = place.keyring.open().read(f"{place.keyring.key_name}-before").reveal().split()
    assert kept == keys[::-1]


def test_a_process_from_before_a_rotation_reads_and_writes_after_it(any_home):
    before = any_home.fill(3)
    (old,) = any_home.sealing_keys()
    stale = Home(any_home.command, EVERYAUTH_STORE=any_home.settings.store_url, EVERYAUTH_KEY=old).store()
    assert any_home.contents(3, stale) == [0, 1, 2]
    assert any_home(*ROTATE).code == 0
    put(before, 0, "newer")
    assert any_home.contents(3, before) == any_home.contents(3) == ["newer", 1, 2]
    # A machine that has the old key alone may not seal with it what nobody could open any more.
    with pytest.raises(WrongKey, match="was rotated"):
        put(stale, 7)
    assert any_home.store().get(key(7)) is None


def test_a_rotation_that_is_killed_again_and_again_loses_nothing(sqlite):
    count = 60
    sqlite.fill(count)
    (old,) = sqlite.sealing_keys()
    kills = 0
    while old in sqlite.sealing_keys():
        process = sqlite.command.start(*ROTATE, env=sqlite.env)
        while len(sqlite.sealing_keys()) == 1 and process.poll() is None:
            time.sleep(0.005)
        # Later each time, so that it is cut off at one place after another.
        time.sleep(0.3 * kills)
        process.kill()
        process.communicate()
        kills += 1
        assert sqlite.contents(count) == list(range(count))
    assert kills > 1
    assert len(sqlite.sealing_keys()) == 1


def test_what_is_written_during_a_rotation_is_kept(sqlite):
    store = sqlite.fill(80)
    process = sqlite.command.start(*ROTATE, env=sqlite.env)
    numbers = itertools.count()
    while process.poll() is None:
        number = next(numbers) % 50
        with store.lock(key(number)):
            put(store, number)
    assert process.returncode == 0, process.stderr.read()
    assert next(numbers) > 10
    assert len(sqlite.sealing_keys()) == 1
    assert sqlite.contents(80) == list(range(80))


def test_an_interrupted_rotation_continues_with_the_same_key(sqlite):
    sqlite.fill(3)
    (old,) = sqlite.sealing_keys()
    new = new_key().reveal()
    (sqlite.command.home / "sealing.key").write_text(f"{new}\n{old}\n")
    records = sqlite.store().backend
    records.use_first_key()
    records.reseal(key(1), sqlite.store().name(key(1)))
    done = sqlite(*ROTATE)
    assert done.code == 0
    assert "continuing the rotation" in done.err
    assert ": 2.\n" in done.err
    assert sqlite.sealing_keys() == [new]
    assert sqlite.contents(3) == [0, 1, 2]


def test_a_secret_of_yet_another_key_keeps_all_keys(sqlite):
    sqlite.fill(2)
    (old,) = sqlite.sealing_keys()
    foreign = Home(sqlite.command, EVERYAUTH_STORE="sqlite://", EVERYAUTH_KEY=KEY).store()
    put(foreign, 2)
    done = sqlite(*ROTATE)
    assert (done.code, done.out) == (6, "")
    assert "1 secrets do not open" in done.err
    assert len(sqlite.sealing_keys()) == 2
    assert sqlite.contents(2) == [0, 1]
    path = sqlite.command.home / "sealing.key"
    path.write_text(path.read_text() + KEY + "\n")
    assert sqlite(*ROTATE).code == 0
    assert len(sqlite.sealing_keys()) == 1
    assert old not in sqlite.sealing_keys()
    assert sqlite.contents(3) == [0, 1, 2]


def test_a_copy_of_the_key_that_a_killed_rotation_left_is_removed_by_the_next(sqlite):
    sqlite.fill(1)
    path = sqlite.command.home / "sealing.key"
    left = path.with_name(f"{path.name}.0123456789abcdef")
    left.write_text(path.read_text())
    assert sqlite(*ROTATE).code == 0
    assert sorted(found.name for found in path.parent.glob("sealing.key*")) == ["sealing.key", "sealing.key.before"]


def test_a_key_in_the_environment_is_rotated_by_hand(everyauth):
    home = Home(everyauth, EVERYAUTH_STORE="sqlite://", EVERYAUTH_KEY=KEY)
    home.fill(2)
    done = home(*ROTATE)
    assert (done.code, done.out) == (2, "")
    assert "openssl rand" in done.err
    home.env["EVERYAUTH_KEY"] = f"{new_key().reveal()} {KEY}"
    done = home(*ROTATE)
    assert done.code == 0
    assert "remove the others" in done.err
    home.env["EVERYAUTH_KEY"] = home.env["EVERYAUTH_KEY"].split()[0]
    assert home.contents(2) == [0, 1]


def test_two_rotations_do_not_run_at_once(sqlite):
    sqlite.fill(1)
    (old,) = sqlite.sealing_keys()
    with sqlite.store().locks.hold("everyauth:rotation", timeout=0):
        done = sqlite(*ROTATE)
    assert (done.code, done.out) == (6, "")
    assert "another process is rotating" in done.err
    assert sqlite.sealing_keys() == [old]


def test_the_os_keyring_has_no_key_to_rotate(everyauth, bus):
    home = Home(everyauth, EVERYAUTH_STORE="keyring:", DBUS_SESSION_BUS_ADDRESS=bus.bus_address)
    done = home(*ROTATE)
    assert (done.code, done.out) == (2, "")
    assert "has no sealing key" in done.err
