"""Single services beyond the contract: their regions and hosts, their quirks, their own redirect URIs."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from peers.token_server import NOW, json_response

from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.model import Client, Secret, Token
from everyauth_cli.oauth.authorization_code import AuthorizationResponse
from everyauth_cli.oauth.revocation import revocation_request
from everyauth_cli.oauth.token_endpoint import added_fields, read_token
from everyauth_cli.oauth.userinfo import account_in, account_request
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.services.placeholders import fill
from everyauth_cli.services.redirect_uri import on_loopback, redirect_uri
from everyauth_cli.store.memory import memory_store

CATALOGUE = Catalogue()
GUIDED = ["linear", "mattermost", "microsoft", "quickbooks", "reddit", "salesforce", "slack", "stackoverflow"]
TEAM = {"id": "T1", "name": "Acme"}


def client(service, **params):
    return Client(service=service, client_id="id", client_secret=Secret("s"), params=params)


def read(name, fields, *, previous=None) -> Token:
    return read_token(CATALOGUE.get(name), json_response(fields), requested_scope="", now=NOW, previous=previous)


@pytest.mark.parametrize(("alias", "name"), [("sfdc", "salesforce"), ("quickbooks-online", "quickbooks")])
def test_the_names_of_the_original_are_known(alias, name):
    assert CATALOGUE.get(alias).name == name


@pytest.mark.parametrize(
    ("name", "params", "token_endpoint"),
    [
        ("salesforce", {}, "https://login.salesforce.com/services/oauth2/token"),
        ("salesforce", {"host": "test.salesforce.com"}, "https://test.salesforce.com/services/oauth2/token"),
        ("salesforce", {"host": "acme.my.salesforce.com"}, "https://acme.my.salesforce.com/services/oauth2/token"),
        ("mattermost", {"host": "chat.acme.example"}, "https://chat.acme.example/oauth/access_token"),
        ("microsoft", {}, "https://login.microsoftonline.com/common/oauth2/v2.0/token"),
        ("microsoft", {"tenant": "acme.example"}, "https://login.microsoftonline.com/acme.example/oauth2/v2.0/token"),
    ],
)
def test_a_service_has_its_hosts_and_tenants(name, params, token_endpoint):
    service = fill(CATALOGUE.get(name), params)
    assert service.token_endpoint == token_endpoint
    urls = [service.authorization_endpoint, service.account.endpoint, service.revocation.endpoint, service.jwks_uri]
    assert all("{" not in url for url in urls if url)
    # The tenant of an issuer is the token's to say, whatever was set.
    assert all("{tid}" in issuer for issuer in service.id_token.issuers)


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("linear", "http://localhost:28282/callback/linear"),
        ("quickbooks", "http://localhost:28282/callback/quickbooks"),
        ("reddit", "http://127.0.0.1:28282/callback/reddit"),
        ("salesforce", "http://localhost:28282/callback/salesforce"),
        ("slack", "https://localhost:28282/callback/slack"),
        ("stackoverflow", "http://localhost:28282/callback/stackoverflow"),
        ("microsoft", "http://localhost/callback/microsoft"),
    ],
)
def test_the_redirect_uri_is_one_that_the_service_accepts(name, uri):
    assert redirect_uri(CATALOGUE.get(name), client(name)) == uri
    assert on_loopback(uri) == (name != "slack")


def test_a_port_and_a_redirect_uri_of_ones_own_are_used_where_https_is_required():
    slack = CATALOGUE.get("slack")
    assert redirect_uri(slack, Client(service="slack", client_id="id", port=9)) == "https://localhost:9/callback/slack"
    own = Client(service="slack", client_id="id", redirect_uri="https://you.example/cb")
    assert redirect_uri(slack, own) == "https://you.example/cb"


@pytest.mark.parametrize("name", GUIDED)
def test_a_setup_guide_is_made_of_whole_sentences(name):
    service = CATALOGUE.get(name)
    assert service.setup
    assert service.expect
    assert all(line[0].isupper() and line.endswith(".") for line in (*service.setup, *service.expect))


def test_the_users_own_scopes_are_requested_beside_the_bots_or_alone():
    auth = EveryAuth(store=memory_store(), catalogue=CATALOGUE, send=lambda _: None)
    auth.clients.set(CATALOGUE.get("slack"), client_id="id", params={"user_scope": "search:read,users:read"})

    def authorization_params(scope):
        pending = auth.begin("slack", redirect_uri="https://localhost/", scope=scope)
        return parse_qs(urlsplit(auth.authorization_url(pending)).query)

    assert authorization_params(None)["user_scope"] == ["search:read,users:read"]
    assert authorization_params(None)["scope"][0].startswith("chat:write,users:read,")
    assert "scope" not in authorization_params("")
    assert authorization_params("")["user_scope"] == ["search:read,users:read"]


USER = {"id": "U1", "scope": "search:read", "access_token": "xoxp-1", "refresh_token": "xoxe-u", "expires_in": 43200}


def test_a_users_token_takes_the_place_of_a_bots_only_where_there_is_none():
    alone = read("slack", {"ok": True, "team": TEAM, "authed_user": USER})
    assert (alone.access_token, alone.refresh_token) == (Secret("xoxp-1"), Secret("xoxe-u"))
    assert (alone.scope, alone.expires_at) == ("search:read", NOW + 43_200_000)
    both = read("slack", {"ok": True, "access_token": "xoxb-1", "scope": "chat:write", "authed_user": USER})
    assert (both.access_token, both.refresh_token, both.scope) == (Secret("xoxb-1"), None, "chat:write")
    assert both.native.reveal()["authed_user"] == {
        name: USER[name] for name in ("id", "scope", "access_token", "expires_in")
    }


def test_a_users_token_beside_a_bots_is_dropped_by_a_refresh_which_does_not_renew_it():
    fields = {"ok": True, "access_token": "xoxb-1", "refresh_token": "xoxe-b", "expires_in": 43200, "team": TEAM}
    before = read("slack", {**fields, "authed_user": USER})
    after = read("slack", {**fields, "access_token": "xoxb-2"}, previous=before)
    assert after.access_token == Secret("xoxb-2")
    assert "access_token" not in after.native.reveal()["authed_user"]
    assert after.native.reveal()["authed_user"]["id"] == "U1"


@pytest.mark.parametrize(
    ("fields", "subject", "label"),
    [
        ({"team": TEAM, "authed_user": {"id": "U1"}}, "T1/U1", "Acme (U1)"),
        ({"team": None, "enterprise": {"id": "E1", "name": "Org"}, "authed_user": {"id": "U1"}}, "E1/U1", "Org (U1)"),
    ],
)
def test_a_workspace_or_a_whole_organization_is_the_account(fields, subject, label):
    account = account_in(CATALOGUE.get("slack"), fields)
    assert (account.subject, account.label) == (subject, label)


def test_the_key_of_an_app_goes_with_each_question_and_into_the_credential():
    ours = client("stackoverflow", client_key="K((")
    service = fill(CATALOGUE.get("stackoverflow"), ours.params)
    request = account_request(service, ours, Secret("t(o)k"))
    assert "t%28o" not in repr(request)
    assert (
        request.url + request.rest.reveal()
        == "https://api.stackexchange.com/2.3/me?site=stackoverflow&key=K%28%28&access_token=t%28o%29k"
    )
    assert (request.method, request.bearer) == ("GET", None)
    assert added_fields(service, ours, AuthorizationResponse(code=Secret("c"), kept={})) == {"client_key": "K(("}


def test_a_token_in_the_path_cannot_leave_its_place():
    service = CATALOGUE.get("stackoverflow")
    request = revocation_request(service, client("stackoverflow"), Secret("../a?b#c;d"), hint="access_token")
    assert "a%3Fb" not in repr(request)
    assert (
        request.url + request.rest.reveal()
        == "https://api.stackexchange.com/2.3/access-tokens/..%2Fa%3Fb%23c%3Bd/invalidate"
    )
    assert (request.method, request.fields, request.basic) == ("GET", {}, None)


def test_an_installed_app_authenticates_with_an_empty_secret():
    service = CATALOGUE.get("reddit")
    request = revocation_request(service, Client(service="reddit", client_id="id"), Secret("t"), hint="access_token")
    assert request.basic == ("id", Secret(""))
