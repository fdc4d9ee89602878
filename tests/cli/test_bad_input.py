"""Every item of "Bad input": the message, the exit code, an empty stdout, and that nothing is lost."""

from __future__ import annotations

import json
import os
import shlex
import socket
from pathlib import Path

import pytest
from peers.front import front, html, json_error
from peers.ports import free_port
from peers.sandbox import TOKEN_LIFETIME, Background, authorization_url, browser, sandbox_shell, witness
from peers.visitor import DENIAL

from everyauth_cli.sandbox.user_agent import log_in

PAUSE = 3
"""Seconds, longer than a refresh that failed once is not repeated."""

pytestmark = pytest.mark.slow


@pytest.fixture
def shell(everyauth):
    with sandbox_shell(everyauth) as shell:
        yield shell


@pytest.fixture
def endpoint(shell):
    """A server before the sandbox's token endpoint, over which a user has logged in."""
    with front(shell.sandbox.override("pagerduty")["token_endpoint"]) as endpoint:
        shell.move(token_endpoint=endpoint.url)
        shell.log_in()
        endpoint.requests.clear()
        yield endpoint


@pytest.mark.parametrize(
    "line",
    [
        "everyauth login pagerdty",
        "everyauth token pagerdty",
        "everyauth service get pagerdty",
        "everyauth service set pagerdty --client-id x",
        "everyauth service rm pagerdty --yes",
        "everyauth identity ls --service pagerdty",
        "everyauth identity get pagerdty me",
        "everyauth identity rm pagerdty me --yes",
    ],
)
def test_the_error_for_an_unknown_service_has_similar_names(shell, line):
    shell.bad(line, 3, "pagerdty", "did you mean pagerduty?")


def test_the_error_for_a_service_like_no_other_has_the_command_to_list_them(shell):
    shell.bad_both("everyauth login zzz", 3, "service_not_found", "everyauth service ls")


def test_the_error_for_a_missing_client_has_the_command_to_set_it(everyauth, tmp_path):
    with sandbox_shell(everyauth, registered=False) as shell:
        shell.env["BROWSER"] = witness(tmp_path / "opened")
        way_out = "everyauth service set pagerduty --client-id ID --client-secret -"
        shell.bad_both("everyauth login pagerduty", 2, "client_not_set", "pagerduty has no client", way_out)
        assert not (tmp_path / "opened").exists()


def test_the_error_for_a_port_in_use_names_its_process(shell, tmp_path):
    shell.log_in()
    token = shell.token()
    port = int(shell.sandbox.redirect_uri.partition("127.0.0.1:")[2].partition("/")[0])
    shell.env["BROWSER"] = witness(tmp_path / "opened")
    with socket.create_server(("127.0.0.1", port)):
        says = [str(port), f"process {os.getpid()} (", "another login may be waiting", "service set pagerduty --port"]
        shell.bad_both("everyauth login pagerduty", 2, "port_in_use", *says)
    assert not (tmp_path / "opened").exists()
    assert shell.token() == token


def test_a_denied_consent_is_an_error_and_the_old_credential_stays(shell):
    shell.log_in()
    token = shell.token()
    shell.env["BROWSER"] = browser("--deny")
    says = ["access was denied at pagerduty", "access_denied", DENIAL]
    shell.bad_both("everyauth login pagerduty", 4, "login_denied", *says)
    assert shell.token() == token


def test_an_unfinished_login_times_out(shell):
    shell.log_in()
    token = shell.token()
    line = "everyauth login pagerduty --no-browser --timeout 200ms -o json"
    shown = shell.bad(line, 4, "the login was not finished within")
    assert json.loads(shown.splitlines()[-1])["error"]["code"] == "login_timed_out"
    assert shell.token() == token


def test_a_provider_that_is_down_at_a_login_is_shown_in_the_page_too(shell, endpoint):
    token = shell.token()
    endpoint.lie = html(503)
    process = shell.start("everyauth login pagerduty --no-browser")
    page = Background(log_in, authorization_url(process))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, page.result()) == (5, "", "PagerDuty is not available")
    assert "error: pagerduty answers HTTP 503" in err
    assert "try again later" in err
    endpoint.lie = None
    assert shell.token() == token


