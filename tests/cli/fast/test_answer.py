"""The short cut answers as the whole path does, byte for byte, and leaves alone what is not its own."""

from __future__ import annotations

import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Callable

import pytest
from peers.both_paths import GET, INSTALLED, ME, WHOLE_PATH, ran
from peers.sandbox import KEY, NAME, Shell, sandbox_shell
from peers.stores import in_file, overwrite

from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.model import Secret
from everyauth_cli.store.identities import identity_key
from everyauth_cli.store.records import MOVED_TO
from everyauth_cli.store.sealed.cell import associated_data
from everyauth_cli.store.table import Row

OTHER_KEY = KEY.swapcase()
HOME = "everyauth-home"


@pytest.fixture
def shell(everyauth):
    """Somebody logged in, over a sealed store."""
    with sandbox_shell(everyauth) as shell:
        shell.log_in()
        yield shell


@pytest.mark.parametrize("line", ["--version", *GET])
def test_a_fresh_token_is_answered_by_the_short_cut(shell, line):
    done = ran(shell, line)
    assert done.answered
    assert (done.short_cut[0], done.short_cut[2]) == (0, b"")
    token = shell.auth.get_identity(NAME).access_token
    assert (token.encode() in done.short_cut[1]) == (line != "--version")


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        "",
        "--help",
        "--version --version",
        "-o json token pagerduty",
        "token",
        "token ''",
        "token --help",
        "token pagerduty --help",
        "token pagerduty -o json",
        "token pagerduty --min-ttl 1m",
        "token pagerduty -- me",
        "token pagerduty -p work",
        "token pagerduty me me",
        "token pagerduty nobody",
        "token pagerduty ''",
        "token pagerduty 'a name'",
        "token pagerduty ../me",
        "token pagerduty me:me",
        "token pagerduty m\N{LATIN SMALL LETTER E WITH ACUTE}",
        "token pagerduty \udcff",
        "token PagerDuty",
        "token pagerdutty",
        "token pagerduty {id}",
        "identity get",
        "identity get {id}",
        "identity get pagerduty",
        "identity get pagerduty {id}",
        "identity get pagerduty --user me",
        "identity get --user me",
        "identity get nobody",
        "identity get pagerduty me -v",
        "identity get ''",
    ],
)
def test_any_other_line_is_left_to_the_whole_path(shell, line):
    assert not ran(shell, line.format(id=shell.auth.find_one("me").id)).answered


METADATA = ("tags", "account", "scope", "created_at", "refreshable", "id")


def rewritten(shell: Shell, *, login_required: bool = False, refresh: bool = False, **changes: object) -> None:
    """Change what the record of `me` says; without a refresh token, so that the whole path changes nothing."""
    record = shell.auth.store.get(ME)
    secret = record.secret.reveal() | {name: value for name, value in changes.items() if name not in METADATA}
    secret |= {"login_required": login_required} | ({} if refresh else {"refresh_token": None})
    shared = {name: changes[name] for name in ("expires_at", *METADATA) if name in changes}
    shared |= {"login_required": {"since": 1, "reason": "it was revoked"}} if login_required else {}
    overwrite(shell.auth.store, ME, metadata=record.metadata | shared, secret=secret)


def sealed_text(shell: Shell, secret: str) -> None:
    """Seal any text as the secret of `me`."""
    store = shell.auth.store
    row, name = Row._make(store.backend.table.read(ME)), store.name(ME)
    sealer = store.backend._sealer_in_use()
    sealed = sealer.seal(name, Secret(secret), bound_to=associated_data(name, row.metadata, row.version, row[4:]))
    store.backend.table.replace(ME, row._replace(sealed=sealed))


def without(shell: Shell, part: str, name: str) -> None:
    """Take something out of the record."""
    record = shell.auth.store.get(ME)
    parts = {"metadata": record.metadata, "secret": record.secret.reveal()}
    del parts[part][name]
    overwrite(shell.auth.store, ME, **parts)


def expiring(shell: Shell, *, lifetime: int, left: int) -> None:
    now = now_ms()
    rewritten(shell, issued_at=now + (left - lifetime) * 1000, expires_at=now + left * 1000)


def config(shell: Shell, *lines: str) -> dict[str, str]:
    """Write config.toml, and let the environment choose nothing."""
    key = shell.command.home / "sealing.key"
    key.write_text(KEY + "\n")
    text = "".join(f"{line}\n" for line in lines).replace("KEY_FILE", str(key))
    (shell.command.home / "config.toml").write_text(text)
    return {"EVERYAUTH_STORE": "", "EVERYAUTH_KEY": ""}


