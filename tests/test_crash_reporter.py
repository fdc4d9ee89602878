"""No failure leaves a secret in the locals of a traceback, where crash reporters and debug pages read them."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import requests
from peers.crash_reporter import CANARY, TOKENS, assert_hidden, frames, maybe_raised, raised, reported
from peers.http_server import Peer
from peers.stores import in_file, sealed_store
from peers.token_server import HOUR, REDIRECT_URI, World, id_token, json_response
from starlette.applications import Starlette
from starlette.testclient import TestClient

from everyauth_cli.errors import ServiceUnreachable
from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.model import Request, Response, Secret
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.store.identities import identity_key
from everyauth_cli.store.records import Store
from everyauth_cli.store.sealed.key_place import SealingKey
from everyauth_cli.transport import send
from everyauth_cli.web.starlette import authorize

CLIENT_SECRET = "client-secret-canary/7f3a"
PAIR = {"access_token": "access-canary-1", "refresh_token": "refresh-canary-1"}


class LeakyServer:
    """Issues tokens that are canaries; the first of `faults` replaces the next response."""

    def __init__(self) -> None:
        self.faults: list[object] = []

    def __call__(self, request: Request) -> Response:
        fault = self.faults.pop(0) if self.faults else {**PAIR, "expires_in": 100}
        if isinstance(fault, Exception):
            raise fault
        return fault if isinstance(fault, Response) else json_response(fault)


def leaky(directory: Path, store: Store) -> World:
    world = World(directory, store=store)
    world.entry("example", ENTRY)
    world.server = LeakyServer()
    world.auth = world.another(world.store)
    world.auth.clients.set(world.auth.catalogue.get("example"), client_id="id", client_secret=Secret(CLIENT_SECRET))
    return world


@pytest.fixture
def world(tmp_path):
    return leaky(tmp_path, sealed_store(tmp_path))


ENTRY = """authorization_endpoint = "https://issuer.example/authorize"
token_endpoint = "https://issuer.example/token"
revocation_endpoint = "https://issuer.example/revoke"
account_endpoint = "https://issuer.example/me"
account_subject = ["{id}"]
"""


def log_in(world: World) -> None:
    pending = world.auth.begin("example", redirect_uri=REDIRECT_URI)
    query = [("code", "code-canary"), ("state", pending.state.reveal())]
    world.auth.keep(world.auth.redeem(pending, query))


def expired(world: World) -> None:
    world.server.faults = [PAIR | {"expires_in": 100}, json_response({"id": "1"})]
    log_in(world)
    world.clock.now += HOUR


DEEP = b'{"access_token": "access-canary", "deep": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
# Responses of the server to a login's code and to a refresh.
RESPONSES: dict[str, object] = {
    "invalid grant": json_response({"error": "invalid_grant"}, status=400),
    "an echo": json_response({"error": "x", **PAIR, "client_secret": CLIENT_SECRET}, status=400),
    "an echo in words": json_response({"error": "x", "error_description": f"bad {CLIENT_SECRET}"}, status=400),
    "invalid client": json_response({"error": "invalid_client"}, status=401),
    "a page": json_response(b"<html>refresh-canary", content_type="text/html"),
    "a server error": json_response(b"access-canary", status=500, content_type="text/plain"),
    "no token": json_response({"accessToken": "access-canary", "refreshToken": "refresh-canary"}),
    "a token with a newline": json_response({"access_token": "access-canary\n1"}),
    "no access token": json_response({"refresh_token": "refresh-canary-2"}),
    "half a body": json_response(b'{"access_token": "access-canary", "refre'),
    "no JSON": json_response(b"access-canary", content_type="application/json"),
    "a body that is no text": json_response(b"\xff\xfeaccess-canary\xff"),
    "too deep": json_response(DEEP),
    "an id token that is none": json_response({**PAIR, "id_token": "canary"}),
    "an id token of others": json_response({**PAIR, "id_token": id_token(aud="canary-other", nonce="canary-nonce")}),
    "a redirect": json_response(b"access-canary", status=302),
    "too many requests": json_response({**PAIR, "error": "slow_down"}, status=429),
    "no response": ServiceUnreachable("issuer.example did not response"),
}  # fmt: skip


@pytest.mark.parametrize("response", RESPONSES)
def test_a_failed_login(world, response):
    # Where `openid` was asked for, an id token that cannot be used is an error.
    world.entry("example", ENTRY + 'scopes = ["openid"]\n')
    world.server.faults = [RESPONSES[response]] * 3
    assert_hidden(raised(lambda: log_in(world)))


@pytest.mark.parametrize("response", RESPONSES)
def test_a_failed_refresh(world, response):
    expired(world)
    world.server.faults = [RESPONSES[response]] * 5
    if (error := maybe_raised(lambda: world.auth.get_identity("example"))) is not None:
        assert_hidden(error)


@pytest.mark.parametrize("response", ["a server error", "invalid client", "no response", "an echo"])
def test_a_failed_revocation(world, response):
    expired(world)
    world.server.faults = [RESPONSES[response]] * 5
    if (error := maybe_raised(lambda: world.auth.delete_identity("example"))) is not None:
        assert_hidden(error)


@pytest.mark.parametrize(
    "account", [json_response({"id": "1", "email": "x"}, status=500), json_response(b"canary"), json_response([])]
)
def test_an_account_that_cannot_be_read(world, account):
    world.server.faults = [PAIR, account, account, account]
    if (error := maybe_raised(lambda: log_in(world))) is not None:
        assert_hidden(error)


def damage(world: World, statement: str) -> None:
    in_file(world.directory / "everyauth.db", statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE everyauth_records SET sealed = x'00'",
        "UPDATE everyauth_records SET sealed = substr(sealed, 1, length(sealed) - 1) || x'00'",
        "UPDATE everyauth_records SET metadata = 'no JSON'",
        "UPDATE everyauth_records SET metadata = '{}'",
        "DROP TABLE everyauth_records",
        "CREATE TRIGGER no BEFORE UPDATE ON everyauth_records BEGIN SELECT RAISE(ABORT, 'no'); END",
    ],
)
@pytest.mark.parametrize("hours", [0, 1])
def test_a_store_that_is_damaged_or_takes_nothing(world, statement, hours):
    expired(world)
    world.clock.now += (hours - 1) * HOUR
    damage(world, statement)
    for do in (lambda: world.auth.get_identity("example"), lambda: log_in(world), world.auth.find):
        if (error := maybe_raised(do)) is not None:
            assert_hidden(error)


def test_another_sealing_key(world, tmp_path):
    expired(world)
    other = base64.urlsafe_b64encode(b"canary-key-of-32-bytes-canary-32").decode()
    store = sealed_store(tmp_path, key=SealingKey(text=Secret(other)))
    error = raised(lambda: world.another(store).get_identity("example"))
    assert_hidden(error)
    assert other not in reported(error)


@pytest.mark.parametrize("text", ["canary", "canary=", "é-canary", "Y2FuYXJ5"])
def test_a_sealing_key_that_is_none(world, tmp_path, text):
    assert_hidden(raised(lambda: sealed_store(tmp_path / "x", key=SealingKey(text=Secret(text))).probe()))


class Broken(Exception):
    """An error of the app's own."""


