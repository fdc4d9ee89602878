import base64
import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest

from everyauth_cli.errors import PortInUse
from everyauth_cli.sandbox.dialects import DIALECTS
from everyauth_cli.sandbox.player import main, play
from everyauth_cli.sandbox.records import Registration
from everyauth_cli.sandbox.server import Sandbox

REDIRECT_URI = "http://127.0.0.1:28282/callback/pagerduty"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
START = 1_700_000_000_000
DENIAL = "The resource owner or authorization server denied the request."


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now

    def tick(self, seconds: float) -> None:
        self.now += round(seconds * 1000)


class Visitor:
    """A client and its user, who speak to the sandbox over HTTP."""

    def __init__(self, sandbox: Sandbox, http: httpx.Client, clock: Clock, lines: list[str]) -> None:
        self.sandbox, self.http, self.clock, self.lines = sandbox, http, clock, lines

    def authorize(self, **changes: str | None) -> httpx.Response:
        return self.http.get("/oauth/authorize", params=query(**changes))

    def decide(self, page: httpx.Response, decision: str = "allow", **changes: str) -> httpx.Response:
        form = {"transaction": transaction(page), "user": "user@example.com", "decision": decision, **changes}
        return self.http.post("/oauth/authorize", data=form)

    def code(self, **changes: str | None) -> str:
        return returned(self.decide(self.authorize(**changes)))["code"]

    def token(self, **fields: str | None) -> httpx.Response:
        return self.http.post("/oauth/token", data=token_form(**fields))

    def redeem(self, code: str, /, **changes: str | None) -> httpx.Response:
        fields = {"code": code, "redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER, **changes}
        return self.token(grant_type="authorization_code", **fields)

    def refresh(self, refresh_token: str, **changes: str | None) -> httpx.Response:
        return self.token(grant_type="refresh_token", refresh_token=refresh_token, **changes)

    def me(self, access_token: str, scheme: str = "Bearer") -> httpx.Response:
        return self.http.get("/users/me", headers={"authorization": f"{scheme} {access_token}"})


def without_none(values: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}


def query(**changes: str | None) -> dict[str, str]:
    return without_none(
        {
            "response_type": "code",
            "client_id": "sandbox-client",
            "redirect_uri": REDIRECT_URI,
            "scope": "read write",
            "state": "state-1",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **changes,
        },
    )


def token_form(**fields: str | None) -> dict[str, str]:
    return without_none({"client_id": "sandbox-client", "client_secret": "sandbox-secret", **fields})


def transaction(page: httpx.Response) -> str:
    return page.text.split('name="transaction" value="')[1].split('"')[0]


def returned(response: httpx.Response) -> dict[str, str]:
    assert response.status_code == 303
    location = response.headers["location"]
    assert location.startswith(REDIRECT_URI + "?")
    return dict(parse_qsl(urlsplit(location).query))


def refused(response: httpx.Response, status: int, error: str) -> None:
    assert (response.status_code, response.json()["error"]) == (status, error)
    assert response.headers["cache-control"] == "no-store"
    assert "access_token" not in response.json()


def told_the_person(response: httpx.Response) -> None:
    assert response.status_code == 400
    assert "location" not in response.headers
    assert response.headers["content-type"] == "text/html; charset=utf-8"


@contextmanager
def visiting(dialect=DIALECTS["pagerduty"], **settings):
    clock, lines = Clock(), []
    sandbox = Sandbox(dialect, clock=clock, log=lines.append, **settings)
    with sandbox, httpx.Client(base_url=sandbox.base_url, trust_env=False, verify=False) as http:
        yield Visitor(sandbox, http, clock, lines)


@pytest.fixture
def visitor():
    with visiting() as visitor:
        yield visitor


# The authorization endpoint


def test_consent_page_shows_who_asks_for_what(visitor):
    page = visitor.authorize()
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    assert "form-action 'self' http://127.0.0.1:28282;" in page.headers["content-security-policy"] + ";"
    for text in ("PagerDuty", "sandbox-client", "<li>openid</li>", "<li>read</li>", "<li>write</li>", "Sign in as"):
        assert text in page.text


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "another"},
        {"client_id": None},
        {"redirect_uri": None},
        {"redirect_uri": REDIRECT_URI + "/"},
        {"redirect_uri": REDIRECT_URI + "?a=b"},
        {"redirect_uri": "http://127.0.0.1:28283/callback/pagerduty"},
        {"redirect_uri": "https://evil.example/"},
        # More than one fault: the redirect URI still decides who is told.
        {"redirect_uri": "https://evil.example/", "response_type": "token"},
    ],
)
def test_nobody_is_redirected_before_the_redirect_uri_is_verified(visitor, changes):
    told_the_person(visitor.authorize(**changes))


