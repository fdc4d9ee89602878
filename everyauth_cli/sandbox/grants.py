"""What was asked for, granted, used and revoked: an authorization server without sockets or a clock of its own."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from everyauth_cli.sandbox.dialect import Dialect, Issue, base64url
from everyauth_cli.sandbox.records import Code, Consent, Grant, Issued, Lives, Refused, Registration
from everyauth_cli.sandbox.signing import SigningKeys

Clock = Callable[[], int]
Basic = tuple[str, str]

CONSENT_LIFE = 600
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class AuthorizationServer:
    """Clients, codes and families of tokens. Any thread may call any method.

    `counts` has one count for each token or revocation request by how it ended, under its grant type,
    `revocation` or its error, and `code_replay` and `refresh_reuse` besides.
    """

    def __init__(self, dialect: Dialect, clients: Iterable[Registration], *, clock: Clock, lives: Lives) -> None:
        self.dialect = dialect
        self.keys = SigningKeys()
        self.counts: Counter[str] = Counter()
        self._clients = {client.client_id: client for client in clients}
        self._clock = clock
        self._lives = lives
        self._lock = threading.Lock()
        self._waiting: dict[str, Consent] = {}
        self._codes: dict[str, Code] = {}
        self._redeemed: set[str] = set()
        self._access_tokens: dict[str, Issued] = {}
        self._refresh_tokens: dict[str, Issued] = {}
        # A grant that is not revoked, by its id, and the one refresh token of it that may be used.
        self._current: dict[str, str] = {}

    def authorize(self, query: Mapping[str, str]) -> Consent:
        """Check an authorization request; raises `Refused`."""
        redirect_uri = self._registered_redirect_uri(query)
        fault = _fault(query)
        if fault:
            error, description = fault
            raise Refused(error, description, redirect_to=_error_uri(redirect_uri, fault, state=query.get("state")))
        consent = Consent(
            transaction=secrets.token_urlsafe(32),
            client_id=query["client_id"],
            redirect_uri=redirect_uri,
            scopes=self.dialect.scopes(query.get("scope", "")),
            state=query.get("state"),
            nonce=query.get("nonce"),
            challenge=query["code_challenge"],
            until=self._after(CONSENT_LIFE),
        )
        with self._lock:
            now = self._clock()
            self._waiting = {key: kept for key, kept in self._waiting.items() if now < kept.until}
            self._waiting[consent.transaction] = consent
        return consent

    def allow(self, transaction: str, *, user: str) -> str:
        """Grant what was asked to `user`; returns the URL to go to. Raises `Refused`."""
        consent = self._decided(transaction)
        grant = Grant(
            id=str(uuid.uuid4()),
            client_id=consent.client_id,
            user=user,
            scopes=consent.scopes,
            authenticated_at=self._clock(),
        )
        code = secrets.token_urlsafe(32)
        with self._lock:
            self._codes[code] = Code(
                grant=grant,
                redirect_uri=consent.redirect_uri,
                nonce=consent.nonce,
                challenge=consent.challenge,
                until=self._after(self._lives.code),
            )
        return _with_query(consent.redirect_uri, code=code, state=consent.state)

    def deny(self, transaction: str) -> str:
        """Grant nothing; returns the URL to go to. Raises `Refused`."""
        consent = self._decided(transaction)
        return _error_uri(consent.redirect_uri, ("access_denied", self.dialect.denial), state=consent.state)

    def token(self, form: Mapping[str, str], *, basic: Basic | None = None) -> dict[str, Any]:
        """Answer a token request; raises `Refused`."""
        with self._counted():
            answer = self._token(form, basic)
            self.counts[form["grant_type"]] += 1
            return answer

    def revoke(self, form: Mapping[str, str], *, basic: Basic | None = None) -> None:
        """Answer a revocation request (RFC 7009 section 2.1); raises `Refused`."""
        with self._counted():
            self._revoke(self._authenticated(form, basic), _required(form, "token"))
            self.counts["revocation"] += 1

    def user(self, access_token: str) -> str | None:
        """Whose token this is, while it holds."""
        with self._lock:
            issued = self._access_tokens.get(access_token)
            if issued is None or issued.grant.id not in self._current or self._clock() >= issued.until:
                return None
            return issued.grant.user

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """One request at a time; what is refused is counted."""
        with self._lock:
            try:
                yield
            except Refused as refused:
                self.counts[refused.error] += 1
                raise

    def _after(self, seconds: int) -> int:
        return self._clock() + seconds * 1000

    def _registered_redirect_uri(self, query: Mapping[str, str]) -> str:
        # Until both are known to be right nobody is redirected (RFC 6749 section 4.1.2.1).
        client = self._clients.get(query.get("client_id", ""))
        if client is None:
            raise Refused("invalid_request", "There is no client with this client_id.")
        redirect_uri = query.get("redirect_uri", "")
        if redirect_uri not in client.redirect_uris:
            raise Refused("invalid_request", "This redirect_uri is not registered for the client.")
        return redirect_uri

    def _decided(self, transaction: str) -> Consent:
        with self._lock:
            consent = self._waiting.pop(transaction, None)
        if consent is None or self._clock() >= consent.until:
            raise Refused("invalid_request", "This request was decided before, or waited too long.")
        return consent

    def _token(self, form: Mapping[str, str], basic: Basic | None) -> dict[str, Any]:
        client = self._authenticated(form, basic)
        grant_type = _required(form, "grant_type")
        if grant_type == "authorization_code":
            return self._redeem(client, form)
        if grant_type == "refresh_token":
            return self._refresh(client, form)
        raise Refused("unsupported_grant_type", "The grant types are authorization_code and refresh_token.")

    def _authenticated(self, form: Mapping[str, str], basic: Basic | None) -> Registration:
        # One way to authenticate at a time (RFC 6749 section 2.3).
        if basic and ("client_secret" in form or form.get("client_id", basic[0]) != basic[0]):
            raise Refused("invalid_request", "The client authenticates in the header and in the body.")
        client_id, secret = basic or (_required(form, "client_id"), form.get("client_secret"))
        client = self._clients.get(client_id)
        if client is None or not client.accepts(secret):
            raise Refused("invalid_client", "Client authentication failed.", status=401)
        return client

    def _redeem(self, client: Registration, form: Mapping[str, str]) -> dict[str, Any]:
        value, redirect_uri, verifier = (_required(form, name) for name in ("code", "redirect_uri", "code_verifier"))
        code = self._codes.get(value)
        if code is None or code.grant.client_id != client.client_id:
            raise Refused("invalid_grant", "The authorization code is not valid.")
        if value in self._redeemed:
            # Used twice, it revokes what it gave (RFC 6749 section 4.1.2).
            self.counts["code_replay"] += 1
            self._current.pop(code.grant.id, None)
            raise Refused("invalid_grant", "The authorization code was used before.")
        self._redeemed.add(value)
        if self._clock() >= code.until:
            raise Refused("invalid_grant", "The authorization code has expired.")
        if redirect_uri != code.redirect_uri:
            raise Refused("invalid_grant", "The redirect_uri is not that of the authorization request.")
        if not _proves(verifier, code.challenge):
            raise Refused("invalid_grant", "The code_verifier does not match the code_challenge.")
        return self._issue(code.grant, nonce=code.nonce)

    def _refresh(self, client: Registration, form: Mapping[str, str]) -> dict[str, Any]:
        value = _required(form, "refresh_token")
        issued = self._refresh_tokens.get(value)
        if issued is None or issued.grant.client_id != client.client_id:
            raise Refused("invalid_grant", "The refresh token is not valid.")
        if issued.grant.id not in self._current:
            raise Refused("invalid_grant", "The refresh token is not valid: its grant is revoked.")
        if self._current[issued.grant.id] != value:
            # Either the client or a thief holds an old one, and nobody knows which (RFC 9700 section 4.14.2).
            self.counts["refresh_reuse"] += 1
            del self._current[issued.grant.id]
            raise Refused("invalid_grant", "The refresh token was used before.")
        if self._clock() >= issued.until:
            raise Refused("invalid_grant", "The refresh token has expired.")
        return self._issue(issued.grant, refreshed=True)

    def _revoke(self, client: Registration, value: str) -> None:
        # A token that is unknown, or another client's, is no error (RFC 7009 section 2.2).
        issued = self._access_tokens.get(value) or self._refresh_tokens.get(value)
        if issued is None or issued.grant.client_id != client.client_id:
            return
        if self._access_tokens.pop(value, None) is None:
            # With a refresh token ends all that it stands for, be it the current one or an old one (section 2.1).
            self._current.pop(issued.grant.id, None)

    def _issue(self, grant: Grant, *, nonce: str | None = None, refreshed: bool = False) -> dict[str, Any]:
        access_token, refresh_token = self.dialect.access_token(), self.dialect.refresh_token()
        self._access_tokens[access_token] = Issued(grant=grant, until=self._after(self._lives.access_token))
        self._refresh_tokens[refresh_token] = Issued(grant=grant, until=self._after(self._lives.refresh_token))
        self._current[grant.id] = refresh_token
        issue = Issue(
            client_id=grant.client_id,
            grant_id=grant.id,
            user=grant.user,
            authenticated_at=grant.authenticated_at // 1000,
            scopes=grant.scopes,
            access_token=access_token,
            refresh_token=refresh_token,
            issued_at=self._clock() // 1000,
            expires_in=self._lives.access_token,
            refreshed=refreshed,
            nonce=nonce,
            sign=self.keys.sign,
        )
        return self.dialect.token_answer(issue)


def _required(form: Mapping[str, str], name: str) -> str:
    if name not in form:
        raise Refused("invalid_request", f"The parameter {name} is missing.")
    return form[name]


def _fault(query: Mapping[str, str]) -> tuple[str, str] | None:
    if "response_type" not in query:
        return "invalid_request", "The parameter response_type is missing."
    if query["response_type"] != "code":
        return "unsupported_response_type", "The one response_type is code."
    if "code_challenge" not in query:
        return "invalid_request", "The parameter code_challenge is missing: PKCE is required."
    # Without a method it would be `plain` (RFC 7636 section 4.3).
    if query.get("code_challenge_method") != "S256":
        return "invalid_request", "The one code_challenge_method is S256."
    if not _CHALLENGE.fullmatch(query["code_challenge"]):
        return "invalid_request", "The code_challenge is not a SHA-256 digest in base64url."
    return None


def _proves(verifier: str, challenge: str) -> bool:
    digest = base64url(hashlib.sha256(verifier.encode()).digest())
    return bool(_VERIFIER.fullmatch(verifier)) and hmac.compare_digest(digest, challenge)


def _error_uri(redirect_uri: str, fault: tuple[str, str], *, state: str | None) -> str:
    error, description = fault
    return _with_query(redirect_uri, error=error, error_description=description, state=state)


def _with_query(uri: str, **parameters: str | None) -> str:
    parts = urlsplit(uri)
    added = urlencode({name: value for name, value in parameters.items() if value is not None})
    return urlunsplit(parts._replace(query="&".join(filter(None, [parts.query, added]))))