def key_file(shell: Shell, text: str) -> dict[str, str]:
    path = shell.command.home / "a.key"
    path.write_text(text)
    return {"EVERYAUTH_KEY_FILE": str(path)}


def schema(shell: Shell, version: int) -> None:
    with sqlite3.connect(shell.command.home / "everyauth.db") as connection:
        connection.execute(f"PRAGMA user_version = {version}")


def behind(shell: Shell) -> None:
    in_file(shell.command.home / "everyauth.db", "UPDATE everyauth_records SET metadata = metadata || ' '")


def elsewhere(shell: Shell) -> dict[str, str]:
    """The file is where only its URL says, and a directory's name has a blank in it."""
    place = shell.command.directory / "a place"
    place.mkdir()
    (shell.command.home / "everyauth.db").rename(place / "it.db")
    return {"EVERYAUTH_STORE": f"sqlite://{place / 'it.db'}"}


def moved_away(shell: Shell) -> None:
    overwrite(shell.auth.store, ME, metadata={MOVED_TO: "sqlite:///e.db"}, secret={MOVED_TO: "sqlite:///e.db"})


def with_four_slashes(shell: Shell) -> dict[str, str]:
    return {"EVERYAUTH_STORE": f"sqlite:///{shell.command.home / 'everyauth.db'}"}


