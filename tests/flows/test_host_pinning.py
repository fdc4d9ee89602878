"""Host pinning: a client's secret goes to no other hosts than it was set for until the user confirms them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from peers.stores import overwrite
from peers.token_server import ENTRY, HOUR, REDIRECT_URI, REVOCABLE, World

from everyauth_cli.errors import ConfigurationProblem, HostChanged
from everyauth_cli.flows.host_pinning import check_hosts, moved, origins_of
from everyauth_cli.model import Client, Secret, Service
from everyauth_cli.services.endpoints import SENT_NO_SECRET, URLS
from everyauth_cli.services.fields import with_values
from everyauth_cli.store.clients import client_key

MOVED = ENTRY.replace("issuer.example/token", "evil.example/token")
ENDPOINTS = ("authorization_endpoint", "token_endpoint")
PLACED = """\
authorization_endpoint = "https://{sub}.x.example/authorize"
token_endpoint = "https://{sub}.x.example/token"
[params]
sub = {help = "your subdomain"}
"""


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def service(world, name="example"):
    return world.auth.catalogue.get(name)


def set_anew(world, **what):
    return world.auth.clients.set(service(world), **(what or {"client_secret": Secret("s")}))


def hosts_seen(world):
    return {request.url.split("/")[2] for request in world.server.requests}


def test_nothing_is_sent_to_another_token_host(world):
    world.login()
    world.entry("example", MOVED)
    world.clock.now += HOUR
    for call in (world.token, world.login, lambda: world.auth.clients.get(service(world))):
        with pytest.raises(HostChanged) as caught:
            call()
        assert "evil.example" in caught.value.message
        assert "issuer.example" in caught.value.message
        assert caught.value.hint.endswith("everyauth service set example --client-secret -")
        assert caught.value.exit_code == 2
    assert hosts_seen(world) == {"issuer.example"}


def test_a_token_that_is_fresh_is_handed_out_all_the_same(world):
    world.login()
    world.entry("example", MOVED)
    assert world.token() == "access-2"


def test_a_login_under_way_is_not_finished_at_another_host(world):
    pending = world.auth.begin("example", redirect_uri=REDIRECT_URI)
    world.entry("example", MOVED)
    with pytest.raises(HostChanged):
        world.auth.redeem(pending, [("code", "code-alice"), ("state", pending.state.reveal())])
    assert world.server.requests == []


def test_a_new_secret_is_pinned_to_the_new_host(world):
    world.entry("example", MOVED)
    set_anew(world)
    assert world.login().origins == {"token_endpoint": "https://evil.example"}
    # The way back is another change.
    world.entry("example", ENTRY)
    with pytest.raises(HostChanged):
        world.login()


@pytest.mark.parametrize(
    "what", [{"client_id": "other"}, {"scope": "read"}, {"port": 4000}, {"client_secret": Secret("")}]
)
def test_other_settings_leave_the_secret_pinned(world, what):
    world.entry("example", MOVED)
    set_anew(world, **what)
    with pytest.raises(HostChanged):
        world.login()


def test_a_client_without_a_secret_is_confirmed_with_its_id(world):
    set_anew(world, client_secret=Secret(""))
    world.entry("example", MOVED)
    with pytest.raises(HostChanged) as caught:
        world.login()
    assert caught.value.hint.endswith("everyauth service set example --client-id ID")
    set_anew(world, client_id="id")
    world.login()
    assert hosts_seen(world) == {"evil.example"}


def test_another_path_or_another_way_to_write_it_is_the_same_origin(world):
    world.entry("example", ENTRY.replace("issuer.example/token", "Issuer.Example:443/v2/token"))
    world.login()


@pytest.mark.parametrize(
    "moved_to", ["https://issuer.example:8443", "http://127.0.0.1:9", "https://issuer.example.evil"]
)
@pytest.mark.parametrize("key", URLS)
def test_every_url_is_pinned_to_its_origin(world, key, moved_to):
    """Also one of a key that is still to come."""
    entry = "".join(line for line in ENTRY.splitlines(keepends=True) if not line.startswith(f"{key} "))
    world.entry("example", f'{key} = "https://issuer.example/x"\n{entry}')
    set_anew(world)
    pending = world.auth.begin("example", redirect_uri=REDIRECT_URI)
    # The login may have begun by a request that was pushed to the place that was agreed.
    begun = len(world.server.requests)
    world.entry("example", f'{key} = "{moved_to}/x"\n{entry}')
    for call in (lambda: world.auth.authorization_url(pending), world.login):
        with pytest.raises(HostChanged, match=f"the {key} of example is at {moved_to} now"):
            call()
    assert len(world.server.requests) == begun


@pytest.mark.parametrize("key", [key for key in URLS if key not in SENT_NO_SECRET])
def test_what_only_a_browser_or_public_keys_were_agreed_for_gets_no_secrets(world, key):
    entry = f'{ENTRY}jwks_uri = "https://keys.example/jwks"\n'
    world.entry("example", entry.replace("issuer.example/authorize", "browser.example/authorize"))
    set_anew(world)
    for place in ("browser", "keys"):
        lines = (line for line in entry.splitlines(keepends=True) if not line.startswith(f"{key} "))
        world.entry("example", f'{key} = "https://{place}.example/x"\n{"".join(lines)}')
        with pytest.raises(HostChanged):
            world.login()
    assert world.server.requests == []


@pytest.mark.parametrize("key", ["refresh_endpoint", "revocation_endpoint", "account_endpoint"])
def test_other_endpoints_that_are_sent_tokens_may_not_move_either(world, key):
    world.entry("example", f'{ENTRY}{key} = "https://issuer.example/x"\n')
    world.login()
    world.entry("example", f'{ENTRY}{key} = "https://evil.example/x"\n')
    with pytest.raises(HostChanged, match=f"the {key} of example is at https://evil.example now"):
        world.login()
    if key == "revocation_endpoint":
        with pytest.raises(HostChanged, match=r"is at https://evil.example now"):
            world.auth.delete_identity("example", user="me")
    assert world.auth.find()
    world.auth.delete_identity("example", user="me", local=True)
    assert "evil.example" not in hosts_seen(world)
    assert world.auth.find() == []


def test_a_url_that_moves_to_a_host_that_has_secrets_already_is_no_change(world):
    world.entry("example", ENTRY + 'revocation_endpoint = "https://other.example/revoke"\n')
    set_anew(world)
    world.entry("example", REVOCABLE)
    world.login()


@pytest.mark.parametrize("key", ["refresh_endpoint", "revocation_endpoint", "account_endpoint"])
def test_a_url_that_a_file_adds_later_is_not_trusted_until_confirmed(world, key):
    world.login()
    world.entry("example", f'{ENTRY}{key} = "https://evil.example/x"\n')
    with pytest.raises(HostChanged, match=f"the {key} of example is at https://evil.example now"):
        world.login()
    assert "evil.example" not in hosts_seen(world)
    set_anew(world)
    world.login()


def test_a_url_that_the_catalogue_adds_later_is_pinned_at_its_first_use():
    service = Service(
        name="x", title="X", authorization_endpoint="https://x.example/a", token_endpoint="https://x.example/t"
    )
    client = Client(service="x", client_id="id", origins=origins_of(service))
    later = with_values(service, {"revocation_endpoint": "https://other.example/revoke"})
    assert moved(later, client) is None
    assert moved(replace(later, own_keys=frozenset({"revocation_endpoint"})), client) is not None
    bound = replace(client, origins=origins_of(later))
    assert moved(with_values(later, {"revocation_endpoint": "https://evil.example/revoke"}), bound) is not None


def test_a_client_without_hosts_is_pinned_at_its_first_use(world):
    key = client_key("default", "example")
    metadata = world.store.get(key).metadata
    overwrite(world.store, key, metadata={**metadata, "origins": {}})
    world.login()
    assert world.store.get(key).metadata == metadata
    world.entry("example", MOVED)
    with pytest.raises(HostChanged):
        world.login()


def test_a_client_of_the_environment_is_not_pinned_but_its_secret_for_a_stored_one_is(world):
    world.entry("example", MOVED)
    world.auth = world.another(world.store, override=lambda _: (None, Secret("env")))
    with pytest.raises(HostChanged):
        world.login()
    world.auth = world.another(world.store, override=lambda _: ("env", Secret("env")))
    world.login()
    world.auth = world.another(world.store, override=lambda _: ("env", None))
    # Another id: the stored secret is not sent with it.
    world.login(user="other")
    sent = [request.fields.get("client_secret") for request in world.server.requests]
    assert sent == [Secret("env"), None]


def test_a_parameter_that_the_user_sets_moves_the_secret(world):
    world.entry("placed", PLACED)
    placed = service(world, "placed")
    clients = world.auth.clients
    clients.set(placed, client_id="id", client_secret=Secret("s"))
    clients.set(placed, params={"sub": "acme"})
    assert clients.get(clients.filled("placed")).origins == dict.fromkeys(ENDPOINTS, "https://acme.x.example")
    clients.set(placed, params={"sub": "other"})
    assert clients.get(clients.filled("placed")).origins == dict.fromkeys(ENDPOINTS, "https://other.x.example")


def test_a_parameter_does_not_confirm_a_host_that_a_file_has_changed(world):
    world.entry("placed", PLACED)
    clients = world.auth.clients
    clients.set(service(world, "placed"), client_id="id", client_secret=Secret("s"), params={"sub": "acme"})
    world.entry("placed", PLACED.replace(".x.example/token", ".evil.example/token"))
    clients.set(service(world, "placed"), params={"sub": "other"})
    with pytest.raises(HostChanged, match=r"is at https://other\.evil\.example now"):
        clients.get(clients.filled("placed"))


@pytest.mark.parametrize("key", ["token_endpoint", "refresh_endpoint", "revocation_endpoint", "account_endpoint"])
def test_a_placeholder_that_nothing_fills_leads_secrets_nowhere(world, key):
    world.login()
    sent = len(world.server.requests)
    kept = "".join(line for line in ENTRY.splitlines(keepends=True) if not line.startswith(f"{key} "))
    world.entry("example", f'{key} = "https://evil.example/{{client_id}}/steal"\n{kept}')
    world.clock.now += HOUR
    for call in (world.token, world.login):
        with pytest.raises(ConfigurationProblem, match=rf"example\.toml:1: {key} = .*\{{client_id\}} is not declared"):
            call()
    assert len(world.server.requests) == sent


@pytest.mark.parametrize("key", ["token_endpoint", "refresh_endpoint", "revocation_endpoint", "account_endpoint"])
def test_no_client_is_handed_out_for_a_url_with_a_placeholder_left(key):
    service = Service(
        name="x", title="X", authorization_endpoint="https://x.example/a", token_endpoint="https://x.example/t"
    )
    client = Client(service="x", client_id="id", origins=origins_of(service))
    left = with_values(service, {key: "https://x.example/{client_id}/t"})
    with pytest.raises(ConfigurationProblem, match=rf"nothing fills {{client_id}} in the {key} of x; nothing was sent"):
        check_hosts(left, client, has_secret=True)


def test_a_parameter_does_not_confirm_a_host_that_a_file_brought_with_it(world):
    world.login()
    copied = (
        f'{ENTRY}refresh_endpoint = "https://{{region}}.evil.example/x"\nparams.region = {{help = "your region"}}\n'
    )
    world.entry("example", copied)
    world.auth.clients.set(service(world), params={"region": "eu"})
    world.clock.now += HOUR
    with pytest.raises(HostChanged, match=r"is at https://eu\.evil\.example now"):
        world.token()
    assert hosts_seen(world) == {"issuer.example"}
