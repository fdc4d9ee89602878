"""Logging in by a device code (RFC 8628): the pace of the polls, and what ends them."""

import asyncio
from dataclasses import replace

import pytest
from peers.token_server import ENTRY, World, id_token, json_response

from everyauth_cli.errors import (
    ConfigurationProblem,
    HostChanged,
    LoginDenied,
    LoginFailed,
    LoginTimedOut,
    ServiceError,
    ServiceUnreachable,
    ServiceUnreadable,
)
from everyauth_cli.model import Response, Secret
from everyauth_cli.oauth.authorization_code import challenge
from everyauth_cli.oauth.device_authorization import PendingDevice

DEVICE = "https://issuer.example/device"
CODES = {
    "device_code": "dc-1",
    "user_code": "ABCD-EFGH",
    "verification_uri": "https://issuer.example/activate",
    "expires_in": 900,
}
PENDING = json_response({"error": "authorization_pending"}, status=400)
SLOW_DOWN = json_response({"error": "slow_down"}, status=400)
PAGE = Response(status=400, content_type="text/html", body=Secret(b"<h1>authorization_pending</h1>"))
FIELDS = {"access_token": "access-1", "refresh_token": "refresh-1", "expires_in": 3600}
TOKEN = json_response(FIELDS)


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


def test_a_public_client_names_itself_in_both_requests(world):
    entry = f'device_authorization_endpoint = "{DEVICE}"\ntoken_endpoint_auth_method = "none"\n'
    world.entry("example", ENTRY + entry)
    redeemed(world, begun(world, TOKEN))
    first, poll = world.server.requests
    assert first.fields == {"client_id": "id"}
    assert (poll.fields["client_id"], "client_secret" in poll.fields) == ("id", False)


def test_nothing_is_sent_before_the_interval_is_over(world):
    pending = begun(world, PENDING, PENDING, TOKEN, codes={**CODES, "interval": 7})
    assert redeemed(world, pending)[1] == [7.0, 14.0, 21.0]


def test_slow_down_slows_all_polls_that_follow(world):
    pending = begun(world, SLOW_DOWN, PENDING, PENDING, TOKEN)
    assert redeemed(world, pending)[1] == [5.0, 15.0, 25.0, 35.0]


def test_failures_slow_the_polls_until_the_server_responds(world):
    away = ServiceUnreachable("cannot connect to issuer.example")
    pending = begun(world, away, PAGE, PENDING, TOKEN)
    assert redeemed(world, pending)[1] == [5.0, 12.5, 23.75, 28.75]


def test_a_retry_after_is_waited_for(world):
    busy = Response(status=429, content_type="", body=Secret(b""), retry_after="60")
    assert redeemed(world, begun(world, busy, PENDING, TOKEN))[1] == [5.0, 65.0, 72.5]


@pytest.mark.parametrize(
    ("code", "kind"), [("access_denied", LoginDenied), ("expired_token", LoginTimedOut), ("other", ServiceError)]
)
def test_an_end_is_recorded_and_nothing_more_is_sent(world, code, kind):
    events = []
    world.auth = world.another(world.store, record=events.append)
    pending = begun(world, json_response({"error": code}, status=400))
    with pytest.raises(kind):
        redeemed(world, pending)
    assert len(world.server.requests) == 2
    assert [(event.action, event.outcome, event.error) for event in events] == [("login", "failed", code_of(code))]
    assert world.auth.find() == []


def code_of(code):
    return {"access_denied": "login_denied", "expired_token": "login_timed_out"}.get(code, code)


def test_a_login_is_recorded_once_it_is_kept(world):
    events = []
    world.auth = world.another(world.store, record=events.append)
    grant, _ = redeemed(world, begun(world, PENDING, TOKEN))
    assert events == []
    world.auth.keep(grant)
    assert [(event.action, event.outcome) for event in events] == [("login", "done")]


def test_a_login_that_no_one_confirms_ends_soon_after_its_code(world):
    world.server.faults = [json_response({**CODES, "expires_in": 60})] + [PENDING] * 100
    pending = world.auth.begin_device("example")
    sleeper = Sleeper(world)
    with pytest.raises(LoginTimedOut, match="not confirmed at example in time"):
        world.auth.redeem_device(pending, wait=sleeper.wait, elapsed=sleeper.elapsed)
    assert 60 <= sleeper.polls[-1] <= sleeper.slept <= 95


