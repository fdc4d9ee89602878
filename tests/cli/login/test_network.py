"""Faults of the network are found before the browser opens, and each has its hint."""

from datetime import timedelta

import pytest
from peers.authority import DAY, Authority
from peers.http_server import Peer
from peers.sandbox import sandbox_shell, witness

HOST = "127.0.0.2"
AWAY = f"https://{HOST}:9/token"


@pytest.fixture
def shell(everyauth):
    with sandbox_shell(everyauth, registered=False) as shell:
        yield shell


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def stopped(shell, tmp_path, token_endpoint, *says, **env):
    """Try a login whose token endpoint cannot be reached, which must stop before its browser opens."""
    shell.entry(token_endpoint=token_endpoint)
    shell.register()
    opened = tmp_path / "opened"
    error = shell.bad("everyauth login pagerduty", 5, *says, env={"BROWSER": witness(opened), **env})
    assert "/authorize" not in error
    assert "hidden" not in error
    assert not opened.exists()
    return error


@pytest.mark.parametrize(
    ("says", "env"),
    [
        (
            ("cannot connect to the proxy http://127.0.0.1:9 for 127.0.0.2", "NO_PROXY=127.0.0.2"),
            {"HTTPS_PROXY": "http://jdoe:hidden@127.0.0.1:9"},
        ),
        (("ftp proxies are not supported", "correct ALL_PROXY"), {"all_proxy": "ftp://jdoe:hidden@x"}),
        (("SSL_CERT_FILE names", "/nonexistent", "correct SSL_CERT_FILE"), {"SSL_CERT_FILE": "/nonexistent"}),
    ],
)
def test_settings_that_cannot_be_used_are_found_first(shell, tmp_path, says, env):
    assert "try again later" not in stopped(shell, tmp_path, AWAY, *says, **env)


def test_a_name_without_address_is_found_first(shell, tmp_path):
    stopped(shell, tmp_path, "https://nope.invalid/token", "cannot connect to nope.invalid")


def test_an_unknown_authority_is_found_first(shell, tmp_path, authority):
    with Peer(HOST, tls=authority.server()) as peer:
        error = stopped(shell, tmp_path, peer.url, "its certificate is not accepted", "SSL_CERT_FILE=/path/to/ca.pem")
        assert "try again later" not in error
        assert peer.requests == []


def test_a_wrong_clock_is_found_first(shell, tmp_path, authority):
    early = authority.server(begins=timedelta(days=1), ends=2 * DAY)
    with Peer(HOST, tls=early) as peer:
        stopped(shell, tmp_path, peer.url, "check the clock of this machine", SSL_CERT_FILE=str(authority.path))


def test_what_may_pass_is_worth_another_try(shell, tmp_path):
    stopped(shell, tmp_path, AWAY, "cannot connect to 127.0.0.2: Connection refused", "try again later")
