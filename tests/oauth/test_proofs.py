"""Proofs of a key (DPoP, RFC 9449), as the library that checks them reads them; and what asks for another."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from joserfc.jwk import import_key
from peers.proofs import Proof, digest
from peers.token_server import json_response

from everyauth_cli.errors import ConfigurationProblem, StoreError, UsageProblem
from everyauth_cli.model import Request, Secret, Service
from everyauth_cli.oauth import dpop
from everyauth_cli.oauth.jose import new_private_key
from everyauth_cli.services.rules import DpopRules

NOW = 1_800_000_000_123
URL = "https://api.example/things"
SERVICE = Service(name="acme", title="Acme", token_endpoint="https://acme.example/token")
ALGORITHMS = ["ES256", "EdDSA", "ES384", "ES512", "RS256", "PS512"]


def binds(*algorithms):
    return replace(SERVICE, dpop=DpopRules(signing_algs=algorithms))


def made(key=None, **about):
    about = {"method": "GET", "url": URL, "now": NOW, **about}
    return Proof(dpop.proof(key or new_private_key(), **about))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_proof_has_what_the_rfc_says_and_verifies(algorithm):
    key = dpop.new_key(binds(algorithm))
    proof = made(key, method="POST", url=URL)
    proof.check(method="POST", url=URL)
    assert (proof.algorithm, proof.claims["iat"]) == (algorithm, NOW // 1000)
    assert proof.claims.keys() == {"jti", "htm", "htu", "iat"}
    assert proof.jkt == dpop.thumbprint(key) == import_key(json.loads(key.reveal())).thumbprint()


def test_the_key_in_it_is_the_public_one_and_no_more():
    key = json.loads(new_private_key().reveal())
    proof = made(Secret(json.dumps(key)))
    assert proof.jwk == {name: key[name] for name in ("kty", "crv", "x", "y")}


@pytest.mark.parametrize(
    ("url", "target"),
    [
        (f"{URL}?page=2&a=b", URL),
        (f"{URL}#top", URL),
        (f"{URL}?a=b#top", URL),
        ("https://ann:secret@api.example/things", URL),
        ("https://api.example:8443", "https://api.example:8443"),
        ("https://[::1]:80/a%20b", "https://[::1]:80/a%20b"),
    ],
)
def test_the_target_has_neither_query_nor_fragment_nor_user(url, target):
    assert made(url=url).claims["htu"] == target


def test_the_access_token_and_the_nonce_are_in_it_where_there_are_any():
    proof = made(access_token=Secret("tok en~"), nonce="n-1")
    assert (proof.claims["ath"], proof.nonce) == (digest("tok en~"), "n-1")


def test_no_two_proofs_are_alike():
    key = new_private_key()
    assert len({made(key).claims["jti"] for _ in range(1000)}) == 1000


def test_a_request_with_the_token_has_the_scheme_and_one_without_keeps_its_own():
    token, other = Secret("access"), Secret("client-secret")
    signed = dpop.proved(Request(url=URL, bearer=token), new_private_key(), now=NOW, access_token=token)
    assert (signed.scheme, Proof(signed.headers["DPoP"]).claims["ath"]) == ("DPoP", digest("access"))
    unsigned = dpop.proved(Request(url=URL, bearer=other), new_private_key(), now=NOW, access_token=token)
    assert unsigned.scheme == "Bearer"
    assert "ath" not in Proof(unsigned.headers["DPoP"]).claims
    basic = dpop.proved(Request(url=URL, basic=("id", other)), new_private_key(), now=NOW)
    assert basic.basic == ("id", other)


def test_a_secret_end_of_the_url_is_in_the_target_up_to_its_query():
    signed = dpop.proved(Request(url=URL, rest=Secret("/part?token=x")), new_private_key(), now=NOW)
    assert Proof(signed.headers["DPoP"]).claims["htu"] == f"{URL}/part"


@pytest.mark.parametrize(
    ("stated", "chosen"),
    [((), "ES256"), (("RS256", "ES256"), "ES256"), (("RS256", "EdDSA"), "EdDSA"), (("PS256",), "PS256")],
)
def test_the_algorithm_is_the_best_that_the_service_takes(stated, chosen):
    assert made(dpop.new_key(binds(*stated))).algorithm == chosen


def test_without_a_common_algorithm_nothing_begins():
    with pytest.raises(ConfigurationProblem, match="acme takes proofs"):
        dpop.new_key(binds("ES256K", "none", "HS256"))


def test_a_service_that_is_not_known_to_bind_is_refused_with_the_way():
    with pytest.raises(UsageProblem) as caught:
        dpop.binding(SERVICE)
    assert "acme is not known to bind tokens to a key (DPoP)" in caught.value.message
    assert caught.value.hint == "leave out --dpop; else set dpop_signing_alg_values_supported in services/acme.toml"
    assert dpop.binding(binds("ES256")).dpop.bound_access_tokens


@pytest.mark.parametrize(
    "key", ["", "x", "{}", "[]", "null", '{"kty": "oct", "k": "AA"}', '{"kty": "EC", "crv": "P-256"}']
)
def test_a_key_that_is_none_is_damage_of_the_store_and_not_shown(key):
    with pytest.raises(StoreError) as caught:
        dpop.usable_key(Secret(key))
    assert caught.value.hint == "log in again"
    public = json.loads(new_private_key().reveal())
    del public["d"]
    with pytest.raises(StoreError):
        dpop.usable_key(Secret(json.dumps(public)))


@pytest.mark.parametrize("nonce", ["eyJ7S_zG.eyJH0-Z.HX4w-7v", "!", "a,b=c/d+e~", "n" * 1000])
def test_a_nonce_is_taken_as_it_is(nonce):
    assert dpop.usable_nonce(nonce) == nonce


@pytest.mark.parametrize("nonce", [None, "", " ", "a b", 'a"b', "a\\b", "a\tb", "a\r\nX: 1", "a\x7f", "é", "n" * 1001])
def test_what_is_no_nonce_is_ignored(nonce):
    assert dpop.usable_nonce(nonce) == ""


def answered(status, fields=b"", *challenges):
    return replace(json_response(fields, status=status), challenges=challenges)


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (answered(400, {"error": "use_dpop_nonce"}), "use_dpop_nonce"),
        (answered(401, {"error": "use_dpop_nonce"}), "use_dpop_nonce"),
        (answered(401, b"", 'DPoP error="use_dpop_nonce"'), "use_dpop_nonce"),
        (answered(401, b"", "Bearer", 'dpop realm="a, b", error=use_dpop_nonce'), "use_dpop_nonce"),
        (answered(401, b"", 'DPoP error="invalid_dpop_proof"'), "invalid_dpop_proof"),
        (answered(400, {"error": "invalid_dpop_proof"}), "invalid_dpop_proof"),
        (answered(401, b"", 'DPoP error="invalid_token"'), ""),
        (answered(401, b"", 'Bearer error="use_dpop_nonce"'), ""),
        (answered(401, b"", 'Basic realm="DPoP error=use_dpop_nonce"'), ""),
        (answered(200, {"error": "use_dpop_nonce"}), ""),
        (answered(403, b"", 'DPoP error="use_dpop_nonce"'), ""),
        (answered(400, {"error": "invalid_grant"}), ""),
        (answered(400, {"error": ["use_dpop_nonce"]}), ""),
        (answered(400, b"<html>"), ""),
    ],
)
def test_a_refusal_of_the_proof_is_known_from_one_of_what_came_with_it(response, code):
    assert dpop.proof_refusal(response) == code
