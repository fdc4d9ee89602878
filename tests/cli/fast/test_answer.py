"""The short cut answers as the whole path does, byte for byte, and leaves alone what is not its own."""

from __future__ import annotations

import json
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Callable

import pytest
from peers.both_paths import GET, INSTALLED, ME, WHOLE_PATH, ran
from peers.sandbox import KEY, NAME, Shell, sandbox_shell

from everyauth_cli.everyauth import now_ms
from everyauth_cli.model import Secret
from everyauth_cli.store.identities import identity_key

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


def rewritten(shell: Shell, *, login_required: bool = False, refresh: bool = False, **changes: object) -> None:
    """Change what the record of `me` says; without a refresh token, so that the whole path changes nothing."""
    store = shell.auth.store
    content = store.read(ME).content.reveal()
    token = content["token"] | {name: changes.pop(name) for name in ("issued_at", "native") if name in changes}
    token |= {} if refresh else {"refresh_token": None}
    if login_required:
        changes["login_required"] = {"since": 1, "reason": "it was revoked"}
    whole = {**content, **changes, "token": token}
    public = {name: whole[name] for name in store.index.read(ME)}
    store.write(ME, public=public, secret=Secret(whole))


def written(shell: Shell, text: str) -> None:
    shell.auth.store.vault.write(shell.auth.store.name(ME), Secret(text))


def without(shell: Shell, *path: str) -> None:
    """Take something out of the record."""
    store = shell.auth.store
    content = json.loads(store.vault.read(store.name(ME)).reveal())
    inner = content
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    written(shell, json.dumps(content))


def expiring(shell: Shell, *, life: int, left: int) -> None:
    now = now_ms()
    rewritten(shell, issued_at=now + (left - life) * 1000, expires_at=now + left * 1000)


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


def elsewhere(shell: Shell) -> dict[str, str]:
    """The file is where only its URL says, and a directory's name has a blank in it."""
    place = shell.command.directory / "a place"
    place.mkdir()
    (shell.command.home / "everyauth.db").rename(place / "it.db")
    return {"EVERYAUTH_STORE": f"sqlite://{place / 'it.db'}"}


PATHS = 'store = "sqlite://"', 'sealing_key = "KEY_FILE"'
# What is done to the home, which may return an environment, and whether the short cut answers then.
STATES: dict[str, tuple[Callable[[Shell], object], bool]] = {
    "a token that does not expire": (lambda shell: rewritten(shell, expires_at=None), True),
    "a short life with more than a tenth of it left": (lambda shell: expiring(shell, life=60, left=59), True),
    "no account": (lambda shell: rewritten(shell, account=None), True),
    "tags, fields and text of any kind": (
        lambda shell: rewritten(shell, tags={"plan": "g\u00f6ld", "userId": "x"}, native={"a": [1, {"\u2028": 1e300}]}),
        True,
    ),
    "little life left": (lambda shell: expiring(shell, life=3600, left=30), False),
    "an expired token": (lambda shell: expiring(shell, life=3600, left=-5), False),
    "a grant that is gone": (lambda shell: rewritten(shell, login_required=True), False),
    "a moved record": (lambda shell: rewritten(shell, moved_to="sqlite:///elsewhere.db"), False),
    "a record that is no JSON": (lambda shell: written(shell, "no JSON"), False),
    "a record that is a list": (lambda shell: written(shell, "[1]"), False),
    "a record without its version": (lambda shell: without(shell, "version"), False),
    "a record without its tags": (lambda shell: without(shell, "tags"), False),
    "a record without what was last refreshed": (lambda shell: without(shell, "token", "refresh_token"), False),
    "a record of a time that is text": (lambda shell: rewritten(shell, expires_at="soon"), False),
    "another schema": (lambda shell: schema(shell, 2), False),
    "a file elsewhere": (elsewhere, True),
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


def indexed(shell: Shell, **changes: object) -> None:
    """Change what the index says of `me`; None takes it out."""
    public = shell.auth.store.index.read(ME)
    shell.auth.store.index.write(ME, {k: v for k, v in (public | changes).items() if k not in changes or v is not None})


def half_a_character(shell: Shell) -> None:
    rewritten(shell, tags={"plan": "\ud800"})


def of_another_tenant(shell: Shell) -> None:
    """The only identity of `me` is of a tenant."""
    shell.auth.delete_identity(NAME, "me", local=True)
    shell.log_in(tenant="acme")


# What is done to the home, and which of the lines `GET` the short cut answers then.
PARTLY = {
    "half a character": (half_a_character, GET[:2]),
    "an entry of the index that is damaged": (lambda shell: indexed(shell, scope=None, created_at=None), GET[:3]),
    "an entry of the index that says something else": (lambda shell: indexed(shell, refreshable="?"), GET[:3]),
    "no entry in the index": (lambda shell: shell.auth.store.index.delete(ME), GET[:3]),
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
def test_half_a_character_is_left_where_a_stream_would_take_it(shell):
    half_a_character(shell)
    assert not ran(shell, "identity get pagerduty me", PYTHONIOENCODING="utf-8:surrogatepass").answered


@pytest.mark.slow
def test_an_id_is_no_user_to_both_paths(shell):
    store = shell.auth.store
    store.write(identity_key("default", NAME, user="idn-1"), public={}, secret=store.read(ME).content)
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
