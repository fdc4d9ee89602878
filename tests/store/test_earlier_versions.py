"""Clients and identities that an earlier version wrote are read by this one."""

from dataclasses import MISSING, fields

import pytest
from peers.stores import overwrite
from peers.token_server import HOUR, NOW, REVOCABLE, TOKEN_ENDPOINT, World, json_response

from everyauth_cli.model import Client, Identity
from everyauth_cli.store.clients import client_key
from everyauth_cli.store.identities import identity_key, lookup_of

ORIGIN = TOKEN_ENDPOINT.removesuffix("/token")
IDENTITY = {
    "id": "idn-03b65b6cf98b71be",
    "tags": {"team": "a"},
    "scope": "read",
    "account": None,
    "created_at": NOW - HOUR,
    "granted_at": NOW - HOUR,
    "updated_at": NOW - HOUR,
    "expires_at": NOW + HOUR,
    "refreshable": True,
    "client_id": "id",
    "origins": {"token_endpoint": ORIGIN, "revocation_endpoint": ORIGIN},
}
"""The metadata of the first version, without the fields that have a default."""
TOKENS = {
    "access_token": "access-alice-0",
    "refresh_token": "refresh-alice-0",
    "issued_at": NOW - HOUR,
    "expires_at": NOW + HOUR,
    "lifetime": 2 * HOUR,
    "refresh_at": None,
    "login_required": False,
    "native": {"scope": "read"},
    "subject": None,
    "refreshing_since": None,
}


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.entry("example", REVOCABLE)
    return world


def test_an_identity_without_the_fields_that_came_later_is_used(world):
    world.login()
    refresh_token = world.store.get(world.key()).secret.reveal()["refresh_token"]
    secret, lookup = {**TOKENS, "refresh_token": refresh_token}, lookup_of({**IDENTITY, "login_required": None})
    overwrite(world.store, world.key(), metadata=IDENTITY, secret=secret, lookup=lookup)
    [identity] = world.auth.find(tags={"team": "a"})
    assert identity.id == IDENTITY["id"]
    assert world.token() == "access-alice-0"
    world.clock.now = NOW + 2 * HOUR
    assert world.token() != "access-alice-0"
    assert world.auth.delete_identity("example", "me")
    assert world.server.refreshes == 1


def test_a_client_without_the_fields_that_came_later_is_used(world):
    client = {"client_id": "id", "has_secret": True, "origins": IDENTITY["origins"]}
    overwrite(world.store, client_key("default", "example"), metadata=client)
    world.login()
    assert world.token()


WRITTEN = [(Identity, {*IDENTITY, "service", "user", "tenant"}), (Client, {"service", "client_id"})]


@pytest.mark.parametrize(("record", "written"), WRITTEN)
def test_a_field_that_came_later_has_a_default(record, written):
    required = {each.name for each in fields(record) if each.default is MISSING and each.default_factory is MISSING}
    assert required <= written


@pytest.mark.parametrize(("region", "host"), [("com", "zoho.com"), ("com.au", "zoho.com.au"), ("eu", "zoho.eu")])
def test_a_client_of_zoho_keeps_the_end_of_the_domain_that_it_was_set_with(tmp_path, region, host):
    world, origin = World(tmp_path), f"https://accounts.{host}"
    client = {
        "client_id": "id",
        "has_secret": True,
        "params": {"region": region},
        "origins": {"token_endpoint": origin},
    }
    overwrite(world.store, client_key("default", "zoho"), metadata=client, secret={"client_secret": "s"})
    metadata = {**IDENTITY, "expires_at": NOW - HOUR, "login_required": None, "origins": {"token_endpoint": origin}}
    key = identity_key("default", "zoho", user="me")
    secret = {**TOKENS, "expires_at": NOW - HOUR}
    overwrite(world.store, key, metadata=metadata, secret=secret, lookup=lookup_of({**metadata, "refresh_at": None}))
    sent = []

    def send(request):
        sent.append(request.url)
        return json_response({"access_token": "new", "expires_in": 3600, "token_type": "Bearer"})

    world.server = send
    assert world.another(world.store).get_identity("zoho", "me").access_token == "new"
    assert sent == [f"{origin}/oauth/v2/token"]
