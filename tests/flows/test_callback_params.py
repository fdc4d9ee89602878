"""Placeholders that an authorization response fills: where the code, the secret and later tokens go, and where not."""

from __future__ import annotations

import pytest
from peers.token_server import HOUR, REDIRECT_URI, World, json_response

from everyauth_cli.errors import ConfigurationProblem, HostChanged, LoginFailed, LoginRequired
from everyauth_cli.flows.batch import HealthState
from everyauth_cli.flows.host_pinning import check_hosts, origins_of
from everyauth_cli.model import Secret

LISTED = """\
authorization_endpoint = "https://accounts.{region}/authorize"
token_endpoint = "https://accounts.{region}/token"
revocation_endpoint = "https://accounts.{region}/revoke"
account_endpoint = "https://accounts.{region}/me"
params.region = {help = "h", default = "us", callback = "location", values = {us = "a.example", eu = "a-eu.example"}}
"""
LABEL = """\
authorization_endpoint = "https://secure.shop.example/connect"
token_endpoint = "https://{prefix}.shop.example/token"
params.prefix = {help = "your subdomain", callback = "domain_prefix"}
"""
TEXT = """\
authorization_endpoint = "https://id.example/authorize"
token_endpoint = "https://id.example/token"
token_params = {device_id = "{device}"}
params.device = {help = "h", callback = "device_id"}
"""


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def use(world, entry):
    world.entry("example", entry)
    world.auth.clients.set(world.auth.catalogue.get("example"), client_id="id", client_secret=Secret("s"))


def log_in(world, *more, user="me"):
    pending = world.auth.begin("example", redirect_uri=REDIRECT_URI, user=user)
    query = [("code", "code-alice"), ("state", pending.state.reveal()), *more]
    return world.auth.keep(world.auth.redeem(pending, query))


def urls(world):
    return [request.url for request in world.server.requests]


def test_the_code_and_all_that_follows_go_to_the_data_center_of_the_account(world):
    use(world, LISTED)
    world.server.extra = {"id_token": None}
    world.server.pages["https://accounts.a-eu.example/me"] = json_response({"id": 7})
    pending = world.auth.begin("example", redirect_uri=REDIRECT_URI)
    assert world.auth.authorization_url(pending).startswith("https://accounts.a.example/authorize?")
    identity = log_in(world, ("location", "eu"))
    assert (identity.params, identity.account.subject) == ({"region": "eu"}, "7")
    assert identity.origins["token_endpoint"] == "https://accounts.a-eu.example"
    world.clock.now += HOUR
    assert world.token()
    assert world.auth.check(identity).state is HealthState.WORKS
    world.server.faults = [json_response({}), json_response({})]
    assert world.auth.delete_identity("example", user="me").problem is None
    assert {url.split("/")[2] for url in urls(world)} == {"accounts.a-eu.example"}
    assert {url.rsplit("/", 1)[1] for url in urls(world)} >= {"token", "me", "revoke"}


def test_each_identity_keeps_its_own_data_center(world):
    use(world, LISTED)
    log_in(world, ("location", "eu"), user="eva")
    log_in(world, ("location", "us"), user="uma")
    log_in(world, user="nia")
    world.server.requests.clear()
    world.clock.now += HOUR
    for user in ("eva", "uma", "nia"):
        assert world.token(user)
    assert [url.split("/")[2] for url in urls(world)] == [
        "accounts.a-eu.example",
        "accounts.a.example",
        "accounts.a.example",
    ]


@pytest.mark.parametrize(
    "location", ["evil.example", "https://evil.example", "a.example", "EU", "eu/", "", "../x", "\x1b[31m", "x" * 5000]
)
def test_a_place_that_the_entry_does_not_list_gets_nothing(world, location):
    use(world, LISTED)
    if location:
        with pytest.raises(LoginFailed, match="no code was redeemed") as caught:
            log_in(world, ("location", location))
        assert caught.value.message.isprintable()
        assert len(caught.value.message) < 300
        assert urls(world) == []
    else:
        assert log_in(world, ("location", location)).params == {"region": "us"}


def test_two_places_are_a_forgery(world):
    use(world, LISTED)
    with pytest.raises(LoginFailed, match="location twice"):
        log_in(world, ("location", "us"), ("location", "eu"))
    assert urls(world) == []


@pytest.mark.parametrize("given", ["acme", "acme.shop.example", "https://acme.shop.example/x"])
def test_a_label_is_taken_alone_or_out_of_the_services_own_host(world, given):
    use(world, LABEL)
    assert log_in(world, ("domain_prefix", given)).params == {"prefix": "acme"}
    world.clock.now += HOUR
    assert world.token()
    assert set(urls(world)) == {"https://acme.shop.example/token"}


@pytest.mark.parametrize(
    "given",
    [
        *("", "evil.example", "evil.example/", "evil.example#", "evil.example?", "evil.example\\", "a.b", "a@b"),
        *("x.shop.example.evil.example", "evil.example/x.shop.example", "{prefix}", "a b", "-a", "%2e", "a:80"),
        *("\N{CYRILLIC SMALL LETTER A}", "x" * 64),
    ],
)
def test_a_host_in_place_of_a_label_gets_nothing(world, given):
    use(world, LABEL)
    with pytest.raises(LoginFailed, match="cannot be used for its domain_prefix"):
        log_in(world, ("domain_prefix", given))
    assert urls(world) == []


