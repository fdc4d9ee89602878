"""Identities that share a grant, and end when it is revoked with the token of one of them."""

from contextlib import nullcontext

import pytest
from peers.stores import over
from peers.token_server import ENTRY, HOUR, REVOCABLE, World

from everyauth_cli.errors import LoginRequired, StoreUnavailable
from everyauth_cli.store.identities import identity_key
from everyauth_cli.store.memory import MemoryRecords

GRANT = REVOCABLE + 'revocation_ends = "grant"\n'


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def family(world):
    """Identities of alice's account in two profiles and at two names for one service, and of others."""
    world.entry("example", GRANT)
    world.entry("alias", GRANT)
    other = world.another(world.store, profile="work")
    for auth, name in ((world.auth, "alias"), (other, "example")):
        auth.clients.set(auth.catalogue.get(name), client_id="id")
    world.login("alice")
    world.login("alice", user="bot", tenant="acme")
    world.login("alice", service="alias")
    world.login("bob", user="bob")
    world.auth, default = other, world.auth
    world.login("alice")
    world.auth = default
    return world


def siblings(world):
    identity = world.auth.find_one("me", service="example")
    return [(profile, one.service, one.user) for profile, one in world.auth.siblings(identity)]


FAMILY = [("default", "alias", "me"), ("default", "example", "bot"), ("work", "example", "me")]


def test_siblings_share_client_endpoint_and_account_in_any_profile(family):
    assert siblings(family) == FAMILY


def test_an_account_that_is_not_known_may_be_the_same(family):
    family.server.extra = {"id_token": None}
    family.login(user="unknown")
    assert siblings(family) == [*FAMILY[:2], ("default", "example", "unknown"), FAMILY[2]]
    identity = family.auth.find_one("unknown")
    assert len(family.auth.siblings(identity)) == 5


def test_an_ended_grant_is_no_sibling(family):
    family.server.revoke_all()
    family.clock.now += HOUR
    with pytest.raises(LoginRequired):
        family.auth.get_identity("example", identity_id=family.auth.find_one("bot").id)
    assert siblings(family) == [FAMILY[0], FAMILY[2]]


@pytest.mark.parametrize(
    "entry",
    [REVOCABLE, ENTRY + 'revocation_ends = "grant"\n', GRANT.replace("/token", ":8443/token"), "broken ["],
    ids=["token", "no endpoint", "another token endpoint", "broken"],
)
def test_where_no_grant_would_end_there_are_no_siblings(family, entry):
    identity = family.auth.find_one("me", service="example")
    family.entry("example", entry)
    assert family.auth.siblings(identity) == []


@pytest.mark.parametrize("change", ["none", "another"])
def test_a_grant_of_another_client_is_no_sibling(family, change):
    if change == "none":
        family.auth.clients.delete("example")
    else:
        family.auth.clients.set(family.auth.catalogue.get("example"), client_id="other")
    assert siblings(family) == []
    family.login("alice", user="new") if change == "another" else None
    assert siblings(family) == []


def test_finding_siblings_reads_no_secret(family):
    class Locked(MemoryRecords):
        def get(self, key, name):
            raise StoreUnavailable("locked")

    locked = over(Locked())
    locked.backend.records = family.store.backend.records
    identity = family.auth.find_one("me", service="example")
    assert len(family.another(locked).siblings(identity)) == len(FAMILY)


def tokens(family, service="example", who="me", profile="default"):
    auth = family.another(family.store, profile=profile)
    return auth.get_identity(service, who).access_token


def test_siblings_that_ended_too_are_handed_out_no_more(family):
    family.auth.delete_identity("example", user="me")
    for service, who, profile in [("alias", "me", "default"), ("example", "me", "work")]:
        with pytest.raises(LoginRequired, match='revoked together with that of user "me"'):
            tokens(family, service, who, profile)
    bot = family.auth.find_one("bot")
    assert bot.login_required is not None
    assert tokens(family, who="bob")
    requests = len(family.server.requests)
    with pytest.raises(LoginRequired):
        family.auth.credential(bot)
    assert len(family.server.requests) == requests
    assert family.login("alice", user="bot", tenant="acme").login_required is None
    assert family.auth.credential(family.auth.find_one("bot")).access_token


def test_possible_siblings_are_not_ended(family):
    family.server.extra = {"id_token": None}
    family.login(user="unknown")
    family.auth.delete_identity("example", user="me")
    assert tokens(family, who="unknown")


class LoginsMeanwhile:
    """Locks that let somebody log in while one is waited for."""

    def __init__(self):
        self.meanwhile = {}

    def hold(self, name, *, timeout):
        self.meanwhile.pop(name, lambda: None)()
        return nullcontext()


def test_a_sibling_that_logged_in_meanwhile_keeps_its_new_grant(tmp_path):
    locks = LoginsMeanwhile()
    world = World(tmp_path, store=over(MemoryRecords(), locks=locks))
    world.entry("example", GRANT)
    world.login("alice")
    world.login("alice", user="bot")

    def log_in():
        world.clock.now += 1
        world.login("alice", user="bot")

    locks.meanwhile = {world.store.name(identity_key("default", "example", user="bot")): log_in}
    world.auth.delete_identity("example", user="me")
    assert not locks.meanwhile
    assert world.auth.find_one("bot").login_required is None


def test_a_local_deletion_ends_no_siblings(family):
    family.auth.delete_identity("example", user="me", local=True)
    assert tokens(family, "alias")


def test_a_damaged_entry_is_no_obstacle(family):
    family.store.add(family.key("broken"), {"id": 1})
    assert siblings(family) == FAMILY
    assert family.auth.delete_identity("example", user="me").problem is None
