"""The negative tests of OpenID's conformance profiles for relying parties, at a provider that lies."""

from __future__ import annotations

import json
import time
import warnings

import pytest
from joserfc import jwk
from joserfc.errors import SecurityWarning
from peers.liar import CLIENT_ID, CLIENT_SECRET, KEYS, lying, public

from everyauth_cli.errors import LoginDenied, LoginFailed, LoginRequired, ServiceError, ServiceUnreadable
from everyauth_cli.model import Account, Secret
from everyauth_cli.oauth.grant import LoginReason

HMAC = {"alg": "HS256", "kid": None}
PUBLISHED_AS_SECRET = jwk.OctKey.import_key(json.dumps(public("one")[0]))
with warnings.catch_warnings(category=SecurityWarning, action="ignore"):
    SMALL = jwk.RSAKey.generate_key(1024, {"kid": "one"})
NOW = int(time.time())


@pytest.fixture
def victim(tmp_path):
    with lying(tmp_path) as victim:
        yield victim


def lie(victim, lies):
    for name, value in lies.items():
        setattr(victim.liar, name, value)


def test_the_truth_is_believed(victim):
    identity = victim.login()
    assert identity.account == Account(subject="user-1", label="ann@example.test")
    assert victim.warnings == []
    assert victim.auth.get_identity("op").account == identity.account


LIES_IN_THE_ID_TOKEN = {
    "iss of another": ({"claims": {"iss": "https://evil.example"}}, "its issuer is https://evil.example"),
    "iss missing": ({"claims": {"iss": None}}, "it names no issuer"),
    "iss with a slash more": ({"claims": {"iss": "http://127.0.0.1/"}}, "its issuer is"),
    "iss no text": ({"claims": {"iss": ["https://evil.example"]}}, "it names no issuer"),
    "sub missing": ({"claims": {"sub": None}}, "no subject"),
    "sub of truth": ({"claims": {"sub": True}}, "no subject"),
    "sub empty": ({"claims": {"sub": ""}}, "no subject"),
    "aud of another": ({"claims": {"aud": "another-client"}}, "another client (aud)"),
    "aud missing": ({"claims": {"aud": None}}, "another client (aud)"),
    "aud a list without us": ({"claims": {"aud": ["a", "b"]}}, "another client (aud)"),
    "aud with one more": ({"claims": {"aud": [CLIENT_ID, "https://api.evil.example"]}}, "api.evil.example too"),
    "azp of another": ({"claims": {"azp": "another-client"}}, "another client (azp)"),
    "exp passed": ({"times": {"exp": -120}}, "has expired"),
    "exp missing": ({"claims": {"exp": None}}, "its times are missing or wrong"),
    "exp no number": ({"claims": {"exp": "tomorrow"}}, "its times are missing or wrong"),
    "exp not a time": ({"claims": {"exp": float("nan")}}, "its times are missing or wrong"),
    "iat missing": ({"claims": {"iat": None}}, "its times are missing or wrong"),
    "nbf to come": ({"times": {"nbf": 300}}, "not valid yet"),
    "nonce of another": ({"claims": {"nonce": "another"}}, "nonce"),
    "nonce missing": ({"claims": {"nonce": None}}, "nonce"),
    "nonce half a character": ({"claims": {"nonce": "\ud800"}}, "nonce"),
    "nonce no text": ({"claims": {"nonce": 5}}, "nonce"),
    "alg none": ({"header": {"alg": "none"}}, "signed with none"),
    "alg None": ({"header": {"alg": "none", "kid": None}, "keys": []}, "signed with none"),
    "alg HS256 with the client secret": (
        {"header": HMAC, "sign_with": jwk.OctKey.import_key(CLIENT_SECRET)},
        "signed with HS256, which is not allowed",
    ),
    "alg HS256 with the public key": ({"header": HMAC, "sign_with": PUBLISHED_AS_SECRET}, "signed with HS256"),
    "signature broken": ({"tamper": True}, "signature is wrong"),
    "signature of another key": ({"sign_with": KEYS["two"]}, "signature is wrong"),
    "kid unknown": ({"header": {"kid": "two"}, "sign_with": KEYS["two"]}, "does not publish"),
    "kid absent and several keys": ({"header": {"kid": None}, "keys": public("one", "two")}, "which of 2 keys"),
    "key of another kind": ({"keys": public("ec", kid="one")}, "does not publish"),
    "key for encryption": ({"keys": public("one", use="enc")}, "does not publish"),
    "key for another algorithm": ({"keys": public("one", alg="PS256")}, "does not publish"),
    "key on another curve": (
        {"header": {"alg": "ES256", "kid": "ec"}, "sign_with": KEYS["ec"], "keys": public("ec", crv="P-384")},
        "does not publish",
    ),
    "key on no curve": (
        {"header": {"alg": "EdDSA", "kid": "okp"}, "sign_with": KEYS["okp"], "keys": public("okp", crv="?")},
        "signature is wrong",
    ),
    "key too small": (
        {"sign_with": SMALL, "keys": [SMALL.as_dict(private=False)]},
        "its key has 1024 bits, and RS256 requires 2048 (RFC 7518 section 3)",
    ),
    "key that is none": ({"keys": [{"kty": "RSA", "kid": "one", "n": "AA", "e": "AQAB"}]}, "its key has 0 bits"),
    "crit not understood": ({"header": {"crit": ["b64"], "b64": False}}, "id token"),
    "id token no text": ({"token": {"id_token": "x"}}, "cannot be read"),
    "id token encrypted": ({"token": {"id_token": "a.b.c.d.e"}}, "cannot be read"),
    "id token of a list": ({"token": {"id_token": "W10.W10.x"}}, "cannot be read"),
    "id token missing": ({"token": {"id_token": None}}, "sent no id token"),
}


