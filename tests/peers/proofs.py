"""Checks proofs of a key (DPoP, RFC 9449) as a server does, with nothing of everyauth; and a server that wants them."""

from __future__ import annotations

import base64
import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from joserfc import jws
from joserfc.jwk import Key, import_key
from peers.token_server import AuthorizationServer, json_response

from everyauth_cli.model import Request, Response


def base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def digest(text: str) -> str:
    return base64url(hashlib.sha256(text.encode()).digest())


class Registry(jws.JWSRegistry):
    """Takes headers with an RSA key in them."""

    max_header_length = max_signature_length = 4096


def verified(text: str, key: Key, algorithm: str) -> bytes:
    """Return the claims of a JWT whose signature holds."""
    with warnings.catch_warnings():
        # Servers list EdDSA by its old name (RFC 9864).
        warnings.simplefilter("ignore")
        registry = Registry(algorithms=[algorithm], strict_check_header=False)
        return jws.deserialize_compact(text, key, registry=registry).payload


class Proof:
    """A proof whose form and signature hold (section 4.3)."""

    def __init__(self, text: str) -> None:
        header = json.loads(base64.urlsafe_b64decode(text.partition(".")[0] + "=="))
        assert header["typ"] == "dpop+jwt"
        assert header["alg"] not in ("none", "HS256", "HS384", "HS512")
        self.key = import_key(header["jwk"])
        assert not self.key.is_private
        self.claims: dict[str, Any] = json.loads(verified(text, self.key, header["alg"]))
        self.algorithm, self.jwk = header["alg"], header["jwk"]
        assert {"jti", "htm", "htu", "iat"} <= self.claims.keys()
        assert len(self.claims["jti"]) >= 22  # 128 bits in base64url
        assert not {"?", "#"} & set(self.claims["htu"])

    @property
    def jkt(self) -> str:
        return self.key.thumbprint()

    @property
    def nonce(self) -> str | None:
        return self.claims.get("nonce")

    def check(self, *, method: str, url: str, token: str | None = None) -> None:
        """Check that it is for that request, and for that access token if there is one in it."""
        parts = urlsplit(url)
        assert self.claims["htm"] == method
        assert self.claims["htu"] == f"{parts.scheme}://{parts.netloc}{parts.path}"
        assert self.claims.get("ath") == (None if token is None else digest(token))


def proof_of(request: Request) -> Proof:
    """Return the proof in a request of everyauth, which must be for it."""
    proof = Proof(request.headers["DPoP"])
    token = request.bearer.reveal() if request.bearer else None
    assert token is None or request.scheme == "DPoP"
    proof.check(method=request.method, url=request.url, token=token)
    return proof


class BindingServer(AuthorizationServer):
    """Issues tokens that are bound to the key of a proof, and refuses what comes without the nonce of the moment.

    `nonce` is the one that it wants (None: none), `next_nonce` the one that goes out with each response, and
    `api_nonce` the one that its API wants.
    A refresh token serves only the key that it was issued to (RFC 9449 section 5), and a jti once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.nonce: str | None = None
        self.next_nonce: str | None = None
        self.api_nonce: str | None = None
        self.extra = {"token_type": "DPoP"}
        self.proofs: list[Proof] = []
        self.keys: dict[str, str] = {}
        self._seen: set[str] = set()

    def _respond(self, request: Request) -> Response | Exception:
        proof = proof_of(request)
        assert proof.claims["jti"] not in self._seen
        self._seen.add(proof.claims["jti"])
        self.proofs.append(proof)
        if request.method == "GET" and self.api_nonce not in (None, proof.nonce):
            return self.challenge()
        if request.method == "POST" and self.nonce not in (None, proof.nonce):
            return self.refusal()
        response = self._for_key(request, proof)
        assert isinstance(response, Response)
        return replace(response, dpop_nonce=self.next_nonce)

    def refusal(self) -> Response:
        """Refuse a token request for its nonce (section 8)."""
        response = json_response({"error": "use_dpop_nonce", "error_description": "needs a nonce"}, status=400)
        return replace(response, dpop_nonce=self.next_nonce or self.nonce)

    def challenge(self) -> Response:
        """Refuse a request to the API for its nonce (section 9)."""
        challenges = ('Bearer error="invalid_token", DPoP error="use_dpop_nonce"',)
        return replace(json_response(b"", status=401), dpop_nonce=self.api_nonce, challenges=challenges)

    def _for_key(self, request: Request, proof: Proof) -> Response | Exception:
        sent = request.fields.get("refresh_token")
        if sent is not None and self.keys.get(sent.reveal()) != proof.jkt:
            return json_response({"error": "invalid_grant", "error_description": "another key"}, status=400)
        response = super()._respond(request)
        if isinstance(response, Response) and response.is_success and response.body.reveal():
            fields: Mapping[str, Any] = json.loads(response.body.reveal())
            if "refresh_token" in fields:
                self.keys[fields["refresh_token"]] = proof.jkt
        return response
