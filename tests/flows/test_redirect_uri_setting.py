"""`everyauth service set --redirect-uri`: a redirect URI of the user's own."""

from __future__ import annotations

import json

import pytest
from peers.sandbox import SEALED

pytestmark = pytest.mark.slow

OURS = "http://127.0.0.1:28282/callback/pagerduty"


@pytest.fixture
def everyauth(everyauth):
    """The command over a sealed store, in a home with no file in it."""
    plain = everyauth.environment
    everyauth.environment = lambda extra=None: plain({**SEALED, **(extra or {})})
    return everyauth


def ok(done) -> str:
    assert done.code == 0, done
    return done.out


def refused(done, code: int, *says: str) -> None:
    assert (done.code, done.out) == (code, ""), done
    assert all(text in done.err for text in says), done.err


def configuration(everyauth) -> dict[str, object]:
    return json.loads(ok(everyauth("service", "get", "pagerduty", "-o", "json")))["configuration"]


def test_a_user_s_redirect_uri_replaces_the_default(everyauth):
    mine = "https://you.example/callback?tenant=1"
    done = everyauth("service", "set", "pagerduty", "--redirect-uri", mine)
    assert ok(done) == mine + "\n"
    assert "asks you to paste the URL" in done.err
    assert ok(everyauth("service", "get", "pagerduty")).splitlines()[-1] == mine
    shown = json.loads(ok(everyauth("service", "get", "pagerduty", "-o", "json")))
    assert shown["redirectUri"] == shown["configuration"]["redirectUri"] == mine
    # The last one named of the two is kept.
    assert ok(everyauth("service", "set", "pagerduty", "--port", "29000")).startswith("http://127.0.0.1:29000/")
    assert configuration(everyauth)["redirectUri"] is None
    listening = everyauth("service", "set", "pagerduty", "--redirect-uri", "http://localhost:8080/oauth/done")
    assert ok(listening) == "http://localhost:8080/oauth/done\n"
    assert "paste" not in listening.err
    assert configuration(everyauth)["port"] is None
    assert ok(everyauth("service", "set", "pagerduty", "--redirect-uri", "")) == OURS + "\n"


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("you.example/callback", "not an https URL"),
        ("myapp://callback", "not an https URL"),
        ("http://you.example/callback", "plain http"),
        ("http://127.0.0.1/callback", "no port"),
        ("http://[::1]:8080/callback", "127.0.0.1 or localhost"),
        ("http://127.0.0.1:8080/callback?a=b", "query"),
        ("https://you.example/callback#there", "fragment"),
        ("https://me@you.example/callback", "user name"),
        ("https://you.example/{tenant}", "braces"),
        ("https://you.example:0/", "not a URL"),
        ("https://you.example/a b", "not a URL"),
    ],
)
def test_a_redirect_uri_at_which_no_login_could_end_is_refused(everyauth, uri, says):
    refused(everyauth("service", "set", "pagerduty", "--redirect-uri", uri), 2, says, "https://HOST/PATH")
    assert configuration(everyauth)["redirectUri"] is None


def test_a_port_and_a_redirect_uri_exclude_each_other(everyauth):
    both = everyauth("service", "set", "pagerduty", "--port", "29000", "--redirect-uri", "https://you.example/")
    refused(both, 2, "--port and --redirect-uri exclude each other")
    assert configuration(everyauth)["port"] is None
