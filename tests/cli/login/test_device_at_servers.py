"""Logins with a device code by the installed command at real servers, whose pages a browser elsewhere goes through."""

from __future__ import annotations

import json
import re

import pytest
from peers.sandbox import SEALED, use_free_ports

from everyauth_cli.sandbox.user_agent import log_in

pytestmark = pytest.mark.slow

WITHOUT_BROWSER = {"BROWSER": "", **SEALED}
SSH = {"SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22", **WITHOUT_BROWSER}
ENTRY = """\
title = "OP"
authorization_endpoint = "{op.authorization_endpoint}"
token_endpoint = "{op.token_endpoint}"
device_authorization_endpoint = "{op.issuer}/device/auth"
issuer = "{op.issuer}"
userinfo_endpoint = "{op.userinfo_url}"
token_endpoint_auth_method = "none"
scopes = ["openid", "email"]
"""


def shown(process):
    """Return the lines that a login shows until it waits, and the URL of its page with the code in it."""
    lines = ""
    for line in process.stderr:
        lines += line
        if "Waiting" in line:
            page, code = re.search(r"^Open (\S+) .*enter the code:\n\n {4}(\S+)$", lines, re.MULTILINE).groups()
            return lines, f"{page}?user_code={code}"
    raise AssertionError(f"no code was shown, but: {lines}")


@pytest.mark.parametrize(("service", "allow"), [("github", True), ("gitlab", True), ("huggingface", False)])
def test_a_login_at_the_sandbox_over_ssh(everyauth, service, allow):
    use_free_ports(everyauth)
    process = everyauth.start("login", service, "--sandbox", "-o", "json", env=SSH)
    lines, url = shown(process)
    assert "This is an SSH session, so log in with a code.\n" in lines
    # On a line of its own, which can be pasted.
    assert re.search(r"^  ssh -L \S+ -L \S+ THIS-MACHINE$", lines, re.MULTILINE)
    log_in(url, allow=allow)
    out, err = process.communicate(timeout=60)
    if allow:
        assert process.returncode == 0, err
        assert json.loads(out)["serviceId"] == service
    else:
        error = json.loads(err.splitlines()[-1])["error"]
        assert (process.returncode, out, error["code"]) == (4, "", "login_denied")
        assert error["hint"] == f"everyauth login {service} --sandbox"


@pytest.mark.parametrize("where", [SSH, {"container": "podman", **WITHOUT_BROWSER}, WITHOUT_BROWSER])
def test_a_login_at_another_server_names_the_account(everyauth, oidc_provider, where):
    path = everyauth.home / "services" / "op.toml"
    path.parent.mkdir(parents=True, mode=0o700)
    path.write_text(ENTRY.format(op=oidc_provider))
    path.chmod(0o600)
    assert everyauth("service", "set", "op", "--client-id", "native", env=SEALED).code == 0
    process = everyauth.start("login", "op", env=where)
    lines, url = shown(process)
    assert re.match(r"Th[^\n]*, so log in with a code\.\n", lines)
    oidc_provider.play(url)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, ""), err
    assert 'Logged in to OP as alice@example.test (user "me").' in err
    assert everyauth("token", "op", env=SEALED).code == 0
