"""MCP servers that others wrote, each with its authorization server, on loopback, and a client for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from peers.oidc_provider import HERE, node
from peers.ports import await_listener, free_port

PROGRAM = HERE / "node_modules/@modelcontextprotocol/sdk/dist/esm/examples/server/simpleStreamableHttp.js"


@contextmanager
def sdk_example() -> Iterator[str]:
    """Run the example of the TypeScript SDK, which takes tokens for itself alone, and return its URL."""
    ports = {"MCP_PORT": str(free_port()), "MCP_AUTH_PORT": str(free_port())}
    command = [node(), PROGRAM, "--oauth", "--oauth-strict"]
    environment = {"PATH": os.environ["PATH"], **ports}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout is not None
        try:
            for _ in ports:
                assert "listening on port" in process.stdout.readline()
            yield f"http://localhost:{ports['MCP_PORT']}/mcp"
        finally:
            process.terminate()


@contextmanager
def fastmcp(*, lifetime: int) -> Iterator[str]:
    """Run fastmcp, whose access tokens live so many seconds, and return its URL."""
    pytest.importorskip("fastmcp", reason="fastmcp is not installed: tests/run installs it")
    port = free_port()
    command = [sys.executable, HERE / "fastmcp_server.py", str(port), str(lifetime)]
    with tempfile.NamedTemporaryFile() as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            await_listener(process, port, Path(log.name))
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            process.terminate()


class McpClient:
    """A client of MCP over HTTP as of 2025-06-18, with a token of its own."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._headers["Accept"] = "application/json, text/event-stream"
        about = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        self._send("initialize", about)

    def call(self, tool: str, **arguments: object) -> Any:
        """Call a tool and return its result."""
        return self._send("tools/call", {"name": tool, "arguments": arguments})

    def _send(self, method: str, params: object) -> Any:
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        request = urllib.request.Request(self._url, json.dumps(message).encode(), self._headers)
        with urllib.request.urlopen(request, timeout=60) as response:
            self._headers["Mcp-Session-Id"] = response.headers.get("Mcp-Session-Id", "")
            data = [line for line in response.read().decode().splitlines() if line.startswith("data: {")]
        return json.loads(data[-1].removeprefix("data: "))["result"]
