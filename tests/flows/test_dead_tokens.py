"""A token that is known to be dead, or of another account, is handed out by no path, and every list says so."""

from __future__ import annotations

import json

import flask
import httpx
import pytest
from peers.served import stale_identity
from peers.token_server import json_response

from everyauth_cli.errors import LoginRequired, ServiceError
from everyauth_cli.oauth.grant import LoginReason
from everyauth_cli.web.flask import connections

REFUSAL = json_response({"error": "invalid_request", "error_description": "Refresh token is expired"}, status=400)


def ended(stale):
    stale.issuer.revoke_all()
    return LoginReason.ENDED


def refused(stale):
    stale.issuer.faults = [REFUSAL] * 99
    return LoginReason.REFUSED


def account_changed(stale):
    stale.issuer.claims = {"sub": "somebody else"}
    return LoginReason.ACCOUNT_CHANGED


MARKS = [ended, refused, account_changed]


@pytest.fixture
def stale(everyauth):
    with stale_identity(everyauth) as stale:
        yield stale


@pytest.fixture(params=MARKS)
def dead(request, stale):
    """An identity whose refresh has failed for good, and the kind of its mark."""
    stale.kind = request.param(stale)
    done = stale.token()
    assert (done.code, done.out) == (5 if stale.kind is LoginReason.REFUSED else 4, "")
    return stale


def page_of(auth):
    app = flask.Flask("app")
    services = {"op": "/connect/op"}
    app.register_blueprint(
        connections(services, base_url="https://app.example", prefix="/page", map_to_user_id=lambda _: "me", auth=auth)
    )
    return app.test_client().get("/page", base_url="https://app.example").get_data(as_text=True)


@pytest.mark.slow
def test_the_command_gives_no_token(dead):
    code = 5 if dead.kind is LoginReason.REFUSED else 4
    hint = "everyauth login op" + (" --replace" if dead.kind is LoginReason.ACCOUNT_CHANGED else "")
    for line in ("token op", "identity get op me"):
        done = dead.command(*line.split())
        assert (done.code, done.out) == (code, ""), line
        assert f"try: {hint}\n" in done.err
    # A refusal that may pass is tried again after its pause, which may be over on a busy machine.
    assert dead.refreshes == 1 or dead.kind is LoginReason.REFUSED


def test_the_library_gives_no_token(dead):
    auth = dead.home.auth()
    error = ServiceError if dead.kind is LoginReason.REFUSED else LoginRequired
    for _ in range(2):
        with pytest.raises(error):
            auth.get_identity("op")
    with pytest.raises(error), httpx.Client(auth=auth.httpx_auth("op")) as client:
        client.get("https://op.example/api")
    assert auth.find()[0].login_required.kind is dead.kind


@pytest.mark.slow
def test_lists_the_page_and_alerts_say_that_a_login_is_needed(dead):
    assert "login_required" in dead.home.good("everyauth identity ls")
    (item,) = json.loads(dead.home.good("everyauth identity ls -o json"))["items"]
    assert item["loginRequired"]["reason"]
    page = page_of(dead.home.auth())
    assert 'aria-label="Connect ' in page
    assert 'class="connection works"' not in page


@pytest.mark.slow
def test_an_alert_is_sent_once(stale):
    seen = stale.command.directory / "seen"
    script = stale.command.directory / "alert.sh"
    script.write_text(f"#!/bin/sh\ncat >> {seen}\n")
    script.chmod(0o700)
    stale.home.good(f"everyauth alerts set --command {script}")
    stale.issuer.faults = [REFUSAL] * 99
    for _ in range(3):
        stale.home("everyauth identity refresh --all")
    assert seen.read_text().count("identity.login_required") == 1


def test_a_login_or_a_refresh_that_succeeds_takes_the_mark_away(stale):
    stale.issuer.faults = [REFUSAL]
    assert stale.token().code == 5
    # The pause after one failure.
    auth = stale.home.auth(hours_ago=-0.01)
    assert auth.get_identity("op").access_token == "access-3"
    assert auth.find()[0].login_required is None
