"""Finding identities, and the clients that they were granted to."""

import functools
from datetime import UTC, datetime, timedelta

import pytest
from peers.token_server import ENTRY, HOUR, MINUTE, NOW, REDIRECT_URI, World

from everyauth_cli.errors import (
    Ambiguous,
    ClientNotSet,
    ConfigurationProblem,
    LoginRequired,
    ServiceNotFound,
    UsageProblem,
)
from everyauth_cli.model import Client, Secret


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.mark.parametrize(
    ("selector", "users"),
    [
        ({}, ["ann", "bob", "bob"]),
        ({"user": "bob"}, ["bob", "bob"]),
        ({"tenant": "acme"}, ["bob"]),
        ({"tags": {"plan": "gold"}}, ["ann", "bob"]),
        ({"tags": {"plan": "gold", "team": "x"}}, ["bob"]),
        ({"tags": {"plan": "lead"}}, []),
        ({"service": "example", "user": "ann"}, ["ann"]),
        ({"service": "other"}, []),
        ({"user": "unknown"}, []),
    ],
)
def test_identities_match_every_given_selector(world, selector, users):
    world.login(user="ann", tags={"plan": "gold"})
    world.login(user="bob", tags={"plan": "gold", "team": "x"})
    world.login(user="bob", tenant="acme")
    assert sorted(identity.user for identity in world.auth.find(**selector)) == users


def test_an_identity_is_found_by_its_id(world):
    identity = world.login(user="bob", tenant="acme")
    assert world.auth.find_one(identity_id=identity.id) == identity
    assert world.token(identity_id=identity.id) == "access-2"
    assert world.token(identity_id=identity.id, tenant="bob") is None
    assert world.token(identity_id="idn-unknown") is None


def test_a_text_is_a_user_whatever_it_looks_like(world):
    victim = world.login(user="victim", tenant="acme", tags={"plan": "gold"})
    auth = world.auth
    for who in (victim.id, {"userId": victim.id}, {"userId": victim.id, "plan": "gold"}, {"id": victim.id}):
        assert auth.get_identity("example", who) is None
        assert auth.find_one(who) is None
        for make in (auth.httpx_auth, auth.requests_auth):
            with pytest.raises(LoginRequired):
                make("example", who)._current()
    assert auth.find(user=victim.id) == [*auth.listed(user=victim.id)] == auth.find(tenant=victim.id) == []
    assert auth.delete_identity("example", victim.id).identity is None
    assert auth.delete_identity("example", "victim", tenant=victim.id).identity is None
    namesake = world.login("mallory", user=victim.id)
    assert world.token(victim.id) == "access-4"
    assert auth.find_one(victim.id) == namesake
    assert (auth.find_one(identity_id=victim.id), world.token(identity_id=victim.id)) == (victim, "access-2")
    assert auth.delete_identity("example", victim.id).identity == namesake
    assert auth.find() == [victim]
    assert auth.httpx_auth("example", identity_id=victim.id)._current().value == Secret("access-2")
    assert auth.requests_auth("example", identity_id=victim.id)._current().value == Secret("access-2")


@pytest.mark.parametrize("call", ["get_identity", "find_one", "httpx_auth", "requests_auth", "delete_identity"])
def test_an_id_that_is_empty_or_beside_a_user_is_refused(world, call):
    world.login()
    ask = functools.partial(getattr(world.auth, call), **({"service": "example"} if call == "find_one" else {}))
    first = () if call == "find_one" else ("example",)
    for more, identity_id in (((), ""), (("bob",), "idn-1"), (({"plan": "gold"},), "idn-1"), ((), 5)):
        with pytest.raises(UsageProblem):
            ask(*first, *more, identity_id=identity_id)
    assert len(world.auth.find()) == 1


def test_a_deletion_names_somebody(world):
    world.login()
    for nobody in ({}, {"user": None}, {"user": ""}, {"identity_id": None}):
        with pytest.raises(UsageProblem):
            world.auth.delete_identity("example", **nobody)
    assert len(world.auth.find()) == 1


def test_the_tenant_is_the_user_by_default_and_else_all_are_listed(world):
    one, two = (world.login(user="bob", tenant=tenant) for tenant in ("acme", "corp"))
    for ask in (world.auth.find_one, world.token):
        with pytest.raises(Ambiguous) as caught:
            ask("bob")
        assert caught.value.exit_code == 3
        for identity in (one, two):
            assert f"everyauth identity get {identity.id}" in caught.value.message
            assert f"tenant {identity.tenant}" in caught.value.message
    world.login(user="bob")
    assert world.auth.find_one("bob").tenant == "bob"
    assert world.token("bob") == "access-6"


