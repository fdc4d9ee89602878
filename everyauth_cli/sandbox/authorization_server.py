"""What was asked for, granted, used and revoked: an authorization server without sockets or a clock of its own."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlencode, urlsplit, urlunsplit

from everyauth_cli.oauth import base64url
from everyauth_cli.sandbox.faults import Fault
from everyauth_cli.sandbox.grants import Code, Consent, Grant, Issue, Issued, Lifetimes, Refused, Registration
from everyauth_cli.sandbox.requests import Basic
from everyauth_cli.sandbox.responses import DENIAL, Speech, Told
from everyauth_cli.sandbox.signing_keys import SigningKeys
from everyauth_cli.services.rules import ACCESS_TOKEN, REFRESH_TOKEN, ClientAuthMethod, RevocationEnds

BASIC = (ClientAuthMethod.CLIENT_SECRET_BASIC, ClientAuthMethod.CLIENT_SECRET_BASIC_OR_EMPTY)

Clock = Callable[[], int]

CONSENT_LIFETIME = 600
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class AuthorizationServer:
    """The clients, codes and families of tokens of one service. Any thread may call any method.

    `counts` has one count for each token or revocation request by how it ended, under its grant type,
    `revocation` or its error, and `code_replay` and `refresh_reuse` besides.
    """

    def __init__(self, speech: Speech, client: Registration, *, clock: Clock, lives: Lifetimes) -> None:
        self.speech = speech
        self.keys = SigningKeys()
        self.counts: Counter[str] = Counter()
        self._clients = {client.client_id: client}
        self._clock = clock
        self._lives = lives
        self._lock = threading.Lock()
        self._waiting: dict[str, Consent] = {}
        self._codes: dict[str, Code] = {}
        self._redeemed: set[str] = set()
        self._access_tokens: dict[str, Issued] = {}
        self._refresh_tokens: dict[str, Issued] = {}
        # A grant that is not revoked, by its id, and the one refresh token of it that may be used, if there is one.
        self._current: dict[str, str] = {}

    def authorize(self, query: Mapping[str, str]) -> Consent:
        """Check an authorization request; raises `Refused`."""
        redirect_uri = self._registered_redirect_uri(query)
        try:
            _check(query, pkce=self.speech.service.pkce)
            scopes = self.speech.granted(query.get("scope", ""))
        except Refused as refused:
            refused.redirect_to = self._error_uri(redirect_uri, refused, state=query.get("state"))
            raise
        consent = Consent(
            transaction=secrets.token_urlsafe(32),
            client_id=query["client_id"],
            redirect_uri=redirect_uri,
            scopes=scopes,
            state=query.get("state"),
            nonce=query.get("nonce"),
            challenge=query.get("code_challenge"),
            until=self._after(CONSENT_LIFETIME),
        )
        with self._lock:
            now = self._clock()
            self._waiting = {key: kept for key, kept in self._waiting.items() if now < kept.until}
            self._waiting[consent.transaction] = consent
        return consent

    def allow(self, transaction: str, *, user: str) -> str:
        """Grant what was asked to `user`; returns the URL to go to. Raises `Refused`."""
        consent = self._decided(transaction)
        grant = Grant(id=str(uuid.uuid4()), client_id=consent.client_id, user=user, scopes=consent.scopes)
        code = secrets.token_urlsafe(32)
        with self._lock:
            self._codes[code] = Code(
                grant=grant,
                redirect_uri=consent.redirect_uri,
                nonce=consent.nonce,
                challenge=consent.challenge,
                until=self._after(self._lives.code),
            )
        return _with_query(consent.redirect_uri, {"code": code, "state": consent.state, **self.speech.callback()})

    def deny(self, transaction: str) -> str:
        """Grant nothing; returns the URL to go to. Raises `Refused`."""
        consent = self._decided(transaction)
        return self._error_uri(consent.redirect_uri, Refused("access_denied", DENIAL), state=consent.state)

    def token(self, form: Mapping[str, str], *, basic: Basic | None = None, fault: Fault | None = None) -> Told:
        """Response a token request; raises `Refused`. A `fault` that concerns its grant befalls it first."""
        with self._counted():
            self._befall(form.get("refresh_token", ""), fault)
            answer = self._token(form, basic)
            self.counts[form["grant_type"]] += 1
            return answer

    def revoke(self, form: Mapping[str, str], *, basic: Basic | None = None) -> Told:
        """Response a revocation request (RFC 7009 section 2.1); raises `Refused`."""
        with self._counted():
            return self._revoked(self._authenticated(form, basic), _required(form, "token"))

    def revoke_unauthenticated(self, form: Mapping[str, str]) -> Told:
        """The same for a request in which no client authenticates, or has done so already."""
        with self._counted():
            return self._revoked(None, _required(form, "token"))

    def user(self, access_token: str) -> str | None:
        """Whose token this is, while it holds."""
        with self._lock:
            issued = self._access_tokens.get(access_token)
            if issued is None or issued.grant.id not in self._current or self._is_over(issued):
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

    def _revoked(self, client: Registration | None, token: str) -> Told:
        self._revoke(client, token)
        self.counts["revocation"] += 1
        return self.speech.revoked()

    def _befall(self, refresh_token: str, fault: Fault | None) -> None:
        issued = self._refresh_tokens.get(refresh_token)
        if issued is None or issued.grant.id not in self._current:
            return
        if fault is Fault.REVOKED:
            del self._current[issued.grant.id]
        elif fault is Fault.REUSE:
            self._current[issued.grant.id] = ""

    def _after(self, seconds: int) -> int:
        return self._clock() + seconds * 1000

    def _is_over(self, issued: Issued) -> bool:
        return issued.until is not None and self._clock() >= issued.until

    def _registered_redirect_uri(self, query: Mapping[str, str]) -> str:
        # Until both are known to be right nobody is redirected (RFC 6749 section 4.1.2.1).
        client = self._clients.get(query.get("client_id", ""))
        if client is None:
            raise Refused("invalid_request", "There is no client with this client_id.")
        redirect_uri = query.get("redirect_uri", "")
        if not client.returns_to(redirect_uri):
            raise Refused("invalid_request", "This redirect_uri is not registered for the client.")
        return redirect_uri

    def _decided(self, transaction: str) -> Consent:
        with self._lock:
            consent = self._waiting.pop(transaction, None)
        if consent is None or self._clock() >= consent.until:
            raise Refused("invalid_request", "This request was decided before, or waited too long.")
        return consent

    def _error_uri(self, redirect_uri: str, refused: Refused, *, state: str | None) -> str:
        told = self.speech.refused_query(refused.error, refused.description)
        return _with_query(redirect_uri, {**told, "state": state})

    def _token(self, form: Mapping[str, str], basic: Basic | None) -> Told:
        client = self._authenticated(form, basic)
        grant_type = _required(form, "grant_type")
        if grant_type == "authorization_code":
            return self._redeem(client, form)
        if grant_type == "refresh_token" and self.speech.refreshes:
            return self._refresh(client, form)
        raise Refused("unsupported_grant_type", "This grant_type is not offered.")

    def _authenticated(self, form: Mapping[str, str], basic: Basic | None) -> Registration:
        # One way to authenticate at a time (RFC 6749 section 2.3).
        if basic and ("client_secret" in form or form.get("client_id", basic[0]) != basic[0]):
            raise Refused("invalid_request", "The client authenticates in the header and in the body.")
        client_id, secret = basic or (_required(form, "client_id"), form.get("client_secret"))
        client = self._clients.get(client_id)
        if client is None or not client.accepts(secret) or not self._takes(basic, secret):
            raise Refused("invalid_client", "Client authentication failed.", status=401)
        return client

    def _takes(self, basic: Basic | None, secret: str | None) -> bool:
        """Whether the client authenticates in the one way that the service documents."""
        in_header = self.speech.service.token_endpoint_auth_method in BASIC
        return (basic is not None) == in_header or not (basic or secret)

    def _redeem(self, client: Registration, form: Mapping[str, str]) -> Told:
        value, redirect_uri = _required(form, "code"), _required(form, "redirect_uri")
        verifier = _required(form, "code_verifier") if self.speech.service.pkce else form.get("code_verifier", "")
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
        if code.challenge is not None and not _proves(verifier, code.challenge):
            raise Refused("invalid_grant", "The code_verifier does not match the code_challenge.")
        return self._issue(code.grant, nonce=code.nonce)

    def _refresh(self, client: Registration, form: Mapping[str, str]) -> Told:
        value = _required(form, "refresh_token")
        if self.speech.service.refresh_redirect_uri:
            _required(form, "redirect_uri")
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
        if self._is_over(issued):
            raise Refused("invalid_grant", "The refresh token has expired.")
        return self._issue(issued.grant, refreshed=True)

    def _revoke(self, client: Registration | None, value: str) -> None:
        issued = self._access_tokens.get(value) or self._refresh_tokens.get(value)
        revoke, kind = self.speech.revoke, ACCESS_TOKEN if value in self._access_tokens else REFRESH_TOKEN
        if issued is None or (client and issued.grant.client_id != client.client_id):
            # A token that is unknown, or another client's, is no error (RFC 7009 section 2.2), unless it is here.
            if self.speech.knows_refusal("revoke", "invalid_token"):
                raise Refused("invalid_token", "The token is not known.")
            return
        if revoke and kind not in revoke.tokens:
            raise Refused("unsupported_token_type", f"A token of the type {kind} cannot be revoked.")
        if revoke and revoke.ends == RevocationEnds.GRANT:
            self._current.pop(issued.grant.id, None)
        elif kind == ACCESS_TOKEN:
            del self._access_tokens[value]
        elif revoke and ACCESS_TOKEN in revoke.tokens:
            # With a refresh token ends all that it stands for, be it the current one or an old one (section 2.1).
            self._current.pop(issued.grant.id, None)
        else:
            # Where access tokens cannot be revoked they outlive it.
            self._refresh_tokens = {t: i for t, i in self._refresh_tokens.items() if i.grant.id != issued.grant.id}

    def _issue(self, grant: Grant, *, nonce: str | None = None, refreshed: bool = False) -> Told:
        life = self._lives.access_token
        issue = Issue(
            client_id=grant.client_id,
            grant_id=grant.id,
            user=grant.user,
            scopes=grant.scopes,
            access_token=self.speech.access_token(),
            refresh_token=self._next_refresh_token(grant),
            issued_at=self._clock(),
            expires_in=life,
            refreshed=refreshed,
            nonce=nonce,
        )
        until = None if life is None else self._after(life)
        self._access_tokens[issue.access_token] = Issued(grant=grant, until=until)
        return self.speech.token_answer(issue, self._id_token(issue))

    def _next_refresh_token(self, grant: Grant) -> str:
        if not self.speech.refreshes:
            return self._current.setdefault(grant.id, "")
        if grant.id not in self._current or self.speech.rotates:
            refresh_token = self.speech.refresh_token()
            self._refresh_tokens[refresh_token] = Issued(grant=grant, until=self._after(self._lives.refresh_token))
            self._current[grant.id] = refresh_token
        return self._current[grant.id]

    def _id_token(self, issue: Issue) -> str | None:
        claims = self.speech.claims(issue)
        if claims is None:
            return None
        if self.speech.signs_with_secret:
            return self.keys.sign_with(self._clients[issue.client_id].client_secret or "", claims)
        return self.keys.sign(claims)


def _required(form: Mapping[str, str], name: str) -> str:
    if name not in form:
        raise Refused("invalid_request", f"The parameter {name} is missing.")
    return form[name]


def _check(query: Mapping[str, str], *, pkce: bool) -> None:
    if "response_type" not in query:
        raise Refused("invalid_request", "The parameter response_type is missing.")
    if query["response_type"] != "code":
        raise Refused("unsupported_response_type", "The one response_type is code.")
    if "code_challenge" not in query:
        if pkce:
            raise Refused("invalid_request", "The parameter code_challenge is missing: PKCE is required.")
        return
    # Without a method it would be `plain` (RFC 7636 section 4.3).
    if query.get("code_challenge_method") != "S256":
        raise Refused("invalid_request", "The one code_challenge_method is S256.")
    if not _CHALLENGE.fullmatch(query["code_challenge"]):
        raise Refused("invalid_request", "The code_challenge is not a SHA-256 digest in base64url.")


def _proves(verifier: str, challenge: str) -> bool:
    digest = base64url.encode(hashlib.sha256(verifier.encode()).digest())
    return bool(_VERIFIER.fullmatch(verifier)) and hmac.compare_digest(digest, challenge)


def _with_query(uri: str, parameters: Mapping[str, str | None]) -> str:
    parts = urlsplit(uri)
    added = urlencode({name: value for name, value in parameters.items() if value is not None})
    return urlunsplit(parts._replace(query="&".join(filter(None, [parts.query, added]))))
