"""Requests and responses of services that have other names, methods and places for them, as they document them."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest
from peers.token_server import NOW, json_response

from everyauth_cli.errors import ClientRejected, InvalidGrant, ServiceError, ServiceUnreachable, ServiceUnreadable
from everyauth_cli.model import Client, Secret
from everyauth_cli.oauth.authorization_code import AuthorizationResponse, PendingLogin, authorization_url, begin
from everyauth_cli.oauth.login_request import LoginRequest
from everyauth_cli.oauth.revocation import read_revocation, revocation_request
from everyauth_cli.oauth.token_endpoint import code_request, long_lived_request, read_token, refresh_request
from everyauth_cli.oauth.userinfo import account_request, read_account
from everyauth_cli.services.callback import with_callback
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.services.placeholders import fill
from everyauth_cli.transport.message import content, header_fields, target

CLIENT = Client(service="x", client_id="id", client_secret=Secret("s&t"))
TOKEN = Secret("t/k")
URI = "http://127.0.0.1:28282/callback/x"


def entry(name):
    service = Catalogue().get(name)
    params = {p.name: next(iter(p.values), "acme") for p in service.params if not p.default}
    return with_callback(fill(service, params), params)


def pending(service, scope="a b"):
    request = LoginRequest(
        service=service.name,
        user="me",
        tenant="me",
        tags={},
        scope=scope,
        client_id="id",
        token_endpoint=service.token_endpoint,
        started_at=NOW,
    )
    return begin(service, request, redirect_uri=URI)


def request(name, kind, scope="a b"):
    service = entry(name)
    match kind:
        case "code":
            response = AuthorizationResponse(code=Secret("c0de"), kept={})
            return code_request(service, CLIENT, replace(pending(service, scope), verifier=None), response)
        case "refresh":
            return refresh_request(service, CLIENT, TOKEN, redirect_uri=URI, scope=scope)
        case "long_lived":
            return long_lived_request(service, CLIENT, TOKEN)
        case _:
            hint = service.revocation.tokens[0]
            return revocation_request(service, CLIENT, TOKEN, hint=hint, account="acct")


def sent(made):
    """The method, URL, fields and Authorization header of a request as it is sent."""
    url = urlsplit(
        target(made).reveal().decode() if isinstance(target(made).reveal(), bytes) else target(made).reveal()
    )
    fields = {name: v.reveal() if isinstance(v, Secret) else v for name, v in made.fields.items()}
    header = dict(header_fields(made).reveal()).get(b"Authorization", b"").decode()
    return made.method, f"{url.netloc}{url.path}", {**dict(parse_qsl(url.query)), **fields}, header


APP = "client_id=id client_secret=s&t"
CODE = "grant_type=authorization_code code=c0de"
REFRESH = "grant_type=refresh_token refresh_token=t/k"
DOCUMENTED = {
    "tiktok code": ("POST open.tiktokapis.com/v2/oauth/token/", f"{CODE} client_key=id client_secret=s&t"),
    "tiktok revocation": ("POST open.tiktokapis.com/v2/oauth/revoke/", "token=t/k client_key=id client_secret=s&t"),
    "wechat code": ("GET api.weixin.qq.com/sns/oauth2/access_token", f"{CODE} appid=id secret=s&t"),
    "wechat refresh": ("GET api.weixin.qq.com/sns/oauth2/refresh_token", f"{REFRESH} appid=id secret=s&t"),
    "qq refresh": ("GET graph.qq.com/oauth2.0/token", f"{REFRESH} {APP} fmt=json need_openid=1"),
    "untappd code": ("GET untappd.com/oauth/authorize/", f"{CODE} {APP} response_type=code redirect_url={URI}"),
    "instagram code": ("POST api.instagram.com/oauth/access_token", f"{CODE} {APP}"),
    "instagram long_lived": (
        "GET graph.instagram.com/access_token",
        "grant_type=ig_exchange_token client_secret=s&t access_token=t/k",
    ),
    "instagram refresh": (
        "GET graph.instagram.com/refresh_access_token",
        "grant_type=ig_refresh_token access_token=t/k",
    ),
    "threads long_lived": (
        "GET graph.threads.net/access_token",
        "grant_type=th_exchange_token client_secret=s&t access_token=t/k",
    ),
    "threads refresh": ("GET graph.threads.net/refresh_access_token", "grant_type=th_refresh_token access_token=t/k"),
    "facebook long_lived": (
        "GET graph.facebook.com/v25.0/oauth/access_token",
        f"{APP} grant_type=fb_exchange_token fb_exchange_token=t/k",
    ),
    "facebook revocation": ("DELETE graph.facebook.com/v25.0/me/permissions", "", "Bearer t/k"),
    "withings refresh": ("POST wbsapi.withings.net/v2/oauth2", f"{REFRESH} {APP} action=requesttoken"),
    "start-gg code": ("POST api.start.gg/oauth/access_token", f"{CODE} {APP} scope=a,b redirect_uri={URI}"),
    "start-gg refresh": ("POST api.start.gg/oauth/refresh", f"{REFRESH} {APP} scope=a,b redirect_uri={URI}"),
    "whoop refresh": ("POST api.prod.whoop.com/oauth/oauth2/token", f"{REFRESH} {APP} scope=a,b"),
    "bigcommerce code": ("POST login.bigcommerce.com/oauth2/token", f"{CODE} {APP} scope=a,b context=stores/acme"),
    "square revocation": ("POST connect.squareup.com/oauth2/revoke", "client_id=id access_token=t/k", "Client s&t"),
    "digitalocean revocation": ("POST cloud.digitalocean.com/v1/oauth/revoke", "token=t/k", "Bearer t/k"),
    "coinbase revocation": ("POST login.coinbase.com/oauth2/revoke", f"{APP} token=t/k", "Bearer t/k"),
    "arcgis revocation": (
        "POST www.arcgis.com/sharing/rest/oauth2/revokeToken",
        "f=json client_id=id auth_token=t/k token_type_hint=refresh_token",
    ),
    "lichess revocation": ("DELETE lichess.org/api/token", "", "Bearer t/k"),
    "stripe revocation": (
        "POST connect.stripe.com/oauth/deauthorize",
        "client_id=id stripe_user_id=acct",
        "Bearer s&t",
    ),
    "vk-id refresh": ("POST id.vk.com/oauth2/auth", f"{REFRESH} client_id=id device_id=acme state=acme"),
}


@pytest.mark.parametrize(("made", "expected"), DOCUMENTED.items())
def test_a_request_is_as_the_service_documents_it(made, expected):
    line, fields, header = (*expected, "")[:3]
    found = sent(request(*made.split(), scope="a,b"))
    # The standard's redirect URI is in each code request, and is documented for some.
    unnamed = () if "redirect_uri" in fields else ("redirect_uri",)
    assert (f"{found[0]} {found[1]}", found[3]) == (line, header)
    assert {name: value for name, value in found[2].items() if name not in unnamed} == dict(
        field.split("=", 1) for field in fields.split()
    )


def test_a_secret_in_a_query_is_shown_nowhere_and_arrives_encoded():
    made = request("wechat", "code")
    assert "s&t" not in repr(made)
    assert "c0de" not in repr(made)
    assert "secret=s%26t" in target(made).reveal()
    assert content(made).reveal() == b""
    assert made.url == "https://api.weixin.qq.com/sns/oauth2/access_token"


def test_the_fields_of_a_query_follow_those_of_the_url():
    service = replace(entry("threads"), refresh_endpoint="https://graph.threads.net/refresh?version=1")
    query = urlsplit(target(refresh_request(service, CLIENT, TOKEN)).reveal()).query
    assert parse_qsl(query)[0] == ("version", "1")
    assert ("access_token", "t/k") in parse_qsl(query)


def test_a_value_that_is_not_known_is_left_out():
    service = entry("stripe")
    made = revocation_request(service, replace(CLIENT, client_secret=None), TOKEN, hint="access_token")
    assert sent(made)[2:] == ({"client_id": "id"}, "")


def test_the_scope_is_in_the_requests_that_the_entry_names_only():
    assert "scope" not in request("whoop", "code").fields
    assert "scope" not in request("whoop", "refresh", scope="").fields
    assert "scope" not in request("spotify", "refresh").fields


def test_an_authorization_request_has_the_services_names():
    login = pending(entry("tiktok"))
    fields = dict(parse_qsl(urlsplit(authorization_url(entry("tiktok"), login)).query))
    assert (fields["client_key"], fields["response_type"], "client_id" in fields) == ("id", "code", False)
    assert fields["code_challenge_method"] == "S256"
    assert len(bytes.fromhex(fields["code_challenge"])) == 32


def test_a_plain_challenge_is_the_verifier():
    login = pending(entry("myanimelist"))
    fields = dict(parse_qsl(urlsplit(authorization_url(entry("myanimelist"), login)).query))
    assert (fields["code_challenge"], fields["code_challenge_method"]) == (login.verifier.reveal(), "plain")


def test_no_nonce_is_sent_where_the_service_does_not_return_it():
    service = replace(entry("linkedin"), nonce=False)
    assert pending(service, "openid").nonce is None
    assert isinstance(pending(replace(service, nonce=True), "openid").nonce, Secret)
    assert isinstance(pending(service), PendingLogin)


def token_of(name, fields, *, previous=None, status=200):
    response = json_response(fields, status=status)
    return read_token(entry(name), response, requested_scope="a", now=NOW, previous=previous)


WITHINGS = {"userid": "363", "access_token": "at", "refresh_token": "rt", "expires_in": 10800, "scope": "user.info"}


def test_the_fields_of_a_token_response_may_be_inside_another():
    token = token_of("withings", {"status": 0, "body": WITHINGS})
    assert (token.access_token.reveal(), token.refresh_token.reveal(), token.scope) == ("at", "rt", "user.info")
    assert token.expires_at == NOW + 10_800_000
    assert token.native.reveal()["userid"] == "363"
    token = token_of("untappd", {"meta": {"http_code": 200}, "response": {"access_token": "at"}})
    assert (token.access_token.reveal(), token.refresh_token) == ("at", None)


@pytest.mark.parametrize(
    "fields", [{"data": [{"access_token": "at", "user_id": "1", "permissions": "a,b"}]}, {"access_token": "at"}]
)
def test_a_token_may_be_refreshed_by_itself(fields):
    token = token_of("instagram", fields)
    assert token.access_token == token.refresh_token == Secret("at")
    assert "at" not in str(token.native.reveal())


def test_lark_names_an_error_by_a_number():
    token = token_of("lark", {"code": 0, "access_token": "at", "expires_in": 7200, "refresh_token": "rt"})
    assert token.refresh_token.reveal() == "rt"
    with pytest.raises(InvalidGrant, match="invalid_grant"):
        token_of("lark", {"code": 20037, "error": "invalid_grant", "error_description": "expired"}, status=400)
    with pytest.raises(ServiceError, match=r"20050.*try later"):
        token_of("lark", {"code": 20050, "error_description": "try later"})


@pytest.mark.parametrize(
    ("name", "fields", "kind", "says"),
    [
        (
            "withings",
            {"status": 503, "body": {}, "error": "Invalid Params: invalid code"},
            ServiceError,
            "503.*invalid code",
        ),
        ("withings", {"status": 401, "body": {}, "error": "bad token"}, InvalidGrant, "401.*bad token"),
        ("withings", {"status": 601, "body": {}, "error": "Too Many Requests"}, ServiceUnreachable, "601"),
        ("withings", {"status": 503, "body": {"access_token": "at"}}, ServiceError, "503"),
        ("withings", {"status": 0, "body": {}}, ServiceUnreadable, "without an access token"),
        ("withings", {"status": 0, "body": "x"}, ServiceUnreadable, "without an access token"),
        ("withings", {"status": {"a": 1}, "body": {}}, ServiceError, "dict"),
        ("withings", {"status": "\x1b[31m" + "9" * 500, "body": {}}, ServiceError, r"answered \S"),
        ("wechat", {"errcode": 40029, "errmsg": "invalid code"}, ServiceError, "40029.*invalid code"),
        ("wechat", {"errcode": 42002, "errmsg": "refresh_token expired"}, InvalidGrant, "42002"),
        ("wechat", {"errcode": 40125, "errmsg": "invalid appsecret"}, ClientRejected, "40125"),
        ("untappd", {"meta": {"http_code": 500, "error_detail": "no"}, "response": []}, ServiceError, "500"),
        ("tiktok", {"error": "invalid_grant", "error_description": "expired", "log_id": "1"}, InvalidGrant, "expired"),
        (
            "facebook",
            {"error": {"message": "Session has expired", "type": "OAuthException", "code": 190}},
            InvalidGrant,
            "190.*Session has expired",
        ),
        ("instagram", {"error": {"message": "x", "type": "OAuthException", "code": 190}}, InvalidGrant, "190"),
    ],
)
def test_a_refusal_is_read_as_the_service_documents_it(name, fields, kind, says):
    with pytest.raises(kind, match=says) as caught:
        token_of(name, fields)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 400


def test_a_token_that_comes_with_an_error_in_a_refresh_is_not_lost():
    before = token_of("withings", {"status": 0, "body": WITHINGS})
    after = token_of("withings", {"status": 601, "body": {**WITHINGS, "access_token": "new"}}, previous=before)
    assert after.access_token.reveal() == "new"


def account_of(name, fields, status=200):
    return read_account(entry(name), json_response(fields, status=status))


def test_an_account_response_may_be_an_error_with_http_200():
    assert account_of("lark", {"code": 0, "data": {"union_id": "on_1", "name": "Ann"}}).label == "Ann"
    with pytest.raises(ServiceUnreadable, match="answered the error 99991663") as caught:
        account_of("lark", {"code": 99991663, "msg": "token invalid"})
    assert caught.value.status == 200


@pytest.mark.parametrize(
    ("name", "fields", "status"),
    [
        ("facebook", {"error": {"message": "expired", "type": "OAuthException", "code": 190}}, 400),
        ("threads", {"error": {"message": "expired", "type": "OAuthException", "code": 190}}, 400),
        ("tiktok", {"data": {}, "error": {"code": "access_token_invalid", "message": "x"}}, 400),
    ],
)
def test_an_api_may_reject_a_token_in_its_own_words(name, fields, status):
    with pytest.raises(ServiceUnreadable) as caught:
        account_of(name, fields, status)
    assert caught.value.status == 401


@pytest.mark.parametrize("status", [200, 400])
def test_an_api_may_reject_a_token_with_the_number_that_is_its_success_otherwise(status):
    service = replace(entry("withings"), error_words={"343": "invalid_token"})
    with pytest.raises(ServiceUnreadable) as caught:
        read_account(service, json_response({"status": 343, "body": {}}, status=status))
    assert caught.value.status == 401


def test_a_revocation_that_fails_with_http_200_is_no_success():
    service = replace(entry("withings"), revocation=entry("tiktok").revocation)
    assert read_revocation(service, json_response({"status": 0}))
    with pytest.raises(ServiceError, match="503"):
        read_revocation(service, json_response({"status": 503}))
    assert read_revocation(entry("arcgis"), json_response({"success": True}))
    with pytest.raises(ServiceError, match="False"):
        read_revocation(entry("arcgis"), json_response({"success": False}))


def test_a_name_is_sent_in_place_of_the_redirect_uri():
    service = entry("ebay")
    login = pending(service)
    fields = dict(parse_qsl(urlsplit(authorization_url(service, login)).query))
    assert (fields["redirect_uri"], login.redirect_uri) == ("acme", URI)
    assert request("ebay", "code").fields["redirect_uri"] == "acme"
    assert service.token_endpoint == "https://api.ebay.com/identity/v1/oauth2/token"


def test_the_account_endpoint_gets_the_headers_and_the_scheme_of_the_entry():
    made = account_request(entry("trakt"), replace(CLIENT, client_id=r"i\1d"), TOKEN)
    assert (made.headers["trakt-api-key"], made.headers["trakt-api-version"]) == (r"i\1d", "2")
    assert sent(made)[3] == "Bearer t/k"
    made = account_request(entry("podio"), CLIENT, TOKEN)
    assert sent(made) == ("GET", "api.podio.com/user/status", {}, "OAuth2 t/k")
    queried = replace(entry("podio"), account=replace(entry("podio").account, query="{ me }"))
    made = account_request(queried, CLIENT, TOKEN)
    assert (made.method, made.fields, made.scheme) == ("POST", {"query": "{ me }"}, "OAuth2")


def test_the_account_may_be_asked_for_with_a_post_that_is_empty():
    made = account_request(entry("dropbox"), CLIENT, TOKEN)
    assert sent(made) == ("POST", "api.dropboxapi.com/2/users/get_current_account", {}, "Bearer t/k")
    assert b"Content-Type" not in dict(header_fields(made).reveal())
