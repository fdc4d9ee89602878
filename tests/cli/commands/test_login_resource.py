"""`everyauth login --resource`: the resource is requested, remembered with the login, and checked first (RFC 8707)."""

from urllib.parse import parse_qs, urlsplit

import pytest
from peers.sandbox import authorization_url, sandbox_shell

pytestmark = pytest.mark.slow
RESOURCE = "https://api.example.com/v1"


@pytest.fixture
def shell(everyauth):
    with sandbox_shell(everyauth) as shell:
        yield shell


def requested(shell, options=""):
    """The resource in the authorization URL of a login, and what the login says before it."""
    with shell.start(f"everyauth login pagerduty --no-browser {options}") as process:
        try:
            url = authorization_url(process)
        finally:
            process.terminate()
    return parse_qs(urlsplit(url).query).get("resource")


def test_a_login_requests_the_resource_and_the_next_one_does_so_too(shell):
    assert requested(shell) is None
    assert requested(shell, f"--resource {RESOURCE}") == [RESOURCE]
    shell.good(f"everyauth login pagerduty --resource {RESOURCE}")
    assert shell.auth.find()[0].resource == RESOURCE
    assert requested(shell) == [RESOURCE]
    assert requested(shell, "--resource urn:other") == ["urn:other"]
    assert requested(shell, "--resource ''") is None
    assert requested(shell, "--user other") is None
    again = shell("everyauth login pagerduty")
    assert again.code == 0
    assert f"Requesting tokens for {RESOURCE}, as before (--resource '' requests none)." in again.err
    shell.good("everyauth login pagerduty --resource ''")
    assert shell.auth.find()[0].resource == ""


def test_a_grant_of_the_client_s_own_is_for_the_resource_too(shell):
    shell.good(f"everyauth login pagerduty --client-credentials --resource {RESOURCE}")
    assert shell.auth.find()[0].resource == RESOURCE


@pytest.mark.parametrize("options", ["", " --client-credentials"])
def test_what_is_no_absolute_uri_is_refused(shell, options):
    for resource, problem in (("api.example.com", "it is no absolute URI"), (f"{RESOURCE}#a", "it has a fragment")):
        says = (f'the resource "{resource}" cannot be requested: {problem} (RFC 8707 section 2)',)
        shell.bad(f"everyauth login pagerduty --resource {resource}{options}", 2, *says, "https://api.example.com/v1")
    url = "https://mcp.example.com/mcp"
    shell.bad(f"everyauth login {url} --resource {RESOURCE}{options}", 2, "--resource is for a service")
    assert shell.auth.find() == []
    assert not shell.counts
