"""`everyauth login SERVICE --sandbox`: the whole journey with nothing registered, in a profile of its own."""

from __future__ import annotations

import json
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

import pytest
from peers.recorder import recording
from peers.sandbox import ACCOUNT, KEY, browser, use_free_ports

from everyauth_cli.errors import ClientNotSet, LoginRequired, UsageProblem
from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.model import SANDBOX_PROFILE, Secret
from everyauth_cli.sandbox.detection import Listener, detect
from everyauth_cli.sandbox.server import CLIENT_ID, CLIENT_SECRET, Sandbox
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.store.memory import memory_store
from everyauth_cli.transport import send

NAME = "pagerduty"
REAL = {"EVERYAUTH_PAGERDUTY_CLIENT_ID": "real-client", "EVERYAUTH_PAGERDUTY_CLIENT_SECRET": "real-secret"}
ENV = {"EVERYAUTH_STORE": "sqlite://", "EVERYAUTH_KEY": KEY, "BROWSER": browser()}


@pytest.fixture
def port(everyauth):
    """The port of the command's sandbox."""
    _, port = use_free_ports(everyauth)
    return port


@pytest.fixture
def run(everyauth, port):
    """Run the command; the redirect URI may have any port."""
    services = everyauth.home / "services"
    services.mkdir(parents=True)
    (services / f"{NAME}.toml").write_text("any_port = true\n")
    return lambda line, env=None, **more: everyauth(*line.split()[1:], env={**ENV, **(env or {})}, **more)


@pytest.fixture
def running(everyauth, run):
    """Run `everyauth sandbox` in another terminal."""
    process = everyauth.start("-v", "sandbox", env=ENV)
    for line in process.stderr:
        if "The sandbox is at" in line:
            break
    yield process
    process.kill()


def good(done) -> str:
    assert done.code == 0, done
    return done.out


def bad(done, code: int, *says: str) -> None:
    assert (done.code, done.out) == (code, ""), done
    assert "Traceback" not in done.err
    assert not [text for text in says if text not in done.err], done.err


@pytest.mark.slow
def test_a_login_with_nothing_registered(run, port):
    done = run(f"everyauth login {NAME} --sandbox")
    assert (done.code, done.out) == (0, "")
    for says in (
        f"This is the sandbox at http://127.0.0.1:{port}, not PagerDuty: nothing leaves this machine.",
        'Logged in to PagerDuty as user@example.com (sandbox) (user "me").',
        "everyauth token pagerduty --profile sandbox",
        "start one in another terminal, then log in again",
    ):
        assert says in done.err
    assert good(run(f"everyauth token {NAME} --profile sandbox")).startswith("pdus+_0XSANDBX_")
    # No other profile has the login.
    bad(run(f"everyauth token {NAME}"), 4, "everyauth login pagerduty")
    assert good(run("everyauth identity ls")) == ""
    assert json.loads(good(run(f"everyauth service get {NAME} -o json")))["configuration"]["clientId"] is None
    # The sandbox has ended, and its tokens are sent nowhere else.
    refused = run(
        f"everyauth token {NAME} -p sandbox --rejected", input=good(run(f"everyauth token {NAME} -p sandbox"))
    )
    bad(refused, 5, "cannot connect to 127.0.0.1", "everyauth sandbox")
    assert good(run(f"everyauth logout {NAME} -p sandbox")) == ""


@pytest.mark.slow
def test_a_sandbox_that_runs_already_is_used_and_refreshes_and_revokes(run, running):
    done = run(f"everyauth login {NAME} --sandbox --user ann", REAL)
    assert good(done) == ""
    assert "The sandbox ended" not in done.err
    token = good(run(f"everyauth token {NAME} ann -p sandbox", REAL))
    fresh = good(run(f"everyauth token {NAME} ann -p sandbox --rejected", REAL, input=token))
    assert fresh != token
    assert good(run(f"everyauth logout {NAME} ann -p sandbox", REAL)) == ""
    running.terminate()
    log = running.stderr.read()
    assert "POST /pagerduty/token authorization_code -> 200" in log
    assert "POST /pagerduty/token refresh_token -> 200" in log