def test_parameter_given_twice_is_told_to_the_person(visitor):
    told_the_person(visitor.http.get("/oauth/authorize?" + urlencode([*query().items(), ("state", "state-2")])))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
    ],
)
def test_other_faults_are_told_to_the_client(visitor, changes, error):
    answer = returned(visitor.authorize(**changes))
    assert answer["error"] == error
    assert answer["error_description"]
    assert answer["state"] == "state-1"


def test_allow_gives_code_and_state(visitor):
    response = visitor.decide(visitor.authorize())
    answer = returned(response)
    assert set(answer) == {"code", "state"}
    assert answer["state"] == "state-1"
    assert response.headers["referrer-policy"] == "no-referrer"


def test_no_state_no_state(visitor):
    assert set(returned(visitor.decide(visitor.authorize(state=None)))) == {"code"}


def test_deny(visitor):
    answer = returned(visitor.decide(visitor.authorize(), "deny"))
    assert answer == {"error": "access_denied", "error_description": DENIAL, "state": "state-1"}


def test_a_request_is_decided_once(visitor):
    page = visitor.authorize()
    visitor.decide(page)
    told_the_person(visitor.decide(page))


@pytest.mark.parametrize("changes", [{"transaction": "made-up"}, {"transaction": ""}, {"decision": "perhaps"}])
def test_a_decision_needs_the_page(visitor, changes):
    told_the_person(visitor.decide(visitor.authorize(), **changes))


def test_a_decision_needs_a_user(visitor):
    page = visitor.authorize()
    told_the_person(visitor.decide(page, user=""))
    assert "code" in returned(visitor.decide(page))


def test_a_request_does_not_wait_for_ever(visitor):
    page = visitor.authorize()
    visitor.clock.tick(600)
    told_the_person(visitor.decide(page))


def test_html_is_escaped():
    nasty = "<script>alert(1)</script>"
    with visiting(client_id=nasty) as visitor:
        page = visitor.authorize(client_id=nasty, state=nasty)
        assert page.status_code == 200
        assert "<script>" not in page.text
        assert "&lt;script&gt;" in page.text


# The token endpoint


def test_token_answer_is_that_of_the_documentation(visitor):
    response = visitor.redeem(visitor.code())
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    answer = response.json()
    assert list(answer) == [
        "client_info",
        "id_token",
        "token_type",
        "access_token",
        "refresh_token",
        "scope",
        "expires_in",
    ]
    assert answer["access_token"].startswith("pdus+_0X")
    assert answer["refresh_token"].startswith("pdus+_1X")
    assert (answer["token_type"], answer["scope"], answer["expires_in"]) == ("bearer", "openid read write", 3600)


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("read write", "openid read write"),
        ("foo", "openid"),
        (None, "openid"),
        ("write openid write", "openid write"),
        ("users:contact_methods.read Read", "openid users:contact_methods.read"),
    ],
)
def test_scopes(visitor, asked, granted):
    assert visitor.redeem(visitor.code(scope=asked)).json()["scope"] == granted


def test_id_token(visitor):
    page = visitor.authorize()
    visitor.clock.tick(2)
    code = returned(visitor.decide(page, user="ada@example.com"))["code"]
    visitor.clock.tick(1)
    answer = visitor.redeem(code).json()
    signed, _, signature = answer["id_token"].rpartition(".")
    header, claims = (json.loads(unpadded(part)) for part in signed.split("."))
    assert header == {"alg": "HS256", "typ": "JWT"}
    assert unpadded(signature) == hmac.digest(b"sandbox-secret", signed.encode(), "sha256")
    expected = {
        "iss": "https://identity.pagerduty.com/global/oauth/anonymous",
        "sub": "ada@example.com",
        "aud": ["https://api.pagerduty.com", "sandbox-client"],
        "azp": "sandbox-client",
        "auth_time": START // 1000 + 2,
        "iat": START // 1000 + 3,
        "nbf": START // 1000 + 3,
        "exp": START // 1000 + 3603,
        "purpose": "id",
        "region": "UnitedStates",
        "subdomain": "sandbox",
        "account_id": "PSANDBX",
        "user_id": visitor.me(answer["access_token"]).json()["user"]["id"],
    }
    assert expected.items() <= claims.items()
    assert unpadded(claims["at_hash"]) == hashlib.sha256(answer["access_token"].encode()).digest()[:16]


