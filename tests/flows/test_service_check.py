"""Entries against the metadata of their servers: 40 wrong hosts are found, and no entry that is right is blamed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from peers.token_server import json_response

from everyauth_cli.errors import ServiceUnreachable, ServiceUnreadable, UsageProblem
from everyauth_cli.flows.metadata_comparison import compare
from everyauth_cli.flows.service_check import CheckState, Entry, check_entries, check_entry
from everyauth_cli.model import Response, Secret
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.services.endpoints import urls_of
from everyauth_cli.services.entry import make_service
from everyauth_cli.services.fields import with_values
from everyauth_cli.services.placeholders import fill

RECORDED = json.loads(Path(__file__).with_name("recorded_metadata.json").read_text(encoding="utf-8"))
"""The metadata that servers have published, by service, without fields that nothing reads; `source` is its URL."""
WRONG = "wrong.example.net"
SEEDS = 40
ISSUER = "https://auth.example"
METADATA = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
}
PUSH = "pushed_authorization_request_endpoint"
PUSHES = {PUSH: f"{ISSUER}/par"}
REQUIRED = {"require_pushed_authorization_requests": True}
NOT_FOUND = Response(status=404, content_type="text/html", body=Secret(b"<p>no</p>"))


class Web:
    """Servers that publish documents at URLs, and answer 404 elsewhere; other hosts do not exist."""

    def __init__(self, pages):
        self.pages = pages
        self.hosts = {urlsplit(url).hostname for url in pages}
        self.requested = []

    def __call__(self, request):
        assert request.method == "GET"
        assert not request.fields
        self.requested.append(request.url)
        host = urlsplit(request.url).hostname
        if host not in self.hosts and host.endswith(WRONG):
            raise ServiceUnreachable(f"{host} is not known")
        return self.pages.get(request.url, NOT_FOUND)


def recorded(name):
    """Return an entry, filled in, and its server."""
    record = RECORDED[name]
    catalogue, params = Catalogue(), record.get("params", {})
    place = record["source"].replace(urlsplit(record["source"]).netloc, urlsplit(record["document"]["issuer"]).netloc)
    entry = Entry(service=catalogue.get(name), keys=catalogue.keys(name), params=params)
    return entry, Web({place: json_response(record["document"])})


def seeds():
    """Yield each key of a recorded entry that its server's metadata has too."""
    for name, record in RECORDED.items():
        entry, _ = recorded(name)
        known = urls_of(fill(entry.service, entry.params))
        keys = {"userinfo_endpoint": "account_endpoint"}
        for key in ("issuer", "authorization_endpoint", "token_endpoint", "revocation_endpoint", "jwks_uri"):
            if known.get(key) == record["document"].get(key) is not None:
                yield name, key
        if "userinfo_endpoint" in entry.keys and known[keys["userinfo_endpoint"]]:
            yield name, "userinfo_endpoint"


ALL_SEEDS = [*seeds()]


def own_entry(**changes):
    entry = {key: value for key, value in {**METADATA, **changes}.items() if value is not None}
    return Entry(service=make_service("acme", entry, where=lambda _: "the test", own=True), keys=list(entry))


def guessed(**changes):
    """Return an entry without an issuer."""
    return own_entry(issuer=None, **changes)


def serve(response, *, path="/.well-known/oauth-authorization-server", at=ISSUER):
    return Web({at + path: response})


def test_there_are_enough_seeds():
    assert len(ALL_SEEDS) >= SEEDS
    assert len(RECORDED) >= 12


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_document_is_no_difference(name):
    entry, web = recorded(name)
    checked = check_entry(entry, web)
    assert (checked.state, checked.wrong, checked.error) == (CheckState.AGREES, [], None)
    assert [one.foreign_host for one in checked.differences if one.foreign_host] == []


@pytest.mark.parametrize(("name", "key"), ALL_SEEDS)
def test_a_wrong_host_is_found(name, key):
    entry, web = recorded(name)
    service = fill(entry.service, entry.params)
    right = RECORDED[name]["document"][key]
    wrong = right.replace(urlsplit(right).netloc, WRONG, 1)
    seeded = replace(with_values(service, {key: wrong}), params=())
    checked = check_entry(replace(entry, service=seeded), web)
    assert checked.state is CheckState.DIFFERS
    assert [(one.key, one.stated, one.found) for one in checked.wrong] == [(key, wrong, right)]
    assert [one.foreign_host for one in checked.wrong] == [""]


def test_the_documents_of_an_issuer_are_looked_for_before_those_of_the_endpoints():
    entry = own_entry(token_endpoint="https://api.auth.example/token")
    web = Web({})
    assert check_entry(entry, web).state is CheckState.NO_METADATA
    assert web.requested == [
        f"{server}/.well-known/{place}"
        for server in (ISSUER, "https://api.auth.example")
        for place in ("oauth-authorization-server", "openid-configuration")
    ]


