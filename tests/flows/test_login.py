"""Logins: the identity they store, its account, and other calls at the same time."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from peers.stores import over
from peers.token_server import ENTRY, HOUR, REDIRECT_URI, World, id_token, json_response

from everyauth_cli.errors import (
    ClientNotSet,
    ClientRejected,
    LoginFailed,
    LoginTimedOut,
    OtherAccount,
    ServiceUnreachable,
    StoreBusy,
    StoreUnavailable,
    UsageProblem,
)
from everyauth_cli.flows.granted import Grant
from everyauth_cli.model import Account
from everyauth_cli.store.memory import MemoryRecords


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def begun(world, **about):
    pending = world.auth.begin("example", redirect_uri=REDIRECT_URI, **about)
    return pending, [("code", "code-alice"), ("state", pending.state.reveal())]


def test_a_login_stores_its_user_scope_and_account(world):
    world.server.extra = {"scope": "read"}
    identity = world.login(user="ann", tenant="acme", tags={"plan": "gold"}, scope="read write")
    assert identity.id.startswith("idn-")
    assert (identity.service, identity.user, identity.tenant) == ("example", "ann", "acme")
    assert (identity.tags, identity.scope, identity.refreshable) == ({"plan": "gold"}, "read", True)
    assert identity.account == Account(subject="alice", label="alice@example.org")
    assert (identity.client_id, identity.origins) == ("id", {"token_endpoint": "https://issuer.example"})
    assert identity.created_at == identity.updated_at == world.clock.now
    assert identity.expires_at == world.clock.now + HOUR
    assert world.auth.find() == [identity]


def test_scopes_that_were_not_granted_are_named(world):
    world.server.extra = {"scope": "read"}
    assert world.auth.redeem(*begun(world, scope="read write admin")).missing_scopes == ["write", "admin"]


def test_the_scope_is_the_given_one_else_the_client_s_else_the_catalogue_s(world):
    world.entry("example", ENTRY + 'scopes = ["a", "b"]\nscope_separator = ","\n')
    assert begun(world)[0].request.scope == "a,b"
    world.auth.clients.set(world.auth.catalogue.get("example"), scope="c")
    assert begun(world)[0].request.scope == "c"
    assert begun(world, scope="d")[0].request.scope == "d"
    assert begun(world, scope="")[0].request.scope == ""


def test_nothing_is_stored_before_it_is_kept(world):
    grant = world.auth.redeem(*begun(world))
    assert world.auth.find() == []
    world.auth.keep(grant)
    assert len(world.auth.find()) == 1


def test_a_token_of_any_grant_type_is_kept_for_its_request(world):
    request = begun(world, user="ann", tags={"plan": "gold"})[0].request
    granted = world.auth.redeem(*begun(world))
    token = granted.token
    identity = world.auth.keep(Grant(request=request, token=token, origins=granted.origins))
    assert (identity.user, identity.tags, identity.redirect_uri) == ("ann", {"plan": "gold"}, "")
    world.clock.now += HOUR
    assert world.auth.get_identity("example", "ann").access_token == "access-3"


def test_a_new_login_keeps_the_id_and_adds_tags(world):
    first = world.login(tags={"a": "1", "b": "1"})
    world.clock.now += 5
    second = world.login(tags={"b": "2"})
    assert (second.id, second.created_at, second.updated_at) == (first.id, first.created_at, first.updated_at + 5)
    assert second.tags == {"a": "1", "b": "2"}
    assert world.token() == "access-4"


def test_another_account_is_refused_and_the_old_one_kept(world):
    world.login("alice")
    with pytest.raises(OtherAccount) as caught:
        world.login("mallory")
    assert caught.value.exit_code == 4
    assert "alice@example.org" in caught.value.message
    assert "mallory@example.org" in caught.value.message
    assert "another user" in caught.value.hint
    assert world.auth.find()[0].account.subject == "alice"
    world.clock.now += HOUR
    assert world.token() == "access-5"


def test_another_account_replaces_the_old_one_if_allowed(world):
    first = world.login("alice")
    second = world.login("bob", replace_account=True)
    assert second.id == first.id
    assert second.account.subject == "bob"
    assert world.token() == "access-4"


def test_the_same_account_under_another_label_is_the_same(world):
    world.login("alice")
    world.server.extra = {"id_token": id_token(sub="alice", email="new@example.org")}
    assert world.login("alice").account.label == "new@example.org"


def test_a_service_that_names_no_account_can_be_logged_in_to_again(world):
    world.server.extra = {"id_token": None}
    first = world.login("alice")
    assert first.account is None
    assert world.login("alice").id == first.id
    world.server.extra = {}
    assert world.login("alice").account.subject == "alice"


def test_users_tenants_and_profiles_are_identities_of_their_own(world):
    ids = {
        world.login("alice").id,
        world.login("bob", user="bob").id,
        world.login("carol", user="bob", tenant="acme").id,
        world.login("dave", tenant="acme").id,
    }
    assert len(ids) == 4


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ({"user": ""}, "the user is empty"),
        ({"tags": {"userId": "bob"}}, "userId is no tag of your own"),
        ({"tags": {"plan": "gold", "tenantId": "acme"}}, "tenantId is no tag of your own"),
    ],
)
def test_an_empty_user_and_a_tag_that_would_name_another_are_refused(world, names, says):
    with pytest.raises(UsageProblem, match=says):
        begun(world, **names)


def test_a_foreign_authorization_response_sends_nothing(world):
    pending, _ = begun(world)
    for query in ([("code", "c")], [("code", "c"), ("state", "x")], [("error", "access_denied")]):
        with pytest.raises(LoginFailed):
            world.auth.redeem(pending, query)
    assert world.server.requests == []


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Code challenge failed", LoginFailed),
        ("redirect_uri did not match", LoginFailed),
        ("The code is incorrect or expired", LoginFailed),
        (None, LoginFailed),
        ("The code has expired", LoginTimedOut),
    ],
)
def test_a_code_that_is_not_accepted_fails_in_the_service_s_words(world, words, kind):
    world.entry("example", ENTRY + "code_lifetime = 30\n")
    world.server.faults = [json_response({"error": "invalid_grant", "error_description": words}, status=400)]
    with pytest.raises(LoginFailed) as caught:
        world.auth.redeem(*begun(world))
    assert "it did not accept the authorization code (its codes are valid for 30 s)" in caught.value.message
    assert type(caught.value) is kind
    assert words is None or words in caught.value.message


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (ServiceUnreachable("no answer", lost=True), ServiceUnreachable),
        (json_response({}, status=503), ServiceUnreachable),
        (json_response({"error": "invalid_client"}, status=401), ClientRejected),
    ],
)
def test_a_code_is_sent_once_whatever_comes_back(world, fault, kind):
    world.server.faults = [fault]
    with pytest.raises(kind):
        world.auth.redeem(*begun(world))
    assert len(world.server.requests) == 1


@pytest.mark.parametrize("change", ["client", "endpoint", "issuer"])
def test_a_client_endpoint_or_issuer_changed_during_the_login_gets_no_code(world, change):
    pending, query = begun(world)
    if change == "client":
        world.auth.clients.set(world.auth.catalogue.get("example"), client_id="other")
    elif change == "endpoint":
        world.entry("example", ENTRY.replace("/token", "/token2"))
    else:
        world.entry("example", ENTRY + 'issuer = "https://issuer.example"\n')
    with pytest.raises(LoginFailed, match="changed during the login"):
        world.auth.redeem(pending, query)
    assert world.server.requests == []


def test_a_login_needs_a_client(world):
    world.auth.clients.delete("example")
    with pytest.raises(ClientNotSet) as caught:
        begun(world)
    assert caught.value.hint == "everyauth service set example --client-id ID --client-secret -"


def test_two_logins_at_once_make_one_identity(world):
    together = threading.Barrier(2)
    world.server.meanwhile = lambda: together.wait(60)
    with ThreadPoolExecutor(2) as pool:
        identities = list(pool.map(lambda _: world.login(), range(2)))
    assert identities[0].id == identities[1].id
    world.server.meanwhile = lambda: None
    assert len(world.auth.find()) == 1
    world.clock.now += HOUR
    assert world.token() == "access-5"


def while_refreshing(world, act):
    """Start `act` in the middle of a refresh; it has to wait for its end."""
    started = threading.Event()

    def run():
        started.set()
        act()

    def start():
        world.server.meanwhile = lambda: None
        pool.submit(run)
        started.wait(60)

    world.clock.now += HOUR
    world.server.meanwhile = start
    with ThreadPoolExecutor(1) as pool:
        return world.token()


def test_a_login_while_a_refresh_runs_stays(world):
    world.login()
    before = {while_refreshing(world, world.login)}
    after = world.token()
    assert after not in before
    world.clock.now += HOUR
    assert world.token() not in (*before, after)


def test_a_deletion_while_a_refresh_runs_stays(world):
    world.login()
    assert while_refreshing(world, lambda: world.auth.delete_identity("example", user="me")) == "access-3"
    assert world.token() is None
    assert world.auth.find() == []


def test_the_lock_of_a_login_keeps_other_logins_out_and_refreshes_in(world):
    world.login()
    world.clock.now += HOUR
    with world.auth.login_lock("example", user="me", timeout=0):
        with pytest.raises(StoreBusy), world.auth.login_lock("example", user="me", timeout=0):
            pass
        with world.auth.login_lock("example", user="me", tenant="acme", timeout=0):
            pass
        assert world.token() == "access-3"


def test_a_store_that_fails_at_the_end_leaves_the_old_credential(tmp_path):
    class Full(MemoryRecords):
        full = False

        def save(self, key, name, draft, *, version):
            if self.full:
                raise StoreUnavailable("the disk is full")
            return super().save(key, name, draft, version=version)

    records = Full()
    world = World(tmp_path, store=over(records))
    world.login()
    records.full = True
    with pytest.raises(StoreUnavailable):
        world.login()
    assert world.token() == "access-2"


def test_a_login_begins_with_a_client_that_was_verified(tmp_path):
    class Shut(MemoryRecords):
        shut = False

        def get(self, key, name):
            if self.shut:
                raise StoreUnavailable("the keyring is locked")
            return super().get(key, name)

    records = Shut()
    world = World(tmp_path, store=over(records))
    records.shut = True
    with pytest.raises(StoreUnavailable):
        begun(world)
