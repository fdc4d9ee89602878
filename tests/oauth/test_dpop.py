"""Proofs of a key (RFC 9449): what is in one, and which keys make them."""

from __future__ import annotations

import hashlib
import json

import pytest
from peers.token_server import NOW

from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.model import Request, Secret, Service
from everyauth_cli.oauth import base64url
from everyauth_cli.oauth.dpop import new_key, proof, proved, public_jwk
from everyauth_cli.services.rules import DpopRules

URL = "https://api.example/things"
SERVICE = Service(name="example", title="Example", authorization_endpoint="", token_endpoint="https://issuer.example/t")
KEY = new_key(SERVICE)


def parts(text):
    return [json.loads(base64url.decode(part)) for part in text.split(".")[:2]]


def test_a_proof_has_what_the_rfc_requires_and_no_more():
    header, claims = parts(proof(KEY, method="POST", url=f"{URL}?q=1#part", now=NOW))
    assert header == {"typ": "dpop+jwt", "alg": "ES256", "jwk": public_jwk(KEY)}
    assert header["jwk"].keys() == {"kty", "crv", "x", "y"}
    assert claims.pop("jti")
    assert claims == {"htm": "POST", "htu": URL, "iat": NOW // 1000}


def test_no_two_proofs_have_the_same_jti():
    found = {parts(proof(KEY, method="GET", url=URL, now=NOW))[1]["jti"] for _ in range(20)}
    assert len(found) == 20
    # 96 bits and more (section 4.2).
    assert all(len(base64url.decode(jti)) * 8 >= 96 for jti in found)


def test_a_proof_with_an_access_token_has_its_hash():
    _, claims = parts(proof(KEY, method="GET", url=URL, now=NOW, access_token=Secret("Kz~8mXK1EalYznwH-LC-1fBAo")))
    assert claims["ath"] == base64url.encode(hashlib.sha256(b"Kz~8mXK1EalYznwH-LC-1fBAo").digest())


def test_a_proof_has_the_nonce_that_the_server_gave():
    assert parts(proof(KEY, method="GET", url=URL, now=NOW, nonce="n-1"))[1]["nonce"] == "n-1"


def test_a_request_with_an_access_token_has_the_scheme_and_no_other_header():
    token = Secret("t0ken")
    signed = proved(Request(url=URL, method="GET", bearer=token), KEY, now=NOW, access_token=token)
    assert (signed.scheme, signed.bearer, signed.headers.keys()) == ("DPoP", token, {"DPoP"})


@pytest.mark.parametrize(
    ("stated", "algorithm"),
    [((), "ES256"), (("RS256", "ES256"), "ES256"), (("HS256", "none", "RS256"), "RS256"), (("ES384",), "ES384")],
)
def test_a_key_is_of_the_first_algorithm_that_is_known_and_never_symmetric(stated, algorithm):
    service = Service(
        name="example",
        title="Example",
        authorization_endpoint="",
        token_endpoint="https://issuer.example/t",
        dpop=DpopRules(signing_algs=stated),
    )
    header, _ = parts(proof(new_key(service), method="GET", url=URL, now=NOW))
    assert header["alg"] == algorithm


@pytest.mark.parametrize("stated", [("HS256",), ("none",), ("HS512", "none")])
def test_a_server_that_takes_symmetric_algorithms_alone_is_refused(stated):
    service = Service(
        name="example",
        title="Example",
        authorization_endpoint="",
        token_endpoint="https://issuer.example/t",
        dpop=DpopRules(signing_algs=stated),
    )
    with pytest.raises(ConfigurationProblem, match="which everyauth lacks"):
        new_key(service)