def test_an_error_of_the_app_itself(world):
    expired(world)
    world.clock.now -= HOUR

    def handler() -> None:
        credential = world.auth.get_identity("example")
        auth = world.auth.httpx_auth("example")
        signed = world.auth.requests_auth("example")
        raise Broken(repr((credential, auth, signed)))

    assert_hidden(raised(handler))


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "https://127.0.0.1:1/", "http://127.0.0.1:1/?x=y"])
def test_an_api_that_cannot_be_reached(world, url):
    """The app's own HTTP library holds the header that it sends; what is ours adds nothing to it."""
    expired(world)
    world.clock.now -= HOUR
    ours = ("everyauth_cli", __file__)
    for do in (
        lambda: httpx.Client(auth=world.auth.httpx_auth("example"), trust_env=False).get(url),
        lambda: requests.get(url, auth=world.auth.requests_auth("example"), timeout=60),
    ):
        error = raised(do)
        for frame in frames(error):
            if any(part in frame.filename for part in ours):
                assert CANARY not in str(frame.locals), frame


@pytest.mark.parametrize("response", ["invalid grant", "an echo", "too deep", "no response"])
def test_a_failed_login_in_an_event_loop(world, response):
    world.server.faults = [RESPONSES[response]] * 3
    pending = world.auth.begin("example", redirect_uri=REDIRECT_URI)

    async def redeem() -> None:
        await world.auth.aredeem(pending, [("code", "code-canary"), ("state", pending.state.reveal())])

    assert_hidden(raised(lambda: asyncio.run(redeem())))


