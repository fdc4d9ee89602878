"""Logins by a device code at npm's oidc-provider, whose pages a user's browser goes through on another device."""

import threading
import time

import pytest
from peers.oidc_provider import SECRET, running

from everyauth_cli import EveryAuth
from everyauth_cli.errors import LoginDenied, LoginTimedOut
from everyauth_cli.model import Secret
from everyauth_cli.oauth.device_authorization import PendingDevice
from everyauth_cli.oauth.jose import new_private_key
from everyauth_cli.oauth.jwk import public_jwks
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.services.rules import DEVICE_CODE
from everyauth_cli.store.memory import memory_store
from everyauth_cli.transport import send

pytestmark = pytest.mark.slow

SCOPE = "openid email offline_access api:read"


def at(provider, tmp_path, *, client_id, method="none", secret=None, key=None):
    """An EveryAuth whose service `op` is that server."""
    (tmp_path / "op.toml").write_text(
        f'authorization_endpoint = "{provider.authorization_endpoint}"\n'
        f'token_endpoint = "{provider.token_endpoint}"\n'
        f'device_authorization_endpoint = "{provider.issuer}/device/auth"\n'
        f'issuer = "{provider.issuer}"\n'
        f'userinfo_endpoint = "{provider.userinfo_url}"\n'
        f'token_endpoint_auth_method = "{method}"\n'
    )
    auth = EveryAuth(store=memory_store(), catalogue=Catalogue(tmp_path), send=send)
    change = (lambda _: (key,)) if key else None
    secret = Secret(secret) if secret else None
    auth.clients.set(auth.catalogue.get("op"), client_id=client_id, client_secret=secret, change_keys=change)
    return auth


class Hurry:
    """A sleeper for which time flies, since that server does not mind how often it is asked."""

    def __init__(self):
        self.now = 0.0

    def wait(self, seconds):
        self.now += seconds

    def redeem(self, auth, pending):
        return auth.redeem_device(pending, wait=self.wait, elapsed=lambda: self.now)


@pytest.mark.parametrize(
    ("client_id", "method", "secret"),
    [("native", "none", None), ("web", "client_secret_basic", SECRET), ("web-post", "client_secret_post", SECRET)],
)
def test_a_login_with_its_account_scopes_and_refresh(oidc_provider, tmp_path, client_id, method, secret):
    auth = at(oidc_provider, tmp_path, client_id=client_id, method=method, secret=secret)
    pending = auth.begin_device("op", scope=SCOPE)
    assert pending.authorization.interval == 5.0  # that server names none
    oidc_provider.play(pending.authorization.verification_uri_complete, drop_scopes=["api:read"])
    grant = Hurry().redeem(auth, pending)
    identity = auth.keep(grant)
    assert (identity.account.label, identity.refreshable) == ("alice@example.test", True)
    assert list(grant.missing_scopes) == ["api:read"]
    first = auth.get_identity("op").access_token
    second = auth.get_identity("op", rejected=first)
    assert second.access_token != first


def test_a_client_with_a_key_signs_each_request_anew(tmp_path):
    key = new_private_key()
    with running(jwks={"signs": public_jwks([key])}) as provider:
        auth = at(provider, tmp_path, client_id="signs", method="private_key_jwt", key=key)
        pending = auth.begin_device("op", scope="openid")
        still = waited(auth, pending)
        assert isinstance(still, PendingDevice)
        provider.play(pending.authorization.verification_uri_complete)
        assert auth.keep(Hurry().redeem(auth, still)).account


def waited(auth, pending):
    """The outcome of the first poll."""
    time.sleep(max(0.0, pending.poll_at / 1000 - time.time()))
    return auth.poll_device(pending)


def test_a_user_who_takes_a_while_is_waited_for(oidc_provider, tmp_path):
    auth = at(oidc_provider, tmp_path, client_id="native")
    pending = auth.begin_device("op", scope=SCOPE)
    page = pending.authorization.verification_uri_complete
    user = threading.Timer(6, oidc_provider.play, [page])
    user.start()
    began = time.monotonic()
    identity = auth.keep(auth.redeem_device(pending, timeout=60))
    user.join(30)
    assert identity.account.label == "alice@example.test"
    assert time.monotonic() - began >= 10


def test_a_user_who_denies(oidc_provider, tmp_path):
    auth = at(oidc_provider, tmp_path, client_id="native")
    pending = auth.begin_device("op", scope=SCOPE)
    oidc_provider.deny(pending.authorization.verification_uri_complete)
    with pytest.raises(LoginDenied):
        Hurry().redeem(auth, pending)
    assert auth.find() == []


def test_a_code_that_has_expired_at_the_server(tmp_path):
    with running(device_code_lifetime=6) as provider:
        auth = at(provider, tmp_path, client_id="native")
        pending = auth.begin_device("op")
        time.sleep(7)
        with pytest.raises(LoginTimedOut, match="expired_token"):
            Hurry().redeem(auth, pending)
        assert auth.find() == []


def test_a_server_that_is_known_by_its_url_alone(oidc_provider, tmp_path):
    auth = EveryAuth(store=memory_store(), catalogue=Catalogue(tmp_path), send=send)
    service = auth.discover(oidc_provider.issuer, scope=SCOPE)
    assert DEVICE_CODE in service.grant_types_supported
    pending = auth.begin_device(service.name, scope=SCOPE)
    oidc_provider.play(pending.authorization.verification_uri_complete, user="bob")
    identity = auth.keep(Hurry().redeem(auth, pending))
    assert (identity.service, identity.account.label) == (service.name, "bob@example.test")
    assert auth.get_identity(service.name).access_token
