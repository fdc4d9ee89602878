"""A login with a device code (RFC 8628) by the installed command: its streams, exit codes and events."""

from __future__ import annotations

import json
import re
import signal
import time

import pytest
from peers.device_server import COMPLETE, ENTRY, PAGE, WITHOUT_CODES, DeviceServer
from peers.mcp_server import mcp_server
from peers.sandbox import SEALED, use_free_ports

from everyauth_cli.services.catalogue import Catalogue

pytestmark = pytest.mark.slow

SSH = {"SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"}
WHY = "This is an SSH session, so log in with a code on any device."
SECRETS = re.compile(r"device-\d|access-\d|refresh-\d|s3cret")


@pytest.fixture
def server():
    with mcp_server(DeviceServer) as server:
        yield server


@pytest.fixture
def run(everyauth, server):
    """Return a function that runs the command over SSH, where the server is the service `shop`."""
    use_free_ports(everyauth)
    server.entry(everyauth.home)

    def run(*line, env=SSH, start=False, **about):
        call = everyauth.start if start else everyauth
        return call(*line, env={**SEALED, "BROWSER": "", **env}, **about)

    done = run("service", "set", "shop", "--client-id", "id", "--client-secret", "-", input="s3cret")
    assert done.code == 0
    return run


def shown_code(process):
    """Wait until a login has shown its code, and return the lines until then."""
    lines = []
    for line in process.stderr:
        lines.append(line.rstrip("\n"))
        if "Waiting" in line:
            return lines
    raise AssertionError(f"no code was shown, but: {lines}")


def finished(process):
    out, err = process.communicate(timeout=60)
    assert not SECRETS.search(err)
    return process.returncode, out, err


def test_the_code_and_its_page_are_on_stderr_and_nothing_is_on_stdout_until_it_is_done(run, server):
    process = run("login", "shop", "-o", "json", start=True)
    assert shown_code(process) == [
        WHY,
        f"Open {PAGE} on any device, and enter the code:",
        "",
        "    WDJB-MJH1",
        "",
        "The code is valid for 15 minutes. Waiting ...",
    ]
    server.error = ""
    code, out, err = finished(process)
    assert (code, err) == (0, 'Logged in to Shop (user "me").\n')
    assert json.loads(out)["serviceId"] == "shop"
    done = run("token", "shop")
    assert (done.code, done.out) == (0, "access-1\n")


def test_a_url_with_the_code_in_it_is_shown_too(run, server):
    server.codes["verification_uri_complete"] = COMPLETE
    process = run("login", "shop", start=True)
    *code, before, url, _ = shown_code(process)
    assert "    WDJB-MJH1" in code
    assert (before, url) == ("Or open this, and check that the page shows the same code:", f"{COMPLETE}WDJB-MJH1")
    server.error = ""
    assert finished(process)[0] == 0


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        ("access_denied", "login_denied", "access was denied at shop"),
        ("expired_token", "login_timed_out", "not confirmed at shop in time"),
        ("invalid_grant", "login_failed", "did not accept the device code"),
    ],
)
def test_an_end_without_a_token_has_its_code_and_the_command_to_try_again(run, server, error, code, says):
    server.error = error
    done = run("login", "shop", "--user", "ann", "--tag", "a=1", "-o", "json")
    last = json.loads(done.err.splitlines()[-1])["error"]
    assert (done.code, done.out, last["code"]) == (4, "", code)
    assert says in last["message"]
    assert last["hint"] == "everyauth login shop --user ann --tag=a=1"
    assert run("identity", "ls", "-o", "json").out == '{\n  "items": [],\n  "next": null\n}\n'


def test_a_time_limit_ends_the_wait(run):
    started = time.monotonic()
    done = run("login", "shop", "--timeout", "2s")
    assert (done.code, done.out) == (4, "")
    assert "not confirmed at shop in time" in done.err
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_it_at_once(run, server, number):
    server.codes["interval"] = 60
    process = run("login", "shop", start=True)
    shown_code(process)
    started = time.monotonic()
    process.send_signal(number)
    code, out, err = finished(process)
    assert (code, out) == (130, "")
    assert time.monotonic() - started < 10
    assert "Traceback" not in err
    assert server.polls == 0


