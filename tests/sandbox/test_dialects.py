"""The contract with each core service: the exact requests, and the credentials read from documented responses."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

import pytest
from peers.recorder import Recorder, recording

from everyauth_cli import errors
from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.model import Secret
from everyauth_cli.oauth.authorization_code import challenge
from everyauth_cli.sandbox.dialect import (
    Call,
    Dialect,
    DocumentedError,
    DocumentedResponse,
    Variant,
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


@each
def test_the_authorization_request_is_the_documented_one(contract, name):
    url = contract.auth.authorization_url(contract.pending)
    quoted = {word: quote_plus(str(value)) for word, value in contract.values.items()}
    assert urlsplit(url).query == fill_text(contract.dialect.authorization.query, quoted)
    assert url.startswith(contract.service.authorization_endpoint + "?")


@each
def test_the_code_is_redeemed_as_documented(contract, name):
    contract.log_in()
    contract.sent(contract.dialect.token, at=0)


@where(lambda dialect: dialect.client_credentials)
def test_the_client_gets_a_token_of_its_own_as_documented(contract, name):
    call = contract.dialect.client_credentials
    for request in range(2):
        contract.reply(call.response)
        if request == 0:
            contract.auth.keep(contract.auth.client_credentials(name))
        assert contract.auth.get_identity(name).access_token == "access-1"
        contract.sent(call, at=request)
        contract.expire()


@each
def test_the_credential_has_the_fields_of_the_original(contract, name):
    contract.log_in()
    native = contract.native()
    assert sorted(native) == sorted(contract.dialect.native)
    assert "refresh-1" not in json.dumps(native)
    assert native["access_token"]


@where(lambda dialect: dialect.account)
def test_the_account_is_found(contract, name):
    contract.log_in()
    (identity,) = contract.auth.find()
    documented = contract.dialect.account
    assert identity.account is not None
    assert identity.account.subject == fill_text(documented.subject, contract.values)
    assert identity.account.label == fill_text(documented.label, contract.values)
    if documented.call is not None:
        contract.sent(documented.call, at=1 + contract.verifies_id_token)


@where(lambda dialect: not dialect.account)
def test_an_account_that_nothing_names_is_not_asked_for(contract, name):
    contract.log_in()
    (identity,) = contract.auth.find()
    assert identity.account is None
    assert len(contract.recorder.requests) == 1


@each
def test_the_lifetime_of_a_token_is_the_documented_one(contract, name):
    contract.log_in()
    (identity,) = contract.auth.find()
    assert (identity.expires_at is not None) == ("expires_at" in contract.dialect.native)
    assert identity.refreshable == (contract.dialect.tokens.refresh_tokens != "none")


@where(lambda dialect: dialect.refresh)
def test_a_refresh_is_sent_as_documented_and_keeps_the_native_fields(contract, name):
    dialect = contract.dialect
    contract.log_in()
    before = contract.native()
    contract.expire()
    contract.values |= {"access_token": "access-2"}
    if dialect.tokens.refresh_tokens.changes:
        contract.values |= {"refresh_token": "refresh-2"}
    contract.reply(dialect.refresh.response)
    after = contract.native()
    contract.values |= {"refresh_token": "refresh-1"}
    contract.sent(dialect.refresh, at=-1)
    assert after["access_token"] != before["access_token"]
    assert sorted(after) == sorted(dialect.native_after_refresh)
    token = contract.stored().token
    assert (token.expires_at is not None) == ("expires_at" in dialect.native_after_refresh)
    rotated = dialect.tokens.refresh_tokens.changes
    assert token.refresh_token == Secret("refresh-2" if rotated else "refresh-1")


@where(lambda dialect: dialect.revocation)
def test_tokens_are_revoked_as_documented(contract, name):
    contract.log_in()
    documented = contract.dialect.revocation
    token = contract.stored().token
    tokens = {"refresh_token": token.refresh_token, "access_token": token.access_token}
    values = {kind: token.reveal() for kind, token in tokens.items() if kind in documented.tokens and token}
    is_whole = documented.ends == "grant"
    expected = list(values)[:1] if is_whole else list(values)
    for _ in expected:
        contract.reply(documented.call.response)
    begun = len(contract.recorder.requests)
    revocation = contract.auth.delete_identity(name, user="me")
    assert revocation.problem is None
    assert list(revocation.revoked) == ([kind for kind, token in tokens.items() if token] if is_whole else list(values))
    assert len(contract.recorder.requests) == begun + len(expected)
    for at, kind in enumerate(expected, begun):
        contract.values |= {"token": values[kind], "token_type_hint": kind}
        contract.sent(documented.call, at=at)


@where(lambda dialect: not dialect.revocation)
def test_a_service_without_revocation_is_sent_nothing(contract, name):
    contract.log_in()
    begun = len(contract.recorder.requests)
    revocation = contract.auth.delete_identity(name, user="me")
    assert (revocation.offered, len(contract.recorder.requests)) == (False, begun)


@every(lambda dialect: [error for error in dialect.errors if error.endpoint in ("token", "account")])
def test_a_documented_error_is_understood_at_a_login(contract, name, item: DocumentedError):
    contract.reply(item.response)
    with pytest.raises(getattr(errors, item.raises)):
        contract.log_in_only()
    assert contract.auth.find() == []


@every(lambda dialect: [error for error in dialect.errors if error.endpoint == "refresh"])
def test_a_documented_error_is_understood_at_a_refresh(contract, name, item: DocumentedError):
    contract.log_in()
    contract.expire()
    contract.reply(item.response)
    with pytest.raises(getattr(errors, item.raises)):
        contract.auth.get_identity(name)


@every(lambda dialect: [error for error in dialect.errors if error.endpoint == "authorization"])
def test_a_documented_error_is_understood_in_the_redirect(contract, name, item: DocumentedError):
    query = [*parse_qsl(item.response.body), ("state", str(contract.values["state"]))]
    with pytest.raises(getattr(errors, item.raises)):
        contract.auth.redeem(contract.pending, query)
    assert contract.recorder.requests == []


@every(lambda dialect: [error for error in dialect.errors if error.endpoint == "revocation"])
def test_a_documented_error_is_understood_at_a_revocation(contract, name, item: DocumentedError):
    contract.log_in()
    for _ in contract.dialect.revocation.tokens:
        contract.reply(item.response)
    revocation = contract.auth.delete_identity(name, user="me")
    assert (bool(revocation.problem), revocation.revoked) == (bool(item.raises), [])


@every(lambda dialect: [variant for variant in dialect.variants if variant.endpoint == "token"])
def test_a_variant_of_the_token_response_is_read(contract, name, item: Variant):
    contract.log_in(item.response)
    native = contract.native()
    (identity,) = contract.auth.find()
    assert native["access_token"] == fill_text(item.access_token, contract.values)
    assert sorted(native) == sorted(item.native)
    assert (identity.refreshable, identity.expires_at is not None) == (item.refreshable, item.expires)
    assert '"refresh_token"' not in json.dumps(native)


@every(lambda dialect: [variant for variant in dialect.variants if variant.endpoint == "refresh"])
def test_a_variant_of_the_refresh_response_is_read(contract, name, item: Variant):
    contract.log_in()
    contract.expire()
    contract.values |= {"access_token": "access-2", "refresh_token": "refresh-2"}
    contract.reply(item.response)
    assert contract.native()["access_token"] == fill_text(item.access_token, contract.values)


@each
def test_everything_is_linked_to_the_documentation(name):
    dialect = ALL[name]
    revocation, account = dialect.revocation, dialect.account
    calls = [dialect.token, dialect.refresh, revocation and revocation.call, account and account.call]
    listed = [dialect.tokens, dialect.authorization, *filter(None, calls), *dialect.errors, *dialect.variants]
    for part in listed:
        assert part.link, part
        assert all(link.startswith("https://") for link in part.link)