PATHS = 'store = "sqlite://"', 'sealing_key = "KEY_FILE"'
# What is done to the home, which may return an environment, and whether the short cut answers then.
STATES: dict[str, tuple[Callable[[Shell], object], bool]] = {
    "a token that does not expire": (lambda shell: rewritten(shell, expires_at=None), True),
    "a short lifetime with more than a tenth of it left": (lambda shell: expiring(shell, lifetime=60, left=59), True),
    "no account": (lambda shell: rewritten(shell, account=None), True),
    "tags, fields and text of any kind": (
        lambda shell: rewritten(shell, tags={"plan": "g\u00f6ld", "userId": "x"}, native={"a": [1, {"\u2028": 1e300}]}),
        True,
    ),
    "little lifetime left": (lambda shell: expiring(shell, lifetime=3600, left=30), False),
    "an expired token": (lambda shell: expiring(shell, lifetime=3600, left=-5), False),
    "a grant that is gone": (lambda shell: rewritten(shell, login_required=True), False),
    "a moved record": (moved_away, False),
    "a secret that is no JSON": (lambda shell: sealed_text(shell, "no JSON"), False),
    "a secret that is a list": (lambda shell: sealed_text(shell, "[1]"), False),
    "a secret without what was last refreshed": (lambda shell: without(shell, "secret", "refresh_token"), False),
    "a secret without its state": (lambda shell: without(shell, "secret", "login_required"), False),
    "metadata that was changed behind the store": (behind, False),
    "a record of a time that is text": (lambda shell: rewritten(shell, expires_at="soon"), False),
    "another schema": (lambda shell: schema(shell, 3), False),
    "the first schema": (lambda shell: schema(shell, 1), False),
    "a file elsewhere": (elsewhere, True),
    "four slashes": (with_four_slashes, True),
    "what is no store": (lambda _: {"EVERYAUTH_STORE": "/etc/passwd"}, False),
    "a path that is no store": (lambda shell: {"EVERYAUTH_STORE": str(shell.command.home / "everyauth.db")}, False),
    "an empty home": (lambda shell: {"EVERYAUTH_HOME": str(shell.command.directory / "new")}, False),
    "a home written otherwise": (lambda shell: {"EVERYAUTH_HOME": f"{shell.command.home}/../{HOME}/"}, True),
    "a home that is not a whole path": (lambda _: {"EVERYAUTH_HOME": HOME}, False),
    "another profile": (lambda _: {"EVERYAUTH_PROFILE": "work"}, False),
    "the profile by name": (lambda _: {"EVERYAUTH_PROFILE": "default"}, True),
    "another key": (lambda _: {"EVERYAUTH_KEY": OTHER_KEY}, False),
    "two keys": (lambda _: {"EVERYAUTH_KEY": f"{OTHER_KEY},{KEY}"}, False),
    "no key": (lambda _: {"EVERYAUTH_KEY": ""}, False),
    "what is no key": (lambda _: {"EVERYAUTH_KEY": "c2hvcnQ="}, False),
    "a key file": (lambda shell: {**key_file(shell, f" {KEY}\n"), "EVERYAUTH_KEY": OTHER_KEY}, True),
    "a key file of another key": (lambda shell: key_file(shell, OTHER_KEY), False),
    "a key file that is gone": (lambda _: {"EVERYAUTH_KEY_FILE": "/nowhere"}, False),
    "a remembered store": (lambda shell: config(shell, *PATHS), True),
    "a store that was left": (lambda shell: config(shell, *PATHS, 'left_store = "keyring:"'), True),
    "a remembered webhook": (lambda shell: config(shell, *PATHS, 'alert_webhook = "https://example.com/"'), True),
    "a remembered store and no key": (lambda shell: config(shell, PATHS[0]), False),
    "an empty remembered store": (lambda shell: config(shell, 'store = ""', PATHS[1]), False),
    "a damaged config.toml": (lambda shell: config(shell, *PATHS, "["), False),
    "an unknown key in config.toml": (lambda shell: config(shell, *PATHS, 'stor = "keyring:"'), False),
    "a key twice in config.toml": (lambda shell: config(shell, *PATHS, PATHS[0]), False),
    "an escape in config.toml": (lambda shell: config(shell, 'store = "sqlite:\\/"', PATHS[1]), False),
    "more TOML than is read": (lambda shell: config(shell, *PATHS, "# a comment"), False),
    "a stdout of ASCII": (lambda _: {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}, True),
    "no bus": (lambda _: {"EVERYAUTH_STORE": "keyring:"}, False),
    "no bus at its address": (
        lambda _: {"EVERYAUTH_STORE": "keyring:", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/none"},
        False,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("state", STATES)
def test_whatever_the_state_is_both_paths_say_the_same(shell, state):
    prepare, answered = STATES[state]
    env = prepare(shell)
    for line in ("token pagerduty", "identity get pagerduty me", "identity get me"):
        assert ran(shell, line, **(env or {})).answered == answered, line


def half_a_character(shell: Shell) -> None:
    rewritten(shell, tags={"plan": "\ud800"})


def of_another_tenant(shell: Shell) -> None:
    """The only identity of `me` is of a tenant."""
    shell.auth.delete_identity(NAME, "me", local=True)
    shell.log_in(tenant="acme")


# What is done to the home, and which of the lines `GET` the short cut answers then.
PARTLY = {
    "half a character": (half_a_character, GET),
    "metadata without tags": (lambda shell: without(shell, "metadata", "tags"), GET[:2]),
    "another user beside": (lambda shell: shell.log_in("you"), GET),
    "an identity of another tenant beside": (lambda shell: shell.log_in(tenant="acme"), GET[:3]),
    "an identity of another tenant alone": (of_another_tenant, GET[3:]),
}


@pytest.mark.slow
@pytest.mark.parametrize("state", PARTLY)
def test_what_the_index_says_counts_only_where_it_is_asked(shell, state):
    prepare, answered = PARTLY[state]
    prepare(shell)
    assert tuple(line for line in GET if ran(shell, line).answered) == answered


@pytest.mark.slow
def test_an_id_is_no_user_to_both_paths(shell):
    store = shell.auth.store
    store.save(identity_key("default", NAME, user="idn-1"), {}, store.get(ME).secret, version=None)
    assert not ran(shell, "token pagerduty idn-1").answered


@pytest.mark.slow
@pytest.mark.parametrize("redirection", [">&-", ">/dev/full", "2>&-", "<&-", "| true", "| head -c 5"])
@pytest.mark.parametrize("long", [False, True])
def test_streams_that_cannot_be_written_end_both_paths_alike(shell, redirection, long):
    if long:
        rewritten(shell, native={"id_token": "e" * 100_000})
    ended = []
    for code in (WHOLE_PATH, INSTALLED):
        command = f"{shlex.join([sys.executable, '-c', code, 'identity', 'get', 'pagerduty', 'me'])} {redirection}"
        env = shell.command.environment(shell.env)
        done = subprocess.run(["bash", "-o", "pipefail", "-c", command], check=False, env=env, capture_output=True)
        ended.append((done.returncode, done.stdout, done.stderr))
    assert ended[0] == ended[1]


@pytest.mark.parametrize("line", GET)
def test_a_token_that_is_bound_to_a_key_is_refused(shell, line):
    rewritten(shell, dpop={"key": "{}", "nonces": {}})
    done = ran(shell, line)
    assert not done.answered
    assert done.whole_path[:2] == (2, b"")
    assert b"is bound to a key (DPoP)" in done.whole_path[2]
