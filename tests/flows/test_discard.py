"""A login that is refused as another account's leaves no valid tokens behind, where the service can revoke them."""

import pytest
from peers.token_server import ENTRY, HOUR, REDIRECT_URI, REVOCABLE, World, json_response

from everyauth_cli.errors import OtherAccount

GRANT = REVOCABLE + 'revocation_ends = "grant"\n'


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.entry("example", REVOCABLE)
    return world


def refused(world, account, **about):
    """Log in as another account than the stored one, and return the grant that is not kept."""
    pending = world.auth.begin("example", redirect_uri=REDIRECT_URI, **about)
    world.server.claims["nonce"] = pending.nonce.reveal() if pending.nonce else None
    query = [("code", f"code-{account}"), ("state", pending.state.reveal())]
    grant = world.auth.redeem(pending, query)
    with pytest.raises(OtherAccount):
        world.auth.keep(grant)
    return grant


@pytest.mark.parametrize("entry", [REVOCABLE, GRANT])
def test_the_tokens_of_the_other_account_are_revoked_and_the_stored_one_works_on(world, entry):
    world.entry("example", entry)
    world.login("alice")
    grant = refused(world, "mallory")
    world.auth.discard(grant)
    assert grant.token.refresh_token.reveal() in world.server.revoked
    assert "access-2" not in world.server.revoked
    world.clock.now += HOUR
    assert world.token()
    assert world.auth.find()[0].account.subject == "alice"


@pytest.mark.parametrize("entry", [REVOCABLE, GRANT])
def test_what_is_stored_for_the_same_account_is_not_put_at_risk(world, entry):
    world.entry("example", entry)
    world.login("alice")
    world.login("mallory", user="other")
    world.auth.discard(refused(world, "mallory"))
    assert world.server.revoked == []
    world.clock.now += HOUR
    assert world.token("other")


def test_a_service_without_revocation_is_sent_nothing(world):
    world.entry("example", ENTRY)
    world.login("alice")
    grant = refused(world, "mallory")
    before = len(world.server.requests)
    world.auth.discard(grant)
    assert len(world.server.requests) == before


def test_a_revocation_that_fails_is_no_error_of_the_login(world):
    world.login("alice")
    grant = refused(world, "mallory")
    world.server.faults = [json_response({}, status=503)]
    world.auth.discard(grant)
    assert world.token()
