"""`everyauth store use` and `store status` over a PostgreSQL that several machines share."""

import json

import pytest
from peers.sandbox import KEY, sandbox_shell

pytestmark = pytest.mark.slow


@pytest.fixture
def shell(everyauth):
    """A shell that has chosen no store yet."""
    with sandbox_shell(everyauth, registered=False) as shell:
        del shell.env["EVERYAUTH_STORE"], shell.env["EVERYAUTH_KEY"]
        yield shell


@pytest.fixture
def url(postgres):
    return postgres.new_database()


def another_machine(shell):
    """The same shell in a home of its own."""
    shell.command.home = shell.command.home.with_name("another-machine")
    shell.entry()


def test_every_machine_with_the_key_has_the_credentials_in_postgresql(shell, url, tmp_path):
    done = shell(f"everyauth store use {url}")
    assert (done.code, done.out) == (0, "")
    assert f"Credentials are stored in {url} from now on: sealed in {url}" in done.err
    key = shell.command.home / "sealing.key"
    assert str(key) in done.err
    shell.register()
    shell.log_in()
    status = json.loads(shell.good("everyauth store status -o json"))
    assert (status["store"], status["available"]) == (url, True)
    assert str(key) in status["secrets"]

    another_machine(shell)
    shell.bad(f"everyauth store use {url}", 6, "has credentials already", "EVERYAUTH_KEY_FILE")
    assert not (shell.command.home / "config.toml").exists()
    shell.env["EVERYAUTH_KEY"] = KEY
    shell.bad(f"everyauth store use {url}", 6, "sealed with another key")
    del shell.env["EVERYAUTH_KEY"]
    shell.env["EVERYAUTH_KEY_FILE"] = str(key)
    shell.good(f"everyauth store use {url}")
    assert shell.works(shell.token())


def test_a_password_is_not_remembered_and_not_shown(shell, url):
    secret = url.replace("everyauth@", "everyauth:hidden@")
    shown = shell.bad(f"everyauth store use {secret}", 2, "PGPASSFILE", url)
    assert "hidden" not in shown
    assert not (shell.command.home / "config.toml").exists()
    shell.env |= {"EVERYAUTH_STORE": secret, "EVERYAUTH_KEY": KEY}
    for line in ("everyauth store status", "everyauth store status -o json", "everyauth store use sqlite://"):
        done = shell(line)
        assert done.code == 0
        assert "hidden" not in done.out + done.err
    del shell.env["EVERYAUTH_STORE"]
    shell.command.home.joinpath("config.toml").write_text(f'store = "{secret}"\n')
    shown = shell.bad("everyauth store status", 2, "may not hold a password", "PGPASSFILE")
    assert "hidden" not in shown
    shell.good("everyauth store use sqlite://")


def test_a_missing_server_is_an_error_and_another_store_can_be_chosen(shell):
    nowhere = "postgresql://everyauth@127.0.0.1:9/db"
    shell.env |= {"EVERYAUTH_STORE": nowhere, "EVERYAUTH_KEY": KEY}
    shell.bad("everyauth token pagerduty", 6, nowhere, "cannot be used", "see that the server runs")
    done = shell("everyauth store status")
    assert (done.code, "available  no" in done.out) == (6, True)
    shell.good("everyauth store use sqlite://")