def unpadded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_code_is_single_use_and_a_second_use_revokes_what_it_gave(visitor):
    code = visitor.code()
    tokens = visitor.redeem(code).json()
    assert visitor.me(tokens["access_token"]).status_code == 200
    refused(visitor.redeem(code), 400, "invalid_grant")
    assert visitor.me(tokens["access_token"]).status_code == 401
    refused(visitor.refresh(tokens["refresh_token"]), 400, "invalid_grant")
    assert visitor.sandbox.server.counts["code_replay"] == 1


@pytest.mark.parametrize(("waited", "status"), [(29.999, 200), (30, 400)])
def test_code_lives_30_seconds(visitor, waited, status):
    code = visitor.code()
    visitor.clock.tick(waited)
    assert visitor.redeem(code).status_code == status


@pytest.mark.parametrize(
    "changes",
    [
        {"code": "made-up"},
        {"code_verifier": "w" * 43},
        {"code_verifier": CHALLENGE},
        {"redirect_uri": REDIRECT_URI + "/"},
    ],
)
def test_code_is_bound(visitor, changes):
    refused(visitor.redeem(visitor.code(), **changes), 400, "invalid_grant")


def test_verifier_is_at_least_43_characters(visitor):
    short = "v" * 42
    challenge = base64.urlsafe_b64encode(hashlib.sha256(short.encode()).digest()).rstrip(b"=").decode()
    refused(visitor.redeem(visitor.code(code_challenge=challenge), code_verifier=short), 400, "invalid_grant")


def test_a_code_that_was_tried_is_spent(visitor):
    code = visitor.code()
    visitor.redeem(code, code_verifier="w" * 43)
    refused(visitor.redeem(code), 400, "invalid_grant")


def test_code_and_refresh_token_are_bound_to_the_client(visitor):
    other = Registration(client_id="other", client_secret="other-secret", redirect_uris=())
    visitor.sandbox.server._clients["other"] = other
    as_other = {"client_id": "other", "client_secret": "other-secret"}
    code = visitor.code()
    refused(visitor.redeem(code, **as_other), 400, "invalid_grant")
    refresh_token = visitor.redeem(code).json()["refresh_token"]
    refused(visitor.refresh(refresh_token, **as_other), 400, "invalid_grant")
    assert visitor.refresh(refresh_token).status_code == 200


@pytest.mark.parametrize("missing", ["grant_type", "client_id", "code", "redirect_uri", "code_verifier"])
def test_what_is_missing_is_named(visitor, missing):
    response = visitor.redeem("code", **{missing: None}) if missing != "grant_type" else visitor.token(code="code")
    refused(response, 400, "invalid_request")
    assert missing in response.json()["error_description"]


def test_other_grant_types_are_refused(visitor):
    refused(visitor.token(grant_type="password"), 400, "unsupported_grant_type")


@pytest.mark.parametrize("changes", [{"client_secret": "wrong"}, {"client_secret": None}, {"client_id": "another"}])
def test_wrong_client(visitor, changes):
    response = visitor.redeem(visitor.code(), **changes)
    refused(response, 401, "invalid_client")
    assert response.headers["www-authenticate"].startswith("Basic ")


