"""Pushed authorization requests at the sandbox (RFC 9126): each reference serves once, for a minute, one client."""

import httpx
import pytest
from peers.visitor import NAME, Clock, Visitor, query, returned, shown_to_the_user

from everyauth_cli.sandbox.server import CLIENT_SECRET, Sandbox
from everyauth_cli.services.catalogue import Catalogue

PUSHES = 'pushed_authorization_request_endpoint = "https://identity.pagerduty.com/oauth/par"\n'
REQUIRED = PUSHES + "require_pushed_authorization_requests = true\n"


@pytest.fixture
def visiting(tmp_path):
    """Return a function that starts a sandbox with these keys in PagerDuty's entry."""
    opened = []

    def start(keys):
        (tmp_path / f"{NAME}.toml").write_text(keys)
        clock = Clock()
        sandbox = Sandbox(Catalogue(tmp_path), clock=clock)
        sandbox.start()
        opened.append(sandbox)
        http = httpx.Client(base_url=sandbox.base_url, trust_env=False, timeout=30)
        opened.append(http)
        return Visitor(sandbox, http, clock, [])

    yield start
    for each in reversed(opened):
        each.close() if isinstance(each, httpx.Client) else each.stop()


@pytest.fixture
def visitor(visiting):
    return visiting(REQUIRED)


def push(visitor, **changes):
    form = {**query(), "client_secret": CLIENT_SECRET, **changes}
    return visitor.http.post(f"/{NAME}/par", data={name: value for name, value in form.items() if value is not None})


def authorize(visitor, request_uri, client_id="sandbox-client"):
    return visitor.http.get(f"/{NAME}/authorize", params={"client_id": client_id, "request_uri": request_uri})


def test_a_pushed_request_is_authorized_and_its_code_redeemed(visitor):
    response = push(visitor)
    assert (response.status_code, response.json()["expires_in"]) == (201, 60)
    assert response.headers["cache-control"] == "no-store"
    back = returned(visitor.decide(authorize(visitor, response.json()["request_uri"])))
    assert back["state"] == "state-1"
    assert visitor.redeem(back["code"]).status_code == 200


def test_a_reference_serves_once_for_a_minute_and_one_client(visitor):
    first, second, third = (push(visitor).json()["request_uri"] for _ in range(3))
    assert authorize(visitor, first).status_code == 200
    shown_to_the_user(authorize(visitor, first))
    shown_to_the_user(authorize(visitor, second, client_id="another"))
    shown_to_the_user(authorize(visitor, "urn:unknown"))
    visitor.clock.tick(60)
    shown_to_the_user(authorize(visitor, third))


def test_a_request_that_was_not_pushed_is_refused_where_that_is_required(visitor, visiting):
    shown_to_the_user(visitor.authorize())
    assert visiting(PUSHES).authorize().status_code == 200


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "another"}, 401, "invalid_client"),
        ({"request_uri": "urn:x"}, 400, "invalid_request"),
        ({"redirect_uri": "https://evil.example/"}, 400, "invalid_request"),
        ({"code_challenge": None}, 400, "invalid_request"),
        ({"response_type": "token"}, 400, "unsupported_response_type"),
    ],
)
def test_what_is_wrong_with_a_request_is_said_to_the_client(visitor, changes, status, error):
    response = push(visitor, **changes)
    assert (response.status_code, response.json()["error"]) == (status, error)
    assert visitor.http.get(f"/{NAME}/par").status_code == 405


def test_the_body_names_the_client_although_the_header_does(visiting):
    visitor = visiting(REQUIRED + 'token_endpoint_auth_method = "client_secret_basic"\n')
    url, auth = f"/{NAME}/par", ("sandbox-client", CLIENT_SECRET)
    assert visitor.http.post(url, data=query(), auth=auth).status_code == 201
    assert visitor.http.post(url, data=query(client_id=None), auth=auth).status_code == 400
