"""The id tokens of the sandbox, and the keys that they are verified with."""

import base64
import hashlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError
from joserfc.jwk import KeySet, RSAKey
from peers.visitor import START, returned, visiting

from everyauth_cli.sandbox.signing_keys import SigningKeys


def published(visitor):
    return visitor.http.get("/pagerduty/jwks").json()


def verified(token, key_set):
    return jwt.decode(token, KeySet.import_key_set(key_set), algorithms=["RS256"])


def kids(key_set):
    return [key["kid"] for key in key_set["keys"]]


def id_token(visitor, **changes):
    return visitor.redeem(visitor.code(**changes)).json()["id_token"]


def test_claims(visitor):
    page = visitor.authorize()
    visitor.clock.tick(2)
    code = returned(visitor.decide(page, user="ada@example.com"))["code"]
    visitor.clock.tick(1)
    tokens = visitor.redeem(code).json()
    claims = verified(tokens["id_token"], published(visitor)).claims
    expected = {
        "iss": "https://identity.pagerduty.com/global/oauth/anonymous",
        "sub": "ada@example.com",
        "aud": ["https://api.pagerduty.com", "sandbox-client"],
        "azp": "sandbox-client",
        "auth_time": START // 1000 + 3,
        "iat": START // 1000 + 3,
        "nbf": START // 1000 + 3,
        "exp": START // 1000 + 3603,
        "purpose": "id",
        "region": "UnitedStates",
        "subdomain": "sandbox",
        "account_id": "PSANDBX",
        "user_id": visitor.me(tokens["access_token"]).json()["id"],
    }
    assert expected.items() <= claims.items()
    at_hash = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
    assert base64.urlsafe_b64decode(claims["at_hash"] + "==") == at_hash


def test_header_names_the_published_key(visitor):
    key_set = published(visitor)
    (key,) = key_set["keys"]
    assert verified(id_token(visitor), key_set).header == {"alg": "RS256", "kid": key["kid"]}
    assert key["kid"] == RSAKey.import_key(key).thumbprint()


def test_the_published_key(visitor):
    response = visitor.http.get("/pagerduty/jwks")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-cache"
    (key,) = response.json()["keys"]
    # Nothing of the private key.
    assert set(key) == {"kty", "use", "alg", "kid", "n", "e"}
    assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")
    assert len(base64.urlsafe_b64decode(key["n"] + "==")) == 256
    assert visitor.http.get("/pagerduty/jwks").json() == response.json()
    assert visitor.http.post("/pagerduty/jwks", data={}).status_code == 405


def test_changed_claims_do_not_verify(visitor):
    header, payload, signature = id_token(visitor).split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    changed = base64.urlsafe_b64encode(json.dumps({**claims, "sub": "eve"}).encode()).rstrip(b"=").decode()
    with pytest.raises(BadSignatureError):
        verified(f"{header}.{changed}.{signature}", published(visitor))


def test_every_sandbox_has_a_key_of_its_own(visitor):
    with visiting() as other:
        assert kids(published(other)) != kids(published(visitor))


@pytest.mark.parametrize("nonce", ["n-0S6_WzA2Mj", "ä&b c"])
def test_nonce_is_echoed(visitor, nonce):
    assert verified(id_token(visitor, nonce=nonce), published(visitor)).claims["nonce"] == nonce


@pytest.mark.parametrize("nonce", [None, ""])
def test_without_a_nonce_the_claim_is_absent(visitor, nonce):
    assert "nonce" not in verified(id_token(visitor, nonce=nonce), published(visitor)).claims


def test_public_client_gets_an_id_token_too():
    with visiting(client_secret=None) as visitor:
        tokens = visitor.redeem(visitor.code(), client_secret=None).json()
        assert verified(tokens["id_token"], published(visitor)).claims["azp"] == "sandbox-client"


def test_an_old_key_does_not_sign_after_a_rotation(visitor):
    before, old = id_token(visitor), published(visitor)
    visitor.server.keys.rotate()
    after, new = id_token(visitor), published(visitor)
    assert len(kids(new)) == 1
    assert verified(after, new)
    for token, key_set in ((before, new), (after, old)):
        with pytest.raises(InvalidKeyIdError):
            verified(token, key_set)


def test_an_old_key_may_stay_published():
    keys = SigningKeys()
    tokens = [keys.sign({"sub": "a"})]
    for _ in range(2):
        keys.rotate(keep=1)
        tokens.append(keys.sign({"sub": "a"}))
    key_set = keys.public_keys()
    assert len(kids(key_set)) == 2
    assert [verified(token, key_set).claims for token in tokens[1:]] == [{"sub": "a"}] * 2
    with pytest.raises(InvalidKeyIdError):
        verified(tokens[0], key_set)


def test_of_many_first_uses_at_once_one_makes_the_key():
    keys = SigningKeys()
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda _: kids(keys.public_keys())[0], range(8)))
    assert len(set(seen)) == 1


def test_a_sandbox_starts_without_a_key():
    # joserfc is imported only when a key is made.
    line = (
        "import sys; from everyauth_cli.sandbox.server import Sandbox; "
        "Sandbox().stop(); sys.exit('joserfc' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", line], check=False).returncode == 0
