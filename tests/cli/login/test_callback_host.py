"""A login at a service whose authorization response says where the code is redeemed: no host is known before it."""

from __future__ import annotations

import pytest
from peers.sandbox import SEALED

pytestmark = pytest.mark.slow

ENTRY = """\
authorization_endpoint = "https://secure.shop.example/connect"
token_endpoint = "https://{prefix}.shop.example/token"
params.prefix = {help = "your subdomain", callback = "domain_prefix"}
"""
NOWHERE = {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1", **SEALED}


def test_the_commands_work_before_the_host_is_known(everyauth):
    path = everyauth.home / "services" / "shop.toml"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text(ENTRY)
    path.chmod(0o600)
    done = everyauth("service", "set", "shop", "--client-id", "id", "--client-secret", "-", env=SEALED, input="s3cret")
    assert done.code == 0
    done = everyauth("login", "shop", "--no-browser", "--timeout", "1s", env=NOWHERE)
    assert (done.code, done.out) == (4, "")
    assert "https://secure.shop.example/connect?response_type=code&client_id=id&" in done.err
    done = everyauth("service", "check", "shop", env=NOWHERE)
    assert (done.code, "internal" in done.err) == (5, False)
    done = everyauth("doctor", "-o", "json", env=NOWHERE)
    assert "internal" not in done.out + done.err
