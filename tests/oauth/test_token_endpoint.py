"""The token requests, and the tokens that are read from the responses."""

from dataclasses import replace

import pytest
from peers.token_server import HOUR, TOKEN_ENDPOINT, World, id_token, json_response

from everyauth_cli.model import Account, Client, Secret, Service, Token
from everyauth_cli.oauth.authorization_code import AuthorizationResponse, PendingLogin
from everyauth_cli.oauth.login_request import LoginRequest
from everyauth_cli.oauth.token_endpoint import code_request, read_token, refresh_request
from everyauth_cli.services.fields import with_values

SERVICE = Service(
    name="example",
    title="Example",
    authorization_endpoint="https://issuer.example/authorize",
    token_endpoint=TOKEN_ENDPOINT,
)
CLIENT = Client(service="example", client_id="the id", client_secret=Secret("s3c/ret+ü"))
PUBLIC = replace(CLIENT, client_secret=None)
REQUEST = LoginRequest(
    service="example",
    user="me",
    tenant="me",
    tags={},
    scope="read write",
    client_id="the id",
    token_endpoint=TOKEN_ENDPOINT,
    started_at=0,
)
PENDING = PendingLogin(
    request=REQUEST,
    redirect_uri="http://127.0.0.1:28282/callback/example",
    state=Secret("state"),
    verifier=Secret("verifier"),
    nonce=None,
)
RESPONSE = AuthorizationResponse(code=Secret("c0de"), kept={})
NOW = 1_800_000_000_000

CODE_FIELDS = {
    "grant_type": "authorization_code",
    "code": "c0de",
    "redirect_uri": PENDING.redirect_uri,
    "code_verifier": "verifier",
}
REFRESH_FIELDS = {"grant_type": "refresh_token", "refresh_token": "refresh"}
POST = {"client_id": "the id", "client_secret": "s3c/ret+ü"}
BASIC = ("the+id", "s3c%2Fret%2B%C3%BC")


def shown(request):
    """The fields and the basic credentials of a request, revealed."""
    fields = {name: value.reveal() if isinstance(value, Secret) else value for name, value in request.fields.items()}
    return fields, request.basic and (request.basic[0], request.basic[1].reveal())


@pytest.mark.parametrize(
    ("token_endpoint_auth_method", "client", "authentication", "basic"),
    [
        ("client_secret_post", CLIENT, POST, None),
        ("client_secret_basic", CLIENT, {}, BASIC),
        ("none", CLIENT, {"client_id": "the id"}, None),
        ("client_secret_post", PUBLIC, {"client_id": "the id"}, None),
        ("client_secret_basic", PUBLIC, {"client_id": "the id"}, None),
        ("none", PUBLIC, {"client_id": "the id"}, None),
    ],
)
def test_the_client_authenticates_in_the_way_that_the_service_takes(
    token_endpoint_auth_method, client, authentication, basic
):
    service = replace(SERVICE, token_endpoint_auth_method=token_endpoint_auth_method)
    code = code_request(service, client, PENDING, RESPONSE)
    assert shown(code) == ({**CODE_FIELDS, **authentication}, basic)
    refresh = refresh_request(service, client, Secret("refresh"))
    assert shown(refresh) == ({**REFRESH_FIELDS, **authentication}, basic)


def test_a_request_goes_to_the_token_endpoint_and_asks_for_json():
    for request in (
        code_request(SERVICE, CLIENT, PENDING, RESPONSE),
        refresh_request(SERVICE, CLIENT, Secret("refresh")),
    ):
        assert request.url == TOKEN_ENDPOINT
        assert request.headers == {"Accept": "application/json"}
        assert request.body == "form"


def test_a_service_may_refresh_at_an_endpoint_of_its_own():
    service = replace(
        SERVICE, refresh_endpoint="https://issuer.example/refresh", token_endpoint_auth_method="client_secret_basic"
    )
    refresh = refresh_request(service, CLIENT, Secret("refresh"))
    assert (refresh.url, *shown(refresh)) == ("https://issuer.example/refresh", REFRESH_FIELDS, BASIC)
    assert code_request(service, CLIENT, PENDING, RESPONSE).url == TOKEN_ENDPOINT
    assert refresh_request(SERVICE, CLIENT, Secret("refresh")).url == TOKEN_ENDPOINT


def test_a_request_is_json_where_the_service_wants_that():
    service = replace(SERVICE, body="json")
    assert code_request(service, CLIENT, PENDING, RESPONSE).body == "json"
    assert refresh_request(service, CLIENT, Secret("refresh")).body == "json"


def test_no_verifier_is_sent_without_pkce():
    fields, _ = shown(code_request(SERVICE, CLIENT, replace(PENDING, verifier=None), RESPONSE))
    assert "code_verifier" not in fields


