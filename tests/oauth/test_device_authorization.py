"""The device authorization request and its response (RFC 8628 sections 3.1 and 3.2)."""

from dataclasses import replace

import pytest
from peers.token_server import MINUTE, NOW, json_response

from everyauth_cli.errors import ClientRejected, ServiceError, ServiceUnreachable, ServiceUnreadable
from everyauth_cli.model import Client, Response, Secret, Service
from everyauth_cli.oauth.authorization_code import challenge
from everyauth_cli.oauth.device_authorization import device_authorization_request, read_device_authorization
from everyauth_cli.services.rules import ClientAuthMethod, DeviceRules

SERVICE = Service(
    name="example",
    title="Example",
    authorization_endpoint="https://issuer.example/authorize",
    token_endpoint="https://issuer.example/token",
    device_authorization_endpoint="https://issuer.example/device",
)
CLIENT = Client(service="example", client_id="id", client_secret=Secret("s"))
CODES = {
    "device_code": "dc-1",
    "user_code": "ABCD-EFGH",
    "verification_uri": "https://issuer.example/activate",
    "expires_in": 900,
    "interval": 7,
}


def read(service=SERVICE, /, **changes):
    fields = {name: value for name, value in {**CODES, **changes}.items() if value is not None}
    return read_device_authorization(service, json_response(fields), now=NOW)


def test_a_scope_that_is_empty_is_left_out():
    assert "scope" not in device_authorization_request(SERVICE, CLIENT, scope="").fields
    assert device_authorization_request(SERVICE, CLIENT, scope="a b").fields["scope"] == "a b"


@pytest.mark.parametrize(
    ("method", "fields", "basic"),
    [
        (ClientAuthMethod.NONE, {"client_id": "id"}, None),
        (ClientAuthMethod.CLIENT_SECRET_POST, {"client_id": "id", "client_secret": Secret("s")}, None),
        (ClientAuthMethod.CLIENT_SECRET_BASIC, {"client_id": "id"}, ("id", Secret("s"))),
    ],
)
def test_the_client_authenticates_as_at_the_token_endpoint(method, fields, basic):
    request = device_authorization_request(replace(SERVICE, token_endpoint_auth_method=method), CLIENT, scope="")
    assert (request.url, request.method) == ("https://issuer.example/device", "POST")
    assert (request.fields, request.basic) == (fields, basic)


def test_a_resource_more_parameters_and_a_challenge_are_sent_where_there_are_some():
    service = replace(
        SERVICE, resource="https://api.example", device=DeviceRules(params={"audience": "api"}, pkce=True)
    )
    verifier = Secret("v" * 43)
    fields = device_authorization_request(service, CLIENT, scope="", verifier=verifier).fields
    assert (fields["resource"], fields["audience"]) == ("https://api.example", "api")
    assert (fields["code_challenge"], fields["code_challenge_method"]) == (challenge(verifier), "S256")


def test_the_codes_are_read():
    found = read(verification_uri_complete="https://issuer.example/activate?user_code=ABCD-EFGH")
    assert (found.device_code.reveal(), found.user_code, found.interval) == ("dc-1", "ABCD-EFGH", 7.0)
    assert found.verification_uri == "https://issuer.example/activate"
    assert found.verification_uri_complete == "https://issuer.example/activate?user_code=ABCD-EFGH"
    assert found.expires_at == NOW + 15 * MINUTE
    assert "dc-1" not in repr(found)


def test_the_name_of_the_page_before_the_rfc_is_read_too():
    found = read(verification_uri=None, verification_url="https://issuer.example/device")
    assert found.verification_uri == "https://issuer.example/device"


@pytest.mark.parametrize(
    ("interval", "seconds"),
    [(None, 5.0), ("soon", 5.0), (-3, 5.0), (True, 5.0), ([], 5.0), ("7", 7.0), (0, 1.0), (0.1, 1.0), (60, 60.0)],
)
def test_an_interval_that_is_missing_or_makes_no_sense_is_5_seconds(interval, seconds):
    assert read(interval=interval).interval == seconds


@pytest.mark.parametrize(
    ("expires_in", "minutes"), [(None, 15), ("x", 15), (-1, 15), (0, 15), ("600", 10), (600, 10), (10**8, 24 * 60)]
)
def test_a_lifetime_is_bounded(expires_in, minutes):
    assert read(expires_in=expires_in).expires_at == NOW + minutes * MINUTE


@pytest.mark.parametrize(
    "changes",
    [
        {"device_code": None},
        {"device_code": ""},
        {"device_code": "with\nline"},
        {"device_code": 7},
        {"user_code": None},
        {"user_code": " "},
        {"user_code": 12345},
        {"user_code": "AB\x1b[2JCD"},
        {"user_code": "AB\u202eCD"},
        {"user_code": "A" * 101},
        {"verification_uri": None},
        {"verification_uri": "javascript:alert(1)"},
        {"verification_uri": "http://other.example/activate"},
        {"verification_uri": "http://127.0.0.1:8000/activate"},
        {"verification_uri": "https://user:pass@issuer.example/"},
        {"verification_uri": "https://issuer.example/\x1b]8;;"},
        {"verification_uri": "file:///etc/passwd"},
        {"verification_uri": 7},
        {"interval": 1000},
    ],
)
def test_what_a_user_cannot_or_must_not_follow_is_refused(changes):
    with pytest.raises(ServiceUnreadable) as raised:
        read(**changes)
    assert "\x1b" not in raised.value.message


@pytest.mark.parametrize("url", ["javascript:alert(1)", "http://other.example/?c=1", "http://localhost/", 7, ""])
def test_a_second_page_that_must_not_be_opened_is_left_out(url):
    assert read(verification_uri_complete=url).verification_uri_complete is None


def test_a_server_on_this_machine_may_have_its_page_here():
    local = replace(SERVICE, token_endpoint="http://127.0.0.1:9000/token")
    assert read(local, verification_uri="http://127.0.0.1:9000/d").verification_uri == "http://127.0.0.1:9000/d"


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (json_response({"error": "invalid_client"}, status=401), ClientRejected),
        (json_response({"error": "invalid_scope"}, status=400), ServiceError),
        (json_response({"error": "device_flow_disabled"}, status=400), ServiceError),
        (Response(status=503, content_type="", body=Secret(b"")), ServiceUnreachable),
        (Response(status=200, content_type="text/html", body=Secret(b"<h1>Hello</h1>")), ServiceUnreadable),
        (Response(status=404, content_type="text/html", body=Secret(b"<h1>Not found</h1>")), ServiceUnreadable),
    ],
)
def test_an_error_is_read_as_that_of_the_token_endpoint(response, kind):
    with pytest.raises(kind):
        read_device_authorization(SERVICE, response, now=NOW)