@pytest.mark.parametrize(
    "response",
    [
        Response(status=200, content_type="text/html", body=Secret(b"<html>Welcome</html>")),
        Response(status=200, content_type="application/json", body=Secret(b"[" * 100_000)),
        Response(status=302, content_type="", body=Secret(b"")),
        json_response({**METADATA, "issuer": "https://other.example"}),
        json_response({**METADATA, "token_endpoint": 5}),
    ],
)
def test_what_is_no_metadata_is_no_difference(response):
    stated = check_entry(own_entry(), serve(response))
    assert (stated.state, stated.differences) == (CheckState.UNREADABLE, ())
    # Where the issuer is only guessed, a server that answers anything is one without metadata.
    assert check_entry(guessed(), serve(response)).state is CheckState.NO_METADATA


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_fails_does_not_differ(status):
    failing = Response(status=status, content_type="text/html", body=Secret(b""))
    for entry in (own_entry(), guessed()):
        checked = check_entry(entry, serve(failing))
        assert checked.state is CheckState.UNREACHABLE
        assert str(status) in checked.error.message


def test_a_document_that_is_too_large_is_not_readable():
    def send(_request):
        raise ServiceUnreadable("auth.example answered with more than 1 MiB", status=200)

    assert check_entry(own_entry(), send).state is CheckState.UNREADABLE


def test_one_entry_does_not_stop_the_others():
    def send(request):
        if "broken" in request.url:
            raise ZeroDivisionError
        return json_response(METADATA)

    entries = [own_entry(), own_entry(issuer="https://broken.example")] * 5
    found = sorted(one.state for one in check_entries(entries, send, jobs=3))
    assert found == ["agrees"] * 5 + ["unreadable"] * 5


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://auth.example/token", "plain http"),
        ("https://auth.example/{tenant}", "braces"),
        ("https://user@auth.example/token", "user name"),
        ("https://auth.example/\u202etoken", "not a URL"),
        ("javascript:alert(1)", "not an https URL"),
        ("https://auth.example/" + "a" * 5000, "longer"),
    ],
)
def test_a_value_that_cannot_be_used_has_its_reason(url, problem):
    checked = check_entry(own_entry(), serve(json_response({**METADATA, "token_endpoint": url})))
    (found,) = checked.wrong
    assert problem in found.problem
    assert found.foreign_host == ""


@pytest.mark.parametrize(
    ("url", "foreign"),
    [
        ("https://auth.example/other", ""),
        ("https://api.auth.example/token", ""),
        ("https://other.example/token", "other.example"),
        ("https://notauth.example/token", "notauth.example"),
        ("https://auth.example.evil.test/token", "auth.example.evil.test"),
    ],
)
def test_a_host_that_is_not_the_services_is_pointed_out(url, foreign):
    checked = check_entry(own_entry(), serve(json_response({**METADATA, "token_endpoint": url})))
    assert [one.foreign_host for one in checked.wrong] == [foreign]


def test_a_host_that_a_setting_names_does_not_vouch_for_its_neighbours():
    entry, _ = recorded("okta")
    document = {**RECORDED["okta"]["document"], "token_endpoint": "https://mallory.okta.com/token"}
    web = serve(json_response(document), at="https://acme.okta.com")
    assert [one.foreign_host for one in check_entry(entry, web).wrong] == ["mallory.okta.com"]


def test_an_entry_whose_setting_has_no_value_is_not_asked():
    entry, web = recorded("okta")
    checked = check_entry(replace(entry, params={}), web)
    assert (checked.state, web.requested) == (CheckState.NOT_SET, [])
    assert "--param subdomain=" in checked.error.hint


def test_an_entry_whose_address_a_login_tells_is_asked_at_its_default():
    """The callback fills in the region of an account; the default is that of most."""
    params = {
        "region": {"help": "the region", "default": "eu", "callback": "location", "values": {"eu": "auth.example"}}
    }
    url = "https://{region}/auth"
    entry = own_entry(issuer=None, authorization_endpoint=url, token_endpoint=url.replace("auth}", "x"), params=params)
    web = serve(json_response({**METADATA, "token_endpoint": f"{ISSUER}/auth"}))
    assert check_entry(entry, web).state is CheckState.AGREES


def test_another_server_of_the_same_host_is_no_difference():
    document = {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/openid/connect/authorize",
        "token_endpoint": f"{ISSUER}/api/openid.connect.token",
    }
    checked = check_entry(guessed(), serve(json_response(document)))
    assert (checked.state, checked.wrong) == (CheckState.UNRELATED, [])
    # The issuer that an entry names is this server.
    assert check_entry(own_entry(), serve(json_response(document))).state is CheckState.DIFFERS


