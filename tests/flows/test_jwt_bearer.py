"""The JWT bearer grant (RFC 7523 section 2.1): what is kept, and how it is run again in place of a refresh."""

import asyncio
import json

import pytest
from peers.token_server import HOUR, NOW, World, json_response

from everyauth_cli.errors import ConfigurationProblem, LoginRequired
from everyauth_cli.model import Account, Secret
from everyauth_cli.oauth import base64url
from everyauth_cli.oauth.grant import GrantType, RepeatedGrant
from everyauth_cli.oauth.jose import new_private_key
from everyauth_cli.oauth.jwk import public_fields

KEY = new_private_key()


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
    assert raised.value.hint == "everyauth service set example --private-key FILE"
    assert world.server.requests == []


def test_the_async_method_does_the_same(world):
    async def token():
        await world.auth.akeep(await world.auth.ajwt_bearer("example", user="robot"))
        return (await world.auth.aget_identity("example", "robot")).access_token

    assert asyncio.run(token()) == "client-1"
