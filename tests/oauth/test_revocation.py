"""The revocation request, and the responses that say whether the token is revoked."""

from dataclasses import replace

import pytest
from peers.token_server import REVOCATION_ENDPOINT, TOKEN_ENDPOINT, json_response

from everyauth_cli.errors import ClientRejected, InvalidGrant, ServiceError, ServiceUnreachable, ServiceUnreadable
from everyauth_cli.model import Client, Secret, Service
from everyauth_cli.oauth.revocation import read_revocation, revocation_request
from everyauth_cli.services.rules import BEARER, BodyFormat, ClientAuthMethod, RevocationRules

SERVICE = Service(
    name="example",
    title="Example",
    authorization_endpoint="https://issuer.example/authorize",
    token_endpoint=TOKEN_ENDPOINT,
    revocation=RevocationRules(endpoint=REVOCATION_ENDPOINT),
    token_params={"audience": "api"},
)
CLIENT = Client(service="example", client_id="the id", client_secret=Secret("s3c/ret"))
BASIC = ClientAuthMethod.CLIENT_SECRET_BASIC
PAGE = b"<!doctype html><title>We will be back soon</title>"


def revoking(**rules):
    """The service with other rules for revocation."""
    return replace(SERVICE, revocation=replace(SERVICE.revocation, **rules))


def revocation(service, client=CLIENT):
    """The request that revokes a refresh token, and its fields."""
    sent = revocation_request(service, client, Secret("t0ken"), hint="refresh_token")
    return sent, {name: getattr(value, "reveal", lambda v=value: v)() for name, value in sent.fields.items()}


@pytest.mark.parametrize(
    ("token_endpoint_auth_method", "client", "authentication", "basic"),
    [
        ("client_secret_post", CLIENT, {"client_id": "the id", "client_secret": "s3c/ret"}, None),
        ("client_secret_basic", CLIENT, {}, ("the+id", "s3c%2Fret")),
        ("none", CLIENT, {"client_id": "the id"}, None),
        ("client_secret_basic", replace(CLIENT, client_secret=None), {"client_id": "the id"}, None),
    ],
)
def test_the_client_authenticates_as_at_the_token_endpoint(token_endpoint_auth_method, client, authentication, basic):
    sent, fields = revocation(replace(SERVICE, token_endpoint_auth_method=token_endpoint_auth_method), client)
    assert (sent.method, sent.url, sent.body) == ("POST", REVOCATION_ENDPOINT, "form")
    assert fields == {"token": "t0ken", "token_type_hint": "refresh_token", **authentication}
    assert (sent.basic and (sent.basic[0], sent.basic[1].reveal())) == basic
    assert "t0ken" not in repr(sent)


@pytest.mark.parametrize(
    ("auth_method", "authentication", "basic"),
    [
        (ClientAuthMethod.CLIENT_SECRET_POST, {"client_id": "the id", "client_secret": "s3c/ret"}, False),
        (ClientAuthMethod.CLIENT_SECRET_BASIC, {}, True),
        (ClientAuthMethod.CLIENT_SECRET_BASIC_OR_EMPTY, {}, True),
        (ClientAuthMethod.NONE, {}, False),
    ],
)
def test_a_method_of_its_own_goes_before_that_of_the_token_endpoint(auth_method, authentication, basic):
    other = ClientAuthMethod.CLIENT_SECRET_POST if basic else BASIC
    sent, fields = revocation(replace(revoking(auth_method=auth_method), token_endpoint_auth_method=other))
    assert fields == {"token": "t0ken", "token_type_hint": "refresh_token", **authentication}
    assert (sent.basic is not None) == basic


def test_the_token_itself_can_be_the_authentication():
    sent, fields = revocation(revoking(auth_method=BEARER))
    assert (sent.bearer, sent.basic, fields) == (Secret("t0ken"), None, {})


def test_a_service_that_takes_json_is_sent_json():
    assert revocation(revoking(body=BodyFormat.JSON))[0].body == "json"


