"""The issuer's keys: fetched, cached, rolled over, and done without when they cannot be fetched."""

from __future__ import annotations

import pytest
from peers.liar import KEYS, lying, public
from peers.stores import overwrite
from peers.token_server import json_response

from everyauth_cli.errors import ServiceUnreadable
from everyauth_cli.flows.jwks import IssuerKeys
from everyauth_cli.model import RecordKey, Service
from everyauth_cli.store.memory import memory_store

DAY_MS = 24 * 60 * 60 * 1000


@pytest.fixture
def victim(tmp_path):
    with lying(tmp_path) as victim:
        yield victim


def fetches(victim):
    return victim.liar.requests.get("/jwks", 0)


def roll_over(victim):
    victim.liar.keys, victim.liar.sign_with, victim.liar.header = public("two"), KEYS["two"], {"kid": "two"}


def test_keys_are_cached(victim):
    for _ in range(3):
        victim.login()
    assert fetches(victim) == 1


def test_a_new_key_is_fetched_when_it_is_first_used(victim):
    victim.login()
    roll_over(victim)
    victim.login()
    victim.login()
    assert fetches(victim) == 2


def test_a_new_key_under_the_old_name_is_fetched_too(victim):
    victim.login()
    victim.liar.keys, victim.liar.sign_with = public("two", kid="one"), KEYS["two"]
    assert victim.login().account
    assert fetches(victim) == 2


def test_a_lie_does_not_outlive_the_keys_that_are_published_now(victim):
    victim.login()
    victim.liar.sign_with, victim.liar.header = KEYS["two"], {"kid": "two"}
    with pytest.raises(ServiceUnreadable, match="does not publish"):
        victim.login()
    assert fetches(victim) == 2


@pytest.mark.parametrize(
    "trouble",
    [{"keys_status": 503}, {"keys": None}, {"keys": []}, {"keys": "x"}, {"keys": [1]}],
    ids=str,
)
def test_when_keys_cannot_be_fetched_tls_vouches_with_a_warning(victim, trouble):
    for name, value in trouble.items():
        setattr(victim.liar, name, value)
    victim.liar.sign_with = KEYS["two"]
    assert victim.login().account.subject == "user-1"
    assert victim.warnings == ["the keys of op cannot be fetched, so the id token's signature was not checked"]
    victim.liar.claims = {"aud": "another"}
    with pytest.raises(ServiceUnreadable, match="another client"):
        victim.login()


def test_cached_keys_are_used_while_the_issuer_is_down(victim):
    victim.login()
    victim.liar.keys_status = 503
    victim.login()
    assert (fetches(victim), victim.warnings) == (1, [])
    victim.liar.tamper = True
    with pytest.raises(ServiceUnreadable, match="signature is wrong"):
        victim.login()
    victim.liar.tamper = False
    roll_over(victim)
    assert victim.login().account
    assert len(victim.warnings) == 1


def test_without_jwks_uri_the_issuer_s_metadata_is_fetched(victim):
    victim.entry(jwks_uri=None)
    victim.login()
    assert (victim.liar.requests["/.well-known/openid-configuration"], fetches(victim)) == (1, 1)
    victim.liar.sign_with = KEYS["two"]
    with pytest.raises(ServiceUnreadable, match="signature is wrong"):
        victim.login()


@pytest.mark.parametrize(
    "metadata",
    [{"issuer": "https://evil.example"}, {"jwks_uri": "http://evil.example/jwks"}, {"jwks_uri": None}, {"jwks_uri": 5}],
    ids=str,
)
def test_an_issuer_that_is_not_itself_or_not_safe_is_not_followed(victim, metadata):
    victim.entry(jwks_uri=None)
    victim.liar.metadata = metadata
    assert victim.login().account
    assert (fetches(victim), len(victim.warnings)) == (0, 1)


def test_cached_keys_of_another_url_are_not_used(victim):
    victim.login()
    victim.entry(jwks_uri=victim.liar.issuer + "/jwks?new")
    victim.login()
    assert fetches(victim) == 2


def test_without_an_issuer_no_keys_are_fetched(victim):
    victim.entry(issuer=None, jwks_uri=None)
    victim.liar.sign_with = KEYS["two"]
    assert victim.login().account
    assert (fetches(victim), victim.warnings) == (0, [])


@pytest.mark.parametrize("damage", [{"keys": None}, {"fetched_at": "x"}, {"keys": [5, "x"]}, {"fetched_at": None}])
def test_a_damaged_cache_is_fetched_again(victim, damage):
    victim.login()
    key = RecordKey(profile="", kind="keys", service="op")
    overwrite(victim.store, key, metadata={**victim.store.get(key).metadata, **damage})
    assert victim.login().account
    assert victim.warnings == []
    assert fetches(victim) == 2


def test_a_remote_issuer_cannot_name_keys_on_this_machine(tmp_path):
    requested = []

    def send(request):
        requested.append(request.url)
        return json_response({"issuer": "https://idp.example", "jwks_uri": "http://127.0.0.1:8500/v1/agent/leave"})

    keys = IssuerKeys(store=memory_store(), send=send, clock=lambda: 0)
    service = Service(
        name="op",
        title="Op",
        authorization_endpoint="https://idp.example/a",
        token_endpoint="https://idp.example/t",
        issuer="https://idp.example",
    )
    assert keys.fetch(service) is None
    assert requested == ["https://idp.example/.well-known/openid-configuration"]