@pytest.mark.parametrize(("lies", "says"), LIES_IN_THE_ID_TOKEN.values(), ids=LIES_IN_THE_ID_TOKEN)
def test_an_id_token_that_lies_is_refused_and_nothing_is_stored(victim, lies, says):
    lie(victim, lies)
    with pytest.raises(ServiceUnreadable) as caught:
        victim.login()
    assert says in caught.value.message
    assert caught.value.exit_code == 5
    assert victim.auth.find() == []
    assert not victim.auth.holds("op", user="me")
    assert victim.redeemed == 1


LIES_IN_THE_ANSWER = {
    "state of another": ({"drop": ["state"], "query": [("state", "another")]}, LoginFailed, "state"),
    "state missing": ({"drop": ["state"]}, LoginFailed, "state"),
    "state empty": ({"drop": ["state"], "query": [("state", "")]}, LoginFailed, "state"),
    "state twice": ({"query": [("state", "another")]}, LoginFailed, "state"),
    "iss of another": ({"drop": ["iss"], "query": [("iss", "https://evil.example")]}, LoginFailed, "RFC 9207"),
    "iss empty": ({"drop": ["iss"], "query": [("iss", "")]}, LoginFailed, "RFC 9207"),
    "iss twice": ({"query": [("iss", "https://evil.example")]}, LoginFailed, "iss twice"),
    "code twice": ({"query": [("code", "another")]}, LoginFailed, "code twice"),
    "code missing": ({"drop": ["code"]}, LoginFailed, "neither a code nor an error"),
    "code empty": ({"drop": ["code"], "query": [("code", "")]}, LoginFailed, "neither a code nor an error"),
    "code and error": ({"query": [("error", "access_denied")]}, LoginFailed, "both a code and an error"),
    "error twice": ({"drop": ["code"], "query": [("error", "a"), ("error", "b")]}, LoginFailed, "error twice"),
    "denied": ({"drop": ["code"], "query": [("error", "access_denied")]}, LoginDenied, "denied"),
    "refused": ({"drop": ["code"], "query": [("error", "invalid_scope")]}, ServiceError, "invalid_scope"),
}


@pytest.mark.parametrize(("lies", "kind", "says"), LIES_IN_THE_ANSWER.values(), ids=LIES_IN_THE_ANSWER)
def test_an_authorization_response_that_lies_is_refused_and_no_code_is_redeemed(victim, lies, kind, says):
    lie(victim, lies)
    with pytest.raises(kind) as caught:
        victim.login()
    assert says in caught.value.message
    assert victim.redeemed == 0
    assert victim.auth.find() == []


def test_where_iss_is_promised_it_must_come(victim):
    lie(victim, {"drop": ["iss"]})
    assert victim.login()
    victim.entry(authorization_response_iss_parameter_supported=True)
    with pytest.raises(LoginFailed, match="RFC 9207"):
        victim.login()


