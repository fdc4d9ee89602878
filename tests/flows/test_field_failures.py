"""Failures of the field, each at a server that has it: what doctor says of it, and how a login goes on or ends.

One kind, a port that another login has, is a matter of this machine: see tests/redirect.
"""

from __future__ import annotations

import pytest
from peers import field_failures as failures
from peers.internet import ISSUER, TOKEN, URL, challenged, logged_in
from peers.token_server import HOUR, World, json_response

from everyauth_cli.cli.doctor.findings import Finding
from everyauth_cli.errors import ClientNotSet, EveryAuthError, ServiceError, ServiceUnreadable
from everyauth_cli.flows.server_examination import examine_server
from everyauth_cli.flows.servers import Servers

OTHER = "https://mcp.example/other"
OTHER_PRM = "https://mcp.example/.well-known/oauth-protected-resource/other"


class Place:
    """A profile whose requests go to a server with these failures."""

    def __init__(self, path, *changes):
        self.net = failures.server(*changes)
        self.world = World(path)
        self.world.server = self.net
        self.auth = self.world.auth = self.world.another(self.world.store)

    def examined(self, url=URL):
        auth, clock = self.auth, self.world.clock
        servers = Servers(profile="default", store=auth.store, clients=auth.clients, send=self.net, clock=clock)
        return examine_server(servers, url)

    def requested(self, name):
        return [request.fields.get(name) for request in self.net.requests if request.url == TOKEN]


@pytest.fixture
def place(tmp_path):
    return lambda *changes: Place(tmp_path, *changes)


def test_a_server_that_breaks_no_rule_has_no_fault(place):
    seen = place().examined()
    assert (seen.faults, seen.refused) == ([], None)
    assert seen.client == f"{ISSUER} registers one by itself"


def test_an_examination_registers_and_stores_nothing(place):
    here = place()
    here.examined()
    assert [request.method for request in here.net.requests] == ["POST", "GET", "GET"]
    with pytest.raises(ClientNotSet):
        here.world.another(here.world.store).begin(URL, redirect_uri="http://127.0.0.1:1/callback")


MCP, AUTH = "mcp.example", "auth.example"
MENDED = [
    (
        failures.no_resource_metadata,
        "publishes no protected resource metadata",
        MCP,
        "its origin's metadata is taken",
        None,
    ),
    (failures.nothing_published, "publishes no protected resource metadata", MCP, "the usual endpoints", None),
    (failures.resource_is_the_origin, '"https://mcp.example", and not this URL', MCP, "its spelling", failures.ORIGIN),
    (failures.slash_behind_the_resource, f'"{URL}/", and not this URL', MCP, "its spelling", f"{URL}/"),
    (failures.slash_behind_the_issuer, f'calls itself "{ISSUER}/"', f"{AUTH} or {MCP}", "taken for one", URL),
    (failures.no_challenge, "no challenge for a token", MCP, "well-known places", URL),
    (failures.bare_url, "no quotes", MCP, "next space", URL),
    (failures.forbidden, "HTTP 403, and not 401", MCP, "needs a login", URL),
    (failures.text_metadata, 'of the type "text/plain"', MCP, "read all the same", URL),
]


@pytest.mark.parametrize(("failure", "rule", "host", "meanwhile", "resource"), MENDED)
def test_a_rule_that_is_broken_is_named_and_the_login_goes_on(place, failure, rule, host, meanwhile, resource):  # noqa: PLR0917
    here = place(failure)
    (fault,) = here.examined().faults
    assert rule in fault.rule
    assert fault.host == host
    assert meanwhile in fault.meanwhile
    if failure is not failures.nothing_published:
        assert logged_in(here.world).resource == (resource or "")
        assert here.requested("resource") == [resource]


@pytest.mark.parametrize("failure", [failures.metadata_at_the_root, failures.two_resources, failures.offline_access])
def test_what_is_allowed_is_no_fault(place, failure):
    here = place(failure)
    seen = here.examined()
    assert (seen.faults, seen.refused) == ([], None)
    assert logged_in(here.world).resource == URL


REFUSED = [
    (failures.another_resource, ServiceUnreadable, f'"{OTHER}", which does not cover {URL}', MCP),
    (failures.another_issuer, ServiceUnreadable, f'"{ISSUER}", but it names "{ISSUER}/tenant"', AUTH),
    (failures.no_pkce, ServiceUnreadable, "does not say that it supports PKCE", AUTH),
    (failures.plain_http, ServiceUnreadable, "plain http", AUTH),
    (failures.down, EveryAuthError, "HTTP 503", AUTH),
    (failures.no_registration, ClientNotSet, "registers no clients by itself", AUTH),
]


@pytest.mark.parametrize(("failure", "kind", "says", "host"), REFUSED)
def test_what_ends_a_login_is_said_with_who_can_mend_it(place, failure, kind, says, host):
    here = place(failure)
    seen = here.examined()
    assert isinstance(seen.refused, kind)
    assert says in seen.refused.message
    assert (seen.last_host, seen.client) == (host, "")
    with pytest.raises(kind):
        here.auth.discover(URL)
    assert here.net.registered == []


def test_a_registration_that_takes_localhost_alone_gets_it(place):
    here = place(failures.registers_localhost_alone)
    logged_in(here.world)
    assert [document["redirect_uris"][0].split(":")[1] for document in here.net.registered] == [
        "//127.0.0.1",
        "//localhost",
    ]


def test_a_registration_that_takes_no_loopback_is_shown_in_its_own_words(place):
    with pytest.raises(ServiceError, match="no loopback"):
        place(failures.registers_no_loopback).auth.discover(URL)


def test_a_registration_that_the_server_has_pruned_is_made_anew_before_the_browser(place):
    here = place()
    logged_in(here.world)
    failures.pruned_registration(here.net)
    here.auth.discover(URL)
    assert len(here.net.registered) == 2


def test_offline_access_is_requested_so_that_an_hour_is_not_the_end(place):
    here = place(failures.offline_access)
    assert here.auth.discover(URL).scopes == ("a", "offline_access")


def test_a_refresh_token_is_used_after_a_restart(place):
    here = place()
    logged_in(here.world)
    here.net.pages, here.net.posts = {}, {}
    here.world.clock.now += HOUR
    assert here.world.another(here.world.store).get_identity(URL).access_token
    assert here.requested("grant_type") == ["authorization_code", "refresh_token"]


def test_a_token_is_handed_out_anew_at_each_call(place):
    here = place()
    logged_in(here.world)
    first = here.auth.get_identity(URL).access_token
    here.world.clock.now += HOUR
    assert here.auth.get_identity(URL).access_token != first
    assert len(here.net.registered) == 1


def test_each_resource_of_an_issuer_has_a_login_of_its_own_and_one_registration_serves_all(place):
    here = place()
    here.net.posts[OTHER] = challenged(f'Bearer resource_metadata="{OTHER_PRM}"')
    here.net.pages[OTHER_PRM] = json_response({"resource": OTHER, "authorization_servers": [ISSUER]})
    for url in (URL, OTHER):
        logged_in(here.world, url)
    assert here.requested("resource") == [URL, OTHER]
    assert len(here.net.registered) == 1


def test_no_login_begins_but_by_login(place):
    here = place()
    assert here.auth.get_identity(URL) is None
    assert here.net.requests == []


def test_a_fault_is_a_sentence_for_people_and_apart_for_programs():
    finding = Finding(check="server", status="attention", message="it is", mended_by="a.example", meanwhile="it stays")
    assert finding.sentences == "it is; the operators of a.example can mend it. Until then it stays"
    assert finding.as_json()["mendedBy"] == "a.example"
