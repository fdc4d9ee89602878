"""The keys for what takes a token: the API's base and headers, the tools' variables, the git hosts, and the grants."""

from __future__ import annotations

import pytest
from peers.token_server import json_response

from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.flows.service_check import CheckState, Entry, check_entry
from everyauth_cli.model import Client, Secret
from everyauth_cli.oauth.metadata import entry_of
from everyauth_cli.oauth.userinfo import account_request
from everyauth_cli.services.at_sandbox import at_sandbox
from everyauth_cli.services.entry import make_service
from everyauth_cli.services.placeholders import fill

ISSUER = "https://auth.example"
ENTRY = {"authorization_endpoint": f"{ISSUER}/auth", "token_endpoint": f"{ISSUER}/token"}
HOST = {"host": {"help": "the host"}}


def make(**keys):
    return make_service("acme", {**ENTRY, **keys}, where=lambda key: f"acme.toml: {key}", own=True)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"api_base": "http://api.example"}, "plain http"),
        ({"api_base": "api.example"}, "not an https URL"),
        ({"api_base": "{instance_url}evil.example"}, "not an https URL"),
        ({"api_headers": {"Authorization": "Basic x"}}, "no name of a header that an entry can set"),
        ({"api_headers": {"content-length": "5"}}, "no name of a header that an entry can set"),
        ({"api_headers": {"A b": "x"}}, "no name of a header that an entry can set"),
        ({"api_headers": {"X-A": "one\r\nAuthorization: Basic x"}}, "must be one line of ASCII"),
        ({"api_headers": {"X-A": "caf\u00e9"}}, "must be one line of ASCII"),
        ({"api_headers": {"X-A": "{nothing}"}}, "the placeholder {nothing} is not declared under params"),
        ({"token_variables": ["acme token"]}, "no name of an environment variable"),
        ({"token_variables": ["LD_PRELOAD=x"]}, "no name of an environment variable"),
        ({"git_hosts": ["git.example/acme"]}, "is not a host"),
        ({"git_hosts": ["https://git.example"]}, "https://git.example"),
        ({"git_hosts": ["{host}"]}, "the placeholder {host} is not declared under params"),
        ({"grant_types_supported": ["two words"]}, "no grant type"),
        ({"device_authorization_endpoint": "http://auth.example/device"}, "plain http"),
    ],
)
def test_a_value_that_makes_no_sense_is_an_error_with_its_key(keys, says):
    with pytest.raises(ConfigurationProblem) as caught:
        make(**keys)
    assert says in caught.value.message
    assert f"acme.toml: {next(iter(keys))}" in caught.value.message


def test_placeholders_are_filled_in_and_fields_of_responses_stay():
    service = make(
        params=HOST,
        api_base="https://{host}/api/{region.name}",
        api_headers={"X-Host": "{host}", "Client-Id": "{client_id}"},
        git_hosts=["git.{host}"],
        device_authorization_endpoint="https://{host}/device",
    )
    filled = fill(service, {"host": "a.example"})
    assert filled.api.base == "https://a.example/api/{region.name}"
    assert filled.api.headers == {"X-Host": "a.example", "Client-Id": "{client_id}"}
    assert filled.api.git_hosts == ("git.a.example",)
    assert filled.device_authorization_endpoint == "https://a.example/device"
    assert make(api_base="{instance_url}/v1").api.base == "{instance_url}/v1"


@pytest.mark.parametrize("query", [{}, {"account_query": "{ me }"}])
def test_the_request_for_the_account_has_the_headers_of_the_api(query):
    headers = {"Client-Id": "{client_id}", "Accept": "application/vnd.acme+json"}
    service = make(account_endpoint=f"{ISSUER}/me", api_headers=headers, **query)
    request = account_request(service, Client(service="acme", client_id="abc"), Secret("t0ken"))
    assert request.headers == {"Client-Id": "abc", "Accept": "application/vnd.acme+json"}


def test_the_device_endpoint_moves_to_the_sandbox_with_the_others():
    service = make(device_authorization_endpoint=f"{ISSUER}/device")
    moved = at_sandbox(service, "http://127.0.0.1:1").device_authorization_endpoint
    assert moved == "http://127.0.0.1:1/acme/device_authorization"


def test_metadata_gives_the_device_endpoint_and_the_grants():
    grants = ["authorization_code", "device_code", "urn:ietf:params:oauth:grant-type:device_code"]
    found = {"device_authorization_endpoint": f"{ISSUER}/device", "grant_types_supported": grants}
    entry = entry_of({"issuer": ISSUER, **ENTRY, **found})
    assert {key: entry[key] for key in found} == found
    assert make(**entry).grant_types_supported == tuple(grants)


def test_a_grant_that_the_server_does_not_take_is_a_difference():
    keys = {"issuer": ISSUER, "grant_types_supported": ["authorization_code", "client_credentials"]}
    metadata = {**ENTRY, "issuer": ISSUER, "grant_types_supported": ["authorization_code"]}
    checked = check_entry(Entry(service=make(**keys), keys=[*ENTRY, *keys]), lambda _: json_response(metadata))
    assert checked.state is CheckState.DIFFERS
    assert [(one.key, one.found) for one in checked.wrong] == [("grant_types_supported", ["authorization_code"])]