def test_the_last_failure_is_named_at_the_end(world):
    world.server.faults = [json_response({**CODES, "expires_in": 30})] + [PAGE] * 100
    pending = world.auth.begin_device("example")
    with pytest.raises(LoginTimedOut, match="the last request failed: example answered with text/html"):
        redeemed(world, pending)


def test_a_timeout_ends_it_earlier(world):
    world.server.faults = [json_response(CODES)] + [PENDING] * 100
    pending = world.auth.begin_device("example")
    sleeper = Sleeper(world)
    with pytest.raises(LoginTimedOut):
        world.auth.redeem_device(pending, timeout=12, wait=sleeper.wait, elapsed=sleeper.elapsed)
    assert (sleeper.polls, sleeper.slept) == ([5.0, 10.0], 12.0)


def test_who_confirms_while_the_server_asked_for_a_pause_that_outlasts_the_code_is_asked_for_at_its_end(world):
    busy = replace(json_response({}, status=429), retry_after="100000")
    grant, polls = redeemed(world, begun(world, busy, TOKEN, codes={**CODES, "expires_in": 60}))
    assert polls == [5.0, 90.0]
    assert grant.token.access_token


@pytest.mark.parametrize("token_type", ["N_A", "pop", "MAC", ["DPoP"], {}, 1])
def test_a_token_of_a_type_that_is_no_bearer_token_is_refused(world, token_type):
    pending = begun(world, json_response({**FIELDS, "token_type": token_type}))
    with pytest.raises(ServiceUnreadable, match="no bearer token"):
        redeemed(world, pending)


@pytest.mark.parametrize("token_type", [None, "bearer", "BEARER", "user"])
def test_bearer_tokens_have_several_names_or_none(world, token_type):
    grant, _ = redeemed(world, begun(world, json_response({**FIELDS, "token_type": token_type})))
    assert grant.token.access_token


def test_an_interrupt_of_the_sleep_ends_it(world):
    def wait(seconds):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.auth.redeem_device(begun(world, TOKEN), wait=wait)
    assert len(world.server.requests) == 1


def test_a_machine_that_slept_polls_at_once_and_takes_what_comes_late(world):
    pending = begun(world, TOKEN)
    sleeper = Sleeper(world)

    def suspended(seconds):
        sleeper.wait(3600 if not sleeper.slept else seconds)

    grant = world.auth.redeem_device(pending, wait=suspended, elapsed=sleeper.elapsed)
    assert (grant.token.access_token.reveal(), sleeper.polls) == ("access-1", [3600.0])


def test_a_clock_that_is_set_meanwhile_changes_nothing(world):
    for jump in (-86_400_000, 86_400_000):
        pending = begun(world, PENDING, PENDING, TOKEN)
        sleeper = Sleeper(world)

        def wait(seconds, sleeper=sleeper, jump=jump):
            sleeper.wait(seconds)
            world.clock.now += jump

        world.auth.redeem_device(pending, wait=wait, elapsed=sleeper.elapsed)
        assert sleeper.polls == [5.0, 10.0, 15.0]


def test_one_poll_at_a_time_for_an_app_that_waits_itself(world):
    pending = begun(world, SLOW_DOWN, TOKEN)
    assert world.auth.poll_device(pending) is pending
    assert len(world.server.requests) == 1
    world.clock.now = pending.poll_at
    slower = world.auth.poll_device(pending)
    assert isinstance(slower, PendingDevice)
    assert (slower.polling.interval, slower.poll_at) == (10.0, world.clock.now + 10_000)
    assert world.auth.poll_device(slower) is slower
    world.clock.now = slower.poll_at
    grant = world.auth.poll_device(slower)
    assert world.auth.keep(grant).refreshable


def test_a_poll_after_a_clock_was_set_back_is_not_put_off(world):
    pending = begun(world, TOKEN)
    world.clock.now -= 3_600_000
    assert not isinstance(world.auth.poll_device(pending), PendingDevice)


