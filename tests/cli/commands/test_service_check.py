"""`everyauth service check`: the patch that it prints, its exit codes, and what a hostile document cannot do."""

from __future__ import annotations

import json
import tomllib

import pytest
from peers.http_server import Peer
from peers.sandbox import SEALED

pytestmark = pytest.mark.slow

NOWHERE = {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1", **SEALED}
"""Every service is behind a proxy that nothing runs, so that none is asked."""


@pytest.fixture
def server():
    with Peer() as peer:
        yield peer


def add(everyauth, server, name="acme", **changes):
    """Write an entry of the user's own for the server, and let the server publish the same."""
    issuer = server.url.removesuffix("/token")
    entry = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/auth",
        "token_endpoint": f"{issuer}/token",
    }
    publish(server, entry)
    path = everyauth.home / "services" / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in (entry | changes).items()))
    path.chmod(0o600)
    return entry


def publish(server, metadata):
    server.body = json.dumps(metadata).encode()


def test_an_entry_that_agrees(everyauth, server):
    add(everyauth, server)
    done = everyauth("service", "check", "acme", env=SEALED)
    url = f"{server.url.removesuffix('token')}.well-known/oauth-authorization-server"
    assert (done.code, done.out, done.err) == (0, f"# acme agrees with {url}\n", "")


def test_the_patch_is_toml_for_the_users_own_file(everyauth, server):
    stated = "https://old.example/token"
    right = add(everyauth, server, token_endpoint=stated)
    publish(server, {**right, "revocation_endpoint": f"{right['issuer']}/revoke"})
    before = (everyauth.home / "services" / "acme.toml").read_bytes()
    done = everyauth("service", "check", "acme", env=SEALED)
    assert done.code == 2
    assert tomllib.loads(done.out) == {
        "token_endpoint": right["token_endpoint"],
        "revocation_endpoint": f"{right['issuer']}/revoke",
    }
    assert f'# token_endpoint: the entry has "{stated}".\n' in done.out
    assert "Nothing was written" in done.err
    assert (everyauth.home / "services" / "acme.toml").read_bytes() == before
    shown = json.loads(everyauth("service", "check", "acme", "-o", "json", env=SEALED).out)
    assert (shown["id"], shown["state"]) == ("acme", "differs")
    assert shown["differences"] == [
        {
            "key": "token_endpoint",
            "entry": stated,
            "server": right["token_endpoint"],
            "problem": None,
            "unknownHost": None,
        }
    ]
    assert [one["key"] for one in shown["lacking"]] == ["revocation_endpoint"]
    assert tomllib.loads(shown["patch"]) == tomllib.loads(done.out)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("token_endpoint", "https://evil.example/token", "evil.example is no host of acme that is known here"),
        ("token_endpoint", "http://evil.example/token", "plain http"),
        ("authorization_endpoint", "https://a.example/\u001b]0;x\u0007\u202e\n[params]", "not a URL"),
        ("jwks_uri", "https://a.example/\n[quirk]\nx = 1", "not a URL"),
        ("token_endpoint", 'https://a.example/"\npkce = false\n#', "not a URL"),
    ],
)
def test_a_hostile_document_is_shown_and_never_a_line_to_paste(everyauth, server, key, value, says):
    right = add(everyauth, server, jwks_uri="https://127.0.0.1/jwks")
    publish(server, {**right, key: value})
    done = everyauth("service", "check", "acme", env=SEALED)
    assert done.code == 2
    assert tomllib.loads(done.out) == {}
    assert says in done.out
    assert not any(not (c.isprintable() or c == "\n") for c in done.out)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b"<html>", "service_unreadable"),
        (302, b"", "service_unreadable"),
        (503, b"", "service_unreachable"),
        (200, b"{" + b" " * (2 << 20) + b"}", "service_unreadable"),
    ],
)
def test_a_server_that_cannot_be_compared_is_an_error(everyauth, server, status, body, error):
    add(everyauth, server)
    server.status, server.body = status, body
    done = everyauth("service", "check", "acme", "-o", "json", env=SEALED)
    assert (done.code, done.out) == (5, "")
    assert json.loads(done.err)["error"]["code"] == error


def test_a_server_without_metadata_is_none(everyauth, server):
    add(everyauth, server)
    server.status = 404
    done = everyauth("service", "check", "acme", env=SEALED)
    assert (done.code, done.out) == (0, "# acme publishes no metadata to compare with\n")


def test_a_setting_without_a_value_is_asked_for(everyauth):
    done = everyauth("service", "check", "okta", env=NOWHERE)
    assert (done.code, done.out) == (2, "")
    assert "everyauth service set okta --param subdomain=" in done.err


def test_a_preset_is_checked_as_its_service(everyauth):
    done = everyauth("service", "check", "gmail", env=NOWHERE)
    assert (done.code, done.out) == (5, "")
    assert "accounts.google.com" in done.err


def test_all_entries_are_checked_and_summed_up(everyauth, server):
    add(everyauth, server)
    add(everyauth, server, "wrong", token_endpoint="https://old.example/token")
    done = everyauth("service", "check", "--jobs", "16", "-o", "json", env=NOWHERE)
    assert done.code == 2
    items = {one["id"]: one for one in json.loads(done.out)["items"]}
    assert len(items) > 170
    assert (items["acme"]["state"], items["wrong"]["state"]) == ("agrees", "differs")
    assert {one["state"] for one in items.values()} == {"agrees", "differs", "unreachable", "not_set"}
    assert items["google"]["error"]["code"] == "service_unreachable"
    (everyauth.home / "services" / "wrong.toml").unlink()
    done = everyauth("service", "check", env=NOWHERE)
    assert done.code == 5
    rows = [line.split("\t") for line in done.out.splitlines()]
    assert [row[:2] for row in rows if row[0] == "acme"] == [["acme", "agrees"]]
    assert ", 1 agrees, " in done.err
