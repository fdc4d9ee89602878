"""Facts of single entries that were wrong once, or are wrong elsewhere: hosts, authentication, scopes, parameters."""

from __future__ import annotations

import pytest
from peers.token_server import json_response

from everyauth_cli.errors import InvalidGrant
from everyauth_cli.oauth.token_endpoint import read_token
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.services.keys import value_of
from everyauth_cli.services.placeholders import fill

FACTS = [
    ("adobe", "token_endpoint_auth_method", "client_secret_basic"),
    ("adobe", "scopes", ("openid", "offline_access")),
    ("airtable", "token_endpoint_auth_method", "client_secret_basic"),
    ("authentik", "scopes", ("openid", "profile", "email", "offline_access")),
    ("auth0", "scopes", ("openid", "profile", "email", "offline_access")),
    ("clever", "token_endpoint_auth_method", "client_secret_basic"),
    ("huggingface", "any_port", True),
    ("lever", "scopes", ("offline_access",)),
    ("musicbrainz", "authorization_params", {"access_type": "offline"}),
    ("pagerduty", "id_token_issuers", ("https://app.pagerduty.com/global/oauth/anonymous",)),
    ("podio", "token_endpoint", "https://api.podio.com/oauth/token/v2"),
    ("podio", "body", "json"),
    ("shopify", "token_params", {"expiring": "1"}),
    ("square", "pkce", False),
    ("start-gg", "refresh_endpoint", "https://api.start.gg/oauth/refresh"),
    ("start-gg", "body", "json"),
    ("start-gg", "refresh_redirect_uri", True),
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
    told = {"code": 498, "error": "invalid_request", "message": "refresh_token expired", "details": []}
    with pytest.raises(InvalidGrant, match="498"):
        read_token(Catalogue().get("arcgis"), json_response({"error": told}), requested_scope=None, now=0)
