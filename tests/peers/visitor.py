"""A client and its user, who speak to the sandbox over HTTP."""

import base64
import hashlib
import time
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from everyauth_cli.sandbox.authorization_server import AuthorizationServer
from everyauth_cli.sandbox.server import Sandbox
from everyauth_cli.services.catalogue import Catalogue

REDIRECT_URI = "http://127.0.0.1:28282/callback/pagerduty"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
START = 1_700_000_000_000
NAME = "pagerduty"
DENIAL = "The resource owner or authorization server denied the request."


class Clock:
    def __init__(self) -> None:
        self.now = START
        self.seconds = 0.0
        """The time that one reading takes."""

    def __call__(self) -> int:
        time.sleep(self.seconds)
        return self.now

    def tick(self, seconds: float) -> None:
        self.now += round(seconds * 1000)


class Visitor:
    """A client and its user, who speak to the sandbox over HTTP."""

    def __init__(self, sandbox: Sandbox, http: httpx.Client, clock: Clock, lines: list[str]) -> None:
        self.sandbox, self.http, self.clock, self.lines = sandbox, http, clock, lines

    @property
    def server(self) -> AuthorizationServer:
        return self.sandbox.server(NAME)

    def authorize(self, **changes: str | None) -> httpx.Response:
        return self.http.get(f"/{NAME}/authorize", params=query(**changes))

    def decide(self, page: httpx.Response, decision: str = "allow", **changes: str) -> httpx.Response:
        form = {"transaction": transaction(page), "user": "user@example.com", "decision": decision, **changes}
        return self.http.post(f"/{NAME}/authorize", data=form)

    def code(self, **changes: str | None) -> str:
        return returned(self.decide(self.authorize(**changes)))["code"]

    def token(self, **fields: str | None) -> httpx.Response:
        return self.http.post(f"/{NAME}/token", data=token_form(**fields))

    def redeem(self, code: str, /, **changes: str | None) -> httpx.Response:
        fields = {"code": code, "redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER, **changes}
        return self.token(grant_type="authorization_code", **fields)

    def refresh(self, refresh_token: str, **changes: str | None) -> httpx.Response:
        return self.token(grant_type="refresh_token", refresh_token=refresh_token, **changes)

    def me(self, access_token: str, scheme: str = "Bearer") -> httpx.Response:
        return self.http.get(f"/{NAME}/account", headers={"authorization": f"{scheme} {access_token}"})


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
    return without_none({"client_id": "sandbox-client", "client_secret": "sandbox-secret-not-a-real-secret", **fields})


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


def shown_to_the_user(response: httpx.Response) -> None:
    assert response.status_code == 400
    assert "location" not in response.headers
    assert response.headers["content-type"] == "text/html; charset=utf-8"


@contextmanager
def visiting(own=None, **settings):
    """A visitor at a sandbox; `own` is a directory with entries that override the catalogue's."""
    clock, lines = Clock(), []
    settings = {"token_lifetime": 3600, **settings}
    sandbox = Sandbox(Catalogue(own), clock=clock, log=lines.append, **settings)
    with sandbox, httpx.Client(base_url=sandbox.base_url, trust_env=False, verify=False) as http:
        yield Visitor(sandbox, http, clock, lines)


@pytest.fixture
def visitor():
    with visiting() as visitor:
        yield visitor
