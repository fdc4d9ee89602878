"""Similar tools, each asked for a secret that it stores on this machine; a missing one is reported.

They are looked up on PATH: `gh`, `pass` with `gpg`, `git-credential-manager` with `git`, `oidc-agent` with `oidc-gen`
and `oidc-token`, `secret-tool`, `mcp-remote`. `keyring` is a dependency of ours. Each has its own home, and its secret
is put there as its documentation says; oidc-agent gets a token from the `oidc-provider` of the tests' peers. None uses
the network.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

import httpx
from bench.homes import Home
from bench.processes import Job
from peers.oidc_provider import OidcProvider, running
from peers.secret_service import SecretService

SECRET = "a-token-of-forty-characters-or-thereabout"
WHO = "me"
REQUEST = "protocol=https\nhost=example.com\n"
REDIRECT_URI = "http://127.0.0.1:9/callback/op"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


class NotInstalled(Exception):
    """A program that a peer needs is missing."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """The peers' home and Secret Service; programs started for them end with `running`."""

    home: Home
    service: SecretService
    running: ExitStack

    def environment(self, name: str, **more: str) -> dict[str, str]:
        """Return an environment with a separate home for one peer."""
        directory = self.home.directory / name
        directory.mkdir(exist_ok=True)
        return {**self.home.environment, "PATH": os.environ["PATH"], "HOME": str(directory), **more}

    def run(self, *argv: str, environment: Mapping[str, str], says: str = "") -> str:
        """Run a command that sets a peer up."""
        done = subprocess.run(
            argv, env=environment, input=says, capture_output=True, text=True, check=False, timeout=60
        )
        assert not done.returncode, f"{argv}: {done}"
        return done.stdout


