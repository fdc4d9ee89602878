"""The short cut over a real gnome-keyring: it answers as the whole path does, and leaves it alone when in trouble."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from bench.homes import SEED
from peers.both_paths import GET, ME, answered, ran
from peers.sandbox import NAME, sandbox_shell
from peers.secret_service import scripted, secret_service, session_bus
from peers.stores import in_file

from everyauth_cli.cli.fast.secret_service import read
from everyauth_cli.model import Secret

pytestmark = pytest.mark.slow


@pytest.fixture
def service(tmp_path):
    with secret_service(tmp_path / "service") as service:
        yield service


@pytest.fixture
def keyring(everyauth, service):
    """Somebody logged in, over a real gnome-keyring."""
    with sandbox_shell(everyauth, registered=False) as shell:
        shell.env = {"DBUS_SESSION_BUS_ADDRESS": service.bus_address}
        shell.register()
        shell.log_in()
        yield shell


def test_the_keyring_is_read_by_both_paths(keyring):
    assert answered(keyring) == {True}
    assert answered(keyring, EVERYAUTH_STORE="keyring://") == {False}
    assert answered(keyring, PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring") == {False}
    keyring.auth.store.backend.items.delete(keyring.auth.store.name(ME))
    assert answered(keyring) == {False}


def test_of_several_items_both_paths_read_the_newest(keyring, service):
    name = keyring.auth.store.name(ME)
    content = json.loads(keyring.auth.store.backend.items.read(name).reveal())
    for number in range(10):
        content["secret"]["access_token"] = f"token-{number}"
        service.create({"service": name, "username": "everyauth"}, json.dumps(content).encode())
    done = ran(keyring, "token pagerduty")
    assert done.answered
    assert done.short_cut[1] == b"token-9\n"


def test_a_bus_at_its_usual_place_is_found_by_both_paths(keyring, service, tmp_path):
    (tmp_path / "bus").symlink_to(service.bus_address.removeprefix("unix:path=").partition(",")[0])
    assert answered(keyring, DBUS_SESSION_BUS_ADDRESS="", XDG_RUNTIME_DIR=str(tmp_path)) == {True}


@pytest.mark.parametrize("trouble", ["lock", "stop", "freeze"])
def test_a_keyring_in_trouble_is_left_to_the_whole_path(keyring, service, trouble):
    getattr(service, trouble)()
    assert not ran(keyring, "token pagerduty").answered


def test_the_sealing_key_in_the_keyring_is_read_by_both_paths(keyring, service):
    keyring.good("everyauth store use sqlite://")
    keyring.register()
    keyring.log_in()
    assert answered(keyring) == {True}
    service.lock()
    assert answered(keyring) == {False}


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"XDG_DATA_HOME": "{}/.local/share"},
        {"XDG_DATA_HOME": "{}/data"},
        {"XDG_DATA_HOME": "{}/data", "XDG_CONFIG_HOME": "{}/config", "EVERYAUTH_PROFILE": "work"},
    ],
)
def test_the_platforms_directories_are_the_same_to_both_paths(everyauth, service, tmp_path, variables):
    with sandbox_shell(everyauth, registered=False) as shell:
        env = {name: value.format(tmp_path) for name, value in variables.items()}
        shell.env = {"EVERYAUTH_HOME": "", "DBUS_SESSION_BUS_ADDRESS": service.bus_address, **env}
        subprocess.run([sys.executable, SEED, NAME, "1"], env=everyauth.environment(shell.env), check=True)
        assert answered(shell) == {True}
        assert answered(shell, XDG_DATA_HOME=f"{tmp_path}/none") == {False}
        assert answered(shell, XDG_DATA_HOME=f"{tmp_path}/none/") == {False}
        assert answered(shell, EVERYAUTH_HOME=str(everyauth.home)) == {False}


@pytest.mark.parametrize("change", ['{"tags": {"plan": "gold"}}', "{}", "garbage"])
def test_a_list_that_differs_from_the_item_is_left_to_the_whole_path(keyring, change):
    path = keyring.command.home / "index.db"
    in_file(path, "UPDATE everyauth_records SET metadata = ? WHERE kind = 'identity'", change)
    assert [ran(keyring, line).answered for line in GET] == [True, True, True, False]


def test_an_item_of_an_earlier_everyauth_is_left_to_the_whole_path(keyring):
    name = keyring.auth.store.name(ME)
    keyring.auth.store.backend.items.write(name, Secret('{"version": "1", "id": "idn-1", "token": {}}'))
    assert not ran(keyring, "token pagerduty").answered


@pytest.mark.parametrize("spelled", ["{}/", "{}/./", "{}/../{name}", "{}-link"])
def test_a_home_that_is_spelled_otherwise_has_the_same_namespace(keyring, spelled):
    shell_home = keyring.command.home
    shell_home.with_name(f"{shell_home.name}-link").symlink_to(shell_home)
    home = spelled.format(shell_home, name=shell_home.name)
    assert ran(keyring, "token pagerduty", EVERYAUTH_HOME=home).answered


@pytest.mark.parametrize("output", [("s", ""), ("ay", b""), ("s", "plain"), ("ay", b"x" * 7), ("o", "/")])
def test_a_plain_session_is_opened_whatever_comes_with_it(tmp_path, output):
    found = {"SearchItems": [("aoao", (["/item/1"], []))], "OpenSession": [("vo", (output, "/session"))]}
    found["GetSecrets"] = [("a{o(oayays)}", ({"/item/1": ("/session", b"", b"secret", "text/plain")},))]
    with session_bus(tmp_path / "bus") as address, scripted(address, **found) as fake:
        path = address.removeprefix("unix:path=").partition(",")[0]
        assert read(path, "name") == b"secret"
        fake.replies["OpenSession"] = [("vo", (("ao", []), "/session"))]
        with pytest.raises(LookupError):
            read(path, "name")
