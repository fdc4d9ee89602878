"""The requested scopes that a token response does not grant."""

from dataclasses import replace

import pytest
from peers.token_server import TOKEN_ENDPOINT

from everyauth_cli.model import Service
from everyauth_cli.oauth.token_endpoint import missing_scopes

SERVICE = Service(
    name="example",
    title="Example",
    authorization_endpoint="https://issuer.example/authorize",
    token_endpoint=TOKEN_ENDPOINT,
)


@pytest.mark.parametrize(
    ("separator", "requested", "granted", "missing"),
    [
        (" ", "read write", "read write", []),
        (" ", "read write", "write read more", []),
        (" ", "read write", "read", ["write"]),
        (" ", "read write", "", ["read", "write"]),
        (" ", "read write", None, ["read", "write"]),
        (" ", "read", "readonly", ["read"]),
        (" ", None, "read", []),
        (" ", "", None, []),
        (",", "a:read,b", "b", ["a:read"]),
        (",", "a b", "a,b", []),
    ],
)
def test_scopes_that_were_not_granted_are_named(separator, requested, granted, missing):
    assert missing_scopes(replace(SERVICE, scope_separator=separator), requested, granted, refreshable=False) == missing


def test_a_refresh_token_is_what_the_scope_for_it_grants():
    requested = "openid offline_access"
    assert missing_scopes(SERVICE, requested, "openid", refreshable=True) == []
    assert missing_scopes(SERVICE, requested, "openid", refreshable=False) == ["offline_access"]


def test_a_granted_scope_includes_those_that_it_covers():
    service = replace(
        SERVICE, scope_covers={"user": ("user:email", "read:user"), "https://x.example/email": ("email",)}
    )
    assert missing_scopes(service, "user user:email read:user", "user", refreshable=False) == []
    assert missing_scopes(service, "openid email", "https://x.example/email openid", refreshable=False) == []
    assert missing_scopes(service, "user", "user:email read:user", refreshable=False) == ["user"]
