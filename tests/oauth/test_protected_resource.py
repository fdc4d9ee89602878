"""Protected resource metadata (RFC 9728): which URLs a resource covers."""

import pytest

from everyauth_cli.oauth.protected_resource import covers


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