def test_a_given_tenant_selects_that_tenant_alone(world):
    own, acme = world.login(user="bob"), world.login(user="bob", tenant="acme")
    lone = world.login(user="eve", tenant="acme")
    get = world.auth.get_identity
    assert get("example", "bob", tenant="acme").identity_id == acme.id
    assert get("example", {"userId": "bob", "tenantId": "acme"}).identity_id == acme.id
    assert get("example", {"userId": "bob"}, tenant="acme").identity_id == acme.id
    assert get("example", identity_id=acme.id, tenant="acme").identity_id == acme.id
    assert get("example", "bob").identity_id == get("example", "bob", tenant="bob").identity_id == own.id
    assert get("example", "eve").identity_id == get("example", {"userId": "eve"}).identity_id == lone.id
    for who, tenant in [("bob", "corp"), ("eve", "eve"), ({"userId": "eve"}, "eve"), (acme.id, "bob")]:
        assert get("example", who, tenant=tenant) is None
        assert world.auth.find_one(who, tenant=tenant) is None
    with pytest.raises(UsageProblem, match='the tenant is "bob" and, in the tags, "acme"'):
        get("example", {"tenantId": "acme"}, tenant="bob")


def test_an_identity_is_found_by_its_tags(world):
    ann = world.login(user="ann", tags={"plan": "gold", "team": "x"})
    bob = world.login(user="bob", tenant="acme", tags={"plan": "gold"})
    found = {
        ann.id: [{"team": "x"}, {"plan": "gold", "userId": "ann"}, {"userId": "ann"}],
        bob.id: [{"tenantId": "acme"}, {"plan": "gold", "userId": "bob"}, {"plan": "gold", "tenantId": "acme"}],
        None: [{"plan": "lead"}, {"userId": "ann", "team": "y"}, {"userId": "ann", "tenantId": "acme"}],
    }
    for identity_id, selectors in found.items():
        for tags in selectors:
            credential = world.auth.get_identity("example", tags)
            assert (credential and credential.identity_id) == identity_id
    with pytest.raises(Ambiguous) as caught:
        world.auth.get_identity("example", {"plan": "gold"})
    assert caught.value.message.startswith("2 identities match plan=gold:")
    assert set(caught.value.candidates) == {ann.id, bob.id}


