"""`everyauth service add`: the keys that its options write."""

from __future__ import annotations

import tomllib

import pytest


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        ([], {"token_endpoint_auth_method": "client_secret_basic"}),
        (["--client-auth", "none"], {"token_endpoint_auth_method": "none"}),
        (
            ["--basic-encoding", "raw", "--account-url", "https://auth.example/me"],
            {
                "token_endpoint_auth_method": "client_secret_basic",
                "client_secret_basic_encoding": "raw",
                "account_endpoint": "https://auth.example/me",
            },
        ),
    ],
)
def test_an_added_service_says_how_its_client_authenticates(everyauth, options, keys):
    urls = {"authorization_endpoint": "https://auth.example/a", "token_endpoint": "https://auth.example/t"}
    given = ["--authorize-url", urls["authorization_endpoint"], "--token-url", urls["token_endpoint"]]
    added = everyauth("service", "add", "mine", *given, *options)
    assert (added.code, added.out) == (0, "")
    assert tomllib.loads((everyauth.home / "services" / "mine.toml").read_text()) == {**urls, **keys}
    for option in ("--client-auth", "--basic-encoding"):
        refused = everyauth("service", "add", "other", *given, option, "basic")
        assert (refused.code, refused.out) == (2, "")
        assert option in refused.err


@pytest.mark.parametrize(
    ("name", "says"), [("Acme_2", "cannot be a service's name"), ("pagerduty", "is already in the catalogue")]
)
def test_a_name_that_cannot_be_had_is_refused_before_the_issuer_is_asked(everyauth, name, says):
    refused = everyauth("service", "add", name, "--issuer", "http://127.0.0.1:9")
    assert (refused.code, refused.out) == (2, "")
    assert says in refused.err
