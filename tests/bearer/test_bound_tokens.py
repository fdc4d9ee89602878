"""Signing an app's requests with a token that is bound to a key (DPoP, RFC 9449 sections 7 and 9)."""

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import httpx
import pytest
from peers.api import serving
from peers.http_clients import CLIENTS, by_requests
from peers.proofs import BindingServer, Proof
from peers.token_server import ENTRY, HOUR, MINUTE, World

from everyauth_cli.errors import BoundToken

THREADS = 16
REFUSED = {"error": "no"}


@pytest.fixture(params=[*CLIENTS, "requests"])
def ask(request):
    return {**CLIENTS, "requests": by_requests}[request.param]


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.entry("example", ENTRY + "dpop_bound_access_tokens = true\n")
    world.server = BindingServer()
    world.auth = world.another(world.store)
    world.login()
    # A token that was just issued is not replaced for a 401.
    world.clock.now += 2 * MINUTE
    return world


class Guard:
    """Lets in who proves the key of a token, with the nonce of the moment if there is one."""

    def __init__(self, api):
        self.api, self.nonce, self.next_nonce, self.accepted = api, None, None, {"access-2"}
        self.proofs, self.jtis, self.redirects, self.guard = [], set(), {}, threading.Lock()
        api.respond = self.respond

    def respond(self, call):
        self.api.calls.append(call)
        offered = {"DPoP-Nonce": self.next_nonce or self.nonce} if self.next_nonce or self.nonce else {}
        if call.path in self.redirects:
            return 307, {}, {"Location": self.redirects[call.path]}
        scheme, _, token = call.headers.get("Authorization", "").partition(" ")
        if scheme != "DPoP" or "DPoP" not in call.headers:
            return 401, REFUSED, {"WWW-Authenticate": 'DPoP algs="ES256"'}
        proof = Proof(call.headers["DPoP"])
        try:
            proof.check(method=call.method, url=f"{self.api.url}{call.path}", token=token)
        except AssertionError:
            return 401, REFUSED, {"WWW-Authenticate": 'DPoP error="invalid_dpop_proof"'}
        with self.guard:
            assert proof.claims["jti"] not in self.jtis
            self.jtis.add(proof.claims["jti"])
            self.proofs.append(proof)
        if self.nonce not in (None, proof.nonce):
            return 401, REFUSED, {"WWW-Authenticate": 'Bearer, DPoP error="use_dpop_nonce"', **offered}
        if token not in self.accepted:
            return 401, REFUSED, {"WWW-Authenticate": 'DPoP error="invalid_token"', **offered}
        return 200, {"path": call.path, "body": call.body.decode()}, offered


@pytest.fixture
def api():
    with serving() as api:
        yield Guard(api)


def nonces(api):
    return [proof.nonce for proof in api.proofs]


