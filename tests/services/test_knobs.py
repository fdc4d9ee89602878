"""One service of the catalogue for each combination of keys: the whole journey at the sandbox, as its entry has it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from everyauth_cli.errors import LoginRequired
from everyauth_cli.model import Service
from everyauth_cli.oauth.grant import only_grant
from everyauth_cli.sandbox.dialect import names
from everyauth_cli.sandbox.pytest_plugin import EveryAuthSandbox
from everyauth_cli.sandbox.server import Sandbox
from everyauth_cli.services.catalogue import Catalogue


def knobs(service: Service) -> tuple[object, ...]:
    """The keys of an entry that change how requests are made and responses read, without names and URLs."""
    return (
        service.token_endpoint_auth_method,
        service.body,
        service.pkce,
        service.scope_separator if len(service.scopes) > 1 else "",
        service.expires_field,
        service.default_lifetime is not None,
        bool(service.native),
        bool(service.keep_callback),
        bool(service.params),
        bool(service.token_params),
        bool(service.refresh_endpoint),
        repr(replace(service.revocation, endpoint=str(bool(service.revocation.endpoint)))),
        (bool(service.account.endpoint), bool(service.account.query), service.account.in_response),
        (bool(service.issuer), "openid" in service.scopes, service.authorization_response_iss_parameter_supported),
        (service.redirect.loopback_host, service.redirect.any_port, service.redirect.https_only),
    )


def one_of_each() -> dict[str, Service]:
    """The first service of each combination, those with a dialect of their own left out: they have their contracts."""
    services = [Catalogue().get(name) for name in Catalogue().names() if name not in names()]
    return {service.name: service for service in reversed(list({knobs(s): s for s in reversed(services)}.values()))}


EACH = one_of_each()


@pytest.fixture(scope="module")
def sandboxed():
    with Sandbox(Catalogue()) as sandbox:
        yield EveryAuthSandbox(sandbox)


@pytest.mark.parametrize("name", EACH)
def test_each_combination_of_keys_makes_the_whole_journey(sandboxed, name):
    auth, server = sandboxed.auth, sandboxed.sandbox.server(name)
    identity = sandboxed.log_in(name)
    service = auth.catalogue.get(name)
    assert (identity.account is not None) == bool(
        service.account.endpoint
        or service.account.in_response
        or ("openid" in service.scopes)
        or only_grant(service.grant_types_supported) is not None
    )
    before = auth.get_identity(name).access_token
    assert server.user(before)
    assert "refresh_token" not in auth.get_identity(name).as_json()["native"]
    if identity.refreshable and identity.expires_at is not None:
        sandboxed.advance((identity.expires_at - identity.updated_at) / 1000)
        after = auth.get_identity(name).access_token
        assert after != before
        assert server.user(after)
        before = after
    elif identity.expires_at is not None:
        sandboxed.advance((identity.expires_at - identity.updated_at) / 1000)
        with pytest.raises(LoginRequired):
            auth.get_identity(name)
    revocation = auth.delete_identity(name, user="me")
    assert revocation.problem is None
    assert revocation.offered == (service.revocation.endpoint is not None)
    assert bool(server.user(before)) == ("access_token" in revocation.not_revoked)
    assert auth.find() == []


def test_the_combinations_are_many():
    assert len(EACH) > len({service.token_endpoint_auth_method for service in EACH.values()}) * 5
