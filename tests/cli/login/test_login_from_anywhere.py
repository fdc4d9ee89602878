"""A login whose browser is on another machine: the redirect URL is pasted, and a terminal is needed."""

from __future__ import annotations

import os
import re
import shlex
import signal
import termios
import time
from contextlib import contextmanager
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

import pytest
from peers.ports import free_port
from peers.sandbox import SECRET, authorization_url, browser, sandbox_shell, witness
from peers.terminal import terminal

pytestmark = pytest.mark.slow

LOGIN = "everyauth login pagerduty --no-browser"
INVITES = "It will not be shown."
HTTPS = "https://you.example/callback?tenant=1"
URL = re.compile(r"^(http://\S+/pagerduty/authorize\?\S+)$", re.MULTILINE)
LOCAL = termios.ICANON | termios.ECHO | termios.IEXTEN


@pytest.fixture
def shell(everyauth):
    with sandbox_shell(everyauth) as shell:
        yield shell


@contextmanager
def at_a_terminal(shell, line, **env):
    """Run a line at a terminal of its own, without a browser unless `env` names one."""
    words = [*shell.command.argv, *shlex.split(line)[1:]]
    with terminal(words, shell.command.environment({**shell.env, "BROWSER": "", "TERM": "dumb", **env})) as shown:
        yield shown


def authorization_url_at(shown, nth=-1):
    """Wait for the invitation to paste; return the authorization URL that was shown last."""
    shown.wait_for(INVITES)
    return URL.findall(shown.shown)[nth]


def edits_and_echoes(shown):
    return shown.attributes[3] & LOCAL == LOCAL


def is_read_by_us(shown):
    """Whether the login reads the terminal: unlike a shell that edits lines, its reads never wait."""
    return not shown.attributes[3] & termios.ICANON and shown.attributes[6][termios.VMIN] == 0


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def comes_back(redirect_url):
    """Play the browser that ends at a redirect URL, and wait for its page."""
    with build_opener(ProxyHandler({})).open(redirect_url, timeout=60) as page:
        assert page.status == 200


def secret_parts(url):
    """Return the code in a redirect URL, which must not be shown."""
    return [value.partition("=")[2] for value in urlsplit(url).query.split("&") if value.startswith("code")]


def test_the_pasted_redirect_url_ends_the_login(shell):
    with at_a_terminal(shell, LOGIN) as shown:
        url = authorization_url_at(shown)
        assert "Open this in a browser on this machine:" in shown.shown
        assert "Paste it at once: its code expires after 30 s." in shown.shown
        pasted = shell.allow(url) + "&padding=" + "x" * 10_000
        shown.type(pasted + "\n")
        assert shown.end() == 0
        assert edits_and_echoes(shown)
    assert "Got it." in shown.shown
    assert 'Logged in to PagerDuty as user@example.com (sandbox) (user "me").' in shown.shown
    assert "padding" not in shown.shown
    assert not [part for part in secret_parts(pasted) if part in shown.shown]
    assert not SECRET.search(shown.shown)
    assert shell.works(shell.token())


def test_invalid_pastes_are_explained_and_the_right_one_is_still_taken(shell):
    with at_a_terminal(shell, LOGIN) as shown:
        url = authorization_url_at(shown)
        right = shell.allow(url)
        code = secret_parts(right)[0]
        for pasted, says in [
            (code, "a code alone is not enough"),
            (url, "That is the URL to open"),
            (right.replace("/callback/", "/other/"), "That is another URL"),
            (right.partition("?")[0], "neither a code nor an error"),
            (right.partition("&state")[0], "its state is missing"),
            (right[:-1], "its state differs"),
            (re.sub("state=[^&]*", "state=foreign", right), "its state differs"),
            (right + "x" * 70_000, "longer than any URL"),
        ]:
            before = len(shown.shown)
            shown.type(pasted + "\n")
            shown.wait_for(says, since=before)
        # Enter alone is no paste; typed text can be erased; a terminal may put marks around a paste.
        shown.type(f"\n\nmistyped\x15\x1b[200~{right}x\x7f\x1b[201~\r")
        assert shown.end() == 0
    assert code not in shown.shown
    assert "mistyped" not in shown.shown
    assert "x" * 20 not in shown.shown
    assert shown.shown.count("Got it.") == 1
    assert sum(shell.counts.values()) == 1


def test_an_invalid_response_is_refused_in_a_paste_too(shell):
    with at_a_terminal(shell, LOGIN) as shown:
        shown.type(shell.allow(authorization_url_at(shown)) + "&code=another\n")
        assert shown.end() == 4
    assert "the authorization response has code twice" in shown.shown
    assert not shell.counts

    with at_a_terminal(shell, LOGIN) as shown:
        state = re.search("state=[^&]*", authorization_url_at(shown))[0]
        shown.type(f"{shell.sandbox.redirect_uri}?error=access_denied&{state}\n")
        assert shown.end() == 4
    assert "access was denied at pagerduty" in shown.shown