@pytest.mark.slow
def test_the_profile_is_for_the_sandbox_only(run):
    usage = f"everyauth login {NAME} --sandbox"
    bad(run(f"everyauth login {NAME} --profile sandbox"), 2, "is for the sandbox only", usage)
    bad(run(f"everyauth login {NAME}", {"EVERYAUTH_PROFILE": "sandbox"}), 2, "is for the sandbox only", usage)
    bad(run(f"everyauth service set {NAME} --client-id x -p sandbox"), 2, "the sandbox knows its own", usage)
    bad(run(f"everyauth login {NAME} --sandbox --profile work"), 2, "--profile cannot be given with it")
    bad(run(f"everyauth --profile sandbox login {NAME} --sandbox"), 2, "--profile cannot be given with it")
    bad(run(f"everyauth token {NAME} -p sandbox"), 4, usage)


@pytest.mark.slow
def test_a_port_that_another_program_uses_is_an_error(run, port):
    with HTTPServer(("127.0.0.1", port), Stranger) as server:
        threading.Thread(target=server.serve_forever, daemon=True, kwargs={"poll_interval": 0.02}).start()
        bad(
            run(f"everyauth login {NAME} --sandbox"),
            2,
            f"port {port}, the sandbox's, is in use by process {os.getpid()} (",
        )
        bad(run("everyauth sandbox"), 2, f"port {port} cannot be used for the sandbox", "--port, or 0 for a free one")
        server.shutdown()


class Stranger(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


def test_the_listener_at_a_port_is_detected():
    with Sandbox() as sandbox:
        assert detect(sandbox.port) is Listener.SANDBOX
    assert detect(sandbox.port) is Listener.NONE
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert detect(silent.getsockname()[1]) is Listener.OTHER


def in_profile(profile: str, send_=send, **more) -> EveryAuth:
    return EveryAuth(store=memory_store(), catalogue=Catalogue(), send=send_, profile=profile, **more)


def test_a_real_client_never_reaches_the_sandbox():
    with Sandbox() as sandbox:
        auth = in_profile(SANDBOX_PROFILE, override=lambda _: ("real-client", Secret("real-secret")))
        service = auth.catalogue.get(NAME)
        with pytest.raises(ClientNotSet, match="for the sandbox alone"):
            auth.clients.get(service)
        auth.clients.set_sandbox(
            service, sandbox_url=sandbox.base_url, client_id=CLIENT_ID, client_secret=Secret(CLIENT_SECRET)
        )
        client = auth.clients.get(service)
        assert (client.client_id, client.client_secret) == (CLIENT_ID, Secret(CLIENT_SECRET))
        assert auth.clients.peek(service)[0].client_id == CLIENT_ID


def test_nothing_of_the_sandbox_reaches_a_real_host():
    with recording() as hosts:
        auth = in_profile(SANDBOX_PROFILE, hosts.send)
        with pytest.raises(ClientNotSet):
            auth.begin(NAME, redirect_uri="http://127.0.0.1:28282/callback/pagerduty")
        with pytest.raises(UsageProblem, match="the sandbox knows its own"):
            auth.clients.set(auth.catalogue.get(NAME), client_id="real-client")
        assert hosts.requests == []


def test_tokens_of_one_sandbox_are_sent_to_no_other_and_to_no_real_host():
    requested: list[str] = []

    def watched(request):
        requested.append(request.url)
        return send(request)

    auth = in_profile(SANDBOX_PROFILE, watched)
    service = auth.catalogue.get(NAME)
    with Sandbox() as first, Sandbox() as second:
        led(auth, service, first)
        logged_in(auth, first)
        led(auth, service, second)
        begun = len(requested)
        token = Secret(auth.get_identity(NAME).access_token)
        with pytest.raises(LoginRequired, match="to another client, or for other endpoints") as caught:
            auth.get_identity(NAME, rejected=token)
        assert caught.value.hint == f"everyauth login {NAME} --sandbox"
        assert auth.delete_identity(NAME, user="me").revoked == []
        assert requested[begun:] == []
        assert all(url.startswith(first.base_url) for url in requested)


def led(auth: EveryAuth, service, sandbox: Sandbox) -> None:
    secret = Secret(CLIENT_SECRET)
    auth.clients.set_sandbox(service, sandbox_url=sandbox.base_url, client_id=CLIENT_ID, client_secret=secret)


def logged_in(auth: EveryAuth, sandbox: Sandbox) -> None:
    pending = auth.begin(NAME, redirect_uri="http://127.0.0.1:28282/callback/pagerduty")
    server = sandbox.server(NAME)
    query = dict(_query(auth.authorization_url(pending)))
    ends = server.allow(server.authorize(query).transaction, user=ACCOUNT)
    auth.keep(auth.redeem(pending, _query(ends)))


def _query(url: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(url).query)