def test_a_credential_has_its_expiry(world):
    world.login()
    credential = world.auth.get_identity("example")
    assert credential.expires_at == datetime.fromtimestamp((NOW + HOUR) // 1000, UTC)
    assert credential.expires_at.utcoffset() == timedelta(0)
    assert credential.native["expires_at"] == NOW + HOUR
    assert "expires_at" not in credential.as_json()
    for lifetime in (None, 10**15):
        world.server.lifetime = lifetime
        world.login()
        assert world.auth.get_identity("example").expires_at is None


def test_a_rejected_token_is_given_as_a_string(world):
    world.login()
    world.clock.now += 2 * MINUTE
    assert world.token(rejected="access-2") == "access-3"
    assert world.token(rejected="access-2") == "access-3"


def test_an_identity_is_deleted_by_its_id_its_tenant_and_under_an_alias(world):
    by_id, by_tenant = (world.login(user="bob", tenant=tenant) for tenant in ("acme", "corp"))
    kept = world.login(user="bob")
    other = world.login(user="eve")
    world.entry("example", ENTRY + 'aliases = ["ex"]\n')
    assert world.auth.delete_identity("example", identity_id=by_id.id, tenant="bob").identity is None
    assert world.auth.delete_identity("ex", identity_id=by_id.id).identity == by_id
    assert world.auth.delete_identity("ex", "bob", tenant="corp").identity == by_tenant
    assert world.auth.delete_identity("ex", "nobody").identity is None
    assert world.auth.find() == [kept, other]


def test_a_user_of_two_services_is_ambiguous_until_one_is_named(world):
    world.entry("second", ENTRY)
    world.auth.clients.set(world.auth.catalogue.get("second"), client_id="id")
    world.login()
    world.login(service="second")
    with pytest.raises(Ambiguous) as caught:
        world.auth.find_one("me")
    assert "(example, user me" in caught.value.message
    assert "(second, user me" in caught.value.message
    assert world.auth.find_one("me", service="second").service == "second"


def test_a_service_is_known_by_its_alias(world):
    world.login()
    world.entry("example", ENTRY + 'aliases = ["ex"]\n')
    assert world.auth.get_identity("ex").service_id == "example"
    assert world.auth.get_identity("ex", "nobody") is None


def test_a_deleted_identity_is_found_no_more(world):
    identity = world.login()
    assert world.auth.holds("example", user="me")
    world.auth.delete_identity("example", user="me")
    world.auth.delete_identity("example", user="me")
    assert not world.auth.holds("example", user="me")
    assert world.token() is None
    assert world.auth.credential(identity) is None
    assert world.login().id != identity.id


def test_profiles_share_nothing(world):
    world.login()
    other = world.another(world.store, profile="other")
    assert other.find() == []
    assert other.get_identity("example") is None
    with pytest.raises(ClientNotSet):
        other.begin("example", redirect_uri=REDIRECT_URI)
    other.delete_identity("example", user="me")
    assert world.token() == "access-2"


ORIGINS = dict.fromkeys(("authorization_endpoint", "token_endpoint"), "https://issuer.example")


@pytest.fixture
def example(world):
    return world.auth.catalogue.get("example")


def test_only_what_is_named_changes(world, example):
    clients = world.auth.clients
    clients.set(example, scope="read", port=4000)
    assert clients.get(example) == Client(
        service="example", client_id="id", client_secret=Secret("s"), scope="read", port=4000, origins=ORIGINS
    )
    clients.set(example, client_id="new", client_secret=Secret(""), port=0)
    assert clients.get(example) == Client(service="example", client_id="new", scope="read", origins=ORIGINS)


@pytest.mark.parametrize(
    ("override", "client_id", "secret"),
    [
        ((None, None), "id", Secret("s")),
        (("env", None), "env", None),  # a stored secret is not sent with another id
        (("id", None), "id", Secret("s")),
        ((None, Secret("env")), "id", Secret("env")),
        (("env", Secret("env")), "env", Secret("env")),
    ],
)
def test_the_environment_overrides_the_stored_client(world, example, override, client_id, secret):
    clients = world.another(world.store, override=lambda _: override).clients
    assert (clients.get(example).client_id, clients.get(example).client_secret) == (client_id, secret)
    peeked, has_secret = clients.peek(example)
    assert (peeked.client_id, peeked.client_secret, has_secret) == (client_id, None, secret is not None)


def test_an_id_in_the_environment_is_a_client_and_a_secret_alone_is_none(world, example):
    world.auth.clients.delete("example")
    assert world.auth.clients.peek(example) is None
    whole = world.another(world.store, override=lambda _: ("env", Secret("env"))).clients
    assert whole.get(example).client_id == "env"
    half = world.another(world.store, override=lambda _: (None, Secret("env"))).clients
    with pytest.raises(ClientNotSet) as caught:
        half.get(example)
    assert caught.value.exit_code == 2
    assert caught.value.hint == "everyauth service set example --client-id ID --client-secret -"


def test_a_client_is_deleted_once(world):
    assert world.auth.clients.delete("example") is True
    assert world.auth.clients.delete("example") is False


def test_settings_fill_placeholders_and_are_checked(world):
    world.entry(
        "placed",
        'authorization_endpoint = "https://{sub}.x.example/authorize"\ntoken_endpoint = "https://{sub}.x.example/token"\n'
        '[params]\nsub = {help = "your subdomain"}\n',
    )
    clients, service = world.auth.clients, world.auth.catalogue.get("placed")
    with pytest.raises(ClientNotSet) as caught:
        clients.filled("placed")
    assert caught.value.hint == "everyauth service set placed --client-id ID --client-secret - --param sub=..."
    for params in ({"sub": "evil.example/"}, {"other": "x"}):
        with pytest.raises(ConfigurationProblem):
            clients.set(service, client_id="id", params=params)
    assert clients.peek(service) is None
    clients.set(service, client_id="id")
    with pytest.raises(ConfigurationProblem, match="needs a value for sub"):
        clients.filled("placed")
    clients.set(service, params={"sub": "acme"})
    assert clients.filled("placed").token_endpoint == "https://acme.x.example/token"
    assert (
        world.auth.begin("placed", redirect_uri=REDIRECT_URI).request.token_endpoint == "https://acme.x.example/token"
    )


def test_an_empty_profile_is_refused(world):
    with pytest.raises(UsageProblem):
        world.another(world.store, profile="")


@pytest.mark.parametrize("wrong", [5, "a\ud800", {"plan": 5}, {"tenantId": "\ud800"}])
def test_text_that_no_store_can_hold_is_refused(world, wrong):
    world.login("alice", user="alice")
    tags = wrong if isinstance(wrong, dict) else {"userId": wrong}
    calls = [lambda: world.auth.get_identity("example", wrong), lambda: world.auth.get_identities("example", tags)]
    if not isinstance(wrong, dict):
        calls += [
            lambda: world.auth.delete_identity("example", wrong),
            lambda: world.auth.begin("example", redirect_uri="http://127.0.0.1/", user=wrong),
        ]
    for call in calls:
        with pytest.raises(UsageProblem, match=r"is not a str|is not Unicode"):
            call()
    assert len(world.auth.find()) == 1


def test_an_empty_user_is_refused(world):
    world.login("alice", user="alice")
    calls = [
        lambda: world.auth.get_identity("example", ""),
        lambda: world.auth.find_one(""),
        lambda: world.auth.find_one("", service="example"),
        lambda: world.auth.delete_identity("example", user=""),
        lambda: world.auth.get_identity("", "alice"),
        lambda: world.auth.get_identity("example", {}),
        lambda: world.auth.get_identity("example", {}, tenant=""),
        lambda: world.auth.get_identity("example", {"userId": ""}),
        lambda: world.auth.get_identity("example", {"plan": "gold", "tenantId": ""}),
        lambda: world.auth.delete_identity("", "alice"),
        lambda: world.auth.delete_identities("example", {}),
        lambda: world.auth.delete_identities("example", {"userId": ""}),
        lambda: world.auth.delete_identities("", {"userId": "alice"}),
    ]
    for call in calls:
        with pytest.raises((UsageProblem, ServiceNotFound)):
            call()
    assert [identity.user for identity in world.auth.find()] == ["alice"]