def test_client_authenticates_in_the_header():
    with visiting(client_id="a client", client_secret="s:e%c+ret") as visitor:
        code = visitor.code(client_id="a client")
        pair = base64.b64encode(b"a+client:s%3Ae%25c%2Bret").decode()
        form = {"grant_type": "authorization_code", "code": code}
        form |= {"redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER}
        answer = visitor.http.post("/oauth/token", data=form, headers={"authorization": f"basic {pair}"})
        assert answer.status_code == 200


@pytest.mark.parametrize("header", ["Basic !", "Basic YQ==", "Bearer abc", "Basic c2FuZGJveC1jbGllbnQ6d3Jvbmc="])
def test_wrong_header(visitor, header):
    response = visitor.http.post(
        "/oauth/token", data={"grant_type": "refresh_token"}, headers={"authorization": header}
    )
    refused(response, 401, "invalid_client")


@pytest.mark.parametrize("form", [{"client_secret": "sandbox-secret"}, {"client_id": "another"}])
def test_client_authenticates_one_way_at_a_time(visitor, form):
    auth = httpx.BasicAuth("sandbox-client", "sandbox-secret")
    response = visitor.http.post("/oauth/token", data={"grant_type": "refresh_token", **form}, auth=auth)
    refused(response, 400, "invalid_request")


def test_public_client():
    with visiting(client_secret=None) as visitor:
        refused(visitor.redeem(visitor.code()), 401, "invalid_client")
        answer = visitor.redeem(visitor.code(), client_secret=None).json()
        assert "id_token" not in answer  # no secret to sign it with
        assert visitor.refresh(answer["refresh_token"], client_secret=None).status_code == 200


def test_parameter_given_twice(visitor):
    pairs = [*token_form(grant_type="refresh_token", refresh_token="a").items(), ("refresh_token", "b")]
    headers = {"content-type": "application/x-www-form-urlencoded"}
    refused(visitor.http.post("/oauth/token", content=urlencode(pairs), headers=headers), 400, "invalid_request")


def test_parameters_in_the_query(visitor):
    form = token_form(grant_type="refresh_token", refresh_token="a")
    secret = form.pop("client_secret")
    response = visitor.http.post("/oauth/token", params={"client_secret": secret}, data=form)
    refused(response, 400, "invalid_request")


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b'{"grant_type": "refresh_token"}', "application/json"),
        (b"grant_type=refresh_token", "text/plain"),
        (b"grant_type=\xff", "application/x-www-form-urlencoded"),
        (b"grant_type=%ff", "application/x-www-form-urlencoded"),
        (b"&".join(b"%d=1" % number for number in range(51)), "application/x-www-form-urlencoded"),
    ],
)
def test_body_that_is_no_form(visitor, content, content_type):
    response = visitor.http.post("/oauth/token", content=content, headers={"content-type": content_type})
    refused(response, 400, "invalid_request")


def test_token_endpoint_takes_post_only(visitor):
    response = visitor.http.get("/oauth/token")
    refused(response, 405, "invalid_request")
    assert response.headers["allow"] == "POST"


# Refresh tokens


def test_refresh_rotates(visitor):
    first = visitor.redeem(visitor.code()).json()
    response = visitor.refresh(first["refresh_token"])
    second = response.json()
    assert list(second) == ["token_type", "access_token", "refresh_token", "scope", "expires_in"]
    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]
    assert second["scope"] == first["scope"]
    assert visitor.me(second["access_token"]).status_code == 200
    assert visitor.refresh(second["refresh_token"]).status_code == 200
    assert visitor.sandbox.server.counts == {"authorization_code": 1, "refresh_token": 2}


def test_reuse_revokes_the_whole_family(visitor):
    first = visitor.redeem(visitor.code()).json()
    second = visitor.refresh(first["refresh_token"]).json()
    stranger = visitor.redeem(visitor.code()).json()
    refused(visitor.refresh(first["refresh_token"]), 400, "invalid_grant")
    assert visitor.sandbox.server.counts["refresh_reuse"] == 1
    for tokens in (first, second):
        assert visitor.me(tokens["access_token"]).status_code == 401
        refused(visitor.refresh(tokens["refresh_token"]), 400, "invalid_grant")
    assert visitor.me(stranger["access_token"]).status_code == 200
    assert visitor.refresh(stranger["refresh_token"]).status_code == 200


def test_of_many_refreshes_at_once_one_wins():
    def slowly() -> str:
        time.sleep(0.02)
        return str(uuid.uuid4())

    with visiting(replace(DIALECTS["pagerduty"], access_token=slowly)) as visitor:
        refresh_token = visitor.redeem(visitor.code()).json()["refresh_token"]
        with ThreadPoolExecutor(8) as pool:
            statuses = sorted(answer.status_code for answer in pool.map(visitor.refresh, [refresh_token] * 8))
        assert statuses == [200] + [400] * 7
        assert visitor.sandbox.server.counts["refresh_token"] == 1