TRUTHS = {
    "exp within the leeway": {"times": {"exp": -20}},
    "nbf within the leeway": {"times": {"nbf": 30}},
    "iat of a clock that is ahead": {"times": {"iat": 300}},
    "aud a list": {"claims": {"aud": [CLIENT_ID]}},
    "azp ours": {"claims": {"azp": CLIENT_ID}},
    "kid absent and one key": {"header": {"kid": None}},
    "kid absent and one key that fits": {"header": {"kid": None}, "keys": public("one", "ec", "okp")},
    "key without kid, use and alg": {"header": {"kid": None}, "keys": public("one", kid=None, use=None)},
    "key whose use and alg are null": {"keys": [{**public("one")[0], "use": None, "alg": None}]},
    "ES256 beside another curve": {
        "header": {"alg": "ES256", "kid": None},
        "sign_with": KEYS["ec"],
        "keys": [*public("ec"), {**public("ec")[0], "crv": "P-384", "kid": "other"}],
    },
    "several keys": {"keys": public("two", "one", "ec")},
    "key and something else": {"keys": ["x", {"kty": "?"}, *public("one")]},
    "header with parameters of its own": {"header": {"x5t": "abc", "org.example": 1}},
    "PS256": {"header": {"alg": "PS256"}},
    "ES256": {"header": {"alg": "ES256", "kid": "ec"}, "sign_with": KEYS["ec"], "keys": public("ec")},
    "EdDSA": {"header": {"alg": "EdDSA", "kid": "okp"}, "sign_with": KEYS["okp"], "keys": public("okp")},
}


@pytest.mark.parametrize("truths", TRUTHS.values(), ids=TRUTHS)
def test_what_is_allowed_is_believed(victim, truths):
    lie(victim, truths)
    assert victim.login().account == Account(subject="user-1", label="ann@example.test")
    assert victim.warnings == []


def test_audiences_and_issuers_that_the_catalogue_allows_are_believed(victim):
    lie(victim, {"claims": {"aud": ["https://api.example", CLIENT_ID], "iss": "accounts.example"}})
    victim.entry(id_token_audiences=["https://api.example"], id_token_issuers=["accounts.example"])
    assert victim.login().account


@pytest.mark.parametrize("sub", [1, 0, "ä\ud800"])
def test_a_subject_of_another_kind_is_one_all_the_same(victim, sub):
    lie(victim, {"claims": {"sub": sub, "email": "a\ud800b"}})
    identity = victim.login()
    assert identity.account.label == "a b"
    json.dumps(identity.account.subject, ensure_ascii=False).encode()


IGNORED_AT_A_REFRESH = {
    "another iss": ({"claims": {"iss": "https://evil.example"}}, "its issuer is"),
    "another aud": ({"claims": {"aud": "another-client"}}, "another client (aud)"),
    "another azp": ({"claims": {"aud": [CLIENT_ID], "azp": "other"}}, "another client (azp)"),
    "no sub": ({"claims": {"sub": None}}, "names no subject"),
    "not an id token": ({"token": {"id_token": "opaque"}}, "cannot be read"),
    "encrypted": ({"token": {"id_token": "e30.a.b.c.d"}}, "cannot be read"),
}


@pytest.mark.parametrize(("lies", "says"), IGNORED_AT_A_REFRESH.values(), ids=IGNORED_AT_A_REFRESH)
def test_an_id_token_that_does_not_hold_costs_no_refreshed_token(victim, lies, says):
    victim.login()
    before = victim.auth.get_identity("op").access_token
    lie(victim, {**lies, "token": {"access_token": "new", **lies.get("token", {})}})
    victim.wait()
    assert victim.auth.get_identity("op", rejected=Secret(before)).access_token == "new"
    assert "the id token was ignored" in victim.warnings[-1]
    assert says in victim.warnings[-1]


