"""Runs fastmcp, an MCP server with an authorization server that grants every request: `fastmcp_server.py PORT SECONDS`.

The access tokens live SECONDS.
"""

from __future__ import annotations

import sys

from fastmcp import FastMCP
from fastmcp.server.auth.providers import in_memory
from mcp.server.auth.settings import ClientRegistrationOptions, RevocationOptions

port = int(sys.argv[1])
# It has no setting for that.
in_memory.DEFAULT_ACCESS_TOKEN_EXPIRY_SECONDS = int(sys.argv[2])
scopes = ["read", "write"]
auth = in_memory.InMemoryOAuthProvider(
    base_url=f"http://127.0.0.1:{port}",
    client_registration_options=ClientRegistrationOptions(enabled=True, valid_scopes=scopes, default_scopes=["read"]),
    revocation_options=RevocationOptions(enabled=True),
    required_scopes=["read"],
)
server = FastMCP("peer", auth=auth)


@server.tool
def greet(name: str) -> str:
    return f"Hello, {name}!"


server.run(transport="http", host="127.0.0.1", port=port, show_banner=False)
