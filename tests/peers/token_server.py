"""A strict authorization server that is called as a function, a clock set by hand, and EveryAuth with both."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.model import Identity, RecordKey, Request, Response, Secret
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.store.identities import identity_key
from everyauth_cli.store.memory import memory_store
from everyauth_cli.store.records import Store

REDIRECT_URI = "http://127.0.0.1:28282/callback/example"
TOKEN_ENDPOINT = "https://issuer.example/token"
REVOCATION_ENDPOINT = "https://issuer.example/revoke"
ENTRY = 'authorization_endpoint = "https://issuer.example/authorize"\n' + f'token_endpoint = "{TOKEN_ENDPOINT}"\n'
REVOCABLE = ENTRY + f'revocation_endpoint = "{REVOCATION_ENDPOINT}"\n'
MINUTE = 60_000
HOUR = 60 * MINUTE

NOW = 1_800_000_000_000
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
WITHOUT_REFRESH = ("client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer", TOKEN_EXCHANGE)
"""The grants that bring no refresh token."""

Fault = Exception | Response


class Clock:
    """A clock that is set by hand, in milliseconds since the epoch."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


def json_response(fields: object, *, status: int = 200, content_type: str = "application/json") -> Response:
    body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    return Response(status=status, content_type=content_type, body=Secret(body))


def id_token(**claims: Any) -> str:
    """Make an id token for the client `id`; its signature is no real one."""
    standard = {
        "iss": "https://issuer.example",
        "aud": "id",
        "iat": NOW // 1000,
        "exp": NOW // 1000 + 10 * HOUR,
        **claims,
    }
    parts = ({"alg": "RS256"}, {name: value for name, value in standard.items() if value is not None})
    return (
        ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + ".c2ln"
    )


class AuthorizationServer:
    """Issues tokens for codes of the form `code-ACCOUNT`, and `client-N` without a code; rotates refresh tokens.

    A refresh token that is used twice ends its whole grant (RFC 9700 section 4.14.2). The first of `faults` replaces
    the next response, before anything is done; `meanwhile` runs during a request, after the refresh token was used.
    `revoked` lists the revoked tokens in order. A GET gets the response in `pages` for its URL.
    """

    def __init__(self) -> None:
        self.lifetime = 3600
        self.rotates = True
        self.extra: dict[str, Any] = {}
        self.claims: dict[str, Any] = {}
        self.exchanged: dict[str, Any] = {}
        self.pages: dict[str, Fault] = {}
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.revoked: list[str] = []
        self.meanwhile: Callable[[], None] = lambda: None
        self._numbers = count(1)
        self._accounts: dict[str, str] = {}
        self._valid: dict[str, str] = {}
        self._guard = threading.Lock()

    @property
    def refreshes(self) -> int:
        return sum(request.fields.get("grant_type") == "refresh_token" for request in self.requests)

    def revoke_all(self) -> None:
        self._valid.clear()

    def __call__(self, request: Request) -> Response:
        with self._guard:
            self.requests.append(request)
            fault = self.faults.pop(0) if self.faults else None
            outcome = self._respond(request) if fault is None else fault
        self.meanwhile()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _respond(self, request: Request) -> Fault:
        if request.method == "GET":
            return self.pages.get(request.url, json_response(b"", status=404))
        fields = {k: v.reveal() if isinstance(v, Secret) else v for k, v in request.fields.items()}
        if request.url == REVOCATION_ENDPOINT:
            return self._revoke(fields["token"])
        if "response_type" in fields:
            return json_response({"request_uri": "urn:example:request", "expires_in": 60}, status=201)
        if fields["grant_type"] == "authorization_code":
            grant = f"grant-{next(self._numbers)}"
            self._accounts[grant] = fields["code"].removeprefix("code-")
            return self._token(grant, fields)
        if fields["grant_type"] in WITHOUT_REFRESH:
            return self._without_refresh(fields)
        return self._refreshed(fields)

    def _refreshed(self, form: dict[str, Any]) -> Response:
        grant = form["refresh_token"].partition(".")[0]
        if self._valid.get(grant) != form["refresh_token"]:
            self._valid.pop(grant, None)
            return json_response({"error": "invalid_grant", "error_description": "spent or revoked"}, status=400)
        return self._token(grant, form)

    def _without_refresh(self, form: dict[str, Any]) -> Response:
        if form["grant_type"] == TOKEN_EXCHANGE:
            return self._exchanged(form)
        token = {"access_token": f"client-{next(self._numbers)}", "expires_in": self.lifetime, **self.extra}
        return json_response({name: value for name, value in token.items() if value is not None})

    def _exchanged(self, form: dict[str, Any]) -> Response:
        """Respond to a token exchange (RFC 8693 section 2.2.1), with the fields of `exchanged` in place of these."""
        token = {"access_token": f"exchanged-{next(self._numbers)}", "token_type": "Bearer"}
        issued = {"issued_token_type": form["requested_token_type"], "expires_in": self.lifetime}
        fields = {**token, **issued, **self.exchanged}
        return json_response({name: value for name, value in fields.items() if value is not None})

    def _revoke(self, token: str) -> Response:
        self.revoked.append(token)
        self._valid = {grant: valid for grant, valid in self._valid.items() if valid != token}
        return json_response(b"", content_type="")

    def _token(self, grant: str, form: dict[str, Any]) -> Response:
        number = next(self._numbers)
        account = self._accounts[grant]
        fields = {
            "access_token": f"access-{number}",
            "token_type": "bearer",
            "expires_in": self.lifetime,
            "id_token": id_token(
                **{"sub": account, "email": f"{account}@example.org", "aud": form.get("client_id"), **self.claims}
            ),
        }
        if self.rotates or grant not in self._valid:
            self._valid[grant] = fields["refresh_token"] = f"{grant}.refresh-{number}"
        return json_response({name: value for name, value in {**fields, **self.extra}.items() if value is not None})


class World:
    """An EveryAuth with a store, a server, a clock that is set by hand, and a client."""

    def __init__(self, directory: Path, *, store: Store | None = None) -> None:
        self.directory = directory
        self.entry("example", ENTRY)
        self.store = store or memory_store()
        self.clock = Clock()
        self.server = AuthorizationServer()
        self.warnings: list[str] = []
        self.auth = self.another(self.store)
        self.auth.clients.set(self.auth.catalogue.get("example"), client_id="id", client_secret=Secret("s"))

    def another(self, store: Store, **more: Any) -> EveryAuth:
        """Return another EveryAuth of the same world with that store, as in another process."""
        return EveryAuth(
            store=store,
            catalogue=Catalogue(self.directory),
            send=self.server,
            clock=self.clock,
            warn=self.warnings.append,
            **more,
        )

    def entry(self, name: str, text: str) -> None:
        """Write the user's own service file."""
        (self.directory / f"{name}.toml").write_text(text)

    def login(
        self, account: str = "alice", *, service: str = "example", replace_account: bool = False, **about: Any
    ) -> Identity:
        pending = self.auth.begin(service, redirect_uri=REDIRECT_URI, **about)
        if pending.nonce is not None:
            self.server.claims.setdefault("nonce", pending.nonce.reveal())
        query = [("code", f"code-{account}"), ("state", pending.state.reveal())]
        return self.auth.keep(self.auth.redeem(pending, query), replace_account=replace_account)

    def token(self, who: str = "me", **demand: Any) -> str | None:
        """The access token of a user at the example service."""
        credential = self.auth.get_identity("example", who, **demand)
        return credential.access_token if credential else None

    def key(self, user: str = "me") -> RecordKey:
        return identity_key("default", "example", user=user)
