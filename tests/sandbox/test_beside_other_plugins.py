"""The pytest fixture beside plugins that mock HTTP or forbid sockets, in a project of a user."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

MOCKS = """
import httpx, httpx2, pytest, respx

ME = "https://api.pagerduty.com/users/me"


def get(auth):
    return httpx.Client(auth=auth.httpx_auth("pagerduty", "ann")).get(ME).json()


def log_in(sandbox):
    # The token has expired, so the next use refreshes it.
    sandbox.log_in("pagerduty", "ann")
    sandbox.advance(11 * 86400)


def test_pytest_httpx(everyauth_sandbox, httpx_mock):
    log_in(everyauth_sandbox)
    httpx_mock.add_response(url=ME, json={"ok": 1})
    assert get(everyauth_sandbox.auth) == {"ok": 1}


def test_respx(everyauth_sandbox, respx_mock):
    log_in(everyauth_sandbox)
    respx_mock.get(ME).respond(json={"ok": 1})
    assert get(everyauth_sandbox.auth) == {"ok": 1}


def test_respx_begun_later(everyauth_sandbox):
    log_in(everyauth_sandbox)
    with respx.mock:
        respx.get(ME).respond(json={"ok": 1})
        assert get(everyauth_sandbox.auth) == {"ok": 1}


def test_httpx2(everyauth_sandbox):
    log_in(everyauth_sandbox)
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, json={"ok": 1}))
    client = httpx2.Client(auth=everyauth_sandbox.auth.httpx_auth("pagerduty", "ann"), transport=transport)
    assert client.get(ME).json() == {"ok": 1}
"""
PLAIN = """
def test_plain(everyauth_sandbox):
    log_in(everyauth_sandbox)
    assert everyauth_sandbox.auth.get_identity("pagerduty", "ann").access_token
"""
SOCKETS = """
import pytest
from everyauth_cli.web.flask import authorize
from everyauth_cli import ServiceError
import flask


def used(sandbox, service="pagerduty"):
    sandbox.log_in(service, "ann", account="ann@example.com")
    sandbox.advance(11 * 86400)
    assert sandbox.auth.get_identity(service, "ann").access_token
    return sandbox.auth.check_all()[0].state != "failed"


@pytest.mark.disable_socket
def test_no_sockets(everyauth_sandbox):
    assert used(everyauth_sandbox)
    assert used(everyauth_sandbox, "github")


@pytest.mark.allow_hosts(["10.0.0.1"])
def test_no_hosts(everyauth_sandbox):
    assert used(everyauth_sandbox)
    assert used(everyauth_sandbox, "github")


def test_a_service_of_ones_own(everyauth_sandbox):
    assert everyauth_sandbox.log_in("inhouse", "ann").service == "inhouse"


def test_a_fault(everyauth_sandbox):
    everyauth_sandbox.log_in("pagerduty", "ann")
    everyauth_sandbox.advance(11 * 86400)
    everyauth_sandbox.fault = "drop-after-rotation"
    with pytest.raises(ServiceError):
        everyauth_sandbox.auth.get_identity("pagerduty", "ann")


@pytest.fixture
def client(everyauth_sandbox):
    everyauth_sandbox.redirect_uri = "https://app.example/connect/pagerduty/callback"
    app = flask.Flask("app")
    app.register_blueprint(
        authorize(
            "pagerduty",
            base_url="https://app.example",
            prefix="/connect/pagerduty",
            finished_url="/done",
            map_to_user_id=lambda request: "ann",
            auth=everyauth_sandbox.auth,
        )
    )
    return app.test_client()


@pytest.mark.disable_socket
def test_a_web_app(everyauth_sandbox, client):
    began = client.get("/connect/pagerduty", base_url="https://app.example")
    url = everyauth_sandbox.allow(began.location, account="ann@example.com")
    assert url.startswith("https://app.example/connect/pagerduty/callback?code=")
    assert "serviceId=pagerduty&userId=ann" in client.get(url).location
    assert everyauth_sandbox.auth.get_identity("pagerduty", "ann").account.label == "ann@example.com (sandbox)"


@pytest.mark.disable_socket
def test_a_web_app_whose_user_denies(everyauth_sandbox, client):
    began = client.get("/connect/pagerduty", base_url="https://app.example")
    assert "error=access_denied" in client.get(everyauth_sandbox.deny(began.location)).location
"""
INHOUSE = """
title = "In-house"
authorization_endpoint = "https://login.inhouse.example/authorize"
token_endpoint = "https://login.inhouse.example/token"
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tests", "count", "arguments"),
    [(MOCKS, 4, []), (MOCKS.partition("def test_pytest_httpx(")[0] + PLAIN, 1, ["--disable-socket"]), (SOCKETS, 6, [])],
)
def test_the_fixture_works(tmp_path, tests, count, arguments):
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["everyauth_cli.sandbox.pytest_plugin"]\n')
    (tmp_path / "test_app.py").write_text(tests)
    services = tmp_path / "home" / "services"
    services.mkdir(parents=True)
    (services / "inhouse.toml").write_text(INHOUSE)
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    environment = {**os.environ, "EVERYAUTH_HOME": str(tmp_path / "home")}
    done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, f"{count} passed" in done.stdout) == (0, True), done.stdout
