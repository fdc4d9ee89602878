"""The subjects of token exchanges: whose token it is, when it is had anew, and what one that lacks it costs."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from peers.exchanges import exchange_world, exchanged, exchanges, presented, token
from peers.token_server import HOUR, MINUTE, json_response

from everyauth_cli.errors import LoginRequired, NotFound, OtherAccount, ServiceNotFound, UsageProblem
from everyauth_cli.model import Account, Secret
from everyauth_cli.store.identities import identity_key, read_identity, save_identity


@pytest.fixture
def world(tmp_path):
    return exchange_world(tmp_path)


def test_the_account_is_that_of_the_subject(world):
    world.login()
    assert exchanged(world).account == world.auth.find_one(service="example").account


def test_a_refresh_exchanges_the_token_that_the_subject_has_then(world):
    world.login()
    exchanged(world)
    world.clock.now += HOUR
    assert token(world) == "exchanged-5"
    assert presented(world) == ["access-2", "access-4"]
    assert world.server.refreshes == 1
    assert world.token() == "access-4"


def test_a_subject_of_the_same_user_or_any_by_its_id(world):
    ann, me = world.login("ann", user="ann"), world.login("bob")
    assert exchanged(world, user="ann").account.subject == "ann"
    by_id = exchanged(world, subject=ann.id)
    assert by_id.account.subject == "ann"
    assert by_id.repeated.exchanged.id == ann.id
    assert exchanged(world, "other", subject=me.id, user="zoe").account.subject == "bob"


def test_a_tenant_s_user_is_the_subject_of_the_same_tenant(world):
    world.login("ann", user="ann", tenant="acme")
    assert exchanged(world, user="ann", tenant="acme").account.subject == "ann"
    with pytest.raises(LoginRequired, match='user "ann" has not logged in at example'):
        world.auth.exchange("api", subject="example", user="ann")


def test_a_subject_that_is_not_there_names_its_login(world):
    with pytest.raises(LoginRequired) as raised:
        world.auth.exchange("api", subject="example", user="ann")
    assert raised.value.hint == "everyauth login example --user ann"
    with pytest.raises(ServiceNotFound):
        world.auth.exchange("api", subject="nowhere")
    with pytest.raises(NotFound, match="no identity in profile default") as raised:
        world.auth.exchange("api", subject="idn-0123456789abcdef")
    assert raised.value.hint == "everyauth identity ls"
    assert world.server.requests == []


def test_a_subject_without_a_name_is_none_of_the_logins(world):
    world.login()
    with pytest.raises(UsageProblem, match="is empty"):
        exchanged(world, subject="")
    assert exchanges(world) == []


def test_a_subject_of_another_profile_is_not_found(world):
    elsewhere = world.another(world.store, profile="work")
    elsewhere.clients.set(elsewhere.catalogue.get("api"), client_id="api-id", client_secret=Secret("s"))
    with pytest.raises(NotFound, match="no identity in profile work"):
        elsewhere.exchange("api", subject=world.login().id)
    with pytest.raises(LoginRequired) as raised:
        elsewhere.exchange("api", subject="example")
    assert raised.value.hint == "everyauth login example --profile work"


def test_a_subject_that_must_log_in_is_named_and_its_login_cures_the_exchange(world):
    world.login()
    exchanged(world)
    world.server.revoke_all()
    world.clock.now += HOUR
    with pytest.raises(LoginRequired, match="a token exchange needs the token of example") as raised:
        token(world)
    assert raised.value.hint == "everyauth login example"
    assert len(exchanges(world)) == 1
    world.login()
    assert token(world).startswith("exchanged-")


def test_a_subject_that_was_deleted_is_named_and_may_come_back_with_another_id(world):
    before = world.login()
    exchanged(world)
    world.auth.delete_identity("example", "me", local=True)
    assert token(world) == "exchanged-3"
    world.clock.now += HOUR
    with pytest.raises(LoginRequired, match='user "me" has not logged in at example') as raised:
        token(world)
    assert raised.value.hint == "everyauth login example"
    assert world.login().id != before.id
    assert token(world).startswith("exchanged-")


def test_a_subject_that_is_another_account_now_is_not_exchanged(world):
    world.login("alice")
    exchanged(world)
    world.login("bob", replace_account=True)
    world.clock.now += HOUR
    with pytest.raises(LoginRequired, match=r"as bob@example\.org now, and the token exchange was for another account"):
        token(world)
    assert len(exchanges(world)) == 1
    with pytest.raises(OtherAccount):
        exchanged(world)
    assert world.auth.keep(world.auth.exchange("api", subject="example"), replace_account=True).account.subject == "bob"


def test_the_living_token_of_a_subject_that_cannot_be_reached_is_exchanged(world):
    world.login()
    exchanged(world)
    world.clock.now += HOUR - MINUTE // 2
    world.server.faults = [json_response(b"", status=503)]
    assert token(world) == "exchanged-4"
    assert presented(world) == ["access-2", "access-2"]


def test_a_subject_that_cannot_be_reached_costs_only_a_token_that_has_expired(world):
    world.server.lifetime = 1800
    world.login()
    world.server.lifetime = 3600
    exchanged(world)
    world.clock.now += HOUR - MINUTE // 2
    world.server.faults = [json_response(b"", status=503)]
    assert token(world) == "exchanged-3"
    assert "a token exchange needs the token of example: example answers HTTP 503" in world.warnings[-1]
    assert len(exchanges(world)) == 1
    # Both remember it, and neither asks again at once.
    sent = len(world.server.requests)
    assert token(world) == "exchanged-3"
    assert len(world.server.requests) == sent
    world.clock.now += MINUTE
    assert token(world).startswith("exchanged-")


def test_a_subject_that_is_refused_for_another_reason_names_its_login(world):
    world.login()
    exchanged(world)
    world.clock.now += HOUR
    world.server.faults = [json_response({"error": "policy"}, status=400)]
    with pytest.raises(LoginRequired, match="example answered policy") as raised:
        token(world)
    assert raised.value.hint == "everyauth login example"


def test_a_token_may_be_exchanged_again(world):
    world.login()
    exchanged(world)
    exchanged(world, "other", subject="api")
    world.clock.now += HOUR
    token(world, "other")
    assert presented(world) == ["access-2", "exchanged-3", "access-5", "exchanged-6"]


def test_a_token_is_not_exchanged_for_itself(world):
    world.login()
    exchanged(world)
    exchanged(world, "other", subject="api")
    sent = len(world.server.requests)
    for subject in ("example", "api", "other"):
        with pytest.raises(UsageProblem, match="for the next one, without end: example"):
            world.auth.exchange("example", subject=subject)
    assert len(world.server.requests) == sent


def test_a_cycle_that_two_logins_made_at_once_ends_in_an_error_at_once(world):
    world.login()
    exchanged(world)
    exchanged(world, "other", subject="api")
    key = identity_key("default", "api", user="me")
    stored = read_identity(world.store, key)
    other = world.auth.find_one(service="other")
    subject = stored.identity.repeated.exchanged
    exchanged_for = {"id": other.id, "service": "other", "tenant": "me", "user": "me", "account": ""}
    cycle = replace(stored.identity.repeated, exchanged=replace(subject, **exchanged_for))
    save_identity(world.store, key, replace(stored, identity=replace(stored.identity, repeated=cycle)))
    world.clock.now += HOUR
    for name in ("api", "other"):
        with pytest.raises(UsageProblem, match="without end") as raised:
            token(world, name)
        assert "--replace" in raised.value.hint


def test_many_who_ask_at_once_refresh_the_subject_and_exchange_its_token_once(world):
    world.login()
    exchanged(world)
    exchanged(world, "other")
    world.clock.now += HOUR
    together = threading.Barrier(16)

    def ask(number):
        together.wait(30)
        return token(world, ("api", "other", "example")[number % 3])

    with ThreadPoolExecutor(16) as pool:
        found = {*pool.map(ask, range(16))}
    assert (len(found), world.server.refreshes, len(exchanges(world))) == (3, 1, 4)


def test_the_async_methods_do_the_same_and_many_at_once_wait_for_one_refresh(world):
    async def main():
        world.auth.keep(await world.auth.aexchange("api", subject="example"))
        world.clock.now += HOUR
        all_of_them = [world.auth.aget_identity(name, "me") for name in ("api", "example") * 50]
        return {credential.access_token for credential in await asyncio.wait_for(asyncio.gather(*all_of_them), 60)}

    world.login()
    assert asyncio.run(main()) == {"access-4", "exchanged-5"}
    assert world.server.refreshes == 1


def test_all_are_refreshed_together(world):
    world.login()
    exchanged(world)
    world.clock.now += HOUR
    outcomes = list(world.auth.refresh_all(expiring_within=MINUTE))
    assert [outcome.error for outcome in outcomes] == [None, None]
    assert world.server.refreshes == 1


def test_an_unknown_account_is_named_by_the_subject(world):
    world.server.extra = {"id_token": None}
    world.login()
    account = exchanged(world).account
    assert account == Account(subject="example me me", label='"me" at example')
    world.clock.now += HOUR
    assert token(world).startswith("exchanged-")
