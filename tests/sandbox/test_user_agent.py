"""The user agent, which logs in by itself."""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from peers.visitor import DENIAL, query, visiting

from everyauth_cli.sandbox.user_agent import log_in, main


class Callback(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append({name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()})
        body = b"<title>Done</title><h1>Logged &amp; in</h1>"
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def callback():
    with ThreadingHTTPServer(("127.0.0.1", 0), Callback) as server:
        server.seen = []
        thread = threading.Thread(target=server.serve_forever, args=[0.02])
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def login(callback, monkeypatch):
    """A visitor whose redirect URI has a server, and the authorization URL to open."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    redirect_uri = f"http://127.0.0.1:{callback.server_port}/callback/pagerduty"
    with visiting(redirect_uri=redirect_uri) as visitor:
        url = str(httpx.URL(visitor.sandbox.base_url + "/pagerduty/authorize", params=query(redirect_uri=redirect_uri)))
        yield visitor, url, redirect_uri


def test_user_agent_allows(login, callback):
    visitor, url, redirect_uri = login
    assert log_in(url, user="ada@example.com") == "Logged & in"
    [seen] = callback.seen
    assert seen["state"] == "state-1"
    tokens = visitor.redeem(seen["code"], redirect_uri=redirect_uri).json()
    assert visitor.me(tokens["access_token"]).json()["email"] == "ada@example.com"


def test_user_agent_denies(login, callback):
    _, url, _ = login
    assert log_in(url, allow=False) == "Logged & in"
    assert callback.seen == [{"error": "access_denied", "error_description": DENIAL, "state": "state-1"}]


def test_user_agent_reads_an_error_page(login, callback):
    _, url, _ = login
    assert log_in(url.replace("sandbox-client", "another")) == "This request cannot be granted"
    assert callback.seen == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://127.0.0.1:9/"])
def test_user_agent_without_an_answer(url, capsys):
    assert main([url]) == 1
    assert "cannot be opened" in capsys.readouterr().err


def test_user_agent_works_as_a_browser(login, callback):
    _, url, _ = login
    browser = f"{sys.executable} -m everyauth_cli.sandbox.user_agent --user ada@example.com %s"
    environment = {**os.environ, "BROWSER": browser}
    command = [sys.executable, "-c", "import sys, webbrowser; sys.exit(not webbrowser.open(sys.argv[1]))", url]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "Logged & in\n")
    assert len(callback.seen) == 1


def test_user_agent_denies_from_the_command_line(login, callback, capsys):
    _, url, _ = login
    assert main(["--deny", url]) == 0
    assert capsys.readouterr().err == "Logged & in\n"
    assert callback.seen[0]["error"] == "access_denied"