def test_a_redirect_to_loopback_needs_no_paste(shell):
    with at_a_terminal(shell, "everyauth login pagerduty", BROWSER=browser()) as shown:
        assert shown.end() == 0
        assert edits_and_echoes(shown)
    assert "Opening the browser in BROWSER for PagerDuty." in shown.shown
    assert "Got it." not in shown.shown


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, -15), (signal.SIGHUP, -1), (signal.SIGINT, 130)])
def test_the_terminal_is_as_before_when_a_signal_ends_the_login(shell, number, code):
    with at_a_terminal(shell, LOGIN) as shown:
        authorization_url_at(shown)
        assert not edits_and_echoes(shown)
        if number == signal.SIGINT:
            shown.type("\x03")
        else:
            shown.process.send_signal(number)
        assert shown.end() == code
        assert edits_and_echoes(shown)
    assert "Traceback" not in shown.shown


@pytest.fixture(params=["bash --noprofile --rcfile {rc} -i", "sh -i"])
def sh(request, shell, tmp_path):
    """An interactive shell with job control, in which `login` logs in; only bash resets the terminal itself."""
    rc = tmp_path / "rc"
    rc.write_text(f"PS1='ready> '\nlogin() {{ {shlex.join([*shell.command.argv, *shlex.split(LOGIN)[1:]])}; }}\n")
    environ = shell.command.environment({**shell.env, "TERM": "dumb", "HISTFILE": "", "ENV": str(rc)})
    with terminal(shlex.split(request.param.format(rc=rc)), environ) as shown:
        shown.wait_for("ready> ")
        yield shown


@pytest.mark.parametrize(
    "stop",
    [lambda sh: sh.type("\x1a"), lambda sh: os.killpg(sh.foreground, signal.SIGTSTP)],
    ids=["by key", "by kill"],
)
def test_a_login_can_be_stopped_and_continued(shell, sh, stop):
    sh.type("login\n")
    url = authorization_url_at(sh)
    stop(sh)
    sh.wait_for("Stopped")
    sh.type("stty -a; echo s'e'en\n")
    sh.wait_for("seen")
    assert re.search(r"(?<!-)icanon\b", sh.shown)
    assert re.search(r"(?<!-)\becho\b", sh.shown)
    sh.type("fg\n")
    until(lambda: is_read_by_us(sh))
    pasted = shell.allow(url)
    sh.type(pasted + "\n")
    sh.wait_for("Logged in to PagerDuty")
    sh.type("exit\n")
    assert sh.end() == 0
    assert secret_parts(pasted)[0] not in sh.shown


def test_stopped_and_sent_to_the_background_a_login_still_takes_the_redirect(shell, sh):
    sh.type("login\n")
    url = authorization_url_at(sh)
    sh.type("\x1a")
    sh.wait_for("Stopped")
    sh.type("bg\n")
    before = len(sh.shown)
    sh.type("sleep 0.5; jobs; echo is'' mine\n")
    sh.wait_for("is mine")
    assert "Running" in sh.shown[before:]
    assert "Stopped" not in sh.shown[before:]
    comes_back(shell.allow(url))
    sh.wait_for("Logged in to PagerDuty")
    sh.type("exit\n")
    assert sh.end() == 0


def test_the_redirect_ends_an_unfinished_paste(shell, sh):
    sh.type("login\n")
    url = authorization_url_at(sh)
    sh.type("half-typed")
    time.sleep(0.5)
    started = time.monotonic()
    comes_back(shell.allow(url))
    sh.wait_for("Logged in to PagerDuty")
    assert time.monotonic() - started < 30
    # The typed text is not left to the shell either.
    sh.type("stty -a; echo is'' mine\n")
    sh.wait_for("is mine")
    assert re.search(r"(?<!-)icanon\b", sh.shown)
    assert "half-typed" not in sh.shown


def test_pasted_lines_are_not_shown_and_an_interrupt_restores_the_terminal(sh):
    says = "a code alone is not enough"
    sh.type("login\n")
    authorization_url_at(sh)
    sh.type("secret-1\nsecret-2\nsecret-3")
    sh.wait_for(says)
    sh.wait_for(says, since=sh.shown.index(says) + len(says))
    sh.type("\x03")
    sh.wait_for("ready> ", since=sh.shown.rindex(says))
    sh.type("echo code $?; stty -a; echo is'' mine\n")
    sh.wait_for("is mine")
    assert "code 130" in sh.shown
    assert re.search(r"(?<!-)icanon\b", sh.shown)
    assert "secret-" not in sh.shown