def test_further_parameters_are_sent_and_cannot_replace_ours():
    service = replace(SERVICE, token_params={"audience": "api", "grant_type": "password", "client_id": "other"})
    for request in (
        code_request(service, CLIENT, PENDING, RESPONSE),
        refresh_request(service, CLIENT, Secret("refresh")),
    ):
        fields, _ = shown(request)
        assert fields["audience"] == "api"
        assert fields["grant_type"] in ("authorization_code", "refresh_token")
        assert fields["client_id"] == "the id"


def test_a_refresh_repeats_the_redirect_uri_where_the_service_requires_it():
    service = with_values(SERVICE, {"refresh_redirect_uri": True})
    request_with_uri = refresh_request(service, CLIENT, Secret("refresh"), redirect_uri=PENDING.redirect_uri)
    assert shown(request_with_uri) == ({**REFRESH_FIELDS, "redirect_uri": PENDING.redirect_uri, **POST}, None)
    for request in (
        refresh_request(service, CLIENT, Secret("refresh")),
        refresh_request(SERVICE, CLIENT, Secret("refresh"), redirect_uri=PENDING.redirect_uri),
    ):
        assert shown(request) == ({**REFRESH_FIELDS, **POST}, None)


def token(fields, *, service=SERVICE, requested="read", previous=None, added=None, **how):
    given = json_response({"access_token": "a", **fields} if isinstance(fields, dict) else fields, **how)
    return read_token(service, given, requested_scope=requested, now=NOW, previous=previous, added=added)


@pytest.mark.parametrize(
    ("expires_in", "lifetime"),
    [
        (3600, 3600),
        ("3600", 3600),
        (3600.9, 3600.9),
        ("3600.0", 3600),
        (" 3600 ", 3600),
        (0, None),
        (-5, None),
        ("3600s", None),
        (1_800_000_000, None),
        (None, None),
        ("", None),
        ("soon", None),
        (True, None),
        ([3600], None),
        ({}, None),
        ("nan", None),
        ("inf", None),
        (float("nan"), None),
        (float("inf"), None),
        (10**400, None),
    ],
)
def test_the_lifetime_of_a_token_is_read_in_every_spelling(expires_in, lifetime):
    read = token({"expires_in": expires_in})
    assert read.issued_at == NOW
    assert read.expires_at == (None if lifetime is None else NOW + int(lifetime * 1000))


def test_a_token_without_expires_in_has_no_expiry():
    assert token({}).expires_at is None


PREVIOUS = Token(
    access_token=Secret("old"),
    refresh_token=Secret("old refresh"),
    scope="read",
    issued_at=NOW - HOUR,
    expires_at=NOW,
    native=Secret({"team": "one", "kept": 1}),
    account=Account(subject="1", label="one"),
)


@pytest.mark.parametrize(
    ("fields", "previous", "refresh_token"),
    [
        ({"refresh_token": "new"}, PREVIOUS, "new"),
        ({"refresh_token": "new"}, None, "new"),
        ({}, PREVIOUS, "old refresh"),
        ({"refresh_token": None}, PREVIOUS, "old refresh"),
        ({"refresh_token": ""}, PREVIOUS, "old refresh"),
        ({"refresh_token": 5}, PREVIOUS, "old refresh"),
    ],
)
def test_the_refresh_token_is_the_new_one_or_else_the_old_one(fields, previous, refresh_token):
    assert token(fields, previous=previous).refresh_token == Secret(refresh_token)


def test_there_may_be_no_refresh_token_at_all():
    assert token({}).refresh_token is None


@pytest.mark.parametrize(
    ("fields", "separator", "scope"),
    [
        ({}, " ", "read"),
        ({"scope": None}, " ", "read"),
        ({"scope": 7}, " ", "read"),
        ({"scope": "read write"}, " ", "read write"),
        ({"scope": "read,write"}, ",", "read,write"),
        ({"scope": ["read", "write"]}, " ", "read write"),
        ({"scope": ["read", "write"]}, ",", "read,write"),
        ({"scope": "read\x1b[0m"}, " ", "read [0m"),
        ({"scope": ""}, " ", "read"),
        ({"scope": " "}, " ", "read"),
        ({"scope": []}, " ", "read"),
        ({"scope": [{"id": "write"}]}, " ", "read"),
        ({"scope": ["write", {"id": "read"}]}, " ", "write"),
    ],
)
def test_the_scope_is_what_was_granted_or_else_what_was_asked_for(fields, separator, scope):
    assert token(fields, service=replace(SERVICE, scope_separator=separator)).scope == scope


def test_a_refresh_that_names_no_scope_keeps_the_granted_one():
    assert token({}, requested="other", previous=PREVIOUS).scope == "read"
    assert token({"scope": "less"}, requested="other", previous=PREVIOUS).scope == "less"


def test_the_granted_scopes_may_stand_in_another_field():
    service = replace(SERVICE, scope_field="scopes")
    assert token({"scopes": ["a", "b"]}, service=service).scope == "a b"
    assert token({"scope": "other"}, service=service).scope == "read"


