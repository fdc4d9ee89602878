"""The core entries beyond their dialects: aliases, settings, quirks, scopes that cover others."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from peers.http_server import Peer
from peers.sandbox import SEALED
from peers.token_server import World, json_response

from everyauth_cli.errors import ClientRejected, ConfigurationProblem, InvalidGrant
from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.model import Client, Secret
from everyauth_cli.oauth.revocation import read_revocation, revocation_request
from everyauth_cli.oauth.token_endpoint import missing_scopes, read_token
from everyauth_cli.oauth.userinfo import account_request
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.services.placeholders import fill
from everyauth_cli.services.redirect_uri import redirect_uri
from everyauth_cli.store.memory import memory_store

SERVICES = ["asana", "atlassian", "discord", "github", "github-enterprise", "gitlab", "google", "hubspot"]
CLIENT = Client(service="x", client_id="the/id", client_secret=Secret("s3cret"))
TOKEN = Secret("t0ken")


def entry(name, **params):
    return fill(Catalogue().get(name), params)


def shown(request):
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in request.fields.items()}


def authorization(name, **params):
    """The parameters of the authorization request with these settings."""
    auth = EveryAuth(store=memory_store(), catalogue=Catalogue(), send=lambda _: pytest.fail("nothing is sent"))
    service = auth.catalogue.get(name)
    client = auth.clients.set(service, client_id="id", client_secret=Secret("s"), params=params)
    pending = auth.begin(name, redirect_uri=redirect_uri(service, client))
    return urlsplit(auth.authorization_url(pending)).hostname, parse_qs(urlsplit(auth.authorization_url(pending)).query)


@pytest.mark.parametrize("name", SERVICES)
def test_an_entry_is_a_setup_guide_with_its_sources(name):
    service = Catalogue().get(name)
    assert service.setup
    assert service.expect
    assert service.checked >= "2026-11-25"
    assert all(text.endswith(".") and len(text) <= 130 for text in (*service.setup, *service.expect))
    assert service.docs in service.sources
    assert all(source.startswith("https://") for source in service.sources)


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("asana", "http://localhost:28282/callback/asana"),
        ("atlassian", "http://localhost:28282/callback/atlassian"),
        ("discord", "http://127.0.0.1:28282/callback/discord"),
        ("github", "http://127.0.0.1/callback/github"),
        ("gitlab", "http://127.0.0.1/callback/gitlab"),
        ("google", "http://127.0.0.1/callback/google"),
        ("hubspot", "http://localhost:28282/callback/hubspot"),
    ],
)
def test_the_redirect_uri_has_the_form_that_the_service_accepts(name, uri):
    assert redirect_uri(Catalogue().get(name), CLIENT) == uri


@pytest.mark.parametrize(
    ("name", "parameter", "value"),
    [("discord", "permissions", "2048"), ("hubspot", "optional_scope", "tickets content")],
)
def test_an_optional_parameter_is_sent_once_it_is_set(name, parameter, value):
    assert parameter not in authorization(name)[1]
    assert authorization(name, **{parameter: value})[1][parameter] == [value]


def test_a_gitlab_of_ones_own_is_a_setting():
    assert authorization("gitlab")[0] == "gitlab.com"
    assert authorization("gitlab", host="git.example.org:8443")[0] == "git.example.org"
    own = entry("gitlab", host="git.example.org:8443")
    urls = (own.token_endpoint, own.revocation.endpoint, own.account.endpoint, own.issuer)
    assert {url.removeprefix("https://git.example.org:8443") for url in urls} == {
        *("/oauth/token", "/oauth/revoke", "/api/v4/user", "")
    }


def test_a_github_enterprise_server_has_its_api_under_its_own_host():
    with pytest.raises(ConfigurationProblem) as caught:
        entry("github-enterprise")
    assert caught.value.hint == "everyauth service set github-enterprise --param host=..."
    own = entry("github-enterprise", host="github.example.org")
    assert own.authorization_endpoint == "https://github.example.org/login/oauth/authorize"
    assert account_request(own, CLIENT, TOKEN).url == "https://github.example.org/api/v3/user"
    revocation = revocation_request(own, CLIENT, TOKEN, hint="access_token")
    assert revocation.url == "https://github.example.org/api/v3/applications/the%2Fid/token"


def test_github_deletes_a_token_by_name_and_password_of_the_client():
    request = revocation_request(entry("github"), CLIENT, TOKEN, hint="access_token")
    assert (request.method, request.body) == ("DELETE", "json")
    assert request.url == "https://api.github.com/applications/the%2Fid/token"
    assert request.basic == ("the/id", Secret("s3cret"))
    assert shown(request) == {"access_token": "t0ken"}
    assert "t0ken" not in repr(request)
    assert read_revocation(entry("github"), json_response(b"", status=204, content_type="")) is True


@pytest.mark.parametrize("refresh_token", [None, "grant-1.refresh-2"])
def test_a_logout_at_github_ends_the_grant_where_tokens_expire(tmp_path, refresh_token):
    world = World(tmp_path)
    world.auth.clients.set(world.auth.catalogue.get("github"), client_id="id", client_secret=Secret("s"))
    sent = []

    def respond(request):
        sent.append(request)
        if request.method == "DELETE":
            return json_response(b"", status=204, content_type="")
        if request.url.endswith("/user"):
            return json_response({"id": 1, "login": "ann"})
        return json_response({"access_token": "a", "token_type": "bearer", "refresh_token": refresh_token})

    world.server = respond
    world.auth = world.another(world.store)
    pending = world.auth.begin("github", redirect_uri="http://127.0.0.1/callback/github")
    query = {"code": "c", "state": pending.state.reveal(), "iss": "https://github.com/login/oauth"}
    world.auth.keep(world.auth.redeem(pending, [*query.items()]))
    revocation = world.auth.delete_identity("github", "me")
    assert sent[-1].url == f"https://api.github.com/applications/id/{'grant' if refresh_token else 'token'}"
    assert (revocation.not_revoked, len(sent)) == ([], 3)


def test_hubspot_tells_the_account_by_introspection():
    request = account_request(entry("hubspot"), CLIENT, TOKEN)
    assert (request.method, request.body, request.bearer) == ("POST", "form", None)
    assert request.url == "https://api.hubapi.com/oauth/2026-03/token/introspect"
    assert shown(request) == {
        "token": "t0ken",
        "token_type_hint": "access_token",
        "client_id": "the/id",
        "client_secret": "s3cret",
    }


@pytest.mark.parametrize(
    ("name", "requested", "granted", "missing"),
    [
        (
            "google",
            "openid profile email",
            "https://www.googleapis.com/auth/userinfo.email openid https://www.googleapis.com/auth/userinfo.profile",
            [],
        ),
        ("google", "openid profile", "openid https://www.googleapis.com/auth/userinfo.email", ["profile"]),
        ("github", "user public_repo", "public_repo,user", []),
        ("github", "user gist user:email", "gist,user", []),
        ("github", "repo read:org", "public_repo,admin:org", ["repo"]),
        ("hubspot", "oauth tickets", "oauth", ["tickets"]),
    ],
)
def test_scopes_that_another_one_covers_are_not_missing(name, requested, granted, missing):
    assert missing_scopes(entry(name), requested, granted, refreshable=False) == missing


@pytest.mark.parametrize("name", ["github", "github-enterprise"])
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("bad_verification_code", InvalidGrant),
        ("bad_refresh_token", InvalidGrant),
        ("incorrect_client_credentials", ClientRejected),
    ],
)
def test_the_errors_of_github_are_understood(name, error, kind):
    service = entry(name, host="github.example.org")
    with pytest.raises(kind, match=error):
        read_token(service, json_response({"error": error}), requested_scope=None, now=0)


def test_hubspot_says_in_its_own_field_what_was_granted():
    given = json_response({"access_token": "a", "scopes": ["oauth", "tickets"], "hub_id": 1})
    token = read_token(entry("hubspot"), given, requested_scope="oauth", now=0)
    assert (token.scope, token.native.reveal()) == ("oauth tickets", {})


@pytest.mark.slow
def test_a_login_by_the_name_that_the_original_had(everyauth):
    with Peer() as peer:
        # A login connects to the token endpoint before it shows its URL.
        own = everyauth.home / "services" / "github.toml"
        own.parent.mkdir(parents=True)
        own.write_text(f'token_endpoint = "{peer.url}"\n')
        everyauth("service", "set", "githuboauth", "--client-id", "id", "--client-secret", "s", env=SEALED)
        done = everyauth("login", "githuboauth", "--no-browser", "--timeout", "1s", env=SEALED)
    (url,) = (line for line in done.err.splitlines() if line.startswith("https://"))
    query = parse_qs(urlsplit(url).query)
    assert url.startswith("https://github.com/login/oauth/authorize?")
    assert urlsplit(query["redirect_uri"][0]).path == "/callback/github"
    assert query["scope"] == ["user public_repo"]
    assert "everyauth login github" in everyauth("token", "githuboauth", env=SEALED).err
