"""Refresh tokens and the API of the sandbox."""

import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qsl, urlsplit

import pytest
from peers.visitor import REDIRECT_URI, VERIFIER, Clock, query, refused, token_form, visiting

from everyauth_cli.sandbox.grants import OAuthError
from everyauth_cli.sandbox.server import Sandbox


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
    assert visitor.server.counts == {"authorization_code": 1, "refresh_token": 2}


def test_reuse_revokes_the_whole_family(visitor):
    first = visitor.redeem(visitor.code()).json()
    second = visitor.refresh(first["refresh_token"]).json()
    stranger = visitor.redeem(visitor.code()).json()
    refused(visitor.refresh(first["refresh_token"]), 400, "invalid_grant")
    assert visitor.server.counts["refresh_reuse"] == 1
    for tokens in (first, second):
        assert visitor.me(tokens["access_token"]).status_code == 401
        refused(visitor.refresh(tokens["refresh_token"]), 400, "invalid_grant")
    assert visitor.me(stranger["access_token"]).status_code == 200
    assert visitor.refresh(stranger["refresh_token"]).status_code == 200


class Grant:
    """A grant at the sandbox of a service, asked without HTTP."""

    def __init__(self, name):
        self.clock = Clock()
        self.server = Sandbox(port=None, clock=self.clock, redirect_uri=REDIRECT_URI).server(name)
        transaction = self.server.authorize(query()).transaction
        code = dict(parse_qsl(urlsplit(self.server.allow(transaction, user="ada@example.com")).query))["code"]
        fields = {"code": code, "redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER}
        self.tokens = self.token(grant_type="authorization_code", **fields)

    def token(self, **fields):
        return json.loads(self.server.token(token_form(**fields)).body)

    def refresh(self, refresh_token):
        self.tokens = self.token(grant_type="refresh_token", refresh_token=refresh_token)
        return self.tokens["refresh_token"]

    def refuses(self, refresh_token):
        with pytest.raises(OAuthError) as caught:
            self.refresh(refresh_token)
        return caught.value.error == "invalid_grant"


def test_an_old_refresh_token_that_the_service_does_not_end_works_again():
    grant = Grant("microsoft")
    first = grant.tokens["refresh_token"]
    second = grant.refresh(first)
    assert len({first, second, grant.refresh(first), grant.refresh(second)}) == 4
    assert grant.server.counts["refresh_reuse"] == 0


def test_an_overlapping_refresh_token_ends_when_the_next_one_is_used():
    grant = Grant("shopify")
    first = grant.tokens["refresh_token"]
    lost, second = grant.refresh(first), grant.refresh(first)
    assert len({first, lost, second}) == 3
    third = grant.refresh(second)
    assert grant.refuses(first)
    assert grant.server.counts["refresh_reuse"] == 1
    assert grant.refuses(third)


@pytest.mark.parametrize(("name", "days"), [("zendesk", 30), ("box", 60)])
def test_a_refresh_token_lives_as_long_as_documented(name, days):
    grant = Grant(name)
    lifetime = days * 86400
    assert grant.tokens.get("refresh_token_expires_in", lifetime) == lifetime
    grant.clock.tick(lifetime - 1)
    renewed = grant.refresh(grant.tokens["refresh_token"])
    grant.clock.tick(lifetime)
    assert grant.refuses(renewed)


def test_a_refresh_token_of_the_whole_grant_is_not_prolonged():
    grant = Grant("dropbox")
    assert grant.server.responses.refresh_tokens == "static"
    first = grant.tokens["refresh_token"]
    grant.clock.tick(30 * 86400 - 1)
    grant.token(grant_type="refresh_token", refresh_token=first)
    grant.clock.tick(1)
    assert grant.refuses(first)


def test_of_many_refreshes_at_once_one_wins():
    with visiting() as visitor:
        visitor.clock.seconds = 0.02
        refresh_token = visitor.redeem(visitor.code()).json()["refresh_token"]
        with ThreadPoolExecutor(8) as pool:
            statuses = sorted(response.status_code for response in pool.map(visitor.refresh, [refresh_token] * 8))
        assert statuses == [200] + [400] * 7
        assert visitor.server.counts["refresh_token"] == 1


@pytest.mark.parametrize(("waited", "status"), [(30 * 86400 - 1, 200), (30 * 86400, 400)])
def test_refresh_token_lives_30_days(visitor, waited, status):
    refresh_token = visitor.redeem(visitor.code()).json()["refresh_token"]
    visitor.clock.tick(waited)
    assert visitor.refresh(refresh_token).status_code == status


def test_lifetimes_are_settings():
    with visiting(token_lifetime=5, code_lifetime=1, refresh_token_lifetime=7) as visitor:
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


def test_user(visitor):
    access_token = visitor.redeem(visitor.code()).json()["access_token"]
    user = visitor.me(access_token).json()
    assert user["email"] == "user@example.com"
    # As the id token names it.
    assert user["user_id"] == user["id"]
    assert visitor.me(access_token, "bEARER").json() == user


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer made-up", "Token token=abc"])
def test_user_needs_a_token(visitor, header):
    response = visitor.http.get("/pagerduty/account", headers={"authorization": header} if header else {})
    assert response.status_code == 401
    assert response.json()["error"] == "invalid_token"
    assert response.headers["www-authenticate"].startswith("Bearer ")


@pytest.mark.parametrize(
    "path", ["/", "/pagerduty", "/pagerduty/authorize/", "/pagerduty/account/", "/callback/pagerduty"]
)
def test_other_paths_are_not_found(visitor, path):
    assert visitor.http.get(path).status_code == 404