def test_native_holds_all_fields_but_the_tokens_unless_some_are_chosen():
    fields = {"refresh_token": "r", "team": {"id": "T1"}, "token_type": "bearer"}
    assert token(fields).native.reveal() == {"team": {"id": "T1"}, "token_type": "bearer"}
    chosen = replace(SERVICE, native=("team", "missing"))
    assert token(fields, service=chosen).native.reveal() == {"team": {"id": "T1"}}


def test_native_holds_no_refresh_token_at_any_depth():
    hidden = {"refresh_token": "r", "list": [[{"refresh_token": ["r"], "b": 1}]], "a": {"refresh_token": "r", "c": 2}}
    assert token({"deep": hidden}).native.reveal() == {"deep": {"list": [[{"b": 1}]], "a": {"c": 2}}}


def test_native_keeps_what_an_earlier_answer_said_and_the_fields_of_the_callback():
    read = token({"team": "two"}, previous=PREVIOUS, added={"params": {"realmId": "12"}})
    assert read.native.reveal() == {"team": "two", "kept": 1, "params": {"realmId": "12"}}


def test_a_further_access_token_is_not_carried_over_a_refresh():
    before = replace(PREVIOUS, native=Secret({"user": {"id": "U", "access_token": "stale"}, "list": [{"b": 1}]}))
    assert token({}, previous=before).native.reveal() == {"user": {"id": "U"}, "list": [{"b": 1}]}
    fields = {"user": {"id": "U", "access_token": "new"}}
    assert token(fields, previous=before).native.reveal()["user"] == fields["user"]


@pytest.mark.parametrize(
    ("fields", "previous", "assumed"),
    [
        ({"refresh_token": "r"}, None, HOUR),
        ({"refresh_token": "r", "expires_in": 0}, None, HOUR),
        ({}, replace(PREVIOUS, issued_at=NOW - 2 * HOUR), 2 * HOUR),
        ({"expires_in": "soon"}, replace(PREVIOUS, expires_at=None, lifetime=3 * HOUR), 3 * HOUR),
        ({}, replace(PREVIOUS, expires_at=None), HOUR),
        ({}, replace(PREVIOUS, refresh_token=None), None),
        ({"expires_in": 0}, None, None),
        ({}, None, None),
    ],
)
def test_a_refresh_is_tried_after_an_assumed_lifetime_where_none_is_stated(fields, previous, assumed):
    read = token(fields, previous=previous)
    assert read.expires_at is None
    assert read.refresh_at == (None if assumed is None else NOW + assumed - assumed // 10)


def test_the_last_lifetime_that_a_service_stated_is_remembered():
    first = token({"refresh_token": "r", "expires_in": 60})
    second = token({}, previous=first)
    third = token({}, previous=second)
    assert (first.expires_at, first.refresh_at) == (NOW + 60_000, None)
    assert [second.lifetime, third.lifetime, third.refresh_at] == [60_000, 60_000, NOW + 54_000]


def test_the_account_is_the_one_of_the_login_whatever_a_refresh_says():
    assert token({"id_token": id_token(sub="1")}, previous=PREVIOUS).account == PREVIOUS.account


def test_the_id_token_is_handed_on_and_names_no_account_before_it_is_checked():
    text = id_token(sub="2", email="two@example.org")
    read = token({"id_token": text})
    assert (read.id_token, read.account) == (Secret(text), None)
    for nothing in ({}, {"id_token": ""}, {"id_token": " "}, {"id_token": None}):
        assert token(nothing).id_token is None


def test_a_form_encoded_answer_is_read():
    body = b"access_token=a%2Bb&expires_in=60&scope=read%20write&refresh_token=r"
    read = token(body, content_type="Application/X-WWW-Form-Urlencoded; charset=utf-8")
    assert (read.access_token, read.refresh_token) == (Secret("a+b"), Secret("r"))
    assert (read.scope, read.expires_at) == ("read write", NOW + 60_000)


def test_json_is_read_whatever_its_content_type():
    assert token({}, content_type="text/html").access_token == Secret("a")
    assert token({}, content_type="").access_token == Secret("a")


def test_the_credential_of_pagerduty_has_exactly_the_fields_of_the_original(tmp_path):
    world = World(tmp_path)
    world.auth.clients.set(world.auth.catalogue.get("pagerduty"), client_id="id", client_secret=Secret("s"))
    world.server.extra = {"scope": "openid write", "client_info": "prefix_legacy", "more": {"refresh_token": "x"}}
    world.server.claims = {"iss": "https://identity.pagerduty.com/global/oauth/anonymous"}
    world.login(service="pagerduty", user="user-123", scope="openid write")
    for _ in "login", "refresh":
        world.clock.now += HOUR
        native = world.auth.get_identity("pagerduty", "user-123").native
        assert native.keys() == {"scope", "id_token", "timestamp", "expires_at", "access_token"}
        assert native["timestamp"] == world.clock.now
        assert native["expires_at"] == world.clock.now + HOUR
    assert world.server.refreshes == 2