def test_an_unreachable_provider_is_an_error_and_the_old_credential_stays(shell):
    shell.log_in()
    token = shell.token()
    shell.move(token_endpoint=f"http://127.0.0.1:{free_port()}/token")
    says = ["cannot connect to 127.0.0.1", "try again later"]
    shell.bad_both("everyauth login pagerduty", 5, "service_unreachable", *says)
    shell.move()
    assert shell.token() == token


def test_a_provider_that_is_down_at_a_refresh_leaves_a_valid_token(shell, endpoint):
    token = shell.token()
    endpoint.lie = html(503)
    shell.clock.tick(TOKEN_LIFETIME - 30)
    done = shell("everyauth token pagerduty")
    assert (done.code, done.out) == (0, f"{token}\n")
    assert "warning: pagerduty answers HTTP 503" in done.err
    assert "has not expired" in done.err
    # Who needs it to live longer, or knows that it does not, is not given it.
    shell.bad_both("everyauth token pagerduty --min-ttl 10m", 5, "service_unreachable", "HTTP 503", "try again later")
    shell.bad("everyauth token pagerduty --rejected", 5, "HTTP 503", input=token)


def test_a_provider_that_is_down_at_a_refresh_is_an_error_once_the_token_has_expired(shell, endpoint):
    endpoint.lie = html(502)
    shell.clock.tick(TOKEN_LIFETIME + 1)
    shell.bad_both("everyauth token pagerduty", 5, "service_unreachable", "HTTP 502", "try again later")
    shell.bad("everyauth identity get me", 5, "HTTP 502")
    endpoint.lie = None
    shell.clock.tick(PAUSE)
    assert shell.works(shell.token())


@pytest.mark.parametrize(
    ("lie", "code", "says"),
    [
        (html(), "service_unreadable", ["text/html where JSON was expected", "everyauth service get pagerduty"]),
        (html(404), "service_unreadable", ["text/html", "HTTP 404", "everyauth service get pagerduty"]),
        (html(302), "service_unreadable", ["redirects (HTTP 302)", "everyauth service get pagerduty"]),
        (json_error("temporarily_unavailable"), "service_unreachable", ["temporarily_unavailable (so it is)"]),
        (json_error("bad_verification_code"), "service_error", ["bad_verification_code (so it is)"]),
    ],
)
def test_a_malformed_response_costs_nothing(shell, endpoint, lie, code, says):
    token = shell.token()
    endpoint.lie = lie
    shell.bad("everyauth login pagerduty", 5, *says)
    assert shell.token() == token
    shell.clock.tick(TOKEN_LIFETIME + 1)
    shell.bad_both("everyauth token pagerduty", 5, code, *says)
    endpoint.lie = None
    shell.clock.tick(PAUSE)
    assert shell.works(shell.token())


@pytest.mark.parametrize("revoked", [False, True])
def test_a_refresh_token_that_is_expired_or_revoked_is_sent_once(shell, endpoint, revoked):
    if revoked:
        shell.server._valid_grants.clear()
    shell.clock.tick(TOKEN_LIFETIME + 1 if revoked else 31 * 24 * 3600)
    reason = "its grant is revoked" if revoked else "refresh token has expired"
    shell.bad(
        "everyauth token pagerduty", 4, 'user "me" must log in at pagerduty again', reason, "everyauth login pagerduty"
    )
    shell.bad_both("everyauth token pagerduty", 4, "login_required", reason, "everyauth login pagerduty")
    shell.bad("everyauth identity get me", 4, "everyauth login pagerduty")
    assert len(endpoint.requests) == 1
    assert "earlier refresh was lost" not in shell("everyauth token pagerduty").err

    (identity,) = shell.identities()
    assert reason in identity["loginRequired"]["reason"]
    assert "login_required" in shell.good("everyauth identity ls")
    shell.good("everyauth login pagerduty")
    assert shell.works(shell.token())
    assert shell.identities()[0]["identityId"] == identity["identityId"]
    assert shell.identities()[0]["loginRequired"] is None