@pytest.mark.parametrize(
    ("entry", "metadata", "wrong"),
    [
        ({}, {"token_endpoint_auth_methods_supported": ["client_secret_post"]}, {}),
        ({}, {"token_endpoint_auth_methods_supported": []}, {}),
        (
            {},
            {"token_endpoint_auth_methods_supported": ["client_secret_basic", "none"]},
            {"token_endpoint_auth_method": "client_secret_basic"},
        ),
        (
            {},
            {"token_endpoint_auth_methods_supported": ["private_key_jwt"]},
            {"token_endpoint_auth_method": "private_key_jwt"},
        ),
        (
            {"token_endpoint_auth_method": "client_secret_basic_or_empty"},
            {"token_endpoint_auth_methods_supported": ["client_secret_basic"]},
            {},
        ),
        ({}, {"code_challenge_methods_supported": ["plain"]}, {"pkce": False}),
        ({"pkce": False}, {"code_challenge_methods_supported": ["S256"]}, {}),
        ({}, {"id_token_signing_alg_values_supported": ["RS256", "HS256"]}, {}),
        (
            {},
            {"id_token_signing_alg_values_supported": ["HS256"]},
            {"id_token_signing_alg_values_supported": ["HS256"]},
        ),
        (
            {"authorization_response_iss_parameter_supported": True},
            {"authorization_response_iss_parameter_supported": False},
            {"authorization_response_iss_parameter_supported": False},
        ),
        ({"id_token_issuers": ["https://auth.example"], "issuer": None}, {}, {}),
        ({"id_token_issuers": ["https://{region}.example"], "issuer": None}, {}, {}),
        ({"grant_types_supported": ["client_credentials"]}, {"grant_types_supported": ["client_credentials"]}, {}),
        (
            {"grant_types_supported": ["client_credentials"]},
            {"grant_types_supported": ["authorization_code"]},
            {"grant_types_supported": ["authorization_code"]},
        ),
        (
            {"revocation_endpoint": f"{ISSUER}/revoke", "revocation_endpoint_auth_method": "bearer"},
            {"revocation_endpoint_auth_methods_supported": ["client_secret_basic"]},
            {},
        ),
        ({"revocation_endpoint": f"{ISSUER}/revoke"}, {}, {}),
        ({}, PUSHES, {}),
        ({}, {**PUSHES, **REQUIRED}, REQUIRED),
        ({**PUSHES, **REQUIRED}, {**PUSHES, **REQUIRED}, {}),
        (PUSHES, {PUSH: f"{ISSUER}/par2"}, {PUSH: f"{ISSUER}/par2"}),
        (
            {"revocation_endpoint": f"{ISSUER}/revoke"},
            {"revocation_endpoint": f"{ISSUER}/revoke2"},
            {"revocation_endpoint": f"{ISSUER}/revoke2"},
        ),
    ],
)
def test_what_makes_logins_fail_is_a_difference(entry, metadata, wrong):
    checked = check_entry(own_entry(**entry), serve(json_response({**METADATA, **metadata})))
    assert {one.key: one.found for one in checked.wrong} == wrong


@pytest.mark.parametrize(
    ("entry", "metadata", "lacking"),
    [
        ({}, {"revocation_endpoint": f"{ISSUER}/revoke", "jwks_uri": f"{ISSUER}/jwks"}, ["revocation_endpoint"]),
        ({"issuer": None}, {}, ["issuer"]),
        ({}, PUSHES, []),
        (
            {},
            {"authorization_response_iss_parameter_supported": True},
            ["authorization_response_iss_parameter_supported"],
        ),
        ({"scopes": ["openid"]}, {"userinfo_endpoint": f"{ISSUER}/me"}, ["userinfo_endpoint"]),
        ({"scopes": ["read"]}, {"userinfo_endpoint": f"{ISSUER}/me"}, []),
        ({"account_endpoint": f"{ISSUER}/who", "scopes": ["openid"]}, {"userinfo_endpoint": f"{ISSUER}/me"}, []),
    ],
)
def test_what_an_entry_lacks_is_no_difference(entry, metadata, lacking):
    checked = check_entry(own_entry(**entry), serve(json_response({**METADATA, **metadata})))
    assert (checked.state, checked.wrong) == (CheckState.AGREES, [])
    assert [one.key for one in checked.lacking] == lacking


@pytest.mark.parametrize(("path", "differs"), [("/a", False), ("/a/b", True), ("", True)])
def test_a_field_in_an_issuer_is_one_segment(path, differs):
    entry = guessed(id_token_issuers=[f"{ISSUER}/{{tenant}}"])
    found = compare(entry.service, entry.keys, {**METADATA, "issuer": ISSUER + path}, domains=["auth.example"])
    assert [one.key for one in found] == ["issuer"] * differs


def test_a_server_that_is_known_by_its_url_has_no_entry_to_compare():
    with pytest.raises(UsageProblem, match="its server describes itself at each login"):
        Catalogue().keys("https://mcp.example/mcp")
