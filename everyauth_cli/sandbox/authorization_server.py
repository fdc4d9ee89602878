"""An authorization server without sockets or a clock of its own: requests, consents, grants, tokens, revocations."""

from __future__ import annotations

import secrets
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from everyauth_cli.oauth.grant import GrantType
from everyauth_cli.sandbox.client_authentication import Assertions, authenticated, required
from everyauth_cli.sandbox.device_codes import DeviceCode, DeviceCodes
from everyauth_cli.sandbox.dialect import Endpoint, RefreshTokens
from everyauth_cli.sandbox.faults import Fault
from everyauth_cli.sandbox.grants import (
    AuthorizationCode,
    AuthorizationRequest,
    Grant,
    IssuedToken,
    Lifetimes,
    OAuthError,
    Registration,
    TokenSet,
)
from everyauth_cli.sandbox.jwt_bearer import authenticates_besides, jwt_bearer_grant
from everyauth_cli.sandbox.other_grants import client_credentials_grant, exchange_grant, exchanged
from everyauth_cli.sandbox.pushed_requests import PushedRequests
from everyauth_cli.sandbox.requests import BasicCredentials, check_authorization_request, with_query
from everyauth_cli.sandbox.responses import DENIAL, EndpointResponse, Responses
from everyauth_cli.sandbox.signing_keys import SigningKeys
from everyauth_cli.services.rules import ACCESS_TOKEN, DEVICE_CODE, REFRESH_TOKEN, ClientAuthMethod, RevocationEnds

Clock = Callable[[], int]

CONSENT_LIFETIME = 600


