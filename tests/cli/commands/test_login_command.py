"""`everyauth login` at the sandbox, from the URL to the stored identity."""

from __future__ import annotations

import json
import re
import signal
import socket
import sys
import time

import pytest
from peers.front import Gate, front
from peers.http_server import Peer
from peers.ports import free_port
from peers.sandbox import (
    SEALED,
    TOKEN_LIFETIME,
    Background,
    authorization_url,
    browser,
    fetch,
    sandbox_shell,
    witness,
)
from peers.terminal import terminal

from everyauth_cli.sandbox.user_agent import log_in

pytestmark = pytest.mark.slow

ID = r"idn-[0-9a-f]{16,}"


@pytest.fixture
def shell(everyauth):
    with sandbox_shell(everyauth) as shell:
        yield shell


def test_a_login_prints_the_metadata_as_json(shell):
    done = shell("everyauth login pagerduty --user user-123 -o json")
    identity = json.loads(done.out)
    assert done.code == 0
    assert identity == shell.identities()[0]
    assert identity["serviceId"] == "pagerduty"
    assert identity["tags"] == {"userId": "user-123", "tenantId": "user-123"}
    assert identity["account"]["label"] == "user@example.com (sandbox)"
    assert (identity["scope"], identity["refreshable"], identity["loginRequired"]) == ("openid read write", True, None)
    assert identity["expiresAt"] - identity["updatedAt"] == TOKEN_LIFETIME * 1000
    assert "pdus+_" not in done.out + done.err


def test_a_narrower_grant_is_a_warning(shell):
    done = shell('everyauth login pagerduty --scope "read foo"')
    assert (done.code, done.out) == (0, "")
    assert "warning: pagerduty granted fewer scopes than requested: foo is missing" in done.err
    assert shell.identities()[0]["scope"] == "openid read"
    assert "warning" not in shell("everyauth login pagerduty").err


def test_a_new_login_replaces_the_credential_and_keeps_the_id_and_the_tags(shell):
    shell.log_in("user-123", tags={"team": "blue"})
    (before,), token = shell.identities(), shell.token("user-123")
    shell.good("everyauth login pagerduty --user user-123 --tag env=prod")
    (after,) = shell.identities()
    assert (after["identityId"], after["createdAt"]) == (before["identityId"], before["createdAt"])
    assert after["tags"] == {"userId": "user-123", "tenantId": "user-123", "team": "blue", "env": "prod"}
    assert shell.token("user-123") != token


def test_without_a_browser_the_url_stands_alone_on_a_line(shell, tmp_path):
    opened = tmp_path / "opened"
    process = shell.start("everyauth login pagerduty --no-browser", env={"BROWSER": witness(opened)})
    url = authorization_url(process)
    assert log_in(url) == "Logged in to PagerDuty"
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert "Logged in to PagerDuty" in err
    assert not opened.exists()
    assert shell.works(shell.token())


def test_another_account_needs_another_user_or_replace(shell):
    shell.log_in(account="ann@example.com")
    token = shell.token()
    shell.env["BROWSER"] = browser("--user", "bob@example.com")
    shown = shell.bad_both("everyauth login pagerduty", 4, "other_account", "--user NAME", "--replace")
    assert "ann@example.com" in shown
    assert "bob@example.com" in shown
    assert shell.token() == token
    assert shell.identities()[0]["account"]["label"] == "ann@example.com (sandbox)"

    shell.good("everyauth login pagerduty --user bob")
    assert shell.token() == token
    (before,) = shell.identities("--user me")
    shell.good("everyauth login pagerduty --replace")
    (after,) = shell.identities("--user me")
    assert (after["identityId"], after["account"]["label"]) == (before["identityId"], "bob@example.com (sandbox)")
    assert shell.token() != token


@pytest.mark.parametrize(("says", "code", "label"), [("y", 0, "bob@example.com"), ("n", 4, "ann@example.com")])
def test_at_a_terminal_the_user_is_asked_about_another_account(shell, says, code, label):
    shell.log_in(account="ann@example.com")
    (before,) = shell.identities()
    env = {**shell.env, "BROWSER": browser("--user", "bob@example.com"), "TERM": "dumb"}
    with terminal([*shell.command.argv, "login", "pagerduty"], shell.command.environment(env)) as shown:
        shown.wait_for("Replace the stored account? [y/N]")
        assert "is ann@example.com (sandbox), but this login is for bob@example.com" in shown.shown
        shown.type(f"{says}\n")
        assert shown.end() == code
    (after,) = shell.identities()
    assert (after["identityId"], after["account"]["label"]) == (before["identityId"], f"{label} (sandbox)")
    assert ("--replace" in shown.shown) == (code != 0)


@pytest.mark.alone
def test_an_interrupted_login_ends_at_once_and_frees_the_port(shell):
    process = shell.start("everyauth login pagerduty --no-browser")
    url = authorization_url(process)
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - started < 2
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert "error" not in err
    with socket.create_server(("127.0.0.1", int(re.search(r"127\.0\.0\.1%3A(\d+)", url)[1]))):
        pass
    shell.log_in()
    assert shell.works(shell.token())


