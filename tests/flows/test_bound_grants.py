"""A grant and the endpoints that it was granted for (RFC 6749 section 6), and services that move."""

from __future__ import annotations

from dataclasses import replace

import pytest
from peers.token_server import ENTRY, HOUR, World

from everyauth_cli.errors import LoginRequired
from everyauth_cli.flows.host_pinning import is_bound_to, moved
from everyauth_cli.model import Client, Identity, Secret, Service

MOVED = ENTRY.replace("issuer.example/token", "evil.example/token")
SHIPPED = Service(
    name="x",
    title="X",
    authorization_endpoint="https://x.example/authorize",
    token_endpoint="https://new.example/token",
    moved_from=("https://old.example",),
)
OLD = {"authorization_endpoint": "https://x.example", "token_endpoint": "https://old.example"}
IDENTITY = Identity(
    id="idn-0",
    service="x",
    user="me",
    tenant="me",
    tags={},
    scope=None,
    account=None,
    created_at=0,
    granted_at=0,
    updated_at=0,
    expires_at=None,
    refreshable=True,
    client_id="",
    origins={},
)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def confirmed(world, entry):
    """Write an entry, and confirm that the client's secret goes there."""
    world.entry("example", entry)
    world.auth.clients.set(world.auth.catalogue.get("example"), client_secret=Secret("s"))


def identity(origins):
    return replace(IDENTITY, client_id="id", origins=origins)


def test_secrets_and_grants_follow_a_shipped_entry_that_names_where_it_moved_from():
    client = Client(service="x", client_id="id", origins=OLD)
    assert moved(SHIPPED, client) is None
    assert is_bound_to(identity({"token_endpoint": "https://old.example"}), SHIPPED, client)


@pytest.mark.parametrize(
    ("service", "origins"),
    [
        (replace(SHIPPED, moved_from=()), OLD),
        (replace(SHIPPED, moved_from=("https://older.example",)), OLD),
        (replace(SHIPPED, moved_from=("https://old.example:8443",)), OLD),
        # The user's file leads it on, or fills its placeholders.
        (replace(SHIPPED, own_keys=frozenset({"token_endpoint"})), OLD),
        (replace(SHIPPED, own_keys=frozenset({"params"})), OLD),
        # It was set for another place of the user's own.
        (SHIPPED, {**OLD, "token_endpoint": "https://mine.example"}),
    ],
)
def test_nothing_else_follows(service, origins):
    client = Client(service="x", client_id="id", origins=origins)
    assert moved(service, client) == ("token_endpoint", "https://new.example", origins["token_endpoint"])
    assert not is_bound_to(identity({"token_endpoint": origins["token_endpoint"]}), service, client)


def test_a_grant_without_an_origin_is_bound_to_none():
    client = Client(service="x", client_id="id")
    assert not is_bound_to(identity({}), SHIPPED, client)
    assert not is_bound_to(replace(identity(OLD), client_id="other"), SHIPPED, client)


def test_a_grant_follows_its_service_to_another_path_but_to_no_other_origin(world):
    world.login()
    world.clock.now += HOUR
    world.entry("example", ENTRY.replace("issuer.example/token", "issuer.example/v2/token"))
    assert world.token() == "access-3"
    world.clock.now += HOUR
    confirmed(world, MOVED)
    with pytest.raises(LoginRequired, match=r"for other endpoints, than those that are set now; nothing was sent"):
        world.token()
    assert {request.url.split("/")[2] for request in world.server.requests} == {"issuer.example"}


@pytest.mark.parametrize("key", ["refresh_endpoint", "revocation_endpoint", "account_endpoint"])
def test_a_grant_is_not_sent_to_an_endpoint_that_the_user_added_elsewhere(world, key):
    world.login()
    confirmed(world, f'{ENTRY}{key} = "https://other.example/x"\n')
    world.clock.now += HOUR
    with pytest.raises(LoginRequired, match="for other endpoints"):
        world.token()
    world.login()
    assert world.token() != "access-2"
