"""Logging in by a device code (RFC 8628): the pace of the polls, and what ends them."""

import pytest
from peers.token_server import ENTRY, World, json_response

from everyauth_cli.model import Secret

DEVICE = "https://issuer.example/device"
CODES = {
    "device_code": "dc-1",
    "user_code": "ABCD-EFGH",
    "verification_uri": "https://issuer.example/activate",
    "expires_in": 900,
}
PENDING = json_response({"error": "authorization_pending"}, status=400)
SLOW_DOWN = json_response({"error": "slow_down"}, status=400)
TOKEN = json_response({"access_token": "access-1", "refresh_token": "refresh-1", "expires_in": 3600})


class Sleeper:
    """Sleeps by setting the clock of a world on, and remembers when each request was sent."""

    def __init__(self, world):
        self.world, self.began = world, world.clock.now
        self.slept = 0.0
        world.server.meanwhile = lambda: self.polls.append(self.slept)
        self.polls = []

    def wait(self, seconds):
        self.slept += seconds
        self.world.clock.now = self.began + round(self.slept * 1000)

    def elapsed(self):
        return self.slept


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.entry("example", ENTRY + f'device_authorization_endpoint = "{DEVICE}"\n')
    return world


def begun(world, *polls, codes=CODES, **about):
    world.server.faults = [json_response(codes), *polls]
    return world.auth.begin_device("example", **about)


def redeemed(world, pending, **how):
    sleeper = Sleeper(world)
    return world.auth.redeem_device(pending, wait=sleeper.wait, elapsed=sleeper.elapsed, **how), sleeper.polls


def test_a_token_is_kept_as_that_of_any_login(world):
    pending = begun(world, PENDING, TOKEN, user="bob", tags={"plan": "gold"}, scope="read")
    assert (pending.authorization.user_code, pending.authorization.interval) == ("ABCD-EFGH", 5.0)
    grant, polls = redeemed(world, pending)
    identity = world.auth.keep(grant)
    assert polls == [5.0, 10.0]
    assert (identity.user, identity.tags, identity.scope, identity.refreshable) == (
        "bob",
        {"plan": "gold"},
        "read",
        True,
    )
    assert identity.repeated is None
    assert world.token("bob") == "access-1"


def test_the_requests_are_those_of_the_rfc(world):
    redeemed(world, begun(world, TOKEN, scope="read"))
    first, poll = world.server.requests
    authentication = {"client_id": "id", "client_secret": Secret("s")}
    assert (first.url, first.fields) == (DEVICE, {"scope": "read", **authentication})
    grant_type = "urn:ietf:params:oauth:grant-type:device_code"
    assert poll.fields == {"grant_type": grant_type, "device_code": Secret("dc-1"), **authentication}