def _need(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            raise NotInstalled(program)


def keyring_get(place: Place) -> Iterator[Job]:
    """The keyring library's own command, run by the same Python as ours."""
    place.service.create({"service": "bench", "username": WHO}, SECRET.encode())
    yield place.home.job("keyring get", f"keyring get bench {WHO}", says=SECRET)


def secret_tool(place: Place) -> Iterator[Job]:
    """The command of libsecret, written in C."""
    _need("secret-tool")
    place.service.create({"service": "tool", "username": WHO}, SECRET.encode())
    argv = ["secret-tool", "lookup", "service", "tool", "username", WHO]
    yield Job(name="secret-tool lookup", argv=argv, environment=place.environment("secret-tool"), says=SECRET)


def gh(place: Place) -> Iterator[Job]:
    """GitHub's own tool, with its token in its file, and in the keyring, as `gh auth login` stores it."""
    _need("gh")
    argv = ["gh", "auth", "token"]
    in_file = place.environment("gh-file")
    _hosts(in_file, f"    user: {WHO}\n    oauth_token: {SECRET}\n")
    yield Job(name="gh auth token, hosts.yml", argv=argv, environment=in_file, says=SECRET)
    if "--user" not in place.run("gh", "auth", "token", "--help", environment=in_file):
        raise NotInstalled("gh 2.40, the first with this layout of the keyring")
    for user in ("", WHO):
        place.service.create({"service": "gh:github.com", "username": user}, SECRET.encode())
    in_keyring = place.environment("gh-keyring")
    _hosts(in_keyring, f"    user: {WHO}\n    users:\n        {WHO}:\n")
    yield Job(name="gh auth token, keyring", argv=argv, environment=in_keyring, says=SECRET)


def _hosts(environment: Mapping[str, str], text: str) -> None:
    path = Path(environment["HOME"], ".config", "gh", "hosts.yml")
    path.parent.mkdir(parents=True)
    path.write_text(f"github.com:\n    git_protocol: https\n{text}")


def password_store(place: Place) -> Iterator[Job]:
    """`pass`, with a key that has no passphrase, and gpg's agent running."""
    _need("pass", "gpg", "gpgconf")
    environment = place.environment("pass")
    Path(environment["HOME"], ".gnupg").mkdir(mode=0o700)
    key = ["--pinentry-mode", "loopback", "--passphrase", "", "--quick-generate-key", WHO]
    place.run("gpg", "--batch", *key, "default", "default", "never", environment=environment)
    place.running.callback(place.run, "gpgconf", "--kill", "gpg-agent", environment=environment)
    place.run("pass", "init", WHO, environment=environment)
    place.run("pass", "insert", "--multiline", WHO, environment=environment, says=SECRET)
    yield Job(name="pass show", argv=["pass", "show", WHO], environment=environment, says=SECRET)


def git_credential_manager(place: Place) -> Iterator[Job]:
    """Git Credential Manager, with the Secret Service as its store."""
    _need("git-credential-manager", "git")
    environment = place.environment(
        "gcm",
        GCM_CREDENTIAL_STORE="secretservice",
        # It uses the Secret Service only where there is a display, though it opens nothing on it.
        DISPLAY=":0",
        # Without this it sends a request to the host to find out what it is.
        GCM_PROVIDER="generic",
        # It needs a library of languages that a server often lacks.
        DOTNET_SYSTEM_GLOBALIZATION_INVARIANT="1",
    )
    argv = ["git-credential-manager", "store"]
    place.run(*argv, environment=environment, says=f"{REQUEST}username={WHO}\npassword={SECRET}\n\n")
    request = Path(environment["HOME"], "request")
    request.write_text(f"{REQUEST}\n")
    argv = ["git-credential-manager", "get"]
    yield Job(name="git-credential-manager get", argv=argv, environment=environment, stdin=request, says=SECRET)


def oidc_token(place: Place) -> Iterator[Job]:
    """oidc-agent, which has the token in the memory of its daemon."""
    _need("oidc-agent", "oidc-gen", "oidc-token")
    environment = place.environment("oidc", OIDC_ENCRYPTION_PW="password")
    provider = place.running.enter_context(running())
    printed = place.run("oidc-agent", environment=environment)
    environment |= dict(
        part.split("=", 1) for line in printed.splitlines() for part in line.split("; ")[:1] if "=" in part
    )
    place.running.callback(place.run, "oidc-agent", "--kill", environment=environment)
    client = [f"--issuer={provider.issuer}", "--client-id=web", f"--client-secret={provider.client_secret}"]
    # A redirect URI has to be named, though a refresh token needs none.
    options = ["--manual", "--pw-env", "--prompt=none", "--confirm-default", "--scope=openid", "--port=4242"]
    environment["OIDC_REFRESH_TOKEN"] = _refresh_token(provider)
    place.run("oidc-gen", WHO, *client, *options, "--rt-env", environment=environment)
    yield Job(name="oidc-token", argv=["oidc-token", WHO], environment=environment)


def _refresh_token(provider: OidcProvider) -> str:
    """Log in at the provider; nothing listens at the redirect URI, so the code is read from the failed request."""
    query = {
        "client_id": "web",
        "response_type": "code",
        "redirect_uri": REDIRECT_URI,
        # oidc-agent requests both again with each token, and the second needs a consent.
        "scope": "openid offline_access",
        "prompt": "consent",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    try:
        provider.play(str(httpx.URL(provider.authorization_endpoint, params=query)))
    except httpx.ConnectError as error:
        (code,) = parse_qs(error.request.url.query.decode())["code"]
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER}
    with httpx.Client(trust_env=False, auth=("web", provider.client_secret)) as client:
        return client.post(provider.token_endpoint, data=fields).json()["refresh_token"]


def mcp_remote(place: Place) -> Iterator[Job]:
    """mcp-remote, which prints no token: its bare start."""
    _need("mcp-remote")
    yield Job(name="mcp-remote --version", argv=["mcp-remote", "--version"], environment=place.environment("mcp"))


PEERS: list[Callable[[Place], Iterator[Job]]] = [
    oidc_token,
    secret_tool,
    password_store,
    gh,
    git_credential_manager,
    keyring_get,
    mcp_remote,
]
