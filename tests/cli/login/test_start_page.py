"""The browser of a login is opened at a start page, so that no command line holds the state of the login."""

import http.client
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

import pytest
from peers.chromium import click
from peers.other_user import python_of_nobody
from peers.ports import free_port
from peers.sandbox import authorization_url, browser, sandbox_shell
from peers.terminal import terminal

pytestmark = pytest.mark.slow

LOGIN = "everyauth login pagerduty"
HTTPS = "https://you.example/callback?tenant=1"
PRINTED = re.compile(r"^http://\S+/pagerduty/authorize\?\S+$", re.MULTILINE)
WRITE = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.argv[2])"
# Looks at every process for the URL of a login, as any user may, and opens what it finds. Other tests' logins have
# other ports.
SPY = """
import glob, re, sys, time, urllib.request
url = re.compile(rb"http://127\\.0\\.0\\.1:(%b)/(start|pagerduty/authorize)[^\\0]*" % sys.argv[1].encode())
print("ready", flush=True)
end = time.monotonic() + 60
while time.monotonic() < end:
    for name in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            line = open(name, "rb").read()
        except OSError:
            continue
        found = url.search(line)
        if found:
            try:
                answer = urllib.request.urlopen(found[0].decode(), timeout=60).url
            except OSError as error:
                answer = str(error)
            print(found[0].decode(), answer, flush=True)
            sys.exit()
"""


@pytest.fixture
def shell(everyauth):
    with sandbox_shell(everyauth) as shell:
        yield shell


def noting(path: Path) -> str:
    """Return a value for `BROWSER` that writes the URL into a file."""
    return f"{shlex.join([sys.executable, '-c', WRITE, str(path)])} %s"


def noted(path: Path) -> str:
    end = time.monotonic() + 60
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return path.read_text()


def opened(url):
    with build_opener(ProxyHandler({})).open(url, timeout=60) as page:
        return page.url


def leads_to(url):
    """Return where a page leads, without going there."""
    host, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.request("GET", f"/{path}")
    location = connection.getresponse().headers["location"]
    connection.close()
    return location


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_browser_is_led_from_the_start_page_to_the_service(everyauth, tmp_path, chromium, host):
    with sandbox_shell(everyauth, redirect_uri=f"http://{host}:{free_port()}/callback/pagerduty") as shell:
        shell.entry(loopback_host=host)
        process = shell.start(LOGIN, env={"BROWSER": noting(tmp_path / "url")})
        url = noted(tmp_path / "url")
        assert "/start/" in url
        assert not any(word in url for word in ("state", "authorize", "?"))
        assert "state=" in authorization_url(process)
        page = chromium.visit(url, click("Allow"))
        assert page.heading == "Logged in to PagerDuty"
        process.communicate(timeout=60)
        assert process.returncode == 0


def test_a_start_page_that_was_used_before_the_browser_came_stops_the_login(shell, tmp_path):
    process = shell.start(LOGIN, env={"BROWSER": noting(tmp_path / "url")})
    url = noted(tmp_path / "url")
    assert "/pagerduty/authorize?" in opened(url)
    with pytest.raises(OSError, match="410"):
        opened(url)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (4, "")
    assert "another program opened its start page before your browser" in err
    assert f"try: {LOGIN}" in err
    assert shell.identities() == []


def test_another_user_who_reads_command_lines_learns_no_state(shell, tmp_path):
    slow = tmp_path / "browser"
    slow.write_text(f'#!/bin/sh\nsleep 2\nexec {browser().removesuffix(" %s")} "$1"\n')
    slow.chmod(0o755)
    ports = f"{urlsplit(shell.sandbox.redirect_uri).port}|{shell.sandbox.port}"
    with subprocess.Popen(python_of_nobody(SPY, ports), stdout=subprocess.PIPE, text=True, cwd="/") as spy:
        assert spy.stdout.readline() == "ready\n"
        shell.good(LOGIN, env={"BROWSER": f"{slow} %s"})
        url, outcome = spy.stdout.readline().split(" ", 1)
    assert "/start/" in url
    assert "state" not in url + outcome
    assert "404" in outcome
    assert shell.works(shell.token())


def test_a_login_that_ends_at_a_pasted_url_has_a_start_page_too(everyauth, tmp_path):
    with sandbox_shell(everyauth, redirect_uri=HTTPS) as shell:
        env = shell.command.environment({**shell.env, "BROWSER": noting(tmp_path / "url"), "TERM": "dumb"})
        with terminal([*shell.command.argv, *shlex.split(LOGIN)[1:]], env) as shown:
            url = noted(tmp_path / "url")
            assert "redirect_uri=https%3A%2F%2Fyou.example%2Fcallback" in leads_to(url)
            shown.wait_for("where nothing answers")
            shown.wait_for("Press Enter.")
            shown.type("\n")
            shown.wait_for("It will not be shown.")
            shown.type(f"{shell.allow(PRINTED.search(shown.shown)[0])}\n")
            assert shown.end() == 0
        assert shell.works(shell.token())
