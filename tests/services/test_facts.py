"""Facts of single entries that were wrong once, or are wrong elsewhere: hosts, authentication, scopes, parameters."""

from __future__ import annotations

import pytest
from peers.token_server import json_response

from everyauth_cli.errors import InvalidGrant
from everyauth_cli.model import Client, Secret
from everyauth_cli.oauth.revocation import revocation_request
from everyauth_cli.oauth.token_endpoint import read_token
from everyauth_cli.oauth.userinfo import account_in
from everyauth_cli.services.callback import with_callback
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.services.fields import value_of
from everyauth_cli.services.placeholders import fill

FACTS = [
    ("adobe", "token_endpoint_auth_method", "client_secret_basic"),
    ("adobe", "scopes", ("openid", "offline_access")),
    ("airtable", "token_endpoint_auth_method", "client_secret_basic"),
    ("authentik", "scopes", ("openid", "profile", "email", "offline_access")),
    ("auth0", "scopes", ("openid", "profile", "email", "offline_access")),
    ("autodesk", "scopes", ("user-profile:read",)),
    ("aweber", "token_endpoint_auth_method", "client_secret_basic"),
    ("clever", "token_endpoint_auth_method", "client_secret_basic"),
    ("huggingface", "any_port", True),
    ("lever", "scopes", ("offline_access",)),
    ("musicbrainz", "authorization_params", {"access_type": "offline"}),
    ("oura", "authorization_endpoint", "https://moi.ouraring.com/oauth/v2/ext/oauth-authorize"),
    ("oura", "token_endpoint", "https://moi.ouraring.com/oauth/v2/ext/oauth-token"),
    ("pagerduty", "id_token_issuers", ("https://app.pagerduty.com/global/oauth/anonymous",)),
    ("podio", "token_endpoint", "https://api.podio.com/oauth/token/v2"),
    ("podio", "body", "json"),
    ("shopify", "token_params", {"expiring": "1"}),
    ("square", "pkce", False),
    ("start-gg", "refresh_endpoint", "https://api.start.gg/oauth/refresh"),
    ("start-gg", "body", "json"),
    ("start-gg", "refresh_redirect_uri", True),
    ("todoist", "authorization_endpoint", "https://app.todoist.com/oauth/authorize"),
    ("todoist", "token_endpoint", "https://api.todoist.com/oauth/access_token"),
    ("trakt", "authorization_endpoint", "https://auth.trakt.tv/oauth/authorize"),
    ("trakt", "token_endpoint", "https://auth.trakt.tv/oauth/token"),
    ("trakt", "body", "json"),
    ("tumblr", "scopes", ("basic", "offline_access")),
]

SANDBOXES = [
    ("docusign", {"host": "account-d.docusign.com"}, "https://account-d.docusign.com/oauth/token"),
    ("freeagent", {"host": "api.sandbox.freeagent.com"}, "https://api.sandbox.freeagent.com/v2/token_endpoint"),
    ("paypal", {"domain": "sandbox.paypal.com"}, "https://api-m.sandbox.paypal.com/v1/oauth2/token"),
    ("procore", {"host": "login-sandbox.procore.com"}, "https://login-sandbox.procore.com/oauth/token"),
    (
        "ramp",
        {"host": "demo.ramp.com", "api_host": "demo-api.ramp.com"},
        "https://demo-api.ramp.com/developer/v1/token",
    ),
    (
        "ringcentral",
        {"host": "platform.devtest.ringcentral.com"},
        "https://platform.devtest.ringcentral.com/restapi/oauth/token",
    ),
    ("square", {"host": "connect.squareupsandbox.com"}, "https://connect.squareupsandbox.com/oauth2/token"),
]


CLIENT = Client(service="x", client_id="id", client_secret=Secret("s3cret"))
IN_BODY = {"client_id": "id", "client_secret": "s3cret"}
REVOCATIONS = [
    ("auth0", "https://acme/oauth/revoke", False, "form", {"token": "t0ken", **IN_BODY}),
    ("box", "https://api.box.com/oauth2/revoke", False, "form", {"token": "t0ken", **IN_BODY}),
    ("cognito", "https://acme/oauth2/revoke", True, "form", {"token": "t0ken"}),
    ("klaviyo", "https://a.klaviyo.com/oauth/revoke", True, "form", {"token": "t0ken", "token_type_hint": "HINT"}),
    ("line", "https://api.line.me/oauth2/v2.1/revoke", False, "form", {"HINT": "t0ken", **IN_BODY}),
    ("notion", "https://api.notion.com/v1/oauth/revoke", True, "json", {"token": "t0ken"}),
    ("strava", "https://www.strava.com/oauth/deauthorize", False, "form", {"HINT": "t0ken"}),
    ("supabase", "https://api.supabase.com/v1/oauth/revoke", False, "json", {"HINT": "t0ken", **IN_BODY}),
    ("todoist", "https://api.todoist.com/api/v1/revoke", True, "form", {"token": "t0ken", "token_type_hint": "HINT"}),
    ("trakt", "https://auth.trakt.tv/oauth/revoke", False, "json", {"token": "t0ken", **IN_BODY}),
    ("x", "https://api.x.com/2/oauth2/revoke", True, "form", {"token": "t0ken", "token_type_hint": "HINT"}),
    ("zoho", "https://accounts.zoho.com/oauth/v2/token/revoke", False, "form", {"token": "t0ken"}),
    ("zoom", "https://zoom.us/oauth/revoke", True, "form", {"token": "t0ken"}),
]