def test_each_request_has_a_proof_of_its_own(world, api, ask):
    assert ask(world.auth, "GET", f"{api.api.url}/me?page=2")[0] == 200
    assert ask(world.auth, "POST", f"{api.api.url}/notes", b"text") == (200, {"path": "/notes", "body": "text"}, 0)
    assert [proof.claims["iat"] for proof in api.proofs] == [world.clock.now // 1000] * 2
    assert {proof.jkt for proof in api.proofs} == {world.auth.find()[0].jkt}


def test_a_nonce_that_is_asked_for_is_given_and_remembered(world, api, ask):
    api.nonce = "n-1"
    assert ask(world.auth, "POST", f"{api.api.url}/notes", b"text") == (200, {"path": "/notes", "body": "text"}, 1)
    assert nonces(api) == [None, "n-1"]
    assert world.server.refreshes == 0


def test_one_object_remembers_the_nonce_of_each_origin(world, api):
    with serving() as second, httpx.Client(auth=world.auth.httpx_auth("example"), trust_env=False) as client:
        other = Guard(second)
        api.nonce, other.nonce = "n-1", "other-1"
        for _ in range(2):
            assert client.get(f"{api.api.url}/me").status_code == 200
            assert client.get(f"{second.url}/me").status_code == 200
        assert nonces(api) == [None, "n-1", "n-1"]
        assert nonces(other) == [None, "other-1", "other-1"]
        api.next_nonce = "n-2"
        client.get(f"{api.api.url}/me")
        api.nonce = "n-2"
        assert client.get(f"{api.api.url}/me").status_code == 200
        assert nonces(api)[3:] == ["n-1", "n-2"]


def test_a_nonce_that_never_satisfies_is_tried_once_and_replaces_no_token(world, api, ask):
    api.nonce, api.next_nonce = "never", "n-1"
    assert ask(world.auth, "GET", f"{api.api.url}/me")[0] == 401
    assert nonces(api) == [None, "n-1"]
    assert world.server.refreshes == 0


def test_a_server_that_wants_another_nonce_each_time_is_tried_once(world, api, ask):
    numbers = count(1)
    api.nonce = "never"
    respond = api.respond

    def another(call):
        api.next_nonce = f"n-{next(numbers)}"
        return respond(call)

    api.api.respond = another
    assert ask(world.auth, "GET", f"{api.api.url}/me")[0] == 401
    assert nonces(api) == [None, "n-1"]
    assert world.server.refreshes == 0


@pytest.mark.parametrize("nonce", ["a b", "n" * 1001])
def test_what_is_no_nonce_is_not_sent(world, api, ask, nonce):
    api.nonce, api.next_nonce = "never", nonce
    assert ask(world.auth, "GET", f"{api.api.url}/me")[0] == 401
    assert nonces(api) == [None]


def test_after_a_401_for_the_token_the_request_has_another_one(world, api, ask):
    api.accepted, api.nonce = {"access-3"}, "n-1"
    assert ask(world.auth, "POST", f"{api.api.url}/notes", b"text")[:2] == (200, {"path": "/notes", "body": "text"})
    assert nonces(api) == [None, "n-1", "n-1"]
    assert world.server.refreshes == 1


def test_a_body_that_can_be_read_once_is_not_sent_again(world, api):
    api.nonce = "n-1"
    by_httpx = CLIENTS["httpx"]
    assert by_httpx(world.auth, "POST", f"{api.api.url}/notes", (part for part in [b"text"]))[0] == 401
    assert nonces(api) == [None]


def test_a_redirect_within_the_origin_is_signed_for_its_place(world, api, ask):
    api.redirects = {"/old": "/new"}
    assert ask(world.auth, "GET", f"{api.api.url}/old")[:2] == (200, {"path": "/new", "body": ""})
    assert [proof.claims["htu"] for proof in api.proofs] == [f"{api.api.url}/new"]
    assert world.server.refreshes == 0


def test_a_redirect_to_another_origin_takes_neither_token_nor_a_new_proof(world, api, ask):
    with serving() as elsewhere:
        other = Guard(elsewhere)
        api.redirects = {"/old": f"{elsewhere.url}/new"}
        assert ask(world.auth, "GET", f"{api.api.url}/old")[0] == 401
        (call,) = elsewhere.calls
        assert "Authorization" not in call.headers
        assert other.proofs == []
    assert world.server.refreshes == 0


def test_many_threads_share_one_object(world, api):
    api.nonce = "n-1"
    client = httpx.Client(auth=world.auth.httpx_auth("example"), trust_env=False, timeout=60)
    with client, ThreadPoolExecutor(THREADS) as threads:
        found = [*threads.map(lambda _: client.get(f"{api.api.url}/me").status_code, range(64))]
    assert set(found) == {200}
    assert len(api.jtis) == len(api.proofs)


def test_an_expired_token_is_refreshed_with_its_key_first(world, api, ask):
    world.clock.now += HOUR
    api.accepted = {"access-3"}
    assert ask(world.auth, "GET", f"{api.api.url}/me")[0] == 200
    assert world.server.refreshes == 1


def test_the_other_ways_to_a_token_refuse_it(world):
    with pytest.raises(BoundToken):
        world.auth.token_source("example")()
    credentials = world.auth.google_auth("example")
    with pytest.raises(BoundToken):
        credentials.refresh(None)
