"""A login at a core service as its documentation shows it: what is sent is recorded, what is received documented."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import pytest
from peers.recorder import Recorder, recording

from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.model import Secret
from everyauth_cli.oauth.authorization_code import challenge
from everyauth_cli.sandbox.dialect import (
    Call,
    Dialect,
    DocumentedResponse,
    fill_text,
    load,
    names,
)
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.services.redirect_uri import redirect_uri
from everyauth_cli.store.identities import StoredIdentity, identity_key, read_identity
from everyauth_cli.store.memory import memory_store

CLIENT_ID, CLIENT_SECRET = "the client/id", "the s3cret&+"
CLIENT_KEY = "the-key(("
PARAMS = {"client_key": CLIENT_KEY, "subdomain": "sandbox", "account_id": "the account/id"}
USER, USER_ID = "user@example.com", "U12345"
ALL = {name: load(name) for name in names()}


class Contract:
    """A login at a service whose hosts are the recorder, with the responses of its dialect."""

    def __init__(self, dialect: Dialect, recorder: Recorder) -> None:
        self.dialect, self.recorder = dialect, recorder
        self.ahead = 0
        self.auth = EveryAuth(store=memory_store(), catalogue=Catalogue(), send=recorder.send, clock=self.now)
        service = self.auth.catalogue.get(dialect.name)
        params = {p.name: PARAMS[p.name] for p in service.params if p.name in PARAMS}
        client = self.auth.clients.set(service, client_id=CLIENT_ID, client_secret=Secret(CLIENT_SECRET), params=params)
        self.service = self.auth.clients.filled(dialect.name)
        self.pending = self.auth.begin(dialect.name, redirect_uri=redirect_uri(service, client))
        now = now_ms()
        self.values: dict[str, str | int] = {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "client_key": CLIENT_KEY,
            "account_id": PARAMS["account_id"],
            "redirect_uri": self.pending.redirect_uri,
            "state": self.pending.state.reveal(),
            "code": "the/code",
            "code_verifier": self.pending.verifier.reveal() if self.pending.verifier else "",
            "code_challenge": challenge(self.pending.verifier) if self.pending.verifier else "",
            "nonce": self.pending.nonce.reveal() if self.pending.nonce else "",
            "scope": self.pending.request.scope,
            "access_token": "access-1",
            "refresh_token": "refresh-1",
            "expires_in": 3600,
            "refresh_expires_in": 7776000,
            "user": USER,
            "user_id": USER_ID,
            "uuid": "d8e8fca2-dc0f-11ee-9c1a-0242ac120002",
            "now": now // 1000,
            "now_ms": now,
            "expires_at": now // 1000 + 3600,
            "at_hash": "x",
            "grant_id": "grant-1",
            "basic": base64.b64encode(f"{quote_plus(CLIENT_ID)}:{quote_plus(CLIENT_SECRET)}".encode()).decode(),
            "plain_basic": base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode(),
        }
        if dialect.id_token:
            self.values["id_token"] = self._id_token()

    def now(self) -> int:
        return now_ms() + self.ahead

    def _id_token(self) -> str:
        claims = DocumentedResponse(body=self.dialect.id_token).filled(self.values)
        header = json.dumps({"alg": "RS256"}).encode()
        return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (header, claims, b"x"))

    @property
    def verifies_id_token(self) -> bool:
        return bool(self.dialect.id_token) and self.service.id_token.use == "verify"

    def reply(self, response: DocumentedResponse) -> None:
        self.recorder.reply(response.filled(self.values), status=response.status, content_type=response.content_type)

    def log_in(self, response: DocumentedResponse | None = None) -> None:
        self.reply(response or self.dialect.token.response)
        if self.verifies_id_token:
            self.recorder.reply(b"", status=503)  # the issuer's keys
        if self.dialect.account is not None and self.dialect.account.call is not None:
            self.reply(self.dialect.account.call.response)
        query = [
            ("code", str(self.values["code"])),
            ("state", str(self.values["state"])),
            *self.dialect.authorization.response_params.items(),
        ]
        self.auth.keep(self.auth.redeem(self.pending, query))

    def log_in_only(self) -> None:
        """Log in with the responses that were set before."""
        query = [("code", str(self.values["code"])), ("state", str(self.values["state"]))]
        self.auth.keep(self.auth.redeem(self.pending, query))

    def stored(self) -> StoredIdentity:
        stored = read_identity(self.auth.store, identity_key("default", self.dialect.name, user="me"))
        assert stored is not None
        return stored

    def native(self) -> dict[str, object]:
        credential = self.auth.get_identity(self.dialect.name)
        assert credential is not None
        return dict(credential.native)

    def expire(self) -> None:
        self.ahead += 400 * 24 * 3600 * 1000

    def sent(self, call: Call, *, at: int) -> None:
        """Compare a received request with the documented one, to the byte."""
        received, documented = self.recorder.requests[at], call.request
        quoted = {name: quote_plus(str(value)) for name, value in self.values.items()}
        in_path = {name: quote(str(value), safe="") for name, value in self.values.items()}
        values = self.values if documented.headers.get("Content-Type") == "application/json" else quoted
        assert (received.method, received.url) == (documented.method, fill_text(documented.url, in_path))
        assert received.body == fill_text(documented.body, values)
        for name, value in documented.headers.items():
            assert received.headers[name.lower()] == fill_text(value, self.values), name
        if "Authorization" not in documented.headers:
            assert "authorization" not in received.headers


@pytest.fixture
def contract(request: pytest.FixtureRequest) -> Iterator[Contract]:
    """The contract with the service `name`."""
    with recording() as recorder:
        yield Contract(ALL[request.getfixturevalue("name")], recorder)


each = pytest.mark.parametrize("name", ALL)


def where(part):
    """Parametrize a test with the services whose dialect has a part."""
    return pytest.mark.parametrize("name", [name for name, dialect in ALL.items() if part(dialect)])


def every(listed):
    """Parametrize a test with each item that the dialects list, and its service."""
    pairs = [(name, item) for name, dialect in ALL.items() for item in listed(dialect)]
    ids = [f"{name}: {getattr(item, 'name', None) or f'{item.endpoint} {item.error}'}" for name, item in pairs]
    return pytest.mark.parametrize(("name", "item"), pairs, ids=ids)
