"""The whole journey at the sandbox of each service, over HTTP, compared with the dialect files."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, urlsplit

import pytest
from peers.sandbox import ACCOUNT, Clock

from everyauth_cli import errors
from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.flows.granted import Grant
from everyauth_cli.flows.host_pinning import granted_origins
from everyauth_cli.model import SANDBOX_PROFILE, Secret
from everyauth_cli.sandbox.default_dialect import default_dialect
from everyauth_cli.sandbox.dialect import fill_text, load, names
from everyauth_cli.sandbox.faults import Fault
from everyauth_cli.sandbox.responses import user_id
from everyauth_cli.sandbox.server import CLIENT_ID, CLIENT_SECRET, Sandbox
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.services.redirect_uri import redirect_uri
from everyauth_cli.store.identities import identity_key, read_identity
from everyauth_cli.store.memory import memory_store
from everyauth_cli.transport import send

pytestmark = pytest.mark.slow

URLS = """
authorization_endpoint = "https://auth.example/authorize"
token_endpoint = "https://auth.example/token"
"""
ME = 'account_endpoint = "https://auth.example/me?v=2"\n'
REVOKE = 'revocation_endpoint = "https://auth.example/revoke"\n'
ENTRIES = {
    "by-the-book": URLS + ME + REVOKE,
    "in-the-header": URLS
    + ME
    + REVOKE
    + 'token_endpoint_auth_method = "client_secret_basic"\nrevocation_ends = "grant"\n',
    "without-secret": URLS + ME + REVOKE + 'token_endpoint_auth_method = "none"\n',
    "in-json": URLS + ME + REVOKE + 'body = "json"\nrevocation_body = "json"\n',
    "without-pkce": URLS + ME + "pkce = false\n",
    "with-commas": URLS + ME + 'scope_separator = ","\nscopes = ["a", "b"]\n',
    "in-graphql": URLS
    + 'account_endpoint = "https://auth.example/graphql"\naccount_query = "{ viewer { id } }"\n'
    + 'account_subject = ["{data.viewer.id}"]\naccount_label = ["{data.viewer.emails.0.address}"]\n',
    "with-openid": URLS
    + 'issuer = "https://auth.example"\nauthorization_response_iss_parameter_supported = true\nscopes = ["openid"]\n',
    "with-openid-by-secret": URLS
    + 'issuer = "https://auth.example"\nscopes = ["openid"]\n'
    + 'id_token_signing_alg_values_supported = ["ES256", "HS256"]\n',
    "in-the-answer": URLS + "account_in_response = true\n",
    "with-tenant": 'authorization_endpoint = "https://{tenant}.example/authorize"\n'
    'token_endpoint = "https://{tenant}.example/token"\n'
    f"{ME}"
    '[params.tenant]\nhelp = "The tenant."\n',
    "by-bearer": URLS
    + ME
    + REVOKE
    + 'revocation_endpoint_auth_method = "bearer"\nrevocable_tokens = ["access_token"]\n',
    "refresh-tokens-only": URLS + ME + REVOKE + 'revocable_tokens = ["refresh_token"]\n',
    "without-authentication": URLS + ME + REVOKE + 'revocation_endpoint_auth_method = "none"\n',
}


class Journey:
    """One service at the sandbox, with one clock for both."""

    def __init__(self, name: str, catalogue: Catalogue, sandbox: Sandbox, clock: Clock) -> None:
        self.name, self.sandbox, self.clock = name, sandbox, clock
        self.sent: list[str] = []
        self.warnings: list[str] = []
        self.auth = EveryAuth(
            store=memory_store(),
            catalogue=catalogue,
            send=self._send,
            clock=clock,
            profile=SANDBOX_PROFILE,
            warn=self.warnings.append,
        )
        self.set_client(CLIENT_SECRET)
        self.server = sandbox.server(name)
        service = catalogue.get(name)
        self.dialect = load(name) if name in names() else default_dialect(service)

    def set_client(self, client_secret: str) -> None:
        self.auth.clients.set_sandbox(
            self.auth.catalogue.get(self.name),
            sandbox_url=self.sandbox.base_url,
            client_id=CLIENT_ID,
            client_secret=Secret(client_secret),
        )

    def documented_error(self, endpoint: str, error: str) -> type[Exception] | None:
        raised = [e.raises for e in self.dialect.errors if (e.endpoint, e.error) == (endpoint, error)]
        return getattr(errors, raised[0]) if raised else None

    def _send(self, request):
        self.sent.append(request.url)
        return send(request)

    def log_in(self, *, allow: bool = True):
        service = self.auth.clients.filled(self.name)
        uri = redirect_uri(service, self.auth.clients.get(service))
        self.pending = pending = self.auth.begin(self.name, redirect_uri=uri)
        request = self.server.authorize(dict(parse_qsl(urlsplit(self.auth.authorization_url(pending)).query)))
        url = self.server.allow(request.transaction, user=ACCOUNT) if allow else self.server.deny(request.transaction)
        self.response = parse_qsl(urlsplit(url).query)
        self.grant = self.auth.redeem(pending, self.response)
        return self.auth.keep(self.grant)

    def credential(self):
        return self.auth.get_identity(self.name)

    def token(self):
        return read_identity(self.auth.store, identity_key(SANDBOX_PROFILE, self.name, user="me")).token


@pytest.fixture
def journey(name, tmp_path):
    for own, entry in ENTRIES.items():
        (tmp_path / f"{own}.toml").write_text(entry)
    clock, catalogue = Clock(), Catalogue(tmp_path)
    with Sandbox(catalogue, clock=clock) as sandbox:
        journey = Journey(name, catalogue, sandbox, clock)
        yield journey
        # Every request went to the sandbox.
        assert [url for url in journey.sent if not url.startswith(f"{sandbox.base_url}/{name}/")] == []


everywhere = pytest.mark.parametrize("name", [*names(), *ENTRIES])
documented = pytest.mark.parametrize("name", names())


@everywhere
def test_a_login_gets_a_valid_token_and_the_account(journey, name):
    identity = journey.log_in()
    assert (journey.warnings, journey.grant.missing_scopes) == ([], [])
    documented = journey.dialect.account
    values = {"user": ACCOUNT, "user_id": user_id(ACCOUNT)}
    assert (identity.account is None) == (documented is None)
    if documented is not None:
        assert identity.account.subject == fill_text(documented.subject, values)
        assert identity.account.label == fill_text(documented.label, values)
    assert journey.server.user(journey.credential().access_token) == ACCOUNT
    tokens = journey.dialect.tokens
    assert identity.refreshable == (tokens.refresh_tokens != "none")
    # Where no lifetime is stated, only the time to try a refresh is known.
    is_timeless = identity.expires_at is None and identity.refresh_at is None
    assert is_timeless == (tokens.lifetime is None and not identity.refreshable)


@documented
def test_native_fields_are_those_of_the_original(journey, name):
    journey.log_in()
    native = dict(journey.credential().native)
    assert sorted(native) == sorted(journey.dialect.native)
    assert "{" not in json.dumps([value for value in native.values() if isinstance(value, str)])


@everywhere
def test_a_token_that_has_expired_is_refreshed(journey, name):
    journey.log_in()
    before, token = journey.credential(), journey.token()
    kind, lifetime = journey.dialect.tokens.refresh_tokens, journey.dialect.tokens.lifetime
    journey.clock.tick(lifetime or 0)
    if kind == "none" and lifetime is not None:
        with pytest.raises(errors.LoginRequired):
            journey.credential()
        return
    after = journey.credential()
    assert journey.server.user(after.access_token) == ACCOUNT
    assert (after.access_token != before.access_token) == (lifetime is not None)
    if lifetime is not None:
        assert (journey.token().refresh_token != token.refresh_token) == kind.changes
        if name in names():
            assert sorted(after.native) == sorted(journey.dialect.native_after_refresh)


@everywhere
def test_a_revoked_token_is_not_valid(journey, name):
    journey.log_in()
    token, offered = journey.token(), journey.auth.catalogue.get(name).revocation.endpoint is not None
    revocation = journey.auth.delete_identity(name, user="me")
    assert (revocation.offered, revocation.problem) == (offered, None)
    assert bool(revocation.revoked) == offered
    assert (journey.server.user(token.access_token.reveal()) is None) == ("access_token" in revocation.revoked)
    if "refresh_token" in revocation.revoked:
        pending, origins = journey.pending, granted_origins(journey.auth.clients.filled(name))
        grant = Grant(request=pending.request, token=token, origins=origins, redirect_uri=pending.redirect_uri)
        journey.auth.keep(grant)
        with pytest.raises(errors.LoginRequired):
            journey.auth.get_identity(name, rejected=token.access_token)


@everywhere
def test_a_denial_is_understood(journey, name):
    with pytest.raises(errors.LoginDenied):
        journey.log_in(allow=False)
    assert journey.sent == []


@documented
def test_a_wrong_client_secret_is_refused_with_the_documented_error(journey, name):
    journey.set_client("wrong" * 10)
    with pytest.raises(journey.documented_error("token", "invalid_client") or errors.ClientRejected):
        journey.log_in()


@documented
def test_a_code_used_twice_is_refused_with_the_documented_error(journey, name):
    journey.log_in()
    with pytest.raises(journey.documented_error("token", "invalid_grant") or errors.LoginFailed):
        journey.auth.redeem(journey.pending, journey.response)


@pytest.mark.parametrize("name", [name for name in names() if load(name).refresh])
def test_a_revoked_grant_is_refused_with_the_documented_error(journey, name):
    journey.log_in()
    journey.sandbox.fault = Fault.REVOKED
    raised = journey.documented_error("refresh", "invalid_grant")
    # A refused grant needs a new login.
    with pytest.raises(errors.LoginRequired if raised in (None, errors.InvalidGrant) else raised):
        journey.auth.get_identity(name, rejected=Secret(journey.credential().access_token))


@pytest.mark.parametrize("name", ["with-commas"])
def test_scopes_have_the_separator_of_the_entry(journey, name):
    assert journey.log_in().scope == "a,b"


@pytest.mark.parametrize("name", ["without-pkce"])
def test_without_pkce_there_is_no_challenge(journey, name):
    pending = journey.auth.begin(name, redirect_uri=f"http://127.0.0.1:28282/callback/{name}")
    assert "code_challenge" not in journey.auth.authorization_url(pending)


@pytest.mark.parametrize("name", ["in-the-header"])
def test_a_grant_that_ends_as_a_whole_is_revoked_once(journey, name):
    journey.log_in()
    assert journey.auth.delete_identity(name, user="me").revoked == ["refresh_token", "access_token"]
    assert len([url for url in journey.sent if url.endswith("/revoke")]) == 1
