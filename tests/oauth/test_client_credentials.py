"""The token request of the client credentials grant (RFC 6749 section 4.4.2)."""

import pytest

from everyauth_cli.model import Client, Secret, Service
from everyauth_cli.oauth.client_credentials import client_credentials_request
from everyauth_cli.services.rules import ClientAuthMethod, ClientCredentialsRules

CLIENT = Client(service="x", client_id="id", client_secret=Secret("s"))


def service(**fields):
    return Service(
        name="x",
        title="X",
        authorization_endpoint="https://x.example/a",
        token_endpoint="https://x.example/t",
        **fields,
    )


@pytest.mark.parametrize(("scope", "sent"), [("", {}), ("read write", {"scope": "read write"})])
def test_a_scope_is_sent_only_if_there_is_one(scope, sent):
    request = client_credentials_request(service(scopes=("a",)), CLIENT, scope=scope)
    secret = {"client_id": "id", "client_secret": Secret("s")}
    assert request.fields == {"grant_type": "client_credentials", **sent, **secret}
    assert (request.method, request.url) == ("POST", "https://x.example/t")


def test_the_client_authenticates_as_everywhere():
    basic = service(token_endpoint_auth_method=ClientAuthMethod.CLIENT_SECRET_BASIC)
    request = client_credentials_request(basic, CLIENT, scope="")
    assert request.fields == {"grant_type": "client_credentials"}
    assert request.basic == ("id", Secret("s"))


def test_it_has_parameters_and_a_name_of_its_own():
    rules = ClientCredentialsRules(grant_type="account_credentials", params={"account_id": "acme"})
    request = client_credentials_request(
        service(client_credentials=rules, token_params={"only": "for users"}, refresh_endpoint="https://x.example/r"),
        CLIENT,
        scope="",
    )
    assert [*request.fields.items()][:2] == [("account_id", "acme"), ("grant_type", "account_credentials")]
    assert "only" not in request.fields
    assert request.url == "https://x.example/t"


def test_it_names_the_resource_of_a_server_that_is_known_by_its_url():
    request = client_credentials_request(service(resource="https://mcp.example/mcp"), CLIENT, scope="")
    assert request.fields["resource"] == "https://mcp.example/mcp"
