"""`everyauth login --client-credentials` at the sandbox: no browser, and a grant that is run again."""

import json

import pytest
from peers.sandbox import sandbox_shell

pytestmark = pytest.mark.slow


@pytest.fixture
def shell(everyauth):
    with sandbox_shell(everyauth) as shell:
        yield shell


def test_a_client_logs_in_without_a_browser_and_its_grant_is_run_again(shell):
    done = shell("everyauth login pagerduty --client-credentials --scope read -o json")
    assert done.code == 0
    identity = json.loads(done.out)
    assert identity["tags"] == {"userId": "me", "tenantId": "me"}
    assert identity["account"]["label"].startswith("client ")
    assert identity["refreshable"] is True
    first = shell.good("everyauth token pagerduty")
    shell.good("everyauth identity refresh")
    second = shell.good("everyauth token pagerduty")
    assert first != second
    assert json.loads(shell.good("everyauth identity get pagerduty me"))["accessToken"] == second.strip()
    assert "refreshes itself" in shell.good("everyauth status")
    done = shell("everyauth login pagerduty")
    assert (done.code, done.out) == (4, "")
    assert 'the stored account of user "me"' in done.err
    shell.good("everyauth logout pagerduty")
    assert shell("everyauth token pagerduty").code == 4
