"""Metadata and keys that are bombs: larger than 1 MiB, packed or not, nested, or with a number that takes long."""

import gzip
import time
from dataclasses import replace

import pytest
from peers.http_server import Peer
from peers.internet import AS, PRM, REGISTER, URL, Internet
from peers.token_server import World

from everyauth_cli.errors import ServiceUnreadable
from everyauth_cli.flows.jwks import IssuerKeys
from everyauth_cli.model import Secret, Service
from everyauth_cli.oauth import base64url
from everyauth_cli.oauth.jose import is_signed
from everyauth_cli.store.memory import memory_store
from everyauth_cli.transport import send
from everyauth_cli.transport.body import MAX_BODY_BYTES

SECONDS = 5
"""Of the processor, since the machine may be busy; what is refused in time takes milliseconds."""
PACKED = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
LARGE = b'{"keys": ["' + b"x" * 64 * MAX_BODY_BYTES + b'"]}'
BOMBS = {
    "packed": (PACKED, gzip.compress(LARGE)),
    "packed twice": ({**PACKED, "Content-Encoding": "gzip, gzip"}, gzip.compress(gzip.compress(LARGE))),
    "plain": ({"Content-Type": "application/json"}, LARGE[: MAX_BODY_BYTES + 1]),
    "nested": ({"Content-Type": "application/json"}, b'{"keys": ' + b"[" * (MAX_BODY_BYTES // 2)),
    "number": ({"Content-Type": "application/json"}, b'{"keys": ' + b"9" * (MAX_BODY_BYTES // 2) + b"}"),
}


@pytest.fixture(params=BOMBS)
def peer(request):
    with Peer() as running:
        running.headers, running.body = BOMBS[request.param]
        yield running


@pytest.mark.parametrize("place", [PRM, AS, REGISTER])
def test_a_bomb_ends_a_discovery_and_no_older_way_is_tried(tmp_path, peer, place):
    world, net = World(tmp_path), Internet()
    world.server = lambda request: send(replace(request, url=peer.url)) if request.url == place else net(request)
    before = time.process_time()
    with pytest.raises(ServiceUnreadable) as caught:
        world.another(world.store).discover(URL)
    assert time.process_time() - before < SECONDS
    assert len(caught.value.message) < 500
    assert len(peer.requests) == 1
    assert place in (AS, REGISTER) or AS not in net.urls


def test_a_bomb_of_keys_is_as_good_as_no_keys(peer):
    keys = IssuerKeys(store=memory_store(), send=send, clock=lambda: 0)
    before = time.process_time()
    assert (
        keys.fetch(Service(name="op", title="op", authorization_endpoint="", token_endpoint="", jwks_uri=peer.url))
        is None
    )
    assert time.process_time() - before < SECONDS


@pytest.mark.parametrize(
    ("octets", "exponent"), [(MAX_BODY_BYTES // 2, b"\1\0\1"), (512, b"\xff" * (MAX_BODY_BYTES // 2))]
)
def test_a_key_with_a_number_that_fills_the_response_verifies_nothing_in_time(octets, exponent):
    key = {"kty": "RSA", "n": base64url.encode(b"\xff" * octets), "e": base64url.encode(exponent)}
    text = ".".join(base64url.encode(part) for part in (b'{"alg":"RS256"}', b"{}", b"\x7f" * 512))
    before = time.process_time()
    assert not is_signed(Secret(text), key, algorithm="RS256")
    assert time.process_time() - before < SECONDS
