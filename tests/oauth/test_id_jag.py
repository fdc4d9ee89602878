"""The ID-JAG: which assertion of an identity provider is presented to another server, and which is not."""

import base64
import json

import pytest
from peers.token_server import json_response

from everyauth_cli.errors import InvalidGrant, ServiceUnreadable
from everyauth_cli.model import Client, Secret, Service
from everyauth_cli.oauth.id_jag import id_jag_request, read_id_jag

TYPES = "urn:ietf:params:oauth:token-type:"
IDP = Service(
    name="corp",
    title="Corp",
    authorization_endpoint="https://corp.example/a",
    token_endpoint="https://corp.example/t",
    resource="https://corp.example/own",
)
SERVICE = Service(
    name="https://mcp.example/mcp",
    title="MCP",
    authorization_endpoint="https://as.example/a",
    token_endpoint="https://as.example/t",
    issuer="https://as.example",
    resource="https://mcp.example/mcp",
)
CLIENT = Client(service="given", client_id="mcp-client")
CLAIMS = {"aud": "https://as.example", "client_id": "mcp-client", "resource": "https://mcp.example/mcp", "sub": "ann"}


def part(fields):
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).rstrip(b"=").decode()


def id_jag(typ="oauth-id-jag+jwt", **claims):
    found = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    return f"{part({'alg': 'ES256', 'typ': typ})}.{part(found)}.c2ln"


def read(assertion, **fields):
    response = {"access_token": assertion, "issued_token_type": f"{TYPES}id-jag", "token_type": "N_A", **fields}
    known = {name: value for name, value in response.items() if value is not None}
    return read_id_jag(IDP, json_response(known), service=SERVICE, client=CLIENT).reveal()


def test_it_is_requested_for_the_issuer_and_the_resource_of_the_service():
    client = Client(service="corp", client_id="idp-client", client_secret=Secret("s"))
    request = id_jag_request(IDP, client, Secret("id.to.ken"), service=SERVICE, scope="read", now=0)
    assert request.url == "https://corp.example/t"
    assert request.fields == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "requested_token_type": f"{TYPES}id-jag",
        "subject_token": Secret("id.to.ken"),
        "subject_token_type": f"{TYPES}id_token",
        "audience": "https://as.example",
        "resource": "https://mcp.example/mcp",
        "scope": "read",
        "client_id": "idp-client",
        "client_secret": Secret("s"),
    }


@pytest.mark.parametrize(
    "assertion",
    [
        id_jag(),
        id_jag(aud=["https://as.example"]),
        id_jag(aud="https://as.example/"),
        id_jag(resource=None),
        id_jag(resource=["https://mcp.example/mcp", "https://mcp.example/other"]),
        id_jag(typ="application/OAuth-ID-JAG+jwt"),
        "an.encrypted.one.has.parts",
    ],
)
def test_one_for_the_service_and_our_client_there_is_presented(assertion):
    assert read(assertion) == assertion


@pytest.mark.parametrize(
    ("assertion", "words"),
    [
        (id_jag(typ="JWT"), "is not of the type oauth-id-jag+jwt (typ)"),
        (id_jag(typ=None), "(typ)"),
        (id_jag(aud="https://evil.example"), "is for https://evil.example, and not for https://as.example alone (aud)"),
        (id_jag(aud=["https://as.example", "https://evil.example"]), "(aud)"),
        (id_jag(aud=None), "is for none"),
        (id_jag(client_id="another"), "is for the client another, and not for mcp-client (client_id)"),
        (id_jag(client_id=None), "(client_id)"),
        (id_jag(resource="https://other.example/mcp"), "(resource)"),
        (id_jag(resource=[]), "(resource)"),
        ("not-a-jwt", "(typ)"),
        ("!.!.!", "(typ)"),
        ("W10.W10.c2ln", "(typ)"),
    ],
)
def test_one_for_another_is_not_sent_to_the_service(assertion, words):
    with pytest.raises(ServiceUnreadable) as raised:
        read(assertion)
    assert words in raised.value.message
    assert "it was not sent to https://mcp.example/mcp" in raised.value.message
    assert assertion not in raised.value.message


@pytest.mark.parametrize(
    "fields",
    [
        {"token_type": "Bearer"},
        {"token_type": None},
        {"issued_token_type": f"{TYPES}access_token"},
        {"issued_token_type": None},
        {"access_token": None},
        {"access_token": 7},
    ],
)
def test_a_token_of_another_type_is_refused(fields):
    with pytest.raises(ServiceUnreadable):
        read(id_jag(), **fields)


def test_n_a_is_meant_in_any_case():
    assert read(id_jag(), token_type="n_a") == id_jag()


def test_a_refusal_is_the_provider_s_own():
    response = json_response({"error": "invalid_grant", "error_description": "Audience validation failed"}, status=400)
    with pytest.raises(InvalidGrant, match="corp answered invalid_grant"):
        read_id_jag(IDP, response, service=SERVICE, client=CLIENT)