def test_an_error_of_a_web_app_in_its_own_check(world):
    """`on_authorized` is the app's: what it raises goes through frames of ours, which know the code and the cookie."""

    def on_authorized(request: object, grant: object) -> bool:
        raise Broken(repr((request, grant)))

    app = Starlette(
        routes=authorize(
            "example",
            auth=world.auth,
            base_url="http://127.0.0.1:8000",
            prefix="/connect",
            finished_url="/done",
            map_to_user_id=lambda _: "me",
            on_authorized=on_authorized,
        )
    )
    client = TestClient(app, base_url="http://127.0.0.1:8000", follow_redirects=False)
    location = client.get("/connect", headers={"sec-fetch-mode": "navigate"}).headers["location"]
    state = dict(parse_qsl(urlsplit(location).query))["state"]
    world.server.faults = [PAIR, json_response({"id": "1"})]
    error = raised(lambda: client.get(f"/connect/callback?state={state}&code=code-canary"))
    assert isinstance(error, Broken)
    for frame in frames(error):
        if "everyauth_cli" in frame.filename:
            assert CANARY not in str(frame.locals), frame


def test_debug_logs_of_libraries_and_the_event_log(world, caplog):
    caplog.set_level(logging.DEBUG)
    with Peer() as peer:
        world.entry("example", ENTRY.replace("https://issuer.example/token", peer.url))
        auth = EveryAuth(store=world.store, catalogue=Catalogue(world.directory), send=send, clock=world.clock)
        auth.clients.set(auth.catalogue.get("example"), client_id="id", client_secret=Secret(CLIENT_SECRET))
        pending = auth.begin("example", redirect_uri=REDIRECT_URI)
        peer.status, peer.body = 400, json.dumps({"error": "invalid_grant", **PAIR}).encode()
        raised(lambda: auth.redeem(pending, [("code", "code-canary"), ("state", pending.state.reveal())]))
    assert peer.requests
    assert CANARY not in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["read only", "dropped", "full", "away"])
def test_a_postgres_store_that_takes_nothing(tmp_path, postgres, fault, caplog):
    caplog.set_level(logging.DEBUG)
    url = postgres.new_database()
    world = leaky(tmp_path, sealed_store(tmp_path, url))
    expired(world)
    if fault == "read only":
        postgres.sql(f"ALTER DATABASE {url.rpartition('/')[2]} SET default_transaction_read_only = on", url)
    elif fault == "dropped":
        postgres.sql("DROP TABLE everyauth_records", url)
    elif fault == "full":
        trigger = (
            "CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON everyauth_records FOR EACH ROW EXECUTE FUNCTION f()"
        )
        body = "BEGIN RAISE 'no space' USING ERRCODE = 'disk_full'; END"
        postgres.sql(f"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$; {trigger}", url)
    else:
        url = "postgresql://user:canary-password@127.0.0.1:1/x"
    store = sealed_store(tmp_path, url)
    auth = world.another(store)
    for do in (lambda: auth.get_identity("example"), lambda: auth.delete_identity("example"), lambda: log_in(world)):
        if (error := maybe_raised(do)) is not None:
            for frame in frames(error):
                if "/tests/" not in frame.filename:
                    assert not re.search(TOKENS, str(frame.locals)), frame
    assert not re.search(TOKENS, caplog.text)


@pytest.mark.parametrize("fault", ["a server error", "invalid grant", "no response", "a token with a newline"])
def test_the_key_that_a_token_is_bound_to(world, fault):
    world.entry("example", ENTRY + "dpop_bound_access_tokens = true\n")
    world.server.faults = [PAIR | {"expires_in": 100, "token_type": "DPoP"}, json_response({"id": "1"})]
    log_in(world)
    key = world.store.get(identity_key("default", "example", user="me")).secret.reveal()["dpop"]["key"]
    private = json.loads(key)["d"]
    signed = world.auth.httpx_auth("example")
    errors = [raised(lambda: httpx.get("http://127.0.0.1:1/", auth=signed, trust_env=False))]
    errors.append(raised(lambda: world.auth.get_identity("example")))
    world.clock.now += HOUR
    world.server.faults = [RESPONSES[fault]] * 5
    errors.append(raised(lambda: httpx.get("http://127.0.0.1:1/", auth=signed, trust_env=False)))
    for error in errors:
        assert private not in reported(error)