def test_a_client_that_is_no_longer_accepted_costs_nothing(shell, endpoint):
    shell.good("everyauth service set pagerduty --client-secret wrong")
    shell.clock.tick(TOKEN_LIFETIME + 1)
    way_out = "everyauth service set pagerduty --client-id ID --client-secret -"
    shell.bad_both("everyauth token pagerduty", 2, "client_rejected", "does not accept the client id", way_out)
    shell.bad("everyauth token pagerduty", 2, input="")
    shell.good("everyauth service set pagerduty --client-secret -", input="sandbox-secret-not-a-real-secret")
    shell.clock.tick(PAUSE)
    assert shell.works(shell.token())


@pytest.mark.parametrize("changed", ["client", "endpoint"])
def test_a_grant_for_another_client_or_endpoint_is_not_sent_anywhere(shell, endpoint, changed):
    token = shell.token()
    if changed == "client":
        shell.good("everyauth service set pagerduty --client-id another")
    else:
        shell.move()
    assert shell.token() == token
    shell.clock.tick(TOKEN_LIFETIME + 1)
    says = ["another client, or for other endpoints", "nothing was sent", "everyauth login pagerduty"]
    shell.bad_both("everyauth token pagerduty", 4, "login_required", *says)
    assert (endpoint.requests, shell.counts["refresh_token"]) == ([], 0)
    if changed == "client":
        shell.good("everyauth service set pagerduty --client-id sandbox-client")
    else:
        shell.move(token_endpoint=endpoint.url)
    assert shell.works(shell.token())


def test_another_account_than_before_costs_nothing(shell):
    shell.log_in(account="ann@example.com")
    token = shell.token()
    says = ["ann@example.com", "user@example.com", "the old credential was kept", "--user NAME", "--replace"]
    shell.bad_both("everyauth login pagerduty", 4, "other_account", *says)
    assert shell.token() == token


def test_identities_that_all_match_are_listed_with_commands_that_work(shell):
    shell.log_in("bob", tenant="acme")
    shell.log_in("bob", tenant="umbrella", account="bob@example.com")

    def listed(line: str) -> list[str]:
        shown = shell.bad_both(line, 3, "ambiguous", "2 identities match bob", "acme", "umbrella", "bob@example.com")
        commands = [row.partition("   ")[0].strip() for row in shown.splitlines() if row.startswith("  everyauth")]
        assert len(set(commands)) == 2
        return commands

    for line in ("everyauth identity get bob", "everyauth identity get pagerduty bob"):
        found = [json.loads(shell.good(command))["everyauth"]["tags"]["tenantId"] for command in listed(line)]
        assert found == ["acme", "umbrella"]
    tokens = [shell.good(command) for command in listed("everyauth token pagerduty bob")]
    assert len(set(tokens)) == 2
    assert len(shell.identities()) == 2
    shell.good(listed("everyauth identity rm bob --yes")[0])
    assert [identity["tags"]["tenantId"] for identity in shell.identities()] == ["umbrella"]


def test_the_error_for_a_secret_too_large_for_the_keyring_suggests_another_store(shell, tmp_path):
    here = str(Path(__file__).parents[1])
    shell.env |= {
        "EVERYAUTH_STORE": "keyring:",
        "PYTHON_KEYRING_BACKEND": "peers.backends.Windows",
        "PYTHONPATH": os.pathsep.join(filter(None, [here, shell.command.environment().get("PYTHONPATH")])),
    }
    secret = shlex.quote("x" * 1300)
    says = ["Credential Manager takes 1280", "everyauth store use sqlite://"]
    line = f"everyauth service set pagerduty --client-id x --client-secret {secret}"
    shell.bad_both(line, 6, "secret_too_large", *says)
    shown = json.loads(shell.good("everyauth service get pagerduty -o json"))
    assert shown["configuration"]["clientId"] is None
