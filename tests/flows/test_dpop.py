"""Tokens that are bound to a key (DPoP, RFC 9449): the key of a login, the nonces, and what is refused."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from peers.proofs import BindingServer, Proof, proof_of
from peers.stores import secret_text
from peers.token_server import ENTRY, HOUR, REDIRECT_URI, REVOCATION_ENDPOINT, World, json_response

from everyauth_cli.errors import BoundToken, ServiceUnreachable, ServiceUnreadable, StoreError
from everyauth_cli.flows.batch import HealthState
from everyauth_cli.model import Secret
from everyauth_cli.oauth.dpop import thumbprint
from everyauth_cli.store.identities import read_identity, save_identity
from everyauth_cli.store.memory import memory_store
from everyauth_cli.store.move import move, record_keys

BOUND = ENTRY + "dpop_bound_access_tokens = true\n"
ACCOUNT = "https://api.example/me"


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.entry("example", BOUND)
    world.server = BindingServer()
    world.auth = world.another(world.store)
    return world


def stored(world, user="me"):
    return read_identity(world.store, world.key(user))


def refreshed(world):
    world.clock.now += HOUR
    identity = world.auth.find()[0]
    (outcome,) = world.auth.refresh_all([identity])
    return outcome


def test_a_login_gets_a_token_for_a_key_of_its_own(world):
    identity = world.login()
    (proof,) = world.server.proofs
    assert proof.claims["iat"] == world.clock.now // 1000
    assert (identity.jkt, proof.algorithm) == (proof.jkt, "ES256")
    assert proof.jwk.keys() == {"kty", "crv", "x", "y"}
    assert world.auth.find()[0].jkt == proof.jkt
    world.login("bob", user="bob")
    assert world.server.proofs[1].jkt != proof.jkt


def test_the_authorization_request_names_the_key(world):
    pending = world.auth.begin("example", redirect_uri=REDIRECT_URI)
    query = parse_qs(urlsplit(world.auth.authorization_url(pending)).query)
    assert query["dpop_jkt"] == [thumbprint(pending.request.proof_key)]


def test_a_pushed_request_names_the_key_in_its_body(world):
    world.entry("example", BOUND + 'pushed_authorization_request_endpoint = "https://issuer.example/par"\n')
    sent, pushed = [], json_response({"request_uri": "urn:example:1", "expires_in": 60}, status=201)
    world.server = lambda request: sent.append(request) or pushed
    world.auth = world.another(world.store)
    world.auth.clients.set(world.auth.catalogue.get("example"), client_secret=Secret("s"))
    pending = world.auth.begin("example", redirect_uri=REDIRECT_URI)
    assert sent[0].fields["dpop_jkt"] == thumbprint(pending.request.proof_key)
    assert "dpop_jkt" not in world.auth.authorization_url(pending)


def test_a_refresh_proves_the_same_key_in_another_process_too(world):
    world.login()
    world.auth = world.another(world.store)
    assert refreshed(world).state is HealthState.REFRESHED
    assert refreshed(world).state is HealthState.REFRESHED
    assert len({proof.jkt for proof in world.server.proofs}) == 1
    assert len({proof.claims["jti"] for proof in world.server.proofs}) == 3


def test_a_token_that_is_bound_is_not_handed_out(world):
    world.login(user="ann")
    world.clock.now += HOUR
    for hand_out in (
        lambda: world.auth.get_identity("example", "ann"),
        lambda: world.auth.credential(world.auth.find()[0]),
        world.auth.token_source("example", "ann"),
    ):
        with pytest.raises(BoundToken) as caught:
            hand_out()
        assert 'the access token of user "ann" at example is bound to a key (DPoP)' in caught.value.message
        assert "httpx_auth('example', 'ann')" in caught.value.hint
        assert caught.value.exit_code == 2
    assert world.server.refreshes == 0


def test_a_nonce_that_is_asked_for_is_given_once(world):
    world.server.nonce = "n-1"
    world.login()
    assert [proof.nonce for proof in world.server.proofs] == [None, "n-1"]
    # The nonce of the last response comes first the next time, in another process.
    world.auth = world.another(world.store)
    assert refreshed(world).state is HealthState.REFRESHED
    assert [proof.nonce for proof in world.server.proofs[2:]] == ["n-1"]


def test_a_nonce_in_a_success_is_the_next_one(world):
    world.server.next_nonce = "n-2"
    world.login()
    world.server.nonce, world.server.next_nonce = "n-2", "n-3"
    assert refreshed(world).state is HealthState.REFRESHED
    assert [proof.nonce for proof in world.server.proofs] == [None, "n-2"]
    assert stored(world).token.nonces == {"https://issuer.example": "n-3"}


def test_a_refusal_for_a_nonce_spends_nothing_and_says_nothing_of_the_grant(world):
    world.login()
    world.server.nonce, world.server.next_nonce = "n-1", "another each time"
    world.clock.now += HOUR
    outcome = refreshed(world)
    # A nonce has no blanks (section 8.1), so there was none to try.
    assert outcome.state is HealthState.FAILED
    assert isinstance(outcome.error, ServiceUnreachable)
    assert "use_dpop_nonce" in outcome.error.message
    assert stored(world).identity.login_required is None
    assert stored(world).refreshing_since is None
    assert len(world.server.proofs) == 2
    world.server.next_nonce = None
    world.clock.now += HOUR
    assert refreshed(world).state is HealthState.REFRESHED


def test_a_nonce_that_never_satisfies_is_tried_once(world):
    world.login()
    world.server.nonce, world.server.next_nonce = "never", "n-1"
    assert refreshed(world).state is HealthState.FAILED
    assert [proof.nonce for proof in world.server.proofs] == [None, None, "n-1"]
    # The same nonce again is no new one.
    world.clock.now += HOUR
    assert refreshed(world).state is HealthState.FAILED
    assert [proof.nonce for proof in world.server.proofs[3:]] == ["n-1"]
    assert stored(world).identity.login_required is None


@pytest.mark.parametrize("nonce", ["", "a b", 'a"b', "a\\b", "a\nb", "a\x00b", "ä", "n" * 1001])
def test_what_is_no_nonce_is_none(world, nonce):
    world.login()
    world.server.nonce = "n-1"
    world.server.faults = [replace(world.server.refusal(), dpop_nonce=nonce)] * 2
    assert refreshed(world).state is HealthState.FAILED
    assert stored(world).token.nonces == {}


def test_each_server_gets_its_own_nonces(world):
    world.entry("example", BOUND + f'account_endpoint = "{ACCOUNT}"\n')
    world.auth = world.another(world.store)
    world.auth.clients.set(world.auth.catalogue.get("example"), client_secret=Secret("s"))
    world.server.nonce, world.server.api_nonce = "n-1", "api-1"
    world.server.pages = {ACCOUNT: json_response({"sub": "alice"})}
    world.server.extra["id_token"] = None
    world.login()
    assert world.auth.find()[0].account.subject == "alice"
    assert [proof_of(request).nonce for request in world.server.requests] == [None, "n-1", None, "api-1"]


def test_a_check_does_not_take_a_refused_proof_for_a_rejected_token(world):
    world.entry("example", BOUND + f'account_endpoint = "{ACCOUNT}"\n')
    world.auth = world.another(world.store)
    world.auth.clients.set(world.auth.catalogue.get("example"), client_secret=Secret("s"))
    world.server.pages = {ACCOUNT: json_response({"sub": "alice"})}
    identity = world.login()
    assert world.auth.check(identity).state is HealthState.WORKS
    world.server.pages = {ACCOUNT: world.server.challenge()}
    outcome = world.auth.check(identity)
    assert outcome.state is HealthState.FAILED
    assert "refused the proof of the key (use_dpop_nonce)" in outcome.error.message
    assert world.server.refreshes == 0
    assert stored(world).identity.login_required is None


def test_64_at_once_refresh_once(world):
    world.login()
    world.clock.now += HOUR
    world.server.nonce = "n-1"
    auths = [world.another(world.store) for _ in range(8)]
    tokens = [
        auth._flows.identities.access_tokens("example", "me", tenant="", identity_id=None, signs=True) for auth in auths
    ]
    with ThreadPoolExecutor(64) as threads:
        found = {token.value.reveal() for token in threads.map(lambda number: tokens[number % 8](), range(64))}
    assert len(found) == 1
    assert [proof.nonce for proof in world.server.proofs] == [None, None, "n-1"]


@pytest.mark.parametrize("token_type", ["Bearer", "bearer", None, 7])
def test_a_login_that_brings_an_unbound_token_ends_without_one(world, token_type):
    world.server.extra["token_type"] = token_type
    with pytest.raises(ServiceUnreadable, match="although one that is bound to a key"):
        world.login()
    assert world.auth.find() == []


@pytest.mark.parametrize("token_type", ["DPoP", "dpop", " DPOP "])
def test_a_bound_token_that_nobody_asked_for_is_refused(tmp_path, token_type):
    world = World(tmp_path)
    world.server.extra["token_type"] = token_type
    with pytest.raises(ServiceUnreadable, match="serves only who has its key"):
        world.login()
    assert world.auth.find() == []


def test_a_refresh_that_brings_an_unbound_token_keeps_the_refresh_token(world):
    world.login()
    before = stored(world).token
    world.server.extra["token_type"] = "Bearer"
    assert "although one that is bound" in refreshed(world).error.message
    assert stored(world).token.access_token == before.access_token
    assert stored(world).token.refresh_token != before.refresh_token
    world.server.extra["token_type"] = "DPoP"
    world.clock.now += HOUR
    assert refreshed(world).state is HealthState.REFRESHED


@pytest.mark.parametrize("key", ["", "no key", "{}", '{"kty": "EC"}', '{"kty": "oct", "k": "AA"}', "[]", 7, None])
def test_a_key_that_is_none_is_said_and_nothing_is_sent(world, key):
    world.login()
    kept = stored(world)
    if isinstance(key, str):
        save_identity(world.store, world.key(), replace(kept, token=replace(kept.token, proof_key=Secret(key))))
    else:
        broken(world, key)
    outcome = refreshed(world)
    assert isinstance(outcome.error, StoreError)
    assert "damaged" in outcome.error.message
    assert len(world.server.requests) == 1


def broken(world, key):
    record = world.store.get(world.key())
    secret = {**record.secret.reveal(), "dpop": {"key": key, "nonces": {}}}
    world.store.save(world.key(), record.metadata, Secret(secret), version=record.version)


def test_a_revocation_has_a_proof(world):
    world.entry("example", BOUND + f'revocation_endpoint = "{REVOCATION_ENDPOINT}"\n')
    world.auth = world.another(world.store)
    world.login()
    done = world.auth.delete_identity("example", "me")
    assert done.revoked == ["refresh_token", "access_token"]
    assert [proof_of(request).claims["htu"] for request in world.server.requests[1:]] == [REVOCATION_ENDPOINT] * 2


def test_the_key_is_in_the_secret_alone(world):
    world.login()
    key = stored(world).token.proof_key.reveal()
    record = world.store.get(world.key())
    assert json.loads(key)["d"] in secret_text(world.store, world.key())
    assert json.loads(key)["d"] not in json.dumps(dict(record.metadata))
    assert Proof(world.server.requests[0].headers["DPoP"]).jkt == record.metadata["jkt"]


def test_a_client_of_its_own_gets_a_bound_token_and_runs_its_grant_again(world):
    identity = world.auth.keep(world.auth.client_credentials("example"))
    assert refreshed(world).state is HealthState.REFRESHED
    assert {proof.jkt for proof in world.server.proofs} == {identity.jkt}


def test_the_key_moves_with_the_record(world, tmp_path):
    world.login()
    other = memory_store()
    for key in record_keys(world.store):
        move(world.store, other, key)
    world.store, world.auth = other, world.another(other)
    assert refreshed(world).state is HealthState.REFRESHED
    assert len({proof.jkt for proof in world.server.proofs}) == 1


def test_a_refused_proof_names_the_clock_and_ends_no_grant(world):
    world.login()
    world.server.faults = [json_response({"error": "invalid_dpop_proof"}, status=400)]
    outcome = refreshed(world)
    assert "invalid_dpop_proof" in outcome.error.message
    assert "clock" in outcome.error.hint
    assert stored(world).identity.login_required is None


def test_the_requests_of_a_device_login_have_proofs_and_remember_the_nonce(world):
    world.entry("example", BOUND + 'device_authorization_endpoint = "https://issuer.example/device"\n')
    world.auth = world.another(world.store)
    codes = {"device_code": "d", "user_code": "U", "verification_uri": "https://issuer.example/d", "expires_in": 900}
    pending_answer = json_response({"error": "authorization_pending"}, status=400)
    token = {"access_token": "a", "refresh_token": "r", "expires_in": 60, "token_type": "DPoP"}
    world.server.nonce = "n-1"
    refusal = world.server.refusal()
    world.server.faults = [json_response(codes), refusal, pending_answer, json_response(token)]
    pending = world.auth.begin_device("example")
    for _ in range(2):
        world.clock.now = pending.poll_at
        pending = world.auth.poll_device(pending)
    identity = world.auth.keep(pending)
    proofs = [proof_of(request) for request in world.server.requests[1:]]
    assert [proof.nonce for proof in proofs] == [None, "n-1", "n-1"]
    assert {proof.jkt for proof in proofs} == {identity.jkt}