@pytest.mark.parametrize(("waited", "status"), [(30 * 86400 - 1, 200), (30 * 86400, 400)])
def test_refresh_token_lives_30_days(visitor, waited, status):
    refresh_token = visitor.redeem(visitor.code()).json()["refresh_token"]
    visitor.clock.tick(waited)
    assert visitor.refresh(refresh_token).status_code == status


def test_lives_are_settings():
    with visiting(token_life=5, code_life=1, refresh_life=7) as visitor:
        code = visitor.code()
        visitor.clock.tick(0.9)
        tokens = visitor.redeem(code).json()
        assert tokens["expires_in"] == 5
        visitor.clock.tick(4.9)
        assert visitor.me(tokens["access_token"]).status_code == 200
        visitor.clock.tick(0.1)
        assert visitor.me(tokens["access_token"]).status_code == 401
        visitor.clock.tick(2)
        refused(visitor.refresh(tokens["refresh_token"]), 400, "invalid_grant")


# The API


def test_user(visitor):
    access_token = visitor.redeem(visitor.code()).json()["access_token"]
    user = visitor.me(access_token).json()["user"]
    assert user["email"] == "user@example.com"
    assert user["html_url"] == f"https://sandbox.pagerduty.com/users/{user['id']}"
    assert {"id", "name", "email", "html_url", "self", "type", "summary"} <= set(user)
    assert visitor.me(access_token, "bEARER").json()["user"] == user


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer made-up", "Token token=abc"])
def test_user_needs_a_token(visitor, header):
    response = visitor.http.get("/users/me", headers={"authorization": header} if header else {})
    assert response.status_code == 401
    assert set(response.json()["error"]) == {"message", "code"}
    assert response.headers["www-authenticate"].startswith("Bearer ")


@pytest.mark.parametrize("path", ["/", "/oauth", "/oauth/authorize/", "/users/me/", "/callback/pagerduty"])
def test_nothing_else_is_there(visitor, path):
    assert visitor.http.get(path).status_code == 404


# HTTP


def test_one_connection_for_many_requests(visitor):
    opened = [visitor.http.get("/users/me").extensions["network_stream"].get_extra_info("client_addr") for _ in "ab"]
    assert opened[0] == opened[1]


def test_large_body_is_refused(visitor):
    assert visitor.http.post("/oauth/token", content=b"a" * (64 * 1024)).status_code == 400
    response = visitor.http.post("/oauth/token", content=b"a" * (64 * 1024 + 1))
    assert response.status_code == 413
    assert response.headers["connection"] == "close"
    assert visitor.http.get("/users/me").status_code == 401