def test_a_response_without_a_label_that_is_needed(world):
    use(world, LABEL)
    with pytest.raises(LoginFailed, match="domain_prefix: it is missing; no code was redeemed") as caught:
        log_in(world)
    assert caught.value.hint == "set it: everyauth service set example --param prefix=..."
    world.auth.clients.set(world.auth.catalogue.get("example"), params={"prefix": "acme"})
    assert log_in(world).params == {"prefix": "acme"}


def test_a_text_goes_into_the_code_request_and_each_refresh(world):
    use(world, TEXT)
    log_in(world, ("device_id", "d&e=f"))
    world.clock.now += HOUR
    assert world.token()
    assert [request.fields["device_id"] for request in world.server.requests] == ["d&e=f", "d&e=f"]
    with pytest.raises(LoginFailed, match="device_id: it is missing"):
        log_in(world)


@pytest.mark.parametrize("given", ["x" * 301, "a\nb"])
def test_a_text_has_bounds(world, given):
    use(world, TEXT)
    with pytest.raises(LoginFailed, match="device_id"):
        log_in(world, ("device_id", given))


def test_every_place_of_the_list_is_pinned(world):
    use(world, LISTED)
    service, client = world.auth.clients.registered("example")
    check_hosts(service, client, has_secret=True)
    assert origins_of(service)["token_endpoint eu"] == "https://accounts.a-eu.example"
    world.entry("example", LISTED.replace("a-eu.example", "evil.example"))
    with pytest.raises(HostChanged, match=r"evil\.example"):
        log_in(world, ("location", "eu"))
    assert urls(world) == []


def test_a_place_that_left_the_list_gets_no_token(world):
    use(world, LISTED)
    log_in(world, ("location", "eu"))
    world.entry("example", LISTED.replace("eu = ", "xx = "))
    world.clock.now += HOUR
    with pytest.raises(LoginRequired):
        world.token()
    assert len(urls(world)) == 1


def test_a_grant_stays_at_the_host_that_it_was_given_by(world):
    use(world, LISTED)
    log_in(world, ("location", "eu"))
    world.entry("example", LISTED.replace("a-eu.example", "b.example"))
    world.auth.clients.set(world.auth.catalogue.get("example"), client_secret=Secret("s"))
    world.clock.now += HOUR
    with pytest.raises(LoginRequired):
        world.token()
    assert len(urls(world)) == 1


def test_the_user_chooses_where_the_browser_goes(world):
    use(world, LISTED)
    world.auth.clients.set(world.auth.catalogue.get("example"), params={"region": "eu"})
    pending = world.auth.begin("example", redirect_uri=REDIRECT_URI)
    assert world.auth.authorization_url(pending).startswith("https://accounts.a-eu.example/")
    assert log_in(world).params == {"region": "eu"}
    with pytest.raises(ConfigurationProblem, match="region='de' is none of us, eu"):
        world.auth.clients.set(world.auth.catalogue.get("example"), params={"region": "de"})


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (
            LABEL.replace(".shop.example/token", "/token"),
            "params.prefix.callback: an authorization response",
        ),
        (
            LABEL.replace(".shop.example/token", ".example/token"),
            "could choose the host of token_endpoint; list",
        ),
        (LABEL.replace("domain_prefix", "code"), "beside the code"),
        (LABEL.replace("domain_prefix", ""), "beside the code"),
        (LABEL.replace("secure.shop", "{prefix}.shop"), "the authorization request has it, so it needs a default"),
        (LABEL.replace('"domain_prefix"', "5"), "must be a string"),
        (LISTED.replace('"us",', '"de",'), "params.region.default: region='de' is none of us, eu"),
        (LISTED.replace('"a-eu.example"', '"a/b"'), "params.region.values.eu: region='a/b' cannot be part of a host"),
        (LISTED.replace('"a-eu.example"', "5"), "params.region.values.eu = 5: must be a string"),
        (LISTED.replace("help", "helps"), "needs help, and may have"),
    ],
)
def test_an_entry_that_would_let_a_response_choose_the_host(tmp_path, entry, says):
    world = World(tmp_path)
    world.entry("example", entry)
    with pytest.raises(ConfigurationProblem) as caught:
        world.auth.catalogue.get("example")
    assert says in caught.value.message
    assert caught.value.message.startswith(f"{tmp_path}/example.toml:")


@pytest.mark.parametrize("name", ["zoho", "zoho-crm"])
def test_a_shipped_service_and_its_preset_follow_the_account(world, name):
    """Zoho's documentation: the response has location=eu, and the code goes to https://accounts.zoho.eu then."""
    world.server.extra = {"id_token": None}
    world.server.pages["https://accounts.zoho.eu/oauth/user/info"] = json_response(
        {"ZUID": 5, "Email": "eva@zylker.com"}
    )
    world.auth.clients.set(world.auth.catalogue.get("zoho"), client_id="id", client_secret=Secret("s"))
    pending = world.auth.begin(name, redirect_uri=REDIRECT_URI)
    assert world.auth.authorization_url(pending).startswith("https://accounts.zoho.com/oauth/v2/auth?")
    state = ("state", pending.state.reveal())
    query = [("code", "code-eva"), state, ("location", "eu"), ("accounts-server", "https://evil.example")]
    identity = world.auth.keep(world.auth.redeem(pending, query))
    assert identity.account.label == "eva@zylker.com"
    world.clock.now += HOUR
    credential = world.auth.get_identity(name)
    assert credential.as_json()["native"]["params"] == {"location": "eu"}
    assert {url.split("/")[2] for url in urls(world)} == {"accounts.zoho.eu"}