def test_polls_of_an_app_end_after_the_code(world):
    pending = begun(world, PENDING, PENDING)
    world.clock.now += 901_000
    pending = world.auth.poll_device(pending)
    world.clock.now += 30_000
    with pytest.raises(LoginTimedOut):
        world.auth.poll_device(pending)


def test_the_async_method_sleeps_in_the_loop(world):
    pending = begun(world, PENDING, TOKEN)
    sleeper = Sleeper(world)
    grant = asyncio.run(world.auth.aredeem_device(pending, wait=sleeper.wait, elapsed=sleeper.elapsed))
    assert (grant.token.access_token.reveal(), sleeper.polls) == ("access-1", [5.0, 10.0])


def test_the_async_methods_in_real_time(world):
    async def run():
        world.server.faults = [json_response({**CODES, "interval": 0}), PENDING, TOKEN]
        grant = await world.auth.aredeem_device(await world.auth.abegin_device("example"))
        return await world.auth.akeep(grant)

    assert asyncio.run(asyncio.wait_for(run(), 60)).refreshable


def test_pkce_binds_the_code_where_the_entry_demands_it(world):
    world.entry("example", ENTRY + f'device_authorization_endpoint = "{DEVICE}"\ndevice_pkce = true\n')
    pending = begun(world, TOKEN)
    redeemed(world, pending)
    first, poll = world.server.requests
    assert first.fields["code_challenge"] == challenge(poll.fields["code_verifier"])


def test_the_id_token_and_missing_scopes_are_those_of_any_login(world):
    entry = f'device_authorization_endpoint = "{DEVICE}"\nissuer = "https://issuer.example"\n'
    world.entry("example", ENTRY + entry + 'userinfo_endpoint = "https://issuer.example/me"\n')
    keys = json_response({"keys": []}, status=500)
    fields = {"access_token": "a", "scope": "openid", "id_token": id_token(sub="7", email="a@example.org")}
    pending = begun(world, json_response(fields), keys, keys, keys, scope="openid extra")
    grant, _ = redeemed(world, pending)
    assert grant.token.account.label == "a@example.org"
    assert grant.missing_scopes == ["extra"]


def test_an_id_token_of_another_client_ends_the_login(world):
    entry = f'device_authorization_endpoint = "{DEVICE}"\nissuer = "https://issuer.example"\n'
    world.entry("example", ENTRY + entry)
    fields = {"access_token": "a", "id_token": id_token(sub="7", aud="other")}
    with pytest.raises(ServiceUnreadable):
        redeemed(world, begun(world, json_response(fields), scope="openid"))


def test_tokens_for_one_api_are_requested_in_both_requests(world):
    redeemed(world, begun(world, TOKEN, resource="https://api.example"))
    assert [request.fields["resource"] for request in world.server.requests] == ["https://api.example"] * 2


def test_a_service_without_the_endpoint_is_sent_nothing(world):
    world.entry("example", ENTRY)
    with pytest.raises(ConfigurationProblem, match="device code"):
        world.auth.begin_device("example")
    assert world.server.requests == []


def test_a_client_that_changed_meanwhile_gets_no_token(world):
    pending = begun(world, TOKEN)
    world.auth.clients.set(world.auth.catalogue.get("example"), client_id="another", client_secret=Secret("t"))
    with pytest.raises(LoginFailed, match="changed during the login"):
        redeemed(world, pending)
    assert len(world.server.requests) == 1


def test_the_endpoint_is_pinned_as_the_others_are(world):
    begun(world)
    world.entry("example", ENTRY + 'device_authorization_endpoint = "https://evil.example/device"\n')
    with pytest.raises(HostChanged, match=r"evil\.example"):
        world.auth.begin_device("example")
    assert len(world.server.requests) == 1


def test_no_secret_is_in_an_error_that_echoes_it(world):
    echo = json_response({"error": "oops", "error_description": "dc-of-this-login and s3cret-of-us"}, status=400)
    world.auth.clients.set(world.auth.catalogue.get("example"), client_id="id", client_secret=Secret("s3cret-of-us"))
    pending = begun(world, echo, codes={**CODES, "device_code": "dc-of-this-login"})
    with pytest.raises(ServiceError) as raised:
        redeemed(world, pending)
    assert "dc-of-this-login" not in raised.value.message
    assert "s3cret-of-us" not in raised.value.message