@pytest.mark.parametrize(
    ("style", "named"),
    [
        ("token_and_hint", {"token": "t0ken", "token_type_hint": "refresh_token"}),
        ("token", {"token": "t0ken"}),
        ("type", {"refresh_token": "t0ken"}),
    ],
)
@pytest.mark.parametrize("auth_method", [None, ClientAuthMethod.NONE])
def test_the_fields_that_name_the_token_are_those_of_the_service(auth_method, style, named):
    service = replace(revoking(style=style, auth_method=auth_method), token_endpoint_auth_method=BASIC)
    sent, fields = revocation(service)
    assert fields == named
    assert (sent.basic is not None) == (auth_method is None)


@pytest.mark.parametrize(
    "given",
    [
        json_response(b"", content_type=""),
        json_response(b"", content_type="text/html; charset=utf-8"),
        json_response(b"\n", content_type="text/html"),
        json_response(b"OK", content_type="text/plain"),
        json_response({}),
        json_response({"revoked": True}),
        json_response(b"", status=204, content_type=""),
        json_response({"error": "invalid_token"}, status=400),
    ],
    ids=str,
)
def test_a_token_that_is_no_longer_good_is_revoked(given):
    assert read_revocation(SERVICE, given) is True


def test_a_token_that_cannot_authenticate_its_own_revocation_is_revoked():
    words = {"token_revoked": "invalid_grant"}
    service = replace(revoking(auth_method=BEARER), error_words=words)
    assert read_revocation(service, json_response({"ok": False, "error": "token_revoked"})) is True
    with pytest.raises(InvalidGrant, match="token_revoked"):
        read_revocation(replace(SERVICE, error_words=words), json_response({"ok": False, "error": "token_revoked"}))
    with pytest.raises(ServiceError, match="invalid_auth"):
        read_revocation(service, json_response({"ok": False, "error": "invalid_auth"}))


def test_a_rejected_client_has_its_method_in_the_hint_by_the_key_of_this_endpoint():
    rejected = json_response({"error": "invalid_client"}, status=401)
    for service, key in [
        (SERVICE, "revocation_endpoint_auth_method"),
        (revoking(auth_method=ClientAuthMethod.CLIENT_SECRET_BASIC), "now client_secret_basic"),
        (revoking(auth_method=BEARER), "everyauth service set"),
    ]:
        with pytest.raises(ClientRejected) as caught:
            read_revocation(service, rejected)
        assert key in caught.value.hint


@pytest.mark.parametrize("status", [200, 400, 401])
def test_a_type_of_token_that_is_not_revoked_is_distinguished(status):
    assert read_revocation(SERVICE, json_response({"error": "unsupported_token_type"}, status=status)) is False


@pytest.mark.parametrize(
    ("given", "kind", "says"),
    [
        (json_response({"error": "invalid_client"}, status=401), ClientRejected, "invalid_client"),
        (json_response({"error": "invalid_request"}, status=400), ServiceError, "invalid_request"),
        (json_response({"error": "invalid_grant"}, status=400), InvalidGrant, "invalid_grant"),
        (json_response({"ok": False, "error": "token_revoked\x1b[1m"}), ServiceError, "token_revoked"),
        (json_response({"message": "no"}, status=403), ServiceError, "HTTP 403"),
        (json_response(b"", status=503), ServiceUnreachable, "HTTP 503"),
        (json_response(b"", status=429), ServiceUnreachable, "HTTP 429"),
        (json_response({"error": "unsupported_token_type"}, status=503), ServiceUnreachable, "HTTP 503"),
        (json_response({}, status=307), ServiceUnreadable, "redirects"),
        (json_response(b"", status=404, content_type=""), ServiceUnreadable, "HTTP 404"),
        (json_response(PAGE, content_type="text/html"), ServiceUnreadable, "text/html"),
        (json_response(PAGE, status=404, content_type="text/html"), ServiceUnreadable, "HTTP 404"),
    ],
    ids=str,
)
def test_anything_else_leaves_the_token_standing(given, kind, says):
    with pytest.raises(kind) as caught:
        read_revocation(SERVICE, given)
    assert type(caught.value) is kind
    assert says in caught.value.message
    assert "\x1b" not in caught.value.message


@pytest.mark.parametrize(
    "given", [json_response(PAGE, content_type="text/html"), json_response({}, status=302)], ids=str
)
def test_a_wrong_endpoint_is_named_by_its_key(given):
    with pytest.raises(ServiceUnreadable) as caught:
        read_revocation(SERVICE, given)
    assert caught.value.hint == "check revocation_endpoint: everyauth service get example"
