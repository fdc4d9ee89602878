"""The client that the conformance suite runs: `everyauth login URL`, then MCP requests with `everyauth token URL`.

Where that refuses, because the token is bound to a key (DPoP), `httpx_auth` of the installed package signs them.
The suite appends the server's URL to the command, and says in the environment what the client has.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request

import httpx

from everyauth_cli import EveryAuth

VERSION = os.environ.get("MCP_CONFORMANCE_PROTOCOL_VERSION", "2026-07-28")
META = {"protocolVersion": VERSION, "clientInfo": {"name": "driver", "version": "1"}, "clientCapabilities": {}}
CALL = {"name": "test-tool", "arguments": {}}
LOGINS = 3
KINDS = {"private_key_pem": "--private-key", "client_secret": "--client-secret"}
DOCUMENT = "https://conformance-test.local/client-metadata.json"


def everyauth(*arguments: str, typed: str = "") -> str:
    line = ["everyauth", *arguments]
    return subprocess.run(line, input=typed, stdout=subprocess.PIPE, check=True, text=True).stdout.strip()


def access_token(url: str) -> str | None:
    """Return the access token, or None for one that is bound to a key."""
    line = ["everyauth", "token", url, "-o", "json"]
    done = subprocess.run(line, capture_output=True, check=False, text=True)
    if done.returncode == 0:
        return str(json.loads(done.stdout)["accessToken"])
    assert '"bound_token"' in done.stderr, done.stderr
    return None


def options(url: str) -> list[str]:
    """Store the client that the suite gives, and return the options of a login with it."""
    if os.environ["MCP_CONFORMANCE_SCENARIO"] == "auth/basic-cimd":
        return ["--client-id", DOCUMENT]
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))
    if "client_id" not in context:
        return []
    place = url.replace("/mcp", "/.well-known/oauth-protected-resource/mcp")
    issuer = context.get("issuer") or json.load(urllib.request.urlopen(place))["authorization_servers"][0]
    everyauth("service", "add", "given", "--issuer", issuer)
    field = next((name for name in KINDS if name in context), None)
    secret = [KINDS[field], "-"] if field else []
    everyauth("service", "set", "given", "--client-id", context["client_id"], *secret, typed=context.get(field, ""))
    if "idp_issuer" in context:
        everyauth("service", "add", "idp", "--issuer", context["idp_issuer"])
        everyauth("service", "set", "idp", "--client-id", context["idp_client_id"])
        return ["--client", "given", "--idp", "idp", "--identity-token-from", "-"]
    if "valid_jwt" in context:
        return ["--client", "given", "--identity-token-from", "-"]
    return ["--client", "given", *(["--client-credentials"] if "issuer" not in context else [])]


def identity_token() -> str:
    """Return the identity token that the suite gives, as a platform would."""
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))
    return context.get("idp_id_token") or context.get("valid_jwt", "")


def refusal(url: str, method: str, params: dict[str, object]) -> tuple[int, str]:
    """Send one MCP request; return the status, and the challenge of one that is refused."""
    meta = {f"io.modelcontextprotocol/{name}": value for name, value in META.items()}
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
    headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": VERSION, "Mcp-Method": method}
    headers |= {"Content-Type": "application/json"}
    if "name" in params:
        headers["Mcp-Name"] = str(params["name"])
    if (token := access_token(url)) is None:
        auth = EveryAuth.from_env().httpx_auth(url)
        response = httpx.post(url, content=json.dumps(message), headers=headers, auth=auth, timeout=60)
        return response.status_code, response.headers.get("WWW-Authenticate", "")
    headers["Authorization"] = f"Bearer {token}"
    try:
        request = urllib.request.Request(url, json.dumps(message).encode(), headers)
        return urllib.request.urlopen(request, timeout=60).status, ""
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("WWW-Authenticate", "")


def main(url: str) -> None:
    login = ["login", url, *options(url)]
    everyauth(*login, typed=identity_token())
    logins = 1
    for method, params in {"tools/list": {}, "tools/call": CALL}.items():
        while (found := refusal(url, method, params))[0] in (401, 403) and logins < LOGINS:
            scope = re.search(r'scope="([^"]*)"', found[1])
            everyauth(*login, *(["--scope", scope[1]] if scope and found[0] == 403 else []), typed=identity_token())
            logins += 1


if __name__ == "__main__":
    main(sys.argv[-1])
