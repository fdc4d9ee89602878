"""Logins by URL at servers that others wrote: a tool is called, a token expires, another process refreshes it."""

from __future__ import annotations

import json
import time
import urllib.error

import pytest
from peers.mcp_server import BROWSER
from peers.oidc_provider import running
from peers.real_mcp_servers import McpClient, fastmcp, sdk_example
from peers.sandbox import KEY, use_free_ports

ENV = {"EVERYAUTH_STORE": "sqlite://", "EVERYAUTH_KEY": KEY}
DOCUMENT = "https://me.example/everyauth.json"


@pytest.fixture
def run(everyauth):
    use_free_ports(everyauth)
    return lambda *line, **env: everyauth(*line, env={**ENV, **env})


@pytest.mark.slow
def test_the_example_of_the_typescript_sdk_takes_the_token(run):
    with sdk_example() as url:
        done = run("login", url, BROWSER=BROWSER)
        assert done.code == 0, done
        assert "cannot be refreshed" in done.err
        client = McpClient(url, run("token", url).out.strip())
        assert client.call("greet", name="Ada")["content"][0]["text"] == "Hello, Ada!"
        examined = json.loads(run("doctor", url, "-o", "json").out)["findings"]
        assert {finding["status"] for finding in examined} == {"ok"}


@pytest.mark.slow
def test_a_token_of_fastmcp_ends_and_another_process_refreshes_it(run):
    with fastmcp(lifetime=5) as url:
        done = run("login", url, BROWSER=BROWSER)
        assert done.code == 0, done
        first = run("token", url).out.strip()
        assert McpClient(url, first).call("greet", name="Ada")["content"][0]["text"] == "Hello, Ada!"
        time.sleep(5)
        # The first token is not tried before: this server ends the refresh token with an access token that comes late.
        second = run("token", url).out.strip()
        assert McpClient(url, second).call("greet", name="Eva")["content"][0]["text"] == "Hello, Eva!"
        with pytest.raises(urllib.error.HTTPError, match="401"):
            McpClient(url, first)


@pytest.mark.slow
def test_a_client_that_is_a_document_logs_in_and_its_token_is_refreshed(run):
    document = json.loads(run("service", "metadata", DOCUMENT).out)
    with running(access_token_lifetime=2, documents={DOCUMENT: document}) as provider:
        done = run("login", provider.issuer, "--client-id", DOCUMENT, BROWSER=provider.browser())
        assert done.code == 0, done
        first = run("token", provider.issuer)
        time.sleep(2)
        second = run("token", provider.issuer)
        assert (first.code, second.code) == (0, 0), (first, second)
        assert first.out != second.out
        assert run("logout", provider.issuer).code == 0
