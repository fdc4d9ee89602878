"""The official conformance suite of MCP clients, against the installed command; README.md here says what is left out.

Each scenario starts servers of its own, and runs `driver.py` with the URL of one.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE, STDOUT

import pytest
from peers.mcp_server import BROWSER
from peers.oidc_provider import HERE, node
from peers.sandbox import KEY, use_free_ports

SUITE = HERE / "node_modules/@modelcontextprotocol/conformance/dist/index.js"
DRIVER = shlex.join([sys.executable, str(Path(__file__).with_name("driver.py"))])
NEWEST, OLD = ["--spec-version", "2026-07-28"], ["--spec-version", "2025-03-26"]
EXTENSION: list[str] = []
SCENARIOS = {
    "metadata-default": NEWEST,
    "metadata-var1": NEWEST,
    "metadata-var2": NEWEST,
    "metadata-var3": NEWEST,
    "metadata-issuer-mismatch": NEWEST,
    "resource-mismatch": NEWEST,
    "scope-from-www-authenticate": NEWEST,
    "scope-from-scopes-supported": NEWEST,
    "scope-omitted-when-undefined": NEWEST,
    "scope-step-up": NEWEST,
    "scope-retry-limit": NEWEST,
    "token-endpoint-auth-basic": NEWEST,
    "token-endpoint-auth-post": NEWEST,
    "token-endpoint-auth-none": NEWEST,
    "offline-access-scope": NEWEST,
    "offline-access-not-supported": NEWEST,
    "pre-registration": NEWEST,
    "basic-cimd": NEWEST,
    "authorization-server-migration": NEWEST,
    "iss-supported": NEWEST,
    "iss-not-advertised": NEWEST,
    "iss-supported-missing": NEWEST,
    "iss-wrong-issuer": NEWEST,
    "iss-unexpected": NEWEST,
    "iss-normalized": NEWEST,
    "2025-03-26-oauth-metadata-backcompat": OLD,
    "2025-03-26-oauth-endpoint-fallback": OLD,
    "dpop": EXTENSION,
    "dpop-nonce": EXTENSION,
    "client-credentials-basic": EXTENSION,
    "client-credentials-jwt": EXTENSION,
    "wif-jwt-bearer": EXTENSION,
    "enterprise-managed-authorization": EXTENSION,
}
"""Each with the revision of the specification that it is run at."""


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_is_clean(scenario, everyauth, tmp_path):
    use_free_ports(everyauth)
    environment = everyauth.environment({"EVERYAUTH_STORE": "sqlite://", "EVERYAUTH_KEY": KEY, "BROWSER": BROWSER})
    line = [node(), SUITE, "client", "--command", DRIVER, "--scenario", f"auth/{scenario}", *SCENARIOS[scenario]]
    line += ["--timeout", "60000", "-o", tmp_path / "out"]
    done = subprocess.run(line, check=False, env=environment, stdout=PIPE, stderr=STDOUT, text=True)
    # Warnings, for what a client should do, count as failures do.
    assert done.returncode == 0, done.stdout
    assert "0 failed, 0 warnings" in done.stdout
