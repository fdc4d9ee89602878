"""The whole journey over a real gnome-keyring, and the errors when none can be used."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager

import pytest
from jeepney import DBusAddress
from peers.sandbox import TOKEN_LIFETIME, sandbox_shell, witness
from peers.secret_service import NAME, SERVICE, call, secret_service

pytestmark = pytest.mark.slow

# Two tries of 3 s each, and the start of four processes at once on a busy machine; an unanswered D-Bus call takes 25 s.
SECONDS = 30
WAY_OUT = "everyauth store use sqlite://"


@pytest.fixture
def service(tmp_path):
    with secret_service(tmp_path / "service") as service:
        yield service


@contextmanager
def keyring_shell(everyauth, service):
    """The command over the keyring, with a user logged in."""
    with sandbox_shell(everyauth, registered=False) as shell:
        shell.env = {"BROWSER": shell.env["BROWSER"], "DBUS_SESSION_BUS_ADDRESS": service.bus_address}
        shell.register()
        shell.log_in()
        yield shell


@pytest.fixture
def shell(everyauth, service):
    with keyring_shell(everyauth, service) as shell:
        yield shell


def ours(service) -> list[str]:
    """The names of all items of ours."""
    unlocked, locked = call(service.bus_address, SERVICE, "SearchItems", "a{ss}", {"username": "everyauth"})
    names = []
    for path in [*unlocked, *locked]:
        item = DBusAddress(path, NAME, "org.freedesktop.DBus.Properties")
        ((_, attributes),) = call(service.bus_address, item, "Get", "ss", "org.freedesktop.Secret.Item", "Attributes")
        names.append(attributes["service"])
    return names


def test_login_get_refresh_and_rm_over_the_keyring(shell, service):
    shell.good("everyauth login pagerduty --user user-123")
    first = json.loads(shell.good("everyauth identity get user-123"))["accessToken"]
    assert shell.works(first)
    shell.clock.tick(TOKEN_LIFETIME + 1)
    second = shell.token("user-123")
    assert shell.works(second)
    assert second != first
    assert shell.token("user-123") == second
    status = json.loads(shell.good("everyauth store status -o json"))
    assert (status["store"], status["from"], status["available"]) == ("keyring:", "the default", True)
    assert not [file for file in shell.command.home.rglob("*") if file.is_file() and b"pdus+_" in file.read_bytes()]

    shell.good("everyauth identity rm user-123 --yes")
    shell.bad("everyauth token pagerduty user-123", 4, "everyauth login pagerduty --user user-123")
    shell.good("everyauth identity rm me --yes")
    shell.good("everyauth service rm pagerduty --yes")
    assert ours(service) == []


def test_the_keyring_librarys_own_command_reads_our_item(shell, service):
    (name,) = [name for name in ours(service) if ":identity:" in name]
    content = json.loads(service.keyring("get", name, "everyauth"))
    assert content["secret"]["access_token"] == shell.token()
    service.keyring("del", name, "everyauth")
    shell.bad("everyauth token pagerduty", 4, "everyauth login pagerduty")


def locked(service) -> dict[str, str]:
    service.lock()
    return {}


def frozen(service) -> dict[str, str]:
    service.freeze()
    return {}


def stopped(service) -> dict[str, str]:
    service.stop()
    return {}


def no_bus(service) -> dict[str, str]:
    return {"DBUS_SESSION_BUS_ADDRESS": ""}


def null(service) -> dict[str, str]:
    return {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}


def fail(service) -> dict[str, str]:
    return {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}


@pytest.mark.parametrize(
    ("trouble", "code", "says"),
    [
        (locked, "store_locked", "the keyring is locked"),
        (frozen, "store_unavailable", "did not answer"),
        (stopped, "store_unavailable", "no keyring"),
        (no_bus, "store_unavailable", "no session bus"),
        (null, "store_unavailable", "keyring.backends.null.Keyring"),
        (fail, "store_unavailable", "keyring.backends.fail.Keyring"),
    ],
)
def test_an_unusable_keyring_is_an_error_before_a_browser_opens(everyauth, tmp_path, trouble, code, says):
    with secret_service(tmp_path / "service") as service, keyring_shell(everyauth, service) as shell:
        fails_in_time(shell, trouble(service), tmp_path / "opened", code=code, says=says)


def fails_in_time(shell, env, opened, *, code, says):
    shell.env |= {"BROWSER": witness(opened), **env}
    started = time.monotonic()
    lines = ["login pagerduty", "token pagerduty", "token pagerduty -o json", "store status"]
    processes = [shell.start(f"everyauth {line}") for line in lines]
    outs, errs = zip(*(process.communicate(timeout=60) for process in processes), strict=True)
    assert time.monotonic() - started < SECONDS
    assert [process.returncode for process in processes] == [6] * 4
    assert outs[:3] == ("", "", "")
    assert "available  no" in outs[3].splitlines()
    for err in errs:
        assert says in err
        assert WAY_OUT in err
        assert "Traceback" not in err
    assert json.loads(errs[2].splitlines()[-1])["error"]["code"] == code
    assert not opened.exists()
    # Listing touches no secret.
    assert [identity["tags"]["userId"] for identity in shell.identities()] == ["me"]
    shell.good("everyauth service get pagerduty")


def test_credentials_are_back_when_the_keyring_is_unlocked_again(shell, service):
    token = shell.token()
    service.lock()
    shell.bad("everyauth token pagerduty", 6, "locked")
    service.stop()
    service.start()
    assert shell.token() == token


def test_without_a_keyring_the_suggested_command_works(shell, service):
    service.stop()
    shown = shell.bad("everyauth login pagerduty", 6, WAY_OUT)
    assert "PYTHON_KEYRING_BACKEND" not in shown or WAY_OUT in shown
    chosen = shell(WAY_OUT)
    assert (chosen.code, chosen.out) == (0, "")
    assert "sealing.key" in chosen.err
    assert "1 identity and 1 client stay in keyring:. To switch back:" in chosen.err
    assert "everyauth store move keyring: sqlite://" in chosen.err
    listed = shell("everyauth identity ls")
    assert (listed.code, listed.out) == (0, "")
    assert "keyring: was left for this store" in listed.err
    assert "everyauth store move keyring: sqlite://" in listed.err
    assert "was left" in shell("everyauth identity ls -o json").err
    shell.register()
    shell.good("everyauth login pagerduty")
    assert shell.works(shell.token())


def test_the_sealing_key_is_in_the_keyring_if_it_can_be_used(shell, service):
    chosen = shell(WAY_OUT)
    assert (chosen.code, "OS keyring" in chosen.err) == (0, True)
    assert not (shell.command.home / "sealing.key").exists()
    shell.register()
    shell.log_in()
    token = shell.token()
    service.lock()
    shell.bad("everyauth token pagerduty", 6, "locked")
    assert len(shell.identities()) == 1
    service.stop()
    service.start()
    assert shell.token() == token