def test_in_the_background_a_login_neither_stops_nor_reads(shell, sh):
    sh.type("login &\n")
    url = authorization_url_at(sh)
    sh.type("sleep 0.5; jobs; echo is'' mine\n")
    sh.wait_for("is mine")
    assert "Running" in sh.shown
    assert "Stopped" not in sh.shown
    sh.type("fg\n")
    until(lambda: is_read_by_us(sh))
    sh.type(shell.allow(url) + "\n")
    sh.wait_for("Logged in to PagerDuty")
    sh.type("exit\n")
    assert sh.end() == 0


def test_without_a_browser_and_a_terminal_it_fails_at_once(shell):
    started = time.monotonic()
    for env, says in [
        ({}, "so no browser is opened. A login to PagerDuty would start at:"),
        (
            {"SSH_CONNECTION": "1.2.3.4 1 5.6.7.8 22", "DISPLAY": ":0"},
            "This is an SSH session, so no browser is opened.",
        ),
    ]:
        shell.env["BROWSER"] = ""
        hint = "everyauth login pagerduty --user ann --no-browser"
        shown = shell.bad("everyauth login pagerduty --user ann", 4, "this is not a terminal", hint, says, env=env)
        assert len(URL.findall(shown)) == 1
    assert time.monotonic() - started < 60


def test_the_browser_variable_overrides_ssh(shell, tmp_path):
    opened = tmp_path / "opened"
    env = {"SSH_CONNECTION": "1.2.3.4 1 5.6.7.8 22", "BROWSER": witness(opened)}
    process = shell.start("everyauth login pagerduty", env=env)
    authorization_url(process)
    until(opened.exists)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)


def test_a_browser_that_does_not_open_ends_a_login_without_a_terminal(shell):
    says = ["the browser could not be opened", "everyauth login pagerduty --no-browser"]
    shell.bad("everyauth login pagerduty", 4, *says, env={"BROWSER": "false"})


def test_a_browser_that_does_not_open_is_reported_at_a_terminal(shell):
    with at_a_terminal(shell, "everyauth login pagerduty", BROWSER="false") as shown:
        url = authorization_url_at(shown)
        shown.wait_for("the browser could not be opened")
        shown.wait_for("Open this in a browser on this machine:")
        shown.type(shell.allow(url) + "\n")
        assert shown.end() == 0


def test_a_browser_that_fails_after_the_redirect_changes_nothing(shell, tmp_path):
    script = tmp_path / "browser"
    script.write_text(f'#!/bin/sh\n{browser().removesuffix(" %s")} "$1"; exit 1\n')
    script.chmod(0o755)
    assert "could not" not in shell("everyauth login pagerduty", env={"BROWSER": f"{script} %s"}).err
    assert shell.works(shell.token())


def test_a_response_to_an_https_redirect_uri_is_pasted(everyauth):
    with sandbox_shell(everyauth, redirect_uri=HTTPS) as shell:
        with at_a_terminal(shell, "everyauth login pagerduty") as shown:
            url = authorization_url_at(shown)
            assert "redirect_uri=https%3A%2F%2Fyou.example%2Fcallback%3Ftenant%3D1&" in url
            assert (
                f"PagerDuty sends you back to {HTTPS.partition('?')[0]}, where nothing answers. That is right:"
                in shown.shown
            )
            pasted = shell.allow(url)
            assert pasted.startswith(HTTPS)
            shown.type(pasted.replace("https", "http") + "\n")
            shown.wait_for("That is another URL")
            shown.type(pasted + "\n")
            assert shown.end() == 0
        assert shell.works(shell.token())


def test_an_https_redirect_uri_needs_a_terminal(everyauth, tmp_path):
    with sandbox_shell(everyauth, redirect_uri=HTTPS) as shell:
        shell.env["BROWSER"] = witness(tmp_path / "opened")
        for line in ("everyauth login pagerduty", LOGIN):
            shown = shell.bad(line, 4, f"ends at {HTTPS}", "this is not a terminal", "--redirect-uri ''")
            assert not URL.findall(shown)
        assert not (tmp_path / "opened").exists()


def test_a_redirect_uri_on_loopback_keeps_its_path(everyauth):
    port = free_port()
    for uri in (f"http://localhost:{port}/oauth/done", f"http://127.0.0.1:{port}"):
        with sandbox_shell(everyauth, redirect_uri=uri) as shell:
            shell.good(f"everyauth service set pagerduty --redirect-uri {uri}")
            shell.good("everyauth login pagerduty")
            assert shell.works(shell.token())


def test_without_standard_input_it_is_not_a_terminal(shell):
    line = f"{shlex.join(shell.command.argv)} login pagerduty <&-"
    shell.command.argv = ("sh", "-c", line)
    done = shell.command(env={**shell.env, "BROWSER": ""})
    assert done.code == 4, done
