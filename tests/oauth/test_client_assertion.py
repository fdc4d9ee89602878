"""Authentication with a private key: the assertion, and the keys that it takes."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from itertools import product

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from joserfc import jwk

from everyauth_cli.errors import ConfigurationProblem, UsageProblem
from everyauth_cli.model import Client, Secret, Service
from everyauth_cli.oauth import base64url
from everyauth_cli.oauth.client_assertion import ASSERTION_TYPE, client_assertion
from everyauth_cli.oauth.client_credentials import client_credentials_request
from everyauth_cli.oauth.jose import is_signed, new_private_key, read_private_key
from everyauth_cli.oauth.jwk import public_jwks
from everyauth_cli.oauth.revocation import revocation_request
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.services.rules import AssertionAudience, ClientAssertionRules, ClientAuthMethod, RevocationRules

NOW = 1_800_000_000_000
KEY = new_private_key()
CLIENT = Client(service="x", client_id="id", private_keys=(KEY,))
URL = "https://x.example"
SERVICE = Service(
    name="x",
    title="X",
    authorization_endpoint=f"{URL}/a",
    token_endpoint=f"{URL}/t",
    issuer=URL,
    token_endpoint_auth_method=ClientAuthMethod.PRIVATE_KEY_JWT,
    revocation=RevocationRules(endpoint=f"{URL}/r"),
)


def pem(key, *, encryption=None, form=serialization.PrivateFormat.PKCS8):
    return key.private_bytes(serialization.Encoding.PEM, form, encryption or serialization.NoEncryption()).decode()


def public_pem(key):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def read(text):
    return json.loads(read_private_key(Secret(text)).reveal())


def parts(assertion):
    return [json.loads(base64url.decode(part)) for part in assertion.reveal().split(".")[:2]]


def test_the_assertion_is_short_lived_and_for_the_issuer_alone():
    header, claims = parts(client_assertion(SERVICE, CLIENT, now=NOW))
    public = public_jwks([KEY])["keys"][0]
    assert header == {"alg": "ES256", "typ": "client-authentication+jwt", "kid": public["kid"]}
    assert claims.pop("jti")
    issued = NOW // 1000
    assert claims == {"iss": "id", "sub": "id", "aud": URL, "iat": issued, "exp": issued + 60}


def test_no_two_have_the_same_jti():
    made = [parts(client_assertion(SERVICE, CLIENT, now=NOW))[1]["jti"] for _ in range(20)]
    assert len(set(made)) == 20


@pytest.mark.parametrize(
    ("issuer", "audience", "aud"),
    [
        (URL, AssertionAudience.ISSUER, URL),
        (URL, AssertionAudience.TOKEN_ENDPOINT, f"{URL}/t"),
        (None, AssertionAudience.ISSUER, f"{URL}/t"),
    ],
)
def test_the_audience_is_one_text(issuer, audience, aud):
    service = replace(SERVICE, issuer=issuer, client_assertion=ClientAssertionRules(audience=audience))
    assert parts(client_assertion(service, CLIENT, now=NOW))[1]["aud"] == aud


def test_every_request_has_one_and_no_secret():
    requests = [
        client_credentials_request(SERVICE, CLIENT, scope="", now=NOW),
        revocation_request(SERVICE, CLIENT, Secret("t0ken"), hint="access_token", now=NOW),
    ]
    for request in requests:
        assert request.fields["client_assertion_type"] == ASSERTION_TYPE
        assert isinstance(request.fields["client_assertion"], Secret)
        assert (request.fields["client_id"], request.basic) == ("id", None)
        assert "client_secret" not in request.fields


KINDS = {
    "P-256": (lambda: ec.generate_private_key(ec.SECP256R1()), "ES256"),
    "P-384": (lambda: ec.generate_private_key(ec.SECP384R1()), "ES384"),
    "P-521": (lambda: ec.generate_private_key(ec.SECP521R1()), "ES512"),
    "RSA": (lambda: rsa.generate_private_key(65537, 2048), "RS256"),
    "Ed25519": (ed25519.Ed25519PrivateKey.generate, "EdDSA"),
}


@pytest.mark.parametrize(("kind", "as_jwk"), [*product(KINDS, [False, True])])
def test_a_key_of_each_kind_signs_what_its_public_half_verifies(kind, as_jwk):
    make, algorithm = KINDS[kind]
    text = pem(make())
    key = read_private_key(Secret(text))
    if as_jwk:
        key = read_private_key(key)
    public = public_jwks([key])["keys"][0]
    assert (public["alg"], public["use"]) == (algorithm, "sig")
    assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & public.keys()
    assertion = client_assertion(SERVICE, replace(CLIENT, private_keys=(key,)), now=NOW)
    assert is_signed(assertion, public, algorithm=algorithm)
    assert not is_signed(assertion, public_jwks([new_private_key([algorithm])])["keys"][0], algorithm=algorithm)


def test_the_kid_is_the_thumbprint_or_the_key_s_own():
    found = read(pem(ec.generate_private_key(ec.SECP256R1())))
    assert found["kid"] == jwk.import_key({name: found[name] for name in ("kty", "crv", "x", "y")}).thumbprint()
    assert read(json.dumps({**found, "kid": "mine"}))["kid"] == "mine"
    assert read(json.dumps({"keys": [found]}))["kid"] == found["kid"]


def test_a_pem_of_the_older_form_and_blanks_around_it_are_read():
    form = serialization.PrivateFormat.TraditionalOpenSSL
    assert read(f"\n  {pem(ec.generate_private_key(ec.SECP256R1()), form=form)}\r\n")["kty"] == "EC"


def test_the_algorithm_is_the_first_that_the_service_takes_and_the_key_signs():
    rsa_key = new_private_key(["RS256"])
    service = replace(SERVICE, client_assertion=ClientAssertionRules(signing_algs=("ES256", "PS256", "RS256")))
    key = read_private_key(Secret(json.dumps({n: v for n, v in json.loads(rsa_key.reveal()).items() if n != "alg"})))
    assert parts(client_assertion(service, replace(CLIENT, private_keys=(key,)), now=NOW))[0]["alg"] == "PS256"
    # One that was made for an algorithm is for that one alone.
    assert parts(client_assertion(service, replace(CLIENT, private_keys=(rsa_key,)), now=NOW))[0]["alg"] == "RS256"
    service = replace(service, client_assertion=ClientAssertionRules(signing_algs=("ES384",)))
    with pytest.raises(ConfigurationProblem, match=r"\(P-256\) for x signs with none of ES384") as raised:
        client_assertion(service, CLIENT, now=NOW)
    assert raised.value.hint.endswith("everyauth service key x --rotate")


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512", "RS256", "PS256", "EdDSA"])
def test_a_key_is_made_for_the_first_algorithm_that_is_known(algorithm):
    public = public_jwks([new_private_key(["none", algorithm])])["keys"][0]
    assert public["alg"] == algorithm


EC_KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC_JWK = public_jwks([KEY])["keys"][0]
BAD = {
    "": "is empty",
    " \n": "is empty",
    "hello": "neither PEM nor a JWK",
    "{": "not valid JSON",
    "[]": "not of a kind",
    "{}": "not of a kind",
    '{"kty": "oct", "k": "c2VjcmV0"}': "not of a kind",
    '{"keys": []}': "one key",
    '{"keys": 1}': "one key",
    json.dumps(PUBLIC_JWK): "public key",
    json.dumps({**json.loads(KEY.reveal()), "d": "AA"}): "damaged",
    json.dumps({**json.loads(KEY.reveal()), "d": 1}): "damaged",
    json.dumps({**json.loads(KEY.reveal()), "alg": "ECDH-ES"}): "no signature",
    public_pem(EC_KEY): "public key",
    "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----": "certificate",
    "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----": "damaged",
    pem(EC_KEY, encryption=serialization.BestAvailableEncryption(b"x")): "encrypted with a passphrase",
    pem(
        EC_KEY,
        encryption=serialization.BestAvailableEncryption(b"x"),
        form=serialization.PrivateFormat.TraditionalOpenSSL,
    ): "encrypted with a passphrase",
    pem(ec.generate_private_key(ec.SECP256K1())): "curve secp256k1",
    pem(ec.generate_private_key(ec.BrainpoolP256R1())): "curve brainpoolP256r1",
    pem(x25519.X25519PrivateKey.generate()): "curve X25519",
    pem(ed448.Ed448PrivateKey.generate()): "curve Ed448",
    pem(rsa.generate_private_key(65537, 1024)): "1024 bits",
    json.dumps({"kty": "RSA", "n": "A" * 171, "e": "AQAB", "d": "AA"}): "1026 bits",
    pem(dsa.generate_private_key(1024)): "signs no JWT",
}


@pytest.mark.parametrize(("text", "says"), BAD.items(), ids=BAD.values())
def test_what_is_no_key_to_sign_with_is_refused_and_never_repeated(text, says):
    with pytest.raises(UsageProblem, match=says) as raised:
        read_private_key(Secret(text))
    assert raised.value.exit_code == 2
    assert raised.value.hint
    assert len(text) < 10 or text not in f"{raised.value.message} {raised.value.hint}"


def test_nothing_else_imports_what_signs():
    code = (
        "import sys, everyauth_cli.flows.login, everyauth_cli.flows.refresh_run, everyauth_cli.flows.revoke\n"
        "print({'joserfc', 'cryptography'} & {name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


SIGNED = replace(
    SERVICE,
    token_endpoint_auth_method=ClientAuthMethod.CLIENT_SECRET_SIGNED,
    client_assertion=ClientAssertionRules(secret_claims={"kid": "K", "iss": "team", "aud": "https://server.example"}),
)


def test_a_client_secret_is_signed_for_each_request_with_the_claims_of_the_entry():
    made = [client_credentials_request(SIGNED, CLIENT, scope="", now=NOW + n * 1000).fields for n in range(2)]
    made += [revocation_request(SIGNED, CLIENT, Secret("t"), hint="access_token", now=NOW).fields]
    for number, fields in enumerate(made[:2]):
        assert fields.keys() == {"grant_type", "client_id", "client_secret"}
        header, claims = parts(fields["client_secret"])
        issued = NOW // 1000 + number
        assert header == {"alg": "ES256", "typ": "JWT", "kid": "K"}
        named = {"iss": "team", "aud": "https://server.example", "sub": "id"}
        assert claims == {**named, "iat": issued, "exp": issued + 60}
        assert is_signed(fields["client_secret"], public_jwks([KEY])["keys"][0], algorithm="ES256")
    assert parts(made[2]["client_secret"])[1]["sub"] == "id"


def test_the_claims_of_a_signed_secret_are_those_that_an_entry_may_set(tmp_path):
    entry = 'authorization_endpoint = "https://x.example/a"\ntoken_endpoint = "https://x.example/t"\n'
    for name in ("sub", "exp", "alg"):
        (tmp_path / "x.toml").write_text(f'{entry}client_secret_claims = {{{name} = "x"}}\n')
        with pytest.raises(ConfigurationProblem, match=f"client_secret_claims.{name}"):
            Catalogue(tmp_path).get("x")
