"""Pending logins in cookies: nothing of them is lost on the way, and workers agree on one key."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.model import Key, Pending, Secret
from everyauth_cli.store import memory_store
from everyauth_cli.store.vault_sealed import new_key
from everyauth_cli.web.key import KEY_KIND
from everyauth_cli.web.pending import PendingLogins

START = 1_700_000_000_000
TEXT = st.text(max_size=40)
SECRET = TEXT.map(Secret)
PENDINGS = st.builds(
    Pending,
    service=TEXT,
    user=TEXT,
    tenant=TEXT,
    tags=st.dictionaries(TEXT, TEXT, max_size=2),
    redirect_uri=TEXT,
    scope=TEXT,
    state=SECRET,
    verifier=st.none() | SECRET,
    nonce=st.none() | SECRET,
    client_id=TEXT,
    token_url=TEXT,
    started_at=st.integers(0, 2 * START),
)
PENDING = Pending(
    service="pagerduty",
    user="user-123",
    tenant="user-123",
    tags={},
    redirect_uri="https://app.example/callback",
    scope="read",
    state=Secret("state"),
    verifier=None,
    nonce=None,
    client_id="id",
    token_url="https://service.example/token",
    started_at=START,
)
KEY = Key(profile="default", kind=KEY_KIND, service="")


def logins(store=None) -> PendingLogins:
    return PendingLogins(
        store=store or memory_store(),
        profile="default",
        clock=lambda: START,
        service="pagerduty",
        redirect_uri="https://app.example/callback",
        secure=True,
    )


@given(PENDINGS)
def test_what_is_put_is_found_as_it_was(pending):
    ours = logins()
    (cookie,) = ours.put(pending, {})
    assert ours.find(pending.state, {cookie["key"]: cookie["value"]}) == pending
    assert cookie["value"].isascii()
    assert not set(cookie["value"]) & set(' ",;\\')


@pytest.mark.parametrize("field", ["profile", "service", "redirect_uri"])
def test_what_is_put_is_found_where_it_was_put_only(field):
    ours = logins()
    other = replace(ours, **{field: "another"})
    content = Secret({"key": new_key().reveal()})
    for profile in {ours.profile, other.profile}:
        ours.store.write(replace(KEY, profile=profile), public={}, secret=content)
    (cookie,) = ours.put(PENDING, {})
    cookies = {cookie["key"]: cookie["value"]}
    assert [found.find(PENDING.state, cookies) for found in (ours, other)] == [PENDING, None]


def test_workers_that_begin_at_once_make_one_key():
    store = memory_store()
    with ThreadPoolExecutor(8) as threads:
        keys = list(threads.map(lambda _: logins(store)._key(), range(8)))
    assert keys == keys[:1] * 8
    assert "key" not in (store.index.read(KEY) or {})


def test_a_key_that_is_none_is_told():
    store = memory_store()
    store.write(KEY, public={}, secret=Secret({"key": "short"}))
    with pytest.raises(ConfigurationProblem, match="everyauth:default:web holds no sealing key"):
        logins(store)._key()