NOTION = {"workspace_id": "w", "workspace_name": "Acme", "owner": {"user": {"id": "u", "name": "Ann"}}}
ACCOUNTS = [
    ("dropbox", {"account_id": "dbid:1"}, "dbid:1", "dbid:1"),
    ("intercom", {"id": "1", "email": "ann@example.com"}, "1", "ann@example.com"),
    ("notion", NOTION, "w/u", "Ann (Acme)"),
    ("notion", {**NOTION, "owner": {"workspace": True}}, "w", "Acme"),
    ("pipedrive", {"data": {"id": 2, "company_id": 1, "email": "ann@example.com"}}, "1/2", "ann@example.com"),
    ("stripe", {"stripe_user_id": "acct_1"}, "acct_1", "acct_1"),
    ("tumblr", {"response": {"user": {"name": "ann"}}}, "ann", "ann"),
]


@pytest.mark.parametrize(("name", "url", "basic", "body", "fields"), REVOCATIONS)
def test_a_token_is_revoked_as_the_service_documents(name, url, basic, body, fields):
    service = Catalogue().get(name)
    service = fill(service, {parameter.name: "acme" for parameter in service.params if parameter.default is None})
    service = with_callback(service, {})
    hint = service.revocation.tokens[0]
    request = revocation_request(service, CLIENT, Secret("t0ken"), hint=hint)
    sent = {key: value.reveal() if isinstance(value, Secret) else value for key, value in request.fields.items()}
    assert (request.method, request.url, request.basic is not None, request.body) == ("POST", url, basic, body)
    assert sent == {key.replace("HINT", hint): value.replace("HINT", hint) for key, value in fields.items()}


@pytest.mark.parametrize(("name", "fields", "subject", "label"), ACCOUNTS)
def test_the_account_is_read_from_the_fields_that_the_service_documents(name, fields, subject, label):
    account = account_in(Catalogue().get(name), fields)
    assert (account.subject, account.label) == (subject, label)


@pytest.mark.parametrize(("name", "key", "value"), FACTS)
def test_a_fact_stays_as_it_was_found(name, key, value):
    assert value_of(Catalogue().get(name), key) == value


@pytest.mark.parametrize(("name", "params", "url"), SANDBOXES)
def test_a_sandbox_of_the_service_is_a_setting_and_not_the_default(name, params, url):
    service = Catalogue().get(name)
    assert fill(service, params).token_endpoint == url
    assert "sandbox" not in fill(service, {}).token_endpoint
    assert all(params[parameter.name] in parameter.help for parameter in service.params)


def test_an_ended_grant_at_arcgis_is_a_number():
    fields = {"code": 498, "error": "invalid_request", "message": "refresh_token expired", "details": []}
    with pytest.raises(InvalidGrant, match="498"):
        read_token(Catalogue().get("arcgis"), json_response({"error": fields}), requested_scope=None, now=0)


@pytest.mark.parametrize(
    ("name", "response", "subject", "label"),
    [
        ("asana", {"data": {"gid": "12", "email": "a@x.example", "name": "A"}}, "12", "a@x.example"),
        (
            "mailchimp",
            {"user_id": 5, "accountname": "Acme", "login": {"login_email": "a@x.example"}},
            "5",
            "a@x.example",
        ),
        ("meetup", {"data": {"self": {"id": "7", "name": "A"}}}, "7", "A"),
        ("monday", {"data": {"me": {"id": "9", "name": "A", "email": "a@x.example"}}}, "9", "a@x.example"),
        ("trakt", {"user": {"username": "A", "ids": {"slug": "a"}}}, "a", "A"),
        ("google", {"sub": "108", "email": "a@x.example", "name": "A"}, "108", "a@x.example"),
    ],
)
def test_the_account_is_found_in_what_its_endpoint_answers(name, response, subject, label):
    service = Catalogue().get(name)
    account = account_in(service, response)
    assert service.account.endpoint
    assert account is not None
    assert (account.subject, account.label) == (subject, label)
