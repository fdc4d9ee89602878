"""Pushed authorization requests (RFC 9126): what is pushed, what the browser gets, and what goes wrong."""

import json
from urllib.parse import parse_qsl, urlsplit

import pytest
from peers.token_server import ENTRY, NOW, REDIRECT_URI, World, json_response

from everyauth_cli.errors import (
    ClientRejected,
    ConfigurationProblem,
    HostChanged,
    LoginFailed,
    ServiceError,
    ServiceUnreachable,
    ServiceUnreadable,
)
from everyauth_cli.model import Response, Secret
from everyauth_cli.oauth import base64url
from everyauth_cli.oauth.jose import new_private_key

PUSH = "https://issuer.example/par"
PUSHING = f'pushed_authorization_request_endpoint = "{PUSH}"\n'
REQUIRED = f"{PUSHING}require_pushed_authorization_requests = true\n"
REQUEST_URI = "urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c"
PUSHED = json_response({"request_uri": REQUEST_URI, "expires_in": 60}, status=201)
FAILED = "the pushed authorization request, which example offers (RFC 9126), failed: "


class Pushing(World):
    """A world whose service takes pushed requests: the first of `faults` answers the push."""

    def __init__(self, directory, keys=PUSHING):
        super().__init__(directory)
        self.entry("example", ENTRY + keys)
        self.auth.clients.set(self.auth.catalogue.get("example"), client_secret=Secret("s"))

    def begin(self, response=PUSHED, **about):
        self.server.faults = [response]
        return self.auth.begin("example", redirect_uri=REDIRECT_URI, **about)

    @property
    def pushed(self):
        request = self.server.requests[-1]
        return {name: getattr(value, "reveal", lambda value=value: value)() for name, value in request.fields.items()}


@pytest.fixture
def world(tmp_path):
    return Pushing(tmp_path)


def query_of(world, pending):
    return parse_qsl(urlsplit(world.auth.authorization_url(pending)).query)


def test_all_parameters_are_pushed_and_the_browser_gets_two(world):
    world.entry("example", ENTRY + PUSHING + 'scopes = ["openid", "a"]\nauthorization_params = {prompt = "consent"}\n')
    pending = world.begin(resource="https://api.example")
    request, form = world.server.requests[-1], world.pushed
    assert (request.method, request.url, request.body) == ("POST", PUSH, "form")
    assert form.pop("state") == pending.state.reveal()
    assert form.pop("nonce") == pending.nonce.reveal()
    assert len(form.pop("code_challenge")) == 43
    assert form == {
        "response_type": "code",
        "client_id": "id",
        "client_secret": "s",
        "redirect_uri": REDIRECT_URI,
        "scope": "openid a",
        "resource": "https://api.example",
        "prompt": "consent",
        "code_challenge_method": "S256",
    }
    assert query_of(world, pending) == [("client_id", "id"), ("request_uri", REQUEST_URI)]
    assert pending.request_expires_at == NOW + 60_000
    assert REQUEST_URI not in repr(pending)


def test_the_endpoint_s_own_query_stays_and_names_are_the_service_s(world):
    names = (
        ENTRY.replace("/authorize", "/authorize?tenant=a") + PUSHING + 'request_names = {client_id = "client_key"}\n'
    )
    world.entry("example", names)
    pending = world.begin()
    assert (world.pushed["client_key"], "client_id" in world.pushed) == ("id", False)
    assert query_of(world, pending) == [("tenant", "a"), ("client_key", "id"), ("request_uri", REQUEST_URI)]


def test_the_code_is_redeemed_as_ever(world):
    pending = world.begin()
    grant = world.auth.redeem(pending, [("code", "code-alice"), ("state", pending.state.reveal())])
    assert world.auth.keep(grant).account.subject == "alice"
    assert world.server.requests[-1].fields["code_verifier"] == pending.verifier


def test_each_login_is_pushed_anew(world):
    world.begin()
    state = world.pushed["state"]
    world.begin()
    assert world.pushed["state"] != state
    assert len(world.server.requests) == 2


def test_a_service_without_the_endpoint_is_sent_nothing(world):
    world.entry("example", ENTRY)
    pending = world.auth.begin("example", redirect_uri=REDIRECT_URI)
    assert (pending.request_uri, world.server.requests) == (None, [])


def test_nothing_is_pushed_to_compare_with_a_login(world):
    prepared = world.auth.prepare("example", redirect_uri=REDIRECT_URI)
    assert (prepared.request_uri, world.server.requests) == (None, [])


def test_a_client_authenticates_as_at_the_token_endpoint(world):
    world.entry("example", ENTRY + PUSHING + 'token_endpoint_auth_method = "client_secret_basic"\n')
    world.begin()
    assert world.server.requests[-1].basic == ("id", Secret("s"))
    assert (world.pushed["client_id"], "client_secret" in world.pushed) == ("id", False)
    world.entry("example", ENTRY + PUSHING + 'token_endpoint_auth_method = "none"\n')
    world.begin()
    assert (world.pushed["client_id"], "client_secret" in world.pushed) == ("id", False)


def test_a_client_with_a_key_signs_each_push_for_the_issuer(world):
    world.entry("example", ENTRY + PUSHING + 'issuer = "https://issuer.example"\nbody = "json"\n')
    world.auth.clients.set(world.auth.catalogue.get("example"), change_keys=lambda _: (new_private_key(),))
    claims = []
    for _ in range(2):
        world.begin()
        assert world.server.requests[-1].body == "form"
        claims.append(json.loads(base64url.decode(world.pushed["client_assertion"].split(".")[1])))
    assert [found["aud"] for found in claims] == ["https://issuer.example"] * 2
    assert claims[0]["jti"] != claims[1]["jti"]


