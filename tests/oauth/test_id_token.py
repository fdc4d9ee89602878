"""Id tokens of every shape: only good ones pass, and nothing makes the reading of one fail otherwise."""

from __future__ import annotations

import base64
import contextlib
import json
import time
import warnings

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from joserfc import errors, jwk, jws

from everyauth_cli.errors import ServiceUnreadable
from everyauth_cli.model import Client, Secret, Service
from everyauth_cli.oauth.id_token import check_claims, check_signature, read_id_token

CLIENT_ID = "the-client"
NOW = int(time.time())
ISSUER, NONCE = "https://issuer.example", "the-nonce"
SERVICE = Service(
    name="op",
    title="Op",
    authorization_endpoint=f"{ISSUER}/authorize",
    token_endpoint=f"{ISSUER}/token",
    issuer=ISSUER,
)
CLIENT = Client(service="op", client_id=CLIENT_ID)
GOOD = {"iss": ISSUER, "sub": "user-1", "aud": CLIENT_ID, "exp": NOW + 100, "iat": NOW, "nonce": NONCE}


def encoded(header, claims):
    parts = (json.dumps(part).encode() for part in (header, claims))
    return Secret(".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), "c2ln"]))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
CLAIMS = st.dictionaries(
    st.sampled_from(["iss", "sub", "aud", "azp", "exp", "iat", "nbf", "nonce"]),
    JSON | st.sampled_from([ISSUER, CLIENT_ID, [CLIENT_ID], NOW, NOW + 100, NONCE]),
)
HEADERS = st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit"]), JSON | st.sampled_from(["RS256", "none"]))
WEB_KEY = st.dictionaries(st.sampled_from(["kty", "kid", "n", "e", "use"]), JSON | st.just("RSA"))


@pytest.mark.slow
@settings(max_examples=300)
@given(header=HEADERS, claims=CLAIMS)
@example(header={"alg": "RS256"}, claims=GOOD)
def test_whatever_claims_come_only_good_ones_pass(header, claims):
    id_token = read_id_token(SERVICE, encoded(header, claims))
    try:
        check_claims(SERVICE, CLIENT, id_token, nonce=Secret(NONCE), now=NOW * 1000)
    except ServiceUnreadable:
        return
    assert header["alg"] in SERVICE.id_token.signing_algs
    assert (claims["iss"], claims["nonce"]) == (ISSUER, NONCE)
    assert claims["aud"] in (CLIENT_ID, [CLIENT_ID])
    assert claims.get("azp", CLIENT_ID) in (CLIENT_ID, None)
    assert claims["sub"]
    assert claims["exp"] > NOW - 60
    assert claims.get("nbf") is None or claims["nbf"] <= NOW + 60


@pytest.mark.slow
@settings(max_examples=200)
@given(header=HEADERS, keys=st.lists(WEB_KEY, max_size=3))
def test_whatever_keys_come_no_signature_holds_that_nobody_made(header, keys):
    with pytest.raises(ServiceUnreadable):
        check_signature(SERVICE, read_id_token(SERVICE, encoded(header, GOOD)), keys)


@settings(max_examples=300)
@given(st.text() | st.binary().map(lambda b: ".".join([base64.urlsafe_b64encode(b).decode()] * 3)))
def test_whatever_text_comes_it_is_an_id_token_or_none(text):
    with contextlib.suppress(ServiceUnreadable):
        assert isinstance(read_id_token(SERVICE, Secret(text)).claims, dict)


class Key(dict):
    """A key that notes, when it is read, whether the process's warning filters are its own."""

    def items(self):
        self.left_alone = warnings.filters is self.filters
        return super().items()


def test_a_signature_is_checked_with_the_warning_filters_of_the_process_and_without_a_warning():
    private = jwk.OKPKey.generate_key("Ed25519")
    key = Key(private.as_dict(private=False))
    with warnings.catch_warnings(category=errors.SecurityWarning, action="ignore"):
        signed = jws.serialize_compact({"alg": "EdDSA"}, json.dumps(GOOD), private, algorithms=["EdDSA"])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        key.filters = warnings.filters
        check_signature(SERVICE, read_id_token(SERVICE, Secret(signed)), [key])
    assert key.left_alone
    assert caught == []