@pytest.mark.parametrize("refusal", ["unauthorized_client", "unsupported_grant_type", "invalid_client"])
def test_where_the_client_may_not_use_codes_it_goes_on_without(run, server, refusal):
    server.refusal = refusal
    done = run("login", "shop")
    assert (done.code, done.out) == (4, "")
    assert re.match(rf"shop [^\n]*{refusal}[^\n]*; so log in without a code\.\n", done.err), done.err
    assert "everyauth login shop --no-browser" in done.err
    assert "This is an SSH session, so no browser is opened." in done.err
    assert f"{server.base}/authorize?" in done.err


@pytest.mark.parametrize("name", ["github", "github-enterprise"])
def test_an_app_without_the_device_flow_at_github_is_such_a_client(run, everyauth, server, name):
    words = Catalogue().get(name).error_words.items()
    server.entry(everyauth.home, ENTRY + "".join(f'error_words.{word} = "{standard}"\n' for word, standard in words))
    server.refusal = "device_flow_disabled"
    done = run("login", "shop")
    assert "device_flow_disabled; so log in without a code." in done.err
    assert f"{server.base}/authorize?" in done.err


def test_a_code_that_the_option_demands_and_the_client_may_not_use_is_an_error(run, server):
    server.refusal = "unauthorized_client"
    done = run("login", "shop", "--device")
    assert (done.code, done.out) == (2, "")
    assert "unauthorized_client" in done.err
    assert "authorize?" not in done.err


def test_another_error_of_the_endpoint_is_an_error(run, server):
    server.refusal = "invalid_scope"
    done = run("login", "shop")
    assert (done.code, done.out) == (5, "")
    assert "invalid_scope" in done.err
    assert "authorize?" not in done.err


def test_a_service_without_codes_has_another_way(run, everyauth, server):
    server.entry(everyauth.home, WITHOUT_CODES)
    done = run("login", "shop", "--device")
    assert (done.code, done.out) == (2, "")
    assert "everyauth login shop" in done.err


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ([], "log in with a code on any device: everyauth login shop --device"),
        (["--no-device"], "if you can open the URL on this machine: everyauth login shop --no-device --no-browser"),
    ],
)
def test_a_browser_that_does_not_open_leads_to_a_code_or_to_the_url(run, options, hint):
    done = run("login", "shop", *options, env={"BROWSER": "false"})
    assert (done.code, done.out) == (4, "")
    assert "the browser could not be opened" in done.err
    assert f"try: {hint}\n" in done.err


def test_options_override(run, server):
    done = run("login", "shop", "--no-device")
    assert (done.code, server.begun) == (4, [])
    assert "so no browser is opened." in done.err
    assert "everyauth login shop --no-device --no-browser" in done.err
    done = run("login", "shop", "--no-browser", "--timeout", "1s")
    assert (done.code, server.begun) == (4, [])
    assert f"{server.base}/authorize?" in done.err
    server.error = ""
    done = run("login", "shop", "--device", env={"BROWSER": "false"})
    assert (done.code, len(server.begun)) == (0, 1)
    assert "so log in with a code" not in done.err


@pytest.mark.parametrize("other", ["--client-credentials", "--jwt-bearer"])
def test_another_grant_is_no_login_with_a_code(run, other):
    done = run("login", "shop", "--device", other)
    assert (done.code, done.out) == (2, "")
    assert f"--device and {other} are different grants" in done.err


def test_a_program_gets_the_code_as_an_event(run, server):
    server.codes["verification_uri_complete"] = COMPLETE
    process = run("login", "shop", "--events", "-o", "json", start=True)
    code, waiting = (json.loads(process.stderr.readline()) for _ in range(2))
    assert abs(code.pop("expiresAt") - time.time() * 1000 - 900_000) < 60_000
    assert code == {
        "event": "code",
        "userCode": "WDJB-MJH1",
        "verificationUri": PAGE,
        "verificationUriComplete": f"{COMPLETE}WDJB-MJH1",
    }
    assert (waiting["event"], waiting["for"]) == ("waiting", "code")
    assert 800 < waiting["seconds"] <= 900
    server.error = ""
    exit_code, out, err = finished(process)
    assert exit_code == 0
    assert json.loads(err) == {"event": "done", "identity": json.loads(out)}


def test_a_login_at_a_url_uses_a_code_too(run, server):
    server.error = ""
    done = run("login", server.url)
    assert (done.code, done.out) == (0, "")
    assert done.err.startswith(f"{WHY}\nOpen {PAGE} on any device, and enter the code:\n")
    assert server.begun[0]["client_id"] == "client-1"
    assert run("token", server.url).out.startswith("access-")