@pytest.mark.parametrize(
    ("response", "kind", "message"),
    [
        (
            {"error": "invalid_request", "error_description": "no"},
            ServiceError,
            "example answered invalid_request (no)",
        ),
        ({"error": "invalid_scope"}, ServiceError, "example answered invalid_scope"),
        ({"error": "access_denied"}, ServiceError, "example answered access_denied"),
        ({"error": "invalid_grant"}, LoginFailed, "example answered invalid_grant"),
        ({"error": "login_required"}, LoginFailed, "example answered login_required"),
        (
            {"error": "invalid_client"},
            ClientRejected,
            "example does not accept the client id and secret: invalid_client",
        ),
    ],
)
def test_an_error_names_the_push(world, response, kind, message):
    with pytest.raises(kind) as raised:
        world.begin(json_response(response, status=400))
    assert raised.value.message == FAILED + message
    assert raised.value.hint or kind is LoginFailed


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (json_response({"error": "invalid_request"}, status=405), ServiceError),
        (json_response({"error": "invalid_request"}, status=413), ServiceError),
        (json_response({}, status=429), ServiceUnreachable),
        (json_response({}, status=503), ServiceUnreachable),
        (ServiceUnreachable("it is away"), ServiceUnreachable),
        (json_response({"expires_in": 60}, status=201), ServiceUnreadable),
        (json_response({"request_uri": 7, "expires_in": 60}, status=201), ServiceUnreadable),
        (json_response({"request_uri": "", "expires_in": 60}, status=201), ServiceUnreadable),
        (json_response({"request_uri": "urn:a\nb", "expires_in": 60}, status=201), ServiceUnreadable),
        (json_response({"request_uri": "urn:a b", "expires_in": 60}, status=201), ServiceUnreadable),
        (json_response({"request_uri": f"urn:{'a' * 4000}", "expires_in": 60}, status=201), ServiceUnreadable),
        (json_response({"request_uri": "urn:a"}, status=302), ServiceUnreadable),
        (Response(status=404, content_type="text/html", body=Secret(b"<html>gone</html>")), ServiceUnreadable),
    ],
)
def test_a_server_that_does_not_do_what_it_offers_is_an_error_and_no_other_way_is_tried(world, response, kind):
    with pytest.raises(kind) as raised:
        world.begin(response)
    assert raised.value.message.startswith(FAILED)
    assert len(world.server.requests) == 1


def test_the_hint_says_how_to_do_without_where_that_is_the_user_s_choice(tmp_path):
    empty = json_response({"expires_in": 60}, status=201)
    with pytest.raises(ServiceUnreadable) as raised:
        Pushing(tmp_path).begin(empty)
    hint = "to log in without it, remove pushed_authorization_request_endpoint from services/example.toml"
    assert raised.value.hint == hint
    with pytest.raises(ServiceUnreadable, match="which example requires") as raised:
        Pushing(tmp_path, REQUIRED).begin(empty)
    assert raised.value.hint == "everyauth service log example"


def test_a_resource_or_a_scope_that_is_refused_has_the_hint_of_a_login(world):
    with pytest.raises(ServiceError, match="it issues no token for the resource urn:a") as raised:
        world.begin(json_response({"error": "invalid_target"}, status=400), resource="urn:a")
    assert "--resource URI" in raised.value.hint
    with pytest.raises(ServiceError) as raised:
        world.begin(json_response({"error": "invalid_scope"}, status=400))
    assert raised.value.hint == 'request other scopes: everyauth service set example --scope "..."'


@pytest.mark.parametrize("lifetime", [None, 0, -1, True, "soon", 10**9])
def test_an_unusable_lifetime_is_not_known(world, lifetime):
    pending = world.begin(json_response({"request_uri": REQUEST_URI, "expires_in": lifetime}, status=201))
    assert (pending.request_uri, pending.request_expires_at) == (Secret(REQUEST_URI), None)


def test_a_service_that_answers_200_has_pushed_too(world):
    assert world.begin(json_response({"request_uri": REQUEST_URI, "expires_in": 5})).request_expires_at == NOW + 5000


def test_no_parameter_of_an_entry_is_a_request_uri(world):
    world.entry("example", ENTRY + PUSHING + 'authorization_params = {request_uri = "urn:x"}\n')
    with pytest.raises(ConfigurationProblem, match="request_uri belongs to the protocol"):
        world.begin()


def test_an_entry_cannot_require_what_it_has_no_endpoint_for(world):
    world.entry("example", ENTRY + "require_pushed_authorization_requests = true\n")
    with pytest.raises(ConfigurationProblem, match="needs pushed_authorization_request_endpoint"):
        world.begin()


def test_a_plain_endpoint_is_refused(world):
    world.entry("example", ENTRY + 'pushed_authorization_request_endpoint = "http://issuer.example/par"\n')
    with pytest.raises(ConfigurationProblem, match="plain http"):
        world.begin()


def test_nothing_is_pushed_to_another_host_than_the_client_was_set_for(world):
    world.entry("example", ENTRY + 'pushed_authorization_request_endpoint = "https://evil.example/par"\n')
    with pytest.raises(HostChanged, match="pushed_authorization_request_endpoint"):
        world.begin()
    assert world.server.requests == []


def test_the_id_token_s_nonce_is_that_of_the_push(world):
    world.entry("example", ENTRY + PUSHING + 'scopes = ["openid"]\nid_token = "ignore"\n')
    pending = world.begin()
    assert world.pushed["nonce"] == pending.nonce.reveal()
