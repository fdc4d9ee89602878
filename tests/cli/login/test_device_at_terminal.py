"""The screen of a login with a device code, and what Enter, Ctrl-C and typed text do meanwhile."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager

import pytest
from peers.device_server import COMPLETE, ENTRY, PAGE, PENDING, DeviceServer
from peers.mcp_server import mcp_server
from peers.qr_reader import read_qr_code
from peers.sandbox import SEALED, use_free_ports
from peers.terminal import terminal

pytestmark = pytest.mark.slow

SSH = {"SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"}
SCANNED = re.compile(r"^\x1b\[38;5;16;48;5;231m(.*)\x1b\[0m$", re.MULTILINE)
WAITING = "Waiting ..."


@pytest.fixture
def server():
    with mcp_server(DeviceServer) as server:
        yield server


@pytest.fixture
def at_terminal(everyauth, server):
    """Return a function that runs a command line at a terminal over SSH, where the server is the service `shop`."""
    use_free_ports(everyauth)
    server.entry(everyauth.home)
    done = everyauth("service", "set", "shop", "--client-id", "id", "--client-secret", "-", env=SEALED, input="s3cret")
    assert done.code == 0

    @contextmanager
    def at_terminal(*line, columns=80, **env):
        given = {**SEALED, "BROWSER": "", "TERM": "dumb", "LANG": "C.UTF-8", **SSH, **env}
        with terminal([*everyauth.argv, *line], everyauth.environment(given), columns=columns) as shown:
            yield shown

    return at_terminal


def test_the_code_is_alone_on_its_line_and_bold(at_terminal, server):
    with at_terminal("login", "shop", TERM="xterm-256color", columns=60) as shown:
        shown.wait_for(WAITING)
        server.error = ""
        assert shown.end() == 0
    assert "\n\n\x1b[1m    WDJB-MJH1\x1b[0m\n\n" in shown.shown
    assert f"Open {PAGE} on any device, and enter\nthe code:\n" in shown.shown


@pytest.mark.parametrize("complete", [True, False])
def test_the_qr_code_leads_to_the_page(at_terminal, server, complete):
    if complete:
        server.codes["verification_uri_complete"] = COMPLETE
    with at_terminal("login", "shop", TERM="xterm-256color") as shown:
        shown.wait_for(WAITING)
        server.error = ""
        assert shown.end() == 0
    url = f"{COMPLETE}WDJB-MJH1" if complete else PAGE
    assert read_qr_code(SCANNED.findall(shown.shown), around=0) == [url]
    assert ("check that the page shows the same code" in shown.shown) is complete
    assert f"\n{COMPLETE}" not in shown.shown


@pytest.mark.parametrize("line", [["--no-device"], ["-o", "json"]])
def test_there_is_no_qr_code_elsewhere(at_terminal, server, line):
    server.error = ""
    with at_terminal("login", "shop", *line, TERM="xterm-256color") as shown:
        if line == ["--no-device"]:
            shown.wait_for("It will not be shown.")
            shown.type("\x03")
            assert shown.end() == 130
        else:
            assert shown.end() == 0
    assert not SCANNED.search(shown.shown)


def test_a_page_on_this_machine_is_opened_here_and_not_scanned(at_terminal, server):
    server.codes |= {"verification_uri": f"{server.base}/device"}
    with at_terminal("login", "shop", TERM="xterm-256color", columns=120) as shown:
        shown.wait_for(WAITING)
        server.error = ""
        assert shown.end() == 0
    assert f"Open {server.base}/device in a browser on this machine, and enter the code:" in shown.shown
    assert not SCANNED.search(shown.shown)


def test_enter_says_what_is_waited_for_and_typed_text_is_not_shown(at_terminal, server):
    with at_terminal("login", "shop") as shown:
        shown.wait_for(WAITING)
        shown.type("typed\n")
        shown.wait_for("Still waiting: the code WDJB-MJH1 is valid for 1")
        server.error = ""
        assert shown.end() == 0
    assert "typed" not in shown.shown
    assert "Logged in to Shop" in shown.shown


def test_ctrl_c_ends_it_and_the_terminal_is_as_before(at_terminal, server):
    server.codes["interval"] = 60
    with at_terminal("login", "shop") as shown:
        before = shown.attributes
        shown.wait_for(WAITING)
        started = time.monotonic()
        shown.type("\x03")
        assert shown.end() == 130
        assert time.monotonic() - started < 10
        assert shown.attributes == before
    assert "Traceback" not in shown.shown


def test_an_expired_code_is_replaced_if_the_user_wants_another(at_terminal, server):
    server.error = "expired_token"
    with at_terminal("login", "shop") as shown:
        shown.wait_for("The code has expired. Get another? [y/N]")
        server.error = PENDING
        shown.type("y\n")
        shown.wait_for("WDJB-MJH2")
        server.error = ""
        assert shown.end() == 0
    assert shown.shown.count("so log in with a code on any device") == 1
    assert len(server.begun) == 2


@pytest.mark.parametrize(("line", "asks"), [([], True), (["--timeout", "60s"], False)])
def test_an_expired_code_ends_the_login_otherwise(at_terminal, server, line, asks):
    server.error = "expired_token"
    with at_terminal("login", "shop", *line) as shown:
        if asks:
            shown.wait_for("[y/N]")
            shown.type("\n")
        assert shown.end() == 4
    assert ("[y/N]" in shown.shown) is asks
    assert "not confirmed at shop in time" in shown.shown
    assert "everyauth login shop" in shown.shown
    assert len(server.begun) == 1


def test_a_denial_ends_it_without_a_question(at_terminal, server):
    server.error = "access_denied"
    with at_terminal("login", "shop") as shown:
        assert shown.end() == 4
    assert "access was denied at shop" in shown.shown
    assert "[y/N]" not in shown.shown


def test_a_client_that_may_not_use_codes_gets_the_paste(at_terminal, server):
    server.refusal = "unauthorized_client"
    with at_terminal("login", "shop", columns=300) as shown:
        shown.wait_for("It will not be shown.")
        shown.type("\x03")
        assert shown.end() == 130
    assert "so log in without a code.\n" in shown.shown
    assert "Open this in a browser on this machine" in shown.shown


def test_a_service_that_sends_nobody_back_here_gets_a_code_beside_a_browser(at_terminal, server, everyauth):
    server.entry(everyauth.home, f"{ENTRY}https_redirect = true\n")
    server.error = ""
    with at_terminal("login", "shop", SSH_CONNECTION="", BROWSER="false") as shown:
        assert shown.end() == 0
    assert "Shop cannot send you back here, so log in with a code on any device." in shown.shown


def test_the_code_is_in_the_clipboard_where_there_is_one(at_terminal, server, everyauth, tmp_path):
    copied = tmp_path / "copied"
    program = tmp_path / "bin" / "xclip"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ncat > {copied}\n")
    program.chmod(0o755)
    server.error = ""
    path = f"{program.parent}:/usr/bin:/bin"
    with at_terminal("login", "shop", "--device", DISPLAY=":0", PATH=path) as shown:
        assert shown.end() == 0
    assert "The code is in the clipboard, and valid for 15 minutes." in shown.shown
    assert copied.read_text() == "WDJB-MJH1"


def test_init_logs_in_with_a_code_too(at_terminal, server):
    server.error = ""
    line = ["--client-id", "id", "--client-secret", "s3cret", "--no-open", "--login"]
    with at_terminal("init", "shop", *line, columns=300) as shown:
        assert shown.end() == 0
    assert f"This is an SSH session, so log in with a code on any device.\nOpen {PAGE} on any device" in shown.shown
    assert "Logged in to Shop" in shown.shown