class AuthorizationServer:
    """The clients, codes, grants and tokens of one service. Any thread may call any method.

    `counts` counts token, revocation and pushed requests by their result: the grant type, `revocation`, `push` or the
    error code. It also counts `code_replay` and `refresh_reuse`. `trusted` returns the user of an access token that can
    be exchanged here, by default one of this server.
    """

    def __init__(self, responses: Responses, client: Registration, *, clock: Clock, lifetimes: Lifetimes) -> None:
        self.responses = responses
        self.trusted: Callable[[str], str | None] = self.user
        self.keys = SigningKeys()
        self.counts: Counter[str] = Counter()
        self._clients = {client.client_id: client}
        self._clock = clock
        self._assertions = Assertions(responses.service, clock=clock)
        self._lifetimes = lifetimes
        self._pushed = PushedRequests(clock=clock)
        self._lock = threading.Lock()
        self._requests: dict[str, AuthorizationRequest] = {}
        self._codes: dict[str, AuthorizationCode] = {}
        self.devices = DeviceCodes(clock=clock, lifetime=lifetimes.device_code, interval=lifetimes.device_interval)
        self._used_codes: set[str] = set()
        self._access_tokens: dict[str, IssuedToken] = {}
        self._refresh_tokens: dict[str, IssuedToken] = {}
        # The id of each grant that is not revoked, and its newest refresh token, or "" if none is valid.
        self._valid_grants: dict[str, str] = {}

    def authorize(self, query: Mapping[str, str]) -> AuthorizationRequest:
        """Check an authorization request, which then waits for consent; raises `OAuthError`."""
        query = self._pushed.take(query, required=self.responses.service.require_pushed_authorization_requests)
        redirect_uri = self._registered_redirect_uri(query)
        try:
            scopes = self._checked_scopes(query)
        except OAuthError as error:
            redirect_to = self._error_url(redirect_uri, error, state=query.get("state"))
            raise OAuthError(error.error, error.description, redirect_to=redirect_to) from None
        request = AuthorizationRequest(
            transaction=secrets.token_urlsafe(32),
            client_id=query["client_id"],
            redirect_uri=redirect_uri,
            scopes=scopes,
            state=query.get("state"),
            nonce=query.get("nonce"),
            code_challenge=query.get("code_challenge"),
            expires_at=self._in(CONSENT_LIFETIME),
        )
        with self._lock:
            now = self._clock()
            self._requests = {key: waiting for key, waiting in self._requests.items() if now < waiting.expires_at}
            self._requests[request.transaction] = request
        return request

    def push(self, form: Mapping[str, str], *, basic: BasicCredentials | None = None) -> EndpointResponse:
        """Respond to a pushed authorization request (RFC 9126 section 2). Raises `OAuthError`."""
        with self._counted():
            client = self._authenticated(form, basic, method=self.responses.service.token_endpoint_auth_method)
            self._registered_redirect_uri(form)
            self._checked_scopes(form)
            self.counts["push"] += 1
            return self._pushed.add(client, form)

    def _checked_scopes(self, query: Mapping[str, str]) -> tuple[str, ...]:
        check_authorization_request(query, pkce=self.responses.service.pkce)
        return self.responses.granted_scopes(query.get("scope", ""))

    def allow(self, transaction: str, *, user: str) -> str:
        """Grant the request for `user`; return the redirect URI with the code. Raises `OAuthError`."""
        request = self._decided(transaction)
        grant = Grant(id=str(uuid.uuid4()), client_id=request.client_id, user=user, scopes=request.scopes)
        code = secrets.token_urlsafe(32)
        with self._lock:
            self._codes[code] = AuthorizationCode(
                grant=grant,
                redirect_uri=request.redirect_uri,
                nonce=request.nonce,
                code_challenge=request.code_challenge,
                expires_at=self._in(self._lifetimes.code),
            )
        parameters = self.responses.authorization_parameters()
        return with_query(request.redirect_uri, {"code": code, "state": request.state, **parameters})

    def deny(self, transaction: str) -> str:
        """Deny the request; return the redirect URI with the error. Raises `OAuthError`."""
        request = self._decided(transaction)
        return self._error_url(request.redirect_uri, OAuthError("access_denied", DENIAL), state=request.state)

    def device_authorization(self, form: Mapping[str, str], *, basic: BasicCredentials | None = None) -> DeviceCode:
        """Issue the codes of a device authorization request (RFC 8628 section 3.1). Raises `OAuthError`."""
        with self._counted():
            client = self._authenticated(form, basic, method=self.responses.service.token_endpoint_auth_method)
            scopes = self.responses.granted_scopes(form.get("scope", ""))
            self.counts["device_authorization"] += 1
            return self.devices.issue(client.client_id, scopes, code_challenge=form.get("code_challenge"))

    def token(
        self, form: Mapping[str, str], *, basic: BasicCredentials | None = None, fault: Fault | None = None
    ) -> EndpointResponse:
        """Respond to a token request, after applying a `fault` to its grant. Raises `OAuthError`."""
        # The servers whose tokens are trusted have locks of their own, this one among them.
        subject = self.trusted(form["subject_token"]) if "subject_token" in form else None
        with self._counted():
            self._apply(fault, form.get("refresh_token", ""))
            response = self._token(form, basic, subject)
            self.counts[form["grant_type"]] += 1
            return response

    def revoke(self, form: Mapping[str, str], *, basic: BasicCredentials | None = None) -> EndpointResponse:
        """Respond to a revocation request (RFC 7009 section 2.1). Raises `OAuthError`."""
        with self._counted():
            service = self.responses.service
            method = service.revocation.auth_method or service.token_endpoint_auth_method
            return self._revoked(self._authenticated(form, basic, method=method), required(form, "token"))

    def revoke_unauthenticated(self, form: Mapping[str, str]) -> EndpointResponse:
        """Respond to a revocation request whose client need not authenticate here. Raises `OAuthError`."""
        with self._counted():
            return self._revoked(None, required(form, "token"))

    def user(self, access_token: str) -> str | None:
        """Return the user of an access token; None if it is not valid."""
        with self._lock:
            issued = self._access_tokens.get(access_token)
            if issued is None or issued.grant.id not in self._valid_grants or issued.has_expired(self._clock()):
                return None
            return issued.grant.user

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Handle one request at a time, and count the error responses."""
        with self._lock:
            try:
                yield
            except OAuthError as error:
                self.counts[error.error] += 1
                raise

    def _revoked(self, client: Registration | None, token: str) -> EndpointResponse:
        self._revoke(client, token)
        self.counts["revocation"] += 1
        return self.responses.revocation_response()

    def _apply(self, fault: Fault | None, refresh_token: str) -> None:
        issued = self._refresh_tokens.get(refresh_token)
        if issued is None or issued.grant.id not in self._valid_grants:
            return
        if fault is Fault.REVOKED:
            del self._valid_grants[issued.grant.id]
        elif fault is Fault.REUSE:
            self._valid_grants[issued.grant.id] = ""

    def _in(self, seconds: int) -> int:
        return self._clock() + seconds * 1000

    def _registered_redirect_uri(self, query: Mapping[str, str]) -> str:
        # Until client and redirect URI are known to be right, the error is shown here (RFC 6749 section 4.1.2.1).
        client = self._clients.get(query.get("client_id", ""))
        if client is None:
            raise OAuthError("invalid_request", "There is no client with this client_id.")
        redirect_uri = query.get("redirect_uri", "")
        if not client.has_redirect_uri(redirect_uri):
            raise OAuthError("invalid_request", "This redirect_uri is not registered for the client.")
        return redirect_uri

    def _decided(self, transaction: str) -> AuthorizationRequest:
        with self._lock:
            request = self._requests.pop(transaction, None)
        if request is None or self._clock() >= request.expires_at:
            raise OAuthError("invalid_request", "This request was decided before, or it has expired.")
        return request

    def _error_url(self, redirect_uri: str, error: OAuthError, *, state: str | None) -> str:
        parameters = self.responses.error_parameters(error.error, error.description)
        return with_query(redirect_uri, {**parameters, "state": state})

    def _token(self, form: Mapping[str, str], basic: BasicCredentials | None, subject: str | None) -> EndpointResponse:
        grant_type = required(form, "grant_type")
        if grant_type == GrantType.JWT_BEARER:
            grant = jwt_bearer_grant(self.responses, self._assertions, self._clients, form)
            if authenticates_besides(self.responses.service):
                self._authenticated(form, basic, method=self.responses.service.token_endpoint_auth_method)
            return self._issue(grant)
        client = self._authenticated(form, basic, method=self.responses.service.token_endpoint_auth_method)
        if grant_type == "authorization_code":
            return self._redeem(client, form)
        if grant_type == "refresh_token" and self.responses.refresh_tokens is not RefreshTokens.NONE:
            return self._refresh(client, form)
        if grant_type == DEVICE_CODE and self.responses.service.device_authorization_endpoint:
            return self._issue(self.devices.redeemed(client.client_id, form))
        if grant_type == self.responses.service.client_credentials.grant_type:
            return self._issue(client_credentials_grant(self.responses, client, form))
        if grant_type == GrantType.TOKEN_EXCHANGE:
            return exchanged(self._issue(exchange_grant(self.responses, client, form, user=subject)))
        raise OAuthError("unsupported_grant_type", "This grant_type is not supported.")

    def _authenticated(self, form: Mapping[str, str], basic: BasicCredentials | None, *, method: str) -> Registration:
        if method == ClientAuthMethod.CLIENT_SECRET_SIGNED:
            return self._assertions.signer_of_secret(self._clients, form)
        if method == ClientAuthMethod.PRIVATE_KEY_JWT:
            return self._assertions.client(self._clients, {"client_assertion": "", **form})
        return authenticated(self._clients, form, basic, method=method)

    def _redeem(self, client: Registration, form: Mapping[str, str]) -> EndpointResponse:
        value, redirect_uri = required(form, "code"), required(form, "redirect_uri")
        pkce = self.responses.service.pkce
        verifier = required(form, "code_verifier") if pkce else form.get("code_verifier", "")
        code = self._codes.get(value)
        if code is None or code.grant.client_id != client.client_id:
            raise OAuthError("invalid_grant", "The authorization code is not valid.")
        if value in self._used_codes:
            # A second use revokes the tokens that the code was redeemed for (RFC 6749 section 4.1.2).
            self.counts["code_replay"] += 1
            self._valid_grants.pop(code.grant.id, None)
            raise OAuthError("invalid_grant", "The authorization code was used before.")
        self._used_codes.add(value)
        if self._clock() >= code.expires_at:
            raise OAuthError("invalid_grant", "The authorization code has expired.")
        if redirect_uri != code.redirect_uri:
            raise OAuthError("invalid_grant", "The redirect_uri is not that of the authorization request.")
        if not code.is_proved_by(verifier):
            raise OAuthError("invalid_grant", "The code_verifier does not match the code_challenge.")
        return self._issue(code.grant, nonce=code.nonce)

    def _refresh(self, client: Registration, form: Mapping[str, str]) -> EndpointResponse:
        value = required(form, "refresh_token")
        if self.responses.service.redirect.in_refresh:
            required(form, "redirect_uri")
        issued = self._refresh_tokens.get(value)
        if issued is None or issued.grant.client_id != client.client_id:
            raise OAuthError("invalid_grant", "The refresh token is not valid.")
        if issued.grant.id not in self._valid_grants:
            raise OAuthError("invalid_grant", "The refresh token is not valid: its grant is revoked.")
        if not self._is_usable(value, issued):
            # The client or a thief uses an old one, and the server cannot know which (RFC 9700 section 4.14.2).
            self.counts["refresh_reuse"] += 1
            del self._valid_grants[issued.grant.id]
            raise OAuthError("invalid_grant", "The refresh token was used before.")
        if issued.has_expired(self._clock()):
            raise OAuthError("invalid_grant", "The refresh token has expired.")
        return self._issue(issued.grant, used=value)

    def _revoke(self, client: Registration | None, value: str) -> None:
        issued = self._access_tokens.get(value) or self._refresh_tokens.get(value)
        revocation = self.responses.revocation
        token_type = ACCESS_TOKEN if value in self._access_tokens else REFRESH_TOKEN
        if issued is None or (client and issued.grant.client_id != client.client_id):
            # An unknown token, or another client's, is no error (RFC 7009 section 2.2), unless the service says so.
            if self.responses.documents_error(Endpoint.REVOCATION, "invalid_token"):
                raise OAuthError("invalid_token", "The token is not known.")
            return
        if revocation and token_type not in revocation.tokens:
            raise OAuthError("unsupported_token_type", f"A token of the type {token_type} cannot be revoked.")
        if revocation and revocation.ends == RevocationEnds.GRANT:
            self._valid_grants.pop(issued.grant.id, None)
        elif token_type == ACCESS_TOKEN:
            del self._access_tokens[value]
        elif revocation and ACCESS_TOKEN in revocation.tokens:
            # A refresh token, current or old, is revoked together with the access tokens of its grant (section 2.1).
            self._valid_grants.pop(issued.grant.id, None)
        else:
            # A service that cannot revoke access tokens leaves them valid.
            self._refresh_tokens = {t: i for t, i in self._refresh_tokens.items() if i.grant.id != issued.grant.id}

    def _issue(self, grant: Grant, *, nonce: str | None = None, used: str = "") -> EndpointResponse:
        """Issue tokens for a grant, after a refresh token is `used` if it is a refresh."""
        lifetime, refresh_token = self._lifetimes.access_token, self._next_refresh_token(grant, used)
        issued = self._refresh_tokens.get(refresh_token)
        tokens = TokenSet(
            client_id=grant.client_id,
            grant_id=grant.id,
            user=grant.user,
            scopes=grant.scopes,
            access_token=self.responses.new_access_token(),
            refresh_token=refresh_token,
            issued_at=self._clock(),
            expires_in=lifetime,
            refresh_expires_in=issued.remaining(self._clock()) if issued else 0,
            refreshed=bool(used),
            of_client=grant.of_client,
            nonce=nonce,
        )
        expires_at = None if lifetime is None else self._in(lifetime)
        self._access_tokens[tokens.access_token] = IssuedToken(grant=grant, expires_at=expires_at)
        secret = self._clients[grant.client_id].client_secret
        return self.responses.token_response(tokens, self.responses.id_token(tokens, self.keys, secret=secret or ""))

    def _is_usable(self, value: str, issued: IssuedToken) -> bool:
        """Whether a refresh token is the newest of its grant, or an older one that the service still takes."""
        newest = self._valid_grants[issued.grant.id]
        match self.responses.refresh_tokens:
            case RefreshTokens.ADDED:
                return bool(newest)
            case RefreshTokens.OVERLAPPING:
                return value == newest or (bool(newest) and value == self._refresh_tokens[newest].replaces)
        return value == newest

    def _next_refresh_token(self, grant: Grant, used: str) -> str:
        kind = self.responses.refresh_tokens
        if kind is RefreshTokens.NONE or grant.of_client:
            return self._valid_grants.setdefault(grant.id, "")
        if grant.id not in self._valid_grants or kind.changes:
            refresh_token = self.responses.new_refresh_token()
            expires_at = self._in(self._lifetimes.refresh_token)
            self._refresh_tokens[refresh_token] = IssuedToken(grant=grant, expires_at=expires_at, replaces=used)
            self._valid_grants[grant.id] = refresh_token
        return self._valid_grants[grant.id]
