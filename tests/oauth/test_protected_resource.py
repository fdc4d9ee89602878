"""Protected resource metadata (RFC 9728): where it is looked for, and which URLs a resource covers."""

import pytest
from peers.token_server import json_response

from everyauth_cli.oauth.protected_resource import covers, metadata_places, read_protected_resource

PLACE = "https://a.example/.well-known/oauth-protected-resource"


@pytest.mark.parametrize(
    ("url", "places"),
    [
        ("https://a.example", [PLACE]),
        ("https://a.example/", [PLACE]),
        ("https://a.example/mcp", [f"{PLACE}/mcp", PLACE]),
        ("https://a.example/mcp/v1", [f"{PLACE}/mcp/v1", PLACE]),
        ("https://a.example/mcp?x=1", [f"{PLACE}/mcp?x=1", PLACE]),
        ("https://a.example/?x=1", [f"{PLACE}?x=1", PLACE]),
    ],
)
def test_the_well_known_path_goes_between_the_host_and_the_path(url, places):
    assert metadata_places(url) == places


@pytest.mark.parametrize(
    ("resource", "url", "expected"),
    [
        ("https://a.example", "https://a.example/mcp", True),
        ("https://a.example/", "https://a.example", True),
        ("https://a.example/mcp", "https://a.example/mcp", True),
        ("https://a.example/mcp/", "https://a.example/mcp", True),
        ("https://a.example/mcp", "https://a.example/mcp/v1", True),
        ("https://A.example:443/mcp", "https://a.example/mcp", True),
        ("https://a.example/mcp", "https://a.example/mcpx", False),
        ("https://a.example/mcp", "https://a.example/mcp/%2e%2E/x", False),
        ("https://a.example/mcp", "https://a.example/mcp/../x", False),
        ("https://a.example/mcp", "https://a.example/mcp/..%2Fx", False),
        ("https://a.example/mcp", "https://a.example/mcp/%2e.%5cx", False),
        ("https://a.example/mcp", "https://a.example/mcp\\..\\x", False),
        ("https://a.example/mcp", "https://a.example/mcp%2fx", False),
        ("https://a.example/mcp", "https://a.example/MCP", False),
        ("https://a.example/mcp", "https://a.example.:443/mcp", False),
        ("https://a.example/mcp", "https://a.example@b.example/mcp", False),
        ("https://a.example/mcp", "https://a.example/mcp;x", False),
        ("https://a.example/mcp", "https://a.example//mcp", False),
    ],
)
def test_a_resource_covers_its_path_by_segments(resource, url, expected):
    assert covers(resource, url) is expected


def test_metadata_that_is_not_understood_is_ignored():
    more = {"x_unknown": {"deep": [1]}, "resource_name": 7, "signed_metadata": "a.b.c", "jwks_uri": None}
    known = {"resource": "https://a.example/mcp", "authorization_servers": ["https://b.example"]}
    found = read_protected_resource("https://a.example/mcp", PLACE, json_response({**known, **more}))
    assert found == read_protected_resource("https://a.example/mcp", PLACE, json_response(known))


def test_a_resource_is_compared_without_the_escapes_of_its_json():
    escaped = rb'{"resource": "https:\/\/a\u002eexample\/mcp", "authorization_servers": ["https:\/\/b.example"]}'
    found = read_protected_resource("https://a.example/mcp", PLACE, json_response(escaped))
    assert (found.resource, found.authorization_servers) == ("https://a.example/mcp", ("https://b.example",))
