"""Pending logins in cookies, and the replay markers in the store."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peers.children import child
from peers.stores import sealed_store

from everyauth_cli.errors import ConfigurationProblem, LoginFailed
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.oauth.authorization_code import PendingLogin
from everyauth_cli.oauth.jose import new_private_key
from everyauth_cli.oauth.login_request import LoginRequest
from everyauth_cli.store.memory import MemoryRecords, memory_store
from everyauth_cli.store.records import Query
from everyauth_cli.store.sealed.keys import new_key
from everyauth_cli.web.pending_logins import (
    CLEANUP_LIMIT,
    LIFETIME_SECONDS,
    MAX_LOGINS,
    REPLAY_MARKER_KIND,
    SLOTS,
    KeptLogin,
    PendingLogins,
)
from everyauth_cli.web.sealed_values import KEY_KIND

START = 1_700_000_000_000
TEXT = st.text(max_size=40)
SECRET = TEXT.map(Secret)
REQUESTS = st.builds(
    LoginRequest,
    service=TEXT,
    user=TEXT,
    tenant=TEXT,
    tags=st.dictionaries(TEXT, TEXT, max_size=2),
    scope=TEXT,
    client_id=TEXT,
    token_endpoint=TEXT,
    started_at=st.integers(0, 2 * START),
)
PENDINGS = st.builds(
    PendingLogin,
    request=REQUESTS,
    redirect_uri=TEXT,
    state=SECRET,
    verifier=st.none() | SECRET,
    nonce=st.none() | SECRET,
)
REQUEST = LoginRequest(
    service="pagerduty",
    user="user-123",
    tenant="user-123",
    tags={},
    scope="read",
    client_id="id",
    token_endpoint="https://service.example/token",
    started_at=START,
)
PENDING = PendingLogin(
    request=REQUEST, redirect_uri="https://app.example/callback", state=Secret("state"), verifier=None, nonce=None
)
KEY = RecordKey(profile="default", kind=KEY_KIND, service="")
MARKERS = RecordKey(profile="default", kind=REPLAY_MARKER_KIND, service="")
CLAIM = """
import sys
sys.path[:0] = ["tests", "tests/web"]
from test_pending_logins import logins, several_kept, shared
url, directory = sys.argv[1:]
ours = logins(shared(url, directory))
print(flush=True)
sys.stdin.readline()
print([n for n, pending in enumerate(several_kept(40)) if ours.claim(pending)])
"""


def shared(url, directory):
    return sealed_store(Path(directory), url)


def kept(pending) -> KeptLogin:
    """The part of a pending login that a cookie keeps."""
    ours = logins()
    (cookie,) = ours.add(pending, {})
    return ours.find(pending.state, {cookie["key"]: cookie["value"]})


def several_kept(count, *, started_at=START):
    one = kept(PENDING)
    pendings = several(count, started_at=started_at)
    return [replace(one, state=p.state, started_at=p.request.started_at) for p in pendings]


def several(count, *, started_at=START):
    """Return pending logins, each started a millisecond after the one before."""
    states = [Secret(f"{started_at}-{n}") for n in range(count)]
    requests = [replace(REQUEST, started_at=started_at + n) for n in range(count)]
    return [replace(PENDING, request=request, state=state) for request, state in zip(requests, states, strict=True)]


def logins(store=None, *, clock=lambda: START) -> PendingLogins:
    return PendingLogins(
        store=store or memory_store(),
        profile="default",
        clock=clock,
        service="pagerduty",
        redirect_uri="https://app.example/callback",
        secure=True,
    )


def begun(pending) -> PendingLogin:
    """The part of a login that the server knows at any time."""
    request = replace(pending.request, started_at=0)
    return replace(pending, request=request, state=Secret(""), verifier=None, nonce=None)


@given(PENDINGS)
def test_a_login_is_found_unchanged(pending):
    ours = logins()
    (cookie,) = ours.add(pending, {})
    kept = ours.find(pending.state, {cookie["key"]: cookie["value"]})
    assert kept.restored(begun(pending)) == pending
    assert kept.is_of(pending.request.user, pending.request.tenant)
    assert cookie["value"].isascii()
    assert not set(cookie["value"]) & set(' ",;\\')


@pytest.mark.parametrize("field", ["service", "client_id", "token_endpoint", "scope"])
def test_a_login_is_restored_only_where_it_would_begin_in_the_same_way(field):
    ours = logins()
    (cookie,) = ours.add(PENDING, {})
    kept = ours.find(PENDING.state, {cookie["key"]: cookie["value"]})
    other = replace(PENDING, request=replace(REQUEST, **{field: "another"}))
    with pytest.raises(LoginFailed, match="changed; log in again"):
        kept.restored(other)


def test_a_login_is_of_its_user_and_tenant():
    ours = logins()
    (cookie,) = ours.add(PENDING, {})
    kept = ours.find(PENDING.state, {cookie["key"]: cookie["value"]})
    whose = ("user-123", "user-123"), ("user-123", "user-1"), ("user-1", "user-123"), ("user-123user-123", "")
    assert [kept.is_of(*who) for who in whose] == [True, False, False, False]


LONG = replace(
    PENDING,
    request=replace(REQUEST, user="u" * 4096, tenant="t" * 4096, scope="read " * 1000),
    verifier=Secret("v" * 128),
    nonce=Secret("n" * 43),
)


def size(jar) -> int:
    return len("; ".join(f"{name}={value}" for name, value in jar.items()))


def applied(jar, cookies) -> None:
    for cookie in cookies:
        if cookie["max_age"]:
            jar[cookie["key"]] = cookie["value"]
        else:
            jar.pop(cookie["key"], None)


@pytest.mark.parametrize("secure", [True, False])
def test_the_cookies_of_all_logins_stay_below_4_kb(secure):
    ours, jar = replace(logins(), secure=secure), {}
    for pending in several(40):
        applied(jar, ours.add(replace(LONG, request=replace(LONG.request, started_at=START), state=pending.state), jar))
        assert size(jar) < 4096
    assert len(jar) == MAX_LOGINS


def test_the_cookies_of_logins_that_begin_at_once_stay_below_4_kb():
    ours, jar = logins(), {}
    for cookies in [ours.add(replace(LONG, state=pending.state), {}) for pending in several(200)]:
        applied(jar, cookies)
    assert len(jar) == SLOTS
    assert size(jar) < 4096
    newest = replace(PENDING, state=Secret("newest"))
    applied(jar, ours.add(newest, jar))
    assert len(jar) == MAX_LOGINS
    assert ours.find(newest.state, jar) is not None


def test_two_services_of_an_app_share_the_place():
    one, jar = logins(), {}
    other = replace(one, service="slack", redirect_uri="https://app.example/slack")
    for number, pending in enumerate(several(20)):
        applied(jar, (one, other)[number % 2].add(pending, jar))
    assert len(jar) == MAX_LOGINS
    before, last = several(20)[-2:]
    assert (one.find(before.state, jar) is None, other.find(last.state, jar) is None) == (False, False)


@pytest.mark.parametrize("field", ["profile", "service", "redirect_uri"])
def test_a_login_is_found_only_at_its_app(field):
    ours = logins()
    other = replace(ours, **{field: "another"})
    content = Secret({"key": new_key().reveal()})
    for profile in {ours.profile, other.profile}:
        ours.store.save(KEY._replace(profile=profile), {}, content, version=None)
    (cookie,) = ours.add(PENDING, {})
    cookies = {cookie["key"]: cookie["value"]}
    assert [bool(found.find(PENDING.state, cookies)) for found in (ours, other)] == [True, False]


def test_workers_that_start_at_once_share_one_key():
    store = memory_store()
    with ThreadPoolExecutor(8) as threads:
        keys = list(threads.map(lambda _: logins(store)._sealer.key_id, range(8)))
    assert keys == keys[:1] * 8
    assert "key" not in (store.peek(KEY) or {})


def test_an_invalid_key_is_an_error():
    store = memory_store()
    store.save(KEY, {}, Secret({"key": "short"}), version=None)
    with pytest.raises(ConfigurationProblem, match="everyauth:default:web holds no sealing key"):
        logins(store).add(PENDING, {})


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request):
    return "sqlite://" if request.param == "sqlite" else request.getfixturevalue("postgres").new_database()


@pytest.mark.slow
def test_processes_claim_a_login_once(url, tmp_path):
    workers = [child(CLAIM, url, tmp_path) for _ in range(3)]
    for worker in workers:
        worker.stdout.readline()
    for worker in workers:
        worker.stdin.write("\n")
        worker.stdin.flush()
    taken = [number for worker in workers for number in json.loads(worker.communicate()[0])]
    assert sorted(taken) == list(range(40))
    assert len(shared(url, tmp_path).list(Query(MARKERS))) == 40


def test_replay_markers_of_expired_logins_are_deleted():
    now = [START]
    ours = logins(clock=lambda: now[0])
    pendings = several_kept(4 * CLEANUP_LIMIT)
    assert all(map(ours.claim, pendings))
    assert len(ours.store.list(Query(MARKERS))) == len(pendings)
    assert not any(map(ours.claim, pendings))

    now[0] = START + len(pendings) // 2 + LIFETIME_SECONDS * 1000
    later = several_kept(CLEANUP_LIMIT, started_at=now[0])
    assert all(map(ours.claim, later))
    left = [pending for pending in pendings if not ours.has_expired(pending)]
    assert len(ours.store.list(Query(MARKERS))) == len(left) + len(later)
    assert not any(map(ours.claim, [*left, *later]))


def test_a_login_reads_few_replay_markers():
    ours = logins()
    limits = []

    class Watched(MemoryRecords):
        def list(self, query, *, after=None, limit=None):
            limits.append(limit)
            return super().list(query, after=after, limit=limit)

    ours.store.backend = Watched()
    for pending in several(80):
        (cookie,) = ours.add(pending, {})
        ours.claim(ours.find(pending.state, {cookie["key"]: cookie["value"]}))
    assert set(limits) == {CLEANUP_LIMIT}
    assert len(limits) < 20


def bound(pending):
    return replace(pending, request=replace(pending.request, proof_key=new_private_key()))


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "ES384"])
def test_the_key_of_a_login_is_kept_with_it(algorithm):
    ours, key = logins(), new_private_key([algorithm])
    (cookie,) = ours.add(replace(PENDING, request=replace(PENDING.request, proof_key=key)), {})
    kept = ours.find(PENDING.state, {cookie["key"]: cookie["value"]})
    assert json.loads(kept.restored(begun(PENDING)).request.proof_key.reveal()) == json.loads(key.reveal())


def test_the_cookies_stay_below_4_kb_with_keys_in_them():
    ours, jar = logins(), {}
    for cookies in [ours.add(bound(replace(PENDING, state=pending.state)), {}) for pending in several(200)]:
        applied(jar, cookies)
    assert len(jar) == SLOTS
    assert size(jar) < 4096