@pytest.mark.parametrize("sub", ["EVIL", 6])
def test_a_refresh_for_another_account_is_stored_and_handed_out_to_nobody(victim, sub):
    identity = victim.login()
    before = victim.auth.get_identity("op").access_token
    lie(victim, {"claims": {"sub": sub}, "token": {"access_token": "of-another"}})
    victim.wait()
    for demand in ({"rejected": Secret(before)}, {}, {"min_ttl": 1}):
        with pytest.raises(LoginRequired, match="a token of another account") as caught:
            victim.auth.get_identity("op", **demand)
        assert caught.value.exit_code == 4
        assert caught.value.hint == "everyauth login op --replace"
    (marked,) = victim.auth.find()
    assert marked.id == identity.id
    assert marked.login_required.kind is LoginReason.ACCOUNT_CHANGED


TENANTS = "https://login.example/{tid}/v2.0"


def test_an_issuer_of_many_tenants_names_the_tenant_of_the_token(victim):
    victim.entry(id_token_issuers=[TENANTS])
    lie(victim, {"claims": {"iss": "https://login.example/t-1/v2.0", "tid": "t-1"}})
    assert victim.login().account


@pytest.mark.parametrize(
    ("iss", "tid"),
    [
        ("https://login.example/t-1/v2.0", "t-2"),
        ("https://login.example/t-1/v2.0", None),
        ("https://login.example//v2.0", ""),
        ("https://login.example/True/v2.0", True),
        (TENANTS, "t-1"),
        ("https://evil.example/t-1/v2.0", "t-1"),
    ],
)
def test_an_issuer_that_is_not_the_tenant_of_the_token_is_refused(victim, iss, tid):
    victim.entry(id_token_issuers=[TENANTS])
    lie(victim, {"claims": {"iss": iss, "tid": tid}})
    with pytest.raises(ServiceUnreadable, match=r"its? (issuer is|names no issuer).* \(iss\)"):
        victim.login()


def test_an_algorithm_that_the_catalogue_does_not_allow_is_refused(victim):
    victim.entry(id_token_signing_alg_values_supported=["ES256"])
    with pytest.raises(ServiceUnreadable, match="signed with RS256"):
        victim.login()


def test_the_client_secret_signs_where_the_catalogue_allows_it(victim):
    victim.entry(id_token_signing_alg_values_supported=["HS256"])
    lie(victim, {"header": HMAC, "sign_with": jwk.OctKey.import_key(CLIENT_SECRET)})
    assert victim.login().account
    lie(victim, {"sign_with": PUBLISHED_AS_SECRET})
    with pytest.raises(ServiceUnreadable, match="signature is wrong"):
        victim.login()
    assert victim.liar.requests.get("/jwks") is None


@pytest.mark.parametrize(("algorithm", "octets"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_a_client_secret_signs_only_if_it_is_as_long_as_the_hash(victim, algorithm, octets):
    victim.entry(id_token_signing_alg_values_supported=[algorithm])
    lie(victim, {"header": {"alg": algorithm, "kid": None}})
    for missing in (1, 0):
        secret = "s" * (octets - missing)
        victim.auth.clients.set(victim.auth.catalogue.get("op"), client_secret=Secret(secret))
        lie(victim, {"sign_with": jwk.OctKey.import_key(secret)})
        if missing:
            with pytest.raises(ServiceUnreadable, match=f"has {octets * 8 - 8} bits, and {algorithm} requires"):
                victim.login()
    assert victim.login().account


def test_no_client_secret_no_signature_with_it(victim):
    victim.entry(id_token_signing_alg_values_supported=["HS256"], token_endpoint_auth_method="none")
    victim.auth.clients.delete("op")
    victim.auth.clients.set(victim.auth.catalogue.get("op"), client_id=CLIENT_ID)
    lie(victim, {"header": HMAC, "sign_with": jwk.OctKey.import_key(CLIENT_SECRET)})
    with pytest.raises(ServiceUnreadable, match="does not publish"):
        victim.login()


def test_a_nonce_is_sent_only_with_openid_and_never_the_same(victim):
    begun = [victim.auth.begin("op", redirect_uri="http://127.0.0.1/x", scope=s) for s in ("openid", "a openid", "a")]
    assert begun[0].nonce
    assert begun[0].nonce != begun[1].nonce
    assert begun[2].nonce is None
    assert "nonce" not in victim.auth.authorization_url(begun[2])
    lie(victim, {"claims": {"nonce": "unasked"}})
    assert victim.login(scope="email").account


def test_no_id_token_is_no_lie_where_openid_was_not_granted(victim):
    lie(victim, {"token": {"id_token": None, "scope": "email"}})
    assert victim.login().account is None
