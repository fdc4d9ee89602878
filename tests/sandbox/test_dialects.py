"""The contract with each core service: the exact requests, and the credentials read from documented responses."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, quote_plus, urlsplit

import pytest
from peers.contract import (
    ALL,
    each,
    every,
    where,
)

from everyauth_cli import errors
from everyauth_cli.model import Secret
from everyauth_cli.sandbox.dialect import (
    DocumentedError,
    Variant,
    fill_text,
)


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
