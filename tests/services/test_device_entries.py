"""Services whose device authorization grant differs from RFC 8628: what they are sent, and how their words are read."""

import pytest
from peers.token_server import Clock, json_response

from everyauth_cli.errors import LoginFailed
from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.model import Secret
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.services.rules import DEVICE_CODE
from everyauth_cli.store.memory import memory_store

CODES = {"device_code": "dc", "user_code": "UC", "verification_url": "https://page.example/device", "interval": 5}
PENDING = json_response({"error": "authorization_pending"}, status=400)


class Service:
    """A service that responds with what it is given, and remembers what it was sent."""

    def __init__(self, name, *responses, scope="a b", client_secret="s3cret"):
        self.responses, self.requests, self.clock = [json_response(CODES), *responses], [], Clock()
        self.auth = EveryAuth(store=memory_store(), catalogue=Catalogue(), send=self.send, clock=self.clock)
        secret = Secret(client_secret) if client_secret else None
        self.auth.clients.set(self.auth.catalogue.get(name), client_id="id", client_secret=secret)
        self.pending = self.auth.begin_device(name, scope=scope)

    def send(self, request):
        self.requests.append(request)
        return self.responses.pop(0)

    def poll(self):
        self.clock.now += 60_000
        self.pending = self.auth.poll_device(self.pending)
        return self.pending

    def sent(self, at):
        request = self.requests[at]
        fields = {k: v.reveal() if isinstance(v, Secret) else v for k, v in request.fields.items()}
        return request.url, fields


def test_twitch_has_another_name_for_the_scope_and_words_of_its_own():
    words = [
        json_response({"status": 400, "message": word}, status=400) for word in ("authorization_pending", "slow_down")
    ]
    spent = json_response({"status": 400, "message": "invalid device code"}, status=400)
    service = Service("twitch", *words, spent, client_secret=None)
    assert service.sent(0) == ("https://id.twitch.tv/oauth2/device", {"client_id": "id", "scopes": "a b"})
    assert service.poll().polling.interval == 5.0
    assert service.sent(1) == (
        "https://id.twitch.tv/oauth2/token",
        {"grant_type": DEVICE_CODE, "device_code": "dc", "scopes": "a b", "client_id": "id"},
    )
    assert service.poll().polling.interval == 10.0
    with pytest.raises(LoginFailed):
        service.poll()


def test_amazon_is_sent_both_codes():
    service = Service("amazon", PENDING, scope="profile")
    url, fields = service.sent(0)
    assert url == "https://api.amazon.com/auth/o2/create/codepair"
    assert (fields["response_type"], fields["scope"], fields["client_id"]) == ("device_code", "profile", "id")
    service.poll()
    token = {"grant_type": "device_code", "device_code": "dc", "user_code": "UC"}
    assert service.sent(1) == ("https://api.amazon.com/auth/o2/token", token)


def test_yandex_has_another_name_for_the_code_and_the_grant():
    service = Service("yandex", PENDING)
    assert service.sent(0)[0] == "https://oauth.yandex.com/device/code"
    service.poll()
    token = {"grant_type": "device_code", "code": "dc", "client_id": "id", "client_secret": "s3cret"}
    assert service.sent(1) == ("https://oauth.yandex.com/token", token)


def test_zoom_is_sent_the_client_id_beside_http_basic():
    service = Service("zoom", PENDING, scope="")
    assert service.sent(0) == ("https://zoom.us/oauth/devicecode", {"client_id": "id"})
    assert service.requests[0].basic == ("id", Secret("s3cret"))
    service.poll()
    assert service.sent(1) == ("https://zoom.us/oauth/token", {"grant_type": DEVICE_CODE, "device_code": "dc"})


def test_the_catalogue_has_the_endpoints_that_are_documented():
    catalogue = Catalogue()
    names = {name for name in catalogue.names() if catalogue.get(name).device_authorization_endpoint}
    assert {"amazon", "auth0", "discord", "github", "gitlab", "google", "huggingface", "keycloak"} <= names
    assert {"microsoft", "okta", "sentry", "twitch", "vercel", "yandex", "zoom"} <= names
