"""The client credentials grant (RFC 6749 section 4.4): what is kept, and how it is run again in place of a refresh."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from peers.stores import secret_text
from peers.token_server import ENTRY, HOUR, MINUTE, REVOCABLE, World, json_response

from everyauth_cli.errors import (
    ClientNotSet,
    ClientRejected,
    ConfigurationProblem,
    LoginRequired,
    OtherAccount,
    ServiceError,
    ServiceUnreachable,
    ServiceUnreadable,
    UsageProblem,
)
from everyauth_cli.flows.refresh_run import refreshed
from everyauth_cli.model import Account, Secret
from everyauth_cli.oauth.grant import GrantType, RepeatedGrant
from everyauth_cli.oauth.jose import new_private_key
from everyauth_cli.store.identities import read_identity, save_identity

AGAIN = "everyauth login example --client-credentials"


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def granted(world, **about):
    return world.auth.keep(world.auth.client_credentials("example", **about))


def runs(world):
    return [request.fields for request in world.server.requests if request.fields["grant_type"] == "client_credentials"]


def test_a_client_gets_a_token_of_its_own(world):
    identity = granted(world)
    assert (identity.user, identity.account) == ("me", Account(subject="id", label="client id"))
    assert (identity.refreshable, identity.redirect_uri) == (True, "")
    assert identity.repeated == RepeatedGrant(grant_type=GrantType.CLIENT_CREDENTIALS, scope="")
    assert runs(world) == [{"grant_type": "client_credentials", "client_id": "id", "client_secret": Secret("s")}]
    assert world.token() == "client-1"
    assert world.auth.find() == [identity]


def test_it_may_be_kept_for_a_user_with_a_tenant_and_tags(world):
    identity = granted(world, user="robot", tenant="acme", tags={"plan": "gold"})
    assert (identity.user, identity.tenant, identity.tags) == ("robot", "acme", {"plan": "gold"})
    assert world.token("robot", tenant="acme") == "client-1"


def test_no_scope_is_requested_unless_it_is_given(world):
    world.entry("example", ENTRY + 'scopes = ["a", "b"]\n')
    world.auth.clients.set(world.auth.catalogue.get("example"), scope="c")
    granted(world)
    granted(world, scope="d", user="other")
    assert [fields.get("scope") for fields in runs(world)] == [None, "d"]


def test_the_grant_is_run_again_with_the_scope_that_was_requested(world):
    world.server.extra = {"scope": "all of them"}
    granted(world)
    granted(world, scope="read", user="reader")
    world.clock.now += HOUR
    assert (world.token(), world.token("reader")) == ("client-3", "client-4")
    assert [fields.get("scope") for fields in runs(world)] == [None, "read", None, "read"]
    assert world.server.refreshes == 0


def test_scopes_that_were_not_granted_are_named(world):
    world.server.extra = {"scope": "read"}
    assert world.auth.client_credentials("example", scope="read write").missing_scopes == ["write"]


def test_a_refresh_token_or_an_id_token_in_the_response_is_ignored(world):
    world.server.extra = {"refresh_token": "r3fresh", "id_token": "no.id.token"}
    granted(world)
    world.clock.now += HOUR
    assert world.token() == "client-2"
    assert "r3fresh" not in secret_text(world.store, world.key())
    assert world.server.refreshes == 0


def test_a_token_of_unknown_lifetime_is_renewed_in_time(world):
    world.server.extra = {"expires_in": None}
    assert granted(world).expires_at is None
    world.clock.now += HOUR
    assert world.token() == "client-2"


def test_the_entry_s_own_name_and_parameters_of_the_grant_are_sent(world):
    world.entry(
        "example",
        ENTRY + 'client_credentials_grant_type = "account_credentials"\ntoken_params = {only = "for users"}\n'
        'client_credentials_params = {account_id = "{account}"}\nparams.account = {help = "it", default = ""}\n',
    )
    service = world.auth.catalogue.get("example")
    with pytest.raises(ConfigurationProblem, match="example needs account_id") as raised:
        world.auth.client_credentials("example")
    assert raised.value.hint == "everyauth service set example --param account=..."
    assert world.server.requests == []
    world.auth.clients.set(service, params={"account": "acme"})
    world.server.faults = [json_response({"access_token": "t0ken"})]
    granted(world)
    world.clock.now += HOUR
    world.server.faults = [json_response({"access_token": "t1ken"})]
    assert world.token() == "t1ken"
    for request in world.server.requests:
        sent = {"account_id": "acme", "grant_type": "account_credentials", "client_id": "id"}
        assert request.fields == {**sent, "client_secret": Secret("s")}


def test_many_who_ask_at_once_run_the_grant_once(world):
    granted(world)
    world.clock.now += HOUR
    with ThreadPoolExecutor(16) as pool:
        found = [*pool.map(lambda _: world.token(), range(16))]
    assert (set(found), len(runs(world))) == ({"client-2"}, 2)


def test_a_rejected_token_is_renewed_once_and_a_new_one_not_again(world):
    granted(world)
    world.clock.now += 1
    assert world.token(rejected="client-1") == "client-2"
    with pytest.raises(ServiceError, match="although") as raised:
        world.token(rejected="client-2")
    assert raised.value.hint == f'{AGAIN} --scope "..."'


def test_a_failure_of_the_service_is_remembered_and_the_living_token_handed_out(world):
    granted(world)
    world.clock.now += HOUR - MINUTE // 2
    world.server.faults = [json_response(b"", status=503)]
    assert (world.token(), world.token()) == ("client-1", "client-1")
    assert len(runs(world)) == 2
    assert "using the present token" in world.warnings[0]
    world.clock.now += 5_000
    assert world.token() == "client-2"


def test_a_lost_response_ends_nothing(world):
    granted(world)
    world.clock.now += HOUR
    world.server.faults = [ServiceUnreachable("it broke", lost=True)]
    with pytest.raises(ServiceUnreachable):
        world.token()
    world.clock.now += 5_000
    assert world.token() == "client-2"


def test_a_client_that_is_rejected_is_cured_by_setting_it(world):
    granted(world)
    world.clock.now += HOUR
    world.server.faults = [json_response({"error": "invalid_client"}, status=401)]
    with pytest.raises(ClientRejected) as raised:
        world.token()
    assert raised.value.exit_code == 2
    assert "everyauth service set example" in raised.value.hint
    world.auth.clients.set(world.auth.catalogue.get("example"), client_secret=Secret("new"))
    world.clock.now += 5_000
    assert world.token() == "client-2"
    assert runs(world)[-1]["client_secret"] == Secret("new")


@pytest.mark.parametrize("error", ["invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope"])
def test_a_refusal_at_the_login_stores_nothing(world, error):
    world.server.faults = [json_response({"error": error}, status=400)]
    with pytest.raises((ServiceError, ClientRejected)):
        world.auth.client_credentials("example")
    assert world.auth.find() == []


def test_a_grant_that_ends_names_the_command_that_renews_it(world):
    granted(world, user="robot", scope="read write")
    world.clock.now += HOUR
    world.server.faults = [json_response({"error": "invalid_grant"}, status=400)]
    with pytest.raises(LoginRequired) as raised:
        world.token("robot")
    assert raised.value.hint == "everyauth login example --user robot --client-credentials --scope 'read write'"
    with pytest.raises(LoginRequired):
        world.token("robot")
    assert len(runs(world)) == 2
    granted(world, user="robot", scope="read write")
    assert world.token("robot") == "client-2"


def test_nothing_is_sent_for_another_client(world):
    granted(world)
    world.clock.now += HOUR
    world.auth.clients.set(world.auth.catalogue.get("example"), client_id="other", client_secret=Secret("o"))
    with pytest.raises(LoginRequired, match="another client") as raised:
        world.token()
    assert raised.value.hint == AGAIN
    assert len(runs(world)) == 1


def test_a_response_that_cannot_be_read_is_read_again_later(world):
    granted(world)
    world.clock.now += HOUR
    world.server.faults = [json_response({"token": "t0ken", "expires_in": 3600})]
    with pytest.raises(ServiceUnreadable):
        world.token()
    world.clock.now += 5_000
    assert world.token() == "client-2"


def test_a_newer_token_is_kept_over_one_that_comes_late(world):
    granted(world)
    world.clock.now += HOUR

    def store_a_newer_one():
        world.server.meanwhile = lambda: None
        newer, stored = world.auth.client_credentials("example").token, read_identity(world.store, world.key())
        identity = refreshed(stored.identity, newer)
        save_identity(world.store, world.key(), replace(stored, identity=identity, token=newer))

    world.server.meanwhile = store_a_newer_one
    assert (world.token(), world.token()) == ("client-3", "client-3")


def test_the_account_of_a_user_is_not_replaced_by_a_client_s_nor_the_other_way_round(world):
    world.login("alice")
    with pytest.raises(OtherAccount, match="this login is for client id"):
        granted(world)
    world.auth.keep(world.auth.client_credentials("example"), replace_account=True)
    assert world.token() == "client-4"
    with pytest.raises(OtherAccount, match="is client id"):
        world.login("alice")
    assert world.login("alice", replace_account=True).repeated is None


def test_an_account_without_a_name_is_not_replaced_either(world):
    world.server.extra = {"id_token": None}
    assert world.login("alice").account is None
    with pytest.raises(OtherAccount):
        granted(world)


def test_another_client_of_ours_replaces_it_only_when_that_is_asked_for(world):
    granted(world)
    world.auth.clients.set(world.auth.catalogue.get("example"), client_id="other", client_secret=Secret("o"))
    with pytest.raises(OtherAccount):
        granted(world)


def test_its_access_token_is_revoked(world):
    world.entry("example", REVOCABLE)
    world.auth.clients.set(world.auth.catalogue.get("example"), client_secret=Secret("s"))
    granted(world)
    revocation = world.auth.delete_identity("example", "me")
    assert (revocation.revoked, revocation.not_revoked, world.server.revoked) == (["access_token"], [], ["client-1"])
    assert world.auth.find() == []


def test_a_check_sends_nothing_and_a_scheduled_refresh_runs_it(world):
    world.entry("example", ENTRY + 'account_endpoint = "https://issuer.example/me"\n')
    world.auth.clients.set(world.auth.catalogue.get("example"), client_secret=Secret("s"))
    identity = granted(world)
    assert world.auth.check(identity).state == "cannot be checked"
    (outcome,) = world.auth.refresh_all()
    assert (outcome.state, len(runs(world))) == ("refreshed", 2)


def test_a_public_client_gets_no_token_of_its_own_and_nothing_is_sent(world):
    world.auth.clients.set(world.auth.catalogue.get("example"), client_secret=Secret(""))
    with pytest.raises(ConfigurationProblem, match="neither a secret nor a private key"):
        world.auth.client_credentials("example")
    assert world.server.requests == []


def test_a_key_that_signs_nothing_here_leaves_no_mark_of_a_refresh(world):
    world.auth.clients.set(world.auth.catalogue.get("example"), change_keys=lambda _: (new_private_key(),))
    granted(world)
    world.entry("example", ENTRY + 'token_endpoint_auth_signing_alg_values_supported = ["RS256"]\n')
    world.clock.now += HOUR
    with pytest.raises(ConfigurationProblem, match="signs with none of RS256"):
        world.token()
    assert read_identity(world.store, world.key()).refreshing_since is None
    assert len(runs(world)) == 1


def test_without_a_client_nothing_is_said_of_a_redirect_uri(world):
    world.entry("another", ENTRY)
    with pytest.raises(ClientNotSet, match="another has no client yet") as caught:
        world.auth.client_credentials("another")
    assert "redirect URI" not in caught.value.message
    with pytest.raises(ClientNotSet, match="with the redirect URI"):
        world.auth.begin("another", redirect_uri="http://127.0.0.1:28282/callback/another")


def test_bad_names_are_refused_before_anything_is_sent(world):
    with pytest.raises(UsageProblem):
        world.auth.client_credentials("example", user="")
    with pytest.raises(UsageProblem):
        world.auth.client_credentials("example", tags={"userId": "x"})
    assert world.server.requests == []


def test_the_async_method_does_the_same(world):
    async def token():
        await world.auth.akeep(await world.auth.aclient_credentials("example", user="robot"))
        return (await world.auth.aget_identity("example", "robot")).access_token

    assert asyncio.run(token()) == "client-1"