def test_stray_requests_do_not_end_a_login(shell):
    process = shell.start("everyauth login pagerduty --no-browser")
    url = authorization_url(process)
    base, callback = shell.sandbox.redirect_uri.removesuffix("/callback/pagerduty"), shell.sandbox.redirect_uri
    strays = {
        f"{base}/favicon.ico": 404,
        base: 404,
        callback: 404,
        f"{callback}?code=foreign&state=foreign": 400,
        f"{callback}?code=foreign": 400,
        f"{callback}?error=access_denied&error_description=%1b%5b31mno": 400,
        f"{callback}?error=access_denied&state=foreign": 400,
        f"{base}/callback/slack?code=foreign&state=foreign": 404,
    }
    with socket.create_connection(("127.0.0.1", int(base.rpartition(":")[2]))):
        assert {stray: fetch(stray)[0] for stray in strays} == strays
        assert log_in(url) == "Logged in to PagerDuty"
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert "Ignored an error response without state (access_denied" in err
    assert "\x1b" not in err
    assert "foreign" not in err
    assert sum(shell.counts.values()) == 1


def test_the_page_shows_the_result_only_after_it_is_stored(shell):
    with front(shell.sandbox.override("pagerduty")["token_endpoint"]) as endpoint:
        shell.move(token_endpoint=endpoint.url)
        shell.log_in()
        token, seen = shell.token(), []
        database = shell.command.home / "everyauth.db"

        def break_the_store():
            seen.append(database.rename(database.with_name("aside.db")))
            database.mkdir()

        endpoint.after = break_the_store
        process = shell.start("everyauth login pagerduty --no-browser")
        page = Background(log_in, authorization_url(process))
        out, err = process.communicate(timeout=60)
        assert page.result() == "Granted, but not stored"
        assert (process.returncode, out) == (6, "")
        assert "error: cannot use" in err
        assert "Logged in" not in err

        endpoint.after = lambda: None
        database.rmdir()
        seen[0].rename(database)
        assert shell.token() == token


def test_verbose_shows_requests_and_no_secret(shell):
    done = shell("everyauth --verbose login pagerduty")
    assert f"POST {shell.sandbox.override('pagerduty')['token_endpoint']} (authorization_code): 200" in done.err
    shell.clock.tick(TOKEN_LIFETIME + 1)
    again = shell("everyauth token pagerduty --verbose")
    assert "(refresh_token): 200" in again.err
    assert "pdus+_" not in done.err + again.err
    assert "sandbox-secret-not-a-real-secret" not in done.err + again.err


def test_the_browser_is_given_no_secret_of_ours(shell, tmp_path):
    script = tmp_path / "browser.py"
    script.write_text(
        "import os, pathlib, sys\n"
        f"pathlib.Path({str(tmp_path / 'environment')!r}).write_text(repr(dict(os.environ)))\n"
        "from everyauth_cli.sandbox.user_agent import log_in\n"
        "log_in(sys.argv[1])\n"
    )
    secrets = {
        "EVERYAUTH_PAGERDUTY_CLIENT_SECRET": "sandbox-secret-not-a-real-secret",
        "EVERYAUTH_PAGERDUTY_CLIENT_ID": "sandbox-client",
    }
    shell.good("everyauth login pagerduty", env={"BROWSER": f"{sys.executable} {script} %s", **secrets})
    environment = (tmp_path / "environment").read_text()
    assert "EVERYAUTH_HOME" in environment
    assert SEALED["EVERYAUTH_KEY"] not in environment
    assert "sandbox-secret-not-a-real-secret" not in environment


def test_a_port_of_its_own_is_used_once_it_is_set(shell):
    port = free_port()
    shell.good(f"everyauth service set pagerduty --port {port}")
    process = shell.start("everyauth login pagerduty --no-browser")
    assert f"redirect_uri=http%3A%2F%2F127.0.0.1%3A{port}%2Fcallback%2Fpagerduty&" in authorization_url(process)
    socket.create_connection(("127.0.0.1", port)).close()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)


def test_a_module_in_the_working_directory_is_not_run(shell, tmp_path):
    (tmp_path / "webbrowser.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    shell.good("everyauth login pagerduty")
    assert not (tmp_path / "ran").exists()


def test_an_interrupt_waits_until_a_redeemed_code_is_stored(shell):
    gate = Gate()
    with front(shell.sandbox.override("pagerduty")["token_endpoint"]) as endpoint:
        shell.move(token_endpoint=endpoint.url)
        endpoint.before = gate
        process = shell.start("everyauth login pagerduty --no-browser")
        page = Background(log_in, authorization_url(process))
        assert gate.reached.wait(60)
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        gate.open.set()
        process.communicate(timeout=60)
        assert process.returncode == 130
        assert page.result()
        assert shell.works(shell.token())


def test_a_refresh_is_not_taken_for_the_other_login(shell):
    shell.log_in()
    first = shell.start("everyauth login pagerduty --no-browser --timeout 4s")
    authorization_url(first)
    second = shell.start("everyauth login pagerduty --no-browser --timeout 8s")
    assert "Waiting for another login" in second.stderr.readline()
    token = shell.token()
    assert shell.good("everyauth token pagerduty --rejected", input=token).strip() != token
    first.communicate(timeout=60)
    url = authorization_url(second)
    assert log_in(url) == "Logged in to PagerDuty"
    second.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (4, 0)


def test_the_hint_repeats_the_command(shell):
    line = "everyauth login pagerduty --user ann --tag a=b --scope read --no-browser --timeout 100ms --profile work"
    shell.good(f"everyauth service set pagerduty --client-id x --port {free_port()} --profile work")
    shown = shell.bad(line, 4, "try: everyauth login pagerduty --user ann --profile work --tag=a=b --scope=read")
    assert "--no-browser" in shown


def test_the_tokens_of_a_refused_account_are_revoked(shell):
    with Peer() as endpoint:
        shell.entry(revocation_endpoint=endpoint.url)
        shell.register()
        shell.log_in(account="ann@example.com")
        shell.bad("everyauth login pagerduty", 4, env={"BROWSER": browser("--user", "bob@example.com")})
    assert endpoint.requests
    assert shell.works(shell.token())
