"""A service's own words: what the sandbox says in its place, by its entry and its dialect."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import uuid
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from everyauth_cli.model import Service
from everyauth_cli.oauth import base64url
from everyauth_cli.sandbox.default_dialect import LIFE, OPENID, account_fields, dialect_of, plain_revoke
from everyauth_cli.sandbox.dialect import JSON, Call, Dialect, Failure, Shape, Values, in_text
from everyauth_cli.sandbox.grants import Issue, Refused
from everyauth_cli.sandbox.signing_keys import HMAC, RSA

DENIAL = "The resource owner or authorization server denied the request."


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An answer as it goes out; `standard` is one that RFC 6749 words, not the service."""

    status: int
    content_type: str
    body: bytes
    standard: bool = False


class Speech:
    """What one service says. `service` has its placeholders filled in."""

    def __init__(self, service: Service, dialect: Dialect | None = None) -> None:
        self.service = service
        self.dialect = dialect or dialect_of(service)
        # A user's own entry may know a revocation endpoint that the documentation does not.
        self.revoke = self.dialect.revoke or plain_revoke(service)

    @property
    def rotates(self) -> bool:
        return self.dialect.tokens.refresh_kind == "rotating"

    @property
    def refreshes(self) -> bool:
        return self.dialect.tokens.refresh_kind != "none"

    @property
    def signs_with_secret(self) -> bool:
        """Whether id tokens are signed with the client secret, where the entry does not take the usual way."""
        taken = self.service.id_token.signing_algs
        return RSA not in taken and HMAC in taken

    def granted(self, requested: str) -> tuple[str, ...]:
        """The scopes that are granted; raises `Refused` where one is unknown and the service says so."""
        told = self.dialect.scopes
        asked = [scope.strip() for scope in requested.split(self.service.scope_separator)]
        known = [scope for scope in asked if scope and (not told.known or re.fullmatch(told.known, scope))]
        if told.unknown == "refuse" and len(known) < len(list(filter(None, asked))):
            raise Refused("invalid_scope", "A scope is unknown.")
        return tuple(dict.fromkeys([*told.always, *known]))

    def access_token(self) -> str:
        return in_text(self.dialect.tokens.access, {"uuid": str(uuid.uuid4())})

    def refresh_token(self) -> str:
        return in_text(self.dialect.tokens.refresh, {"uuid": str(uuid.uuid4())})

    def callback(self) -> dict[str, str]:
        """What is added to a redirect with a code: the issuer (RFC 9207), and what is documented."""
        issuer = (
            {"iss": str(self.service.issuer)} if self.service.authorization_response_iss_parameter_supported else {}
        )
        return {**issuer, **self.dialect.authorize.callback}

    def refused_query(self, error: str, description: str) -> dict[str, str]:
        """The parameters of a redirect without a code (RFC 6749 section 4.1.2.1)."""
        failure = self._failure("authorize", error)
        issuer = (
            {"iss": str(self.service.issuer)} if self.service.authorization_response_iss_parameter_supported else {}
        )
        if failure is None:
            return {"error": error, "error_description": description, **issuer}
        body = failure.shape.filled({"error": error, "description": description}).decode()
        return {**dict(parse_qsl(body)), **issuer}

    def claims(self, issue: Issue) -> dict[str, Any] | None:
        """The claims of the id token that comes with tokens; None where none does."""
        asked_for = OPENID in self.service.scopes or OPENID in self.dialect.scopes.always
        call = self._call(issue)
        if not self.dialect.id_token or "{id_token}" not in call.answer.body:
            return None
        if asked_for and OPENID not in issue.scopes:
            return None
        claims = json.loads(Shape(body=self.dialect.id_token).filled(self._values(issue)))
        # OpenID Connect Core section 3.1.2.1.
        echoed = {} if issue.nonce is None else {"nonce": issue.nonce}
        return {**{name: value for name, value in claims.items() if name != "nonce"}, **echoed}

    def token_answer(self, issue: Issue, id_token: str | None) -> Told:
        """The answer that gives tokens."""
        shape = self._call(issue).answer
        if id_token is None and shape.content_type.startswith(JSON):
            fields = {name: value for name, value in json.loads(shape.body).items() if value != "{id_token}"}
            shape = replace(shape, body=json.dumps(fields))
        return _told(shape, {**self._values(issue), "id_token": id_token or ""})

    def account(self, user: str) -> Told:
        """The answer to "who am I"; where the service has none, one that tells of the same account."""
        call = self.dialect.account.call
        shape = call.answer if call else Shape(body=json.dumps(account_fields(self.service)))
        return _told(shape, _about(user))

    def revoked(self) -> Told:
        """The answer to a revocation."""
        return _told(self.revoke.call.answer if self.revoke else Shape(), {})

    def refusal(self, at: str, refused: Refused) -> Told:
        """The answer that refuses, in the service's words where they are documented (else RFC 6749 section 5.2)."""
        failure = self._failure(at, refused.error)
        if failure is not None:
            return _told(failure.shape, {"error": refused.error, "description": refused.description})
        body = json.dumps({"error": refused.error, "error_description": refused.description}).encode()
        return Told(status=refused.status, content_type=JSON, body=body, standard=True)

    def knows_refusal(self, at: str, error: str) -> bool:
        return self._failure(at, error) is not None

    def _failure(self, at: str, error: str) -> Failure | None:
        """A documented error. What a client is told of itself is the same for a code and for a refresh token."""
        places = [at, "token"] if at == "refresh" and error != "invalid_grant" else [at]
        found = (told for place in places for told in self.dialect.errors if (told.at, told.error) == (place, error))
        return next(found, None)

    def _call(self, issue: Issue) -> Call:
        return (issue.refreshed and self.dialect.refresh) or self.dialect.token

    def _values(self, issue: Issue) -> Values:
        expires_in = LIFE if issue.expires_in is None else issue.expires_in
        separator = self.dialect.scopes.separator or self.service.scope_separator
        return {
            **_about(issue.user),
            "client_id": issue.client_id,
            "grant_id": issue.grant_id,
            "scope": separator.join(issue.scopes),
            "access_token": issue.access_token,
            "refresh_token": issue.refresh_token,
            "expires_in": expires_in,
            "expires_at": issue.issued_at // 1000 + expires_in,
            "now": issue.issued_at // 1000,
            "now_ms": issue.issued_at,
            "uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, issue.access_token)),
            "at_hash": token_hash(issue.access_token),
        }


def token_hash(access_token: str) -> str:
    """The claim `at_hash`: the left half of the token's hash (OpenID Connect Core section 3.1.3.6)."""
    return base64url.encode(hashlib.sha256(access_token.encode()).digest()[:16])


def user_id(user: str) -> str:
    """The id that a user has at every service of the sandbox."""
    return "U" + base64.b32encode(hashlib.sha256(user.encode()).digest()).decode()[:9]


def _about(user: str) -> dict[str, str | int]:
    return {"user": user, "user_id": user_id(user)}


def _told(shape: Shape, values: Values) -> Told:
    return Told(status=shape.status, content_type=shape.content_type, body=shape.filled(values))
