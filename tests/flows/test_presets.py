"""Identities of presets: each has its own, and all use the client of the service."""

import pytest
from peers.token_server import ENTRY, REVOCABLE, World

from everyauth_cli.errors import ClientNotSet, HostChanged, UsageProblem
from everyauth_cli.flows.clients import default_scope
from everyauth_cli.model import Secret
from everyauth_cli.services.redirect_uri import redirect_uri

PRESETS = '\n[presets.mail]\ntitle = "Mail"\nscopes = ["mail"]\n[presets.files]\nscopes = ["files"]\n'
ACCOUNT = 'account_endpoint = "https://example.org/mailbox"\naccount_subject = ["{box}"]\n'


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.entry("example", ENTRY + PRESETS)
    return world


def token(world, service):
    credential = world.auth.get_identity(service)
    return credential.access_token if credential else None


def test_two_presets_and_their_service_are_three_identities(world):
    names = ["example", "files", "mail"]
    for name in names:
        world.login(service=name)
    assert [identity.service for identity in world.auth.find()] == names
    assert len({identity.id for identity in world.auth.find()}) == len(names)
    tokens = {name: token(world, name) for name in names}
    assert len(set(tokens.values())) == len(names)
    world.clock.now += 2 * world.server.lifetime * 1000
    refreshed = {name: token(world, name) for name in names}
    assert not set(refreshed.values()) & set(tokens.values())
    world.auth.delete_identity("mail", user="me")
    assert [token(world, name) for name in names] == [refreshed["example"], refreshed["files"], None]


def test_a_preset_requests_its_own_scopes_with_the_client_of_its_service(world):
    service = world.auth.catalogue.get("example")
    world.auth.clients.set(service, scope="set-for-the-client", port=4321)
    mail = world.auth.catalogue.get("mail")
    client = world.auth.clients.get(mail)
    assert (client.service, client.client_id, default_scope(mail, client)) == ("example", "id", "mail")
    assert redirect_uri(mail, client) == redirect_uri(service, client)
    assert redirect_uri(mail, client).endswith(":4321/callback/example")
    assert world.auth.begin("mail", redirect_uri="http://127.0.0.1/x").request.scope == "mail"
    assert world.auth.begin("mail", redirect_uri="http://127.0.0.1/x", scope="less").request.scope == "less"
    assert world.auth.begin("example", redirect_uri="http://127.0.0.1/x").request.scope == "set-for-the-client"


def test_a_client_that_is_set_for_a_preset_is_the_services(world):
    mail = world.auth.catalogue.get("mail")
    world.auth.clients.set(mail, client_id="other", client_secret=Secret("s"))
    assert world.auth.clients.get(world.auth.catalogue.get("example")).client_id == "other"
    with pytest.raises(UsageProblem, match="the scopes of mail are its own") as caught:
        world.auth.clients.set(mail, scope="a b")
    assert caught.value.hint.endswith("everyauth login mail --scope 'a b'")


def test_without_a_client_the_error_names_the_service(world):
    world.auth.clients.delete("example")
    with pytest.raises(ClientNotSet, match="example has no client yet for mail") as caught:
        world.login(service="mail")
    assert caught.value.hint.startswith("everyauth service set example ")


def test_the_environment_gives_the_client_under_the_name_of_the_service(world):
    auth = world.another(world.store, override=lambda name: (f"of-{name}", None))
    assert auth.clients.get(auth.catalogue.get("mail")).client_id == "of-example"
    assert auth.clients.ids(["example"]) == {"example": "of-example"}


def test_an_account_endpoint_that_a_users_preset_adds_gets_no_token_until_it_is_confirmed(world):
    world.login(service="mail")
    world.entry("example", ENTRY + PRESETS.replace("[presets.files]", ACCOUNT + "[presets.files]"))
    world.entry("example", ENTRY + PRESETS + ACCOUNT.replace("example.org", "other.example"))
    assert token(world, "mail")
    with pytest.raises(HostChanged, match=r"presets\.files\.account_endpoint"):
        world.login(service="files")
    world.auth.clients.set(world.auth.catalogue.get("files"), client_secret=Secret("s"))
    assert world.auth.begin("files", redirect_uri="http://127.0.0.1/x")


def test_a_grant_may_be_shared_by_a_preset_that_names_the_account_in_its_own_way(world):
    """A revocation may end its grant too: it is listed beforehand, but not taken for certain."""
    shared = 'revocation_ends = "grant"\n'
    own = PRESETS + 'account_subject = ["{email}"]\n'
    world.entry("example", REVOCABLE + shared + own)
    mail, files, other = (world.login(service=name) for name in ("mail", "files", "example"))
    assert mail.account.subject != files.account.subject
    assert [each.service for _, each in world.auth.siblings(mail)] == ["example", "files"]
    world.auth.delete_identity("mail", user="me")
    marked = {identity.service: identity.login_required is not None for identity in world.auth.find()}
    assert marked == {"example": True, "files": False}
    assert other.account == mail.account
