"""Requests of an app with a token that is bound to a key (RFC 9449 section 7)."""

from __future__ import annotations

import pytest
from peers.http_clients import CLIENTS, by_requests
from peers.proofs import BindingServer, Proof
from peers.recorder import recording
from peers.token_server import ENTRY, World


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.entry("example", ENTRY + "dpop_bound_access_tokens = true\n")
    world.server = BindingServer()
    world.auth = world.another(world.store)
    world.login()
    return world


@pytest.mark.parametrize("kind", [*CLIENTS, "requests"])
def test_each_request_has_the_token_and_a_proof_of_its_own_for_it(world, kind):
    ask = {**CLIENTS, "requests": by_requests}[kind]
    with recording() as api:
        url = f"http://127.0.0.1:{api.port}/things"
        for method, query in (("GET", "?q=1"), ("POST", "")):
            api.reply(b"{}")
            assert ask(world.auth, method, url + query)[0] == 200
    jtis = []
    for request in api.requests:
        scheme, _, token = request.headers["authorization"].partition(" ")
        assert (scheme, token) == ("DPoP", "access-2")
        assert "proxy-authorization" not in request.headers
        proof = Proof(request.headers["dpop"])
        proof.check(method=request.method, url=url, token=token)
        jtis.append(proof.claims["jti"])
    assert len({*jtis}) == 2
