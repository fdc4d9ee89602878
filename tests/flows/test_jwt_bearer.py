"""The JWT bearer grant (RFC 7523 section 2.1): what is kept, and how it is run again in place of a refresh."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from peers.token_server import ENTRY, HOUR, NOW, TOKEN_ENDPOINT, World, json_response

from everyauth_cli.errors import (
    ClientRejected,
    ConfigurationProblem,
    InvalidGrant,
    LoginRequired,
    ServiceError,
    UsageProblem,
)
from everyauth_cli.model import Account, Secret
from everyauth_cli.oauth import base64url
from everyauth_cli.oauth.grant import GrantType, RepeatedGrant, only_grant
from everyauth_cli.oauth.jose import new_private_key
from everyauth_cli.oauth.jwk import public_fields

KEY = new_private_key()
DOCUMENTED = """
private_key_use = "jwt_bearer"
jwt_bearer_audience = "{host}"
jwt_bearer_subject = "required"
jwt_bearer_scope_in = "assertion"
jwt_bearer_scopes = ["read", "impersonate"]
"""
ONLY = f"""
token_endpoint = "{TOKEN_ENDPOINT}"
scopes = ["a"]
token_endpoint_auth_method = "none"
private_key_use = "jwt_bearer"
grant_types_supported = ["{GrantType.JWT_BEARER}"]
"""


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.auth.clients.set(world.auth.catalogue.get("example"), change_keys=lambda _: (KEY,))
    return world


def granted(world, **about):
    return world.auth.keep(world.auth.jwt_bearer("example", **about))


def runs(world):
    return [request.fields for request in world.server.requests if request.fields["grant_type"] == GrantType.JWT_BEARER]


def parts(assertion):
    return [json.loads(base64url.decode(part)) for part in assertion.reveal().split(".")[:2]]


def test_a_signed_assertion_gets_a_token(world):
    identity = granted(world)
    assert identity.account == Account(subject="id", label="client id")
    assert identity.repeated == RepeatedGrant(grant_type=GrantType.JWT_BEARER, scope="")
    assert (identity.refreshable, world.token()) == (True, "client-1")
    header, claims = parts(runs(world)[0]["assertion"])
    assert header == {"alg": "ES256", "typ": "JWT", "kid": public_fields(KEY)["kid"]}
    assert claims.pop("jti")
    issued = NOW // 1000
    audience = "https://issuer.example/token"
    assert claims == {"iss": "id", "sub": "id", "aud": audience, "iat": issued, "exp": issued + 60}


def test_it_is_run_again_for_the_same_subject_and_scope_with_a_new_assertion(world):
    identity = granted(world, subject="ann@example.org", scope="read", user="ann")
    assert identity.account == Account(subject="ann@example.org", label="ann@example.org")
    world.clock.now += HOUR
    assert world.token("ann") == "client-2"
    first, second = (parts(fields["assertion"])[1] for fields in runs(world))
    assert (first["sub"], second["sub"]) == ("ann@example.org", "ann@example.org")
    assert first["jti"] != second["jti"]
    assert [fields["scope"] for fields in runs(world)] == ["read", "read"]


def test_a_refused_assertion_is_sent_once_and_names_the_command_that_tries_again(world):
    granted(world, subject="ann", user="ann", scope="read")
    world.clock.now += HOUR
    world.server.faults = [json_response({"error": "invalid_grant"}, status=400)]
    for _ in range(2):
        with pytest.raises(LoginRequired) as raised:
            world.token("ann")
        assert raised.value.hint == "everyauth login example --user ann --jwt-bearer --subject ann --scope read"
    assert len(runs(world)) == 2


def test_a_client_without_a_key_signs_nothing_and_nothing_is_sent(world):
    service = world.auth.catalogue.get("example")
    world.auth.clients.set(service, client_secret=Secret("s"), change_keys=lambda _: ())
    with pytest.raises(ConfigurationProblem, match="no private key") as raised:
        world.auth.jwt_bearer("example")
    assert raised.value.hint == "everyauth service key example"
    assert world.server.requests == []


def test_the_assertion_is_as_the_entry_says_and_alone_in_the_request(world):
    world.entry("example", ENTRY + DOCUMENTED + "params.host = {help = 'it', default = 'issuer.example'}")
    world.auth.clients.set(world.auth.catalogue.get("example"), client_secret=Secret("s"))
    with pytest.raises(UsageProblem, match="the user that the assertion is about") as raised:
        world.auth.jwt_bearer("example", user="ann", tenant="acme")
    assert raised.value.hint == "everyauth login example --user ann --tenant acme --jwt-bearer --subject WHO"
    assert world.server.requests == []
    assert granted(world, subject="ann").repeated.scope == "read impersonate"
    granted(world, subject="ann", scope="write")
    for fields, scope in zip(runs(world), ("read impersonate", "write"), strict=True):
        assert fields.keys() == {"grant_type", "assertion"}
        claims = parts(fields["assertion"])[1]
        assert {name: claims[name] for name in ("iss", "sub", "aud", "scope")} == {
            "iss": "id",
            "sub": "ann",
            "aud": "issuer.example",
            "scope": scope,
        }


def test_a_key_that_signs_assertions_only_leaves_other_logins_as_they_were(world):
    world.entry("example", ENTRY + DOCUMENTED + "params.host = {help = 'it', default = 'issuer.example'}")
    world.auth.clients.set(world.auth.catalogue.get("example"), client_secret=Secret("s"))
    world.login()
    assert world.server.requests[0].fields["client_secret"] == Secret("s")
    assert "client_assertion" not in world.server.requests[0].fields


def test_a_subject_may_be_left_out_and_the_scope_have_no_place(world):
    world.entry("example", ENTRY + 'jwt_bearer_subject = "omitted"\njwt_bearer_scope_in = "none"\n')
    granted(world)
    assert "sub" not in parts(runs(world)[0]["assertion"])[1]
    with pytest.raises(UsageProblem, match="takes no scope in this grant"):
        world.auth.jwt_bearer("example", scope="read")
    assert len(runs(world)) == 1


def test_a_service_without_another_grant_has_no_login_in_the_browser(world):
    world.entry("only", ONLY)
    service = world.auth.catalogue.get("only")
    assert only_grant(service.grant_types_supported) is GrantType.JWT_BEARER
    world.auth.clients.set(service, client_id="id")
    with pytest.raises(ConfigurationProblem, match="takes a client with a private key") as raised:
        world.auth.jwt_bearer("only")
    assert raised.value.hint == "everyauth service set only --private-key FILE"
    world.auth.clients.set(service, change_keys=lambda _: (KEY,), scope="b")
    with pytest.raises(ConfigurationProblem, match="has no login in the browser") as raised:
        world.auth.begin("only", redirect_uri="http://127.0.0.1:28282/callback/only", user="ann", tenant="acme")
    assert raised.value.hint == "everyauth login only --user ann --tenant acme"
    assert world.auth.keep(world.auth.jwt_bearer("only")).repeated.scope == "b"
    world.auth.clients.set(service, scope="")
    assert world.auth.keep(world.auth.jwt_bearer("only")).repeated.scope == "a"


def test_an_entry_lacks_no_endpoint_that_its_grants_need(world):
    world.entry("only", ONLY.replace('["urn', '["authorization_code", "urn'))
    with pytest.raises(ConfigurationProblem, match="authorization_endpoint is missing"):
        world.auth.catalogue.get("only")


def refused(error="invalid_grant", *, ahead_ms=0, status=400):
    date = format_datetime(datetime.fromtimestamp((NOW - ahead_ms) / 1000, UTC), usegmt=True)
    return replace(json_response({"error": error}, status=status), date=date)


@pytest.mark.parametrize(
    ("ahead_ms", "says"), [(-HOUR, "is 60 minutes behind example's"), (90_000, "is 90 s ahead of example's")]
)
def test_a_wrong_clock_is_named_by_the_server_s_date(world, ahead_ms, says):
    world.server.faults = [refused(ahead_ms=ahead_ms)]
    with pytest.raises(InvalidGrant, match=says) as raised:
        world.auth.jwt_bearer("example")
    assert raised.value.hint == "set the clock of this machine, and try again"
    assert len(runs(world)) == 1


@pytest.mark.parametrize("date", [None, "yesterday", "Mon, 99 Foo 2026", refused().date])
def test_a_clock_that_is_right_or_unknown_is_not_blamed(world, date):
    world.server.faults = [replace(refused(), date=date)]
    with pytest.raises(InvalidGrant) as raised:
        world.auth.jwt_bearer("example", subject="ann")
    assert "clock" not in raised.value.message
    assert raised.value.hint.startswith("check the client id, the key and the user")
    assert raised.value.hint.endswith(": everyauth login example --jwt-bearer --subject ann")


def test_a_client_that_authenticates_with_its_key_learns_of_the_clock_too(world):
    world.server.faults = [refused("invalid_client", ahead_ms=-HOUR, status=401)]
    with pytest.raises(ClientRejected, match="60 minutes behind"):
        world.auth.client_credentials("example")
    world.server.faults = [refused(ahead_ms=-HOUR)]
    with pytest.raises(InvalidGrant) as raised:
        world.auth.client_credentials("example")
    assert "clock" not in raised.value.message


def test_a_wrong_clock_at_a_refresh_is_named_too(world):
    granted(world)
    world.clock.now += HOUR
    world.server.faults = [refused(ahead_ms=HOUR)]
    with pytest.raises(LoginRequired, match="is 120 minutes ahead of") as raised:
        world.token()
    assert raised.value.hint == "everyauth login example --jwt-bearer"


def test_consent_that_is_missing_is_asked_for_once_at_a_url(world):
    world.entry("example", ENTRY + DOCUMENTED + "params.host = {help = 'it', default = 'issuer.example'}")
    world.auth.clients.set(world.auth.catalogue.get("example"), client_secret=Secret("s"))
    world.server.faults = [refused("consent_required")]
    with pytest.raises(InvalidGrant) as raised:
        world.auth.jwt_bearer("example", subject="ann", user="robot")
    url = (
        "https://issuer.example/authorize?response_type=code&scope=read%20impersonate&client_id=id"
        "&redirect_uri=http%3A%2F%2F127.0.0.1%3A28282%2Fcallback%2Fexample"
    )
    again = "everyauth login example --user robot --jwt-bearer --subject ann --scope 'read impersonate'"
    assert url in raised.value.hint
    assert raised.value.hint.endswith(f": {again}")
    assert len(runs(world)) == 1
    assert granted(world, subject="ann", user="robot").account.subject == "ann"


def test_a_token_of_another_type_is_refused(world):
    world.server.extra = {"token_type": "DPoP"}
    with pytest.raises(ServiceError, match="of the type DPoP"):
        world.auth.jwt_bearer("example")
    assert world.auth.find() == []


def test_the_async_method_does_the_same(world):
    async def token():
        await world.auth.akeep(await world.auth.ajwt_bearer("example", user="robot"))
        return (await world.auth.aget_identity("example", "robot")).access_token

    assert asyncio.run(token()) == "client-1"