def spoken(visitor: Visitor, request: str) -> str:
    """What comes back for these bytes until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", visitor.sandbox.port), timeout=10) as connection:
        connection.sendall(request.replace("HOST", f"127.0.0.1:{visitor.sandbox.port}").encode())
        with connection.makefile("rb") as stream:
            return stream.read().decode()


def test_body_of_a_get_is_not_taken_for_a_request(visitor):
    inner = "GET /users/me HTTP/1.1\r\nHost: HOST\r\n\r\n"
    answer = spoken(visitor, f"GET / HTTP/1.1\r\nHost: HOST\r\nContent-Length: {len(inner)}\r\n\r\n{inner}")
    assert answer.startswith("HTTP/1.1 404 ")
    assert answer.count("HTTP/1.1 ") == 1


@pytest.mark.parametrize("header", ["Transfer-Encoding: chunked", "Content-Length: -1", "Content-Length: a", "A: b"])
def test_post_needs_a_length(visitor, header):
    answer = spoken(visitor, f"POST /oauth/token HTTP/1.1\r\nHost: HOST\r\n{header}\r\n\r\n0\r\n\r\n")
    assert answer.startswith("HTTP/1.1 411 ")


def test_other_hosts_are_refused(visitor):
    rebound = {"host": f"evil.example:{visitor.sandbox.port}"}
    assert visitor.http.get("/oauth/authorize", params=query(), headers=rebound).status_code == 421
    local = {"host": f"localhost:{visitor.sandbox.port}"}
    assert visitor.http.get("/oauth/authorize", params=query(), headers=local).status_code == 200


def test_port_in_use(visitor):
    with pytest.raises(PortInUse, match=str(visitor.sandbox.port)):
        Sandbox(DIALECTS["pagerduty"], port=visitor.sandbox.port)


def test_override(visitor):
    base = visitor.sandbox.base_url
    assert base.startswith("http://127.0.0.1:")
    assert visitor.sandbox.override() == {
        "authorize_url": base + "/oauth/authorize",
        "token_url": base + "/oauth/token",
    }


def test_log_has_a_line_for_each_request_and_no_secret(visitor):
    code = visitor.code()
    tokens = visitor.redeem(code).json()
    tokens |= visitor.refresh(tokens["refresh_token"]).json()
    visitor.refresh("made-up")
    visitor.http.get("/users/me?access_token=abc", headers={"authorization": "Bearer abc"})
    visitor.token(grant_type="a\nsecret")
    visitor.http.put("/oauth/token")
    assert visitor.lines == [
        "GET /oauth/authorize -> 200",
        "POST /oauth/authorize -> 303 allow",
        "POST /oauth/token authorization_code -> 200",
        "POST /oauth/token refresh_token -> 200",
        "POST /oauth/token refresh_token -> 400 invalid_grant",
        "GET /users/me -> 401 invalid_token",
        "POST /oauth/token -> 400 unsupported_grant_type",
        "PUT /oauth/token -> 501",
    ]


def test_nothing_secret_is_shown(visitor):
    visitor.redeem(visitor.code())
    shown = repr(visitor.sandbox) + repr(vars(visitor.sandbox.server)["_codes"].values())
    for secret in ("sandbox-secret", "state-1"):
        assert secret not in shown


# The player


class Callback(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append({name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()})
        body = b"<title>Done</title><h1>Logged &amp; in</h1>"
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def callback():
    with ThreadingHTTPServer(("127.0.0.1", 0), Callback) as server:
        server.seen = []
        thread = threading.Thread(target=server.serve_forever, args=[0.02])
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def login(callback, monkeypatch):
    """A visitor whose redirect URI is answered, and the authorization URL to open."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    redirect_uri = f"http://127.0.0.1:{callback.server_port}/callback/pagerduty"
    with visiting(redirect_uri=redirect_uri) as visitor:
        url = str(httpx.URL(visitor.sandbox.base_url + "/oauth/authorize", params=query(redirect_uri=redirect_uri)))
        yield visitor, url, redirect_uri


def test_player_allows(login, callback):
    visitor, url, redirect_uri = login
    assert play(url, user="ada@example.com") == "Logged & in"
    [seen] = callback.seen
    assert seen["state"] == "state-1"
    tokens = visitor.redeem(seen["code"], redirect_uri=redirect_uri).json()
    assert visitor.me(tokens["access_token"]).json()["user"]["email"] == "ada@example.com"


def test_player_denies(login, callback):
    _, url, _ = login
    assert play(url, allow=False) == "Logged & in"
    assert callback.seen == [{"error": "access_denied", "error_description": DENIAL, "state": "state-1"}]


def test_player_reads_an_error_page(login, callback):
    _, url, _ = login
    assert play(url.replace("sandbox-client", "another")) == "This request cannot be granted"
    assert callback.seen == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://127.0.0.1:9/"])
def test_player_without_an_answer(url, capsys):
    assert main([url]) == 1
    assert "cannot be opened" in capsys.readouterr().err


def test_player_is_a_browser(login, callback):
    _, url, _ = login
    player = f"{sys.executable} -m everyauth_cli.sandbox.player --user ada@example.com %s"
    environment = {**os.environ, "BROWSER": player}
    command = [sys.executable, "-c", "import sys, webbrowser; sys.exit(not webbrowser.open(sys.argv[1]))", url]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "Logged & in\n")
    assert len(callback.seen) == 1


def test_player_denies_from_the_command_line(login, callback, capsys):
    _, url, _ = login
    assert main(["--deny", url]) == 0
    assert capsys.readouterr().err == "Logged & in\n"
    assert callback.seen[0]["error"] == "access_denied"
