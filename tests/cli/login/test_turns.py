"""Two logins at different services share one port, each in its turn, however the first one ends."""

import re
import signal
import time

import pytest
from peers.ports import free_port
from peers.sandbox import authorization_url, sandbox_shell

from everyauth_cli.sandbox.user_agent import log_in

pytestmark = pytest.mark.slow

FIRST = "everyauth login pagerduty --no-browser"
SECOND = "everyauth login other --no-browser --timeout 30s"


@pytest.fixture
def shell(everyauth):
    """A shell with two services, which have one port, as those have that leave it as it is."""
    port = free_port()
    with sandbox_shell(everyauth, port=port) as shell:
        own = (everyauth.home / "services" / "pagerduty.toml").read_text()
        (everyauth.home / "services" / "other.toml").write_text('title = "Other"\n' + own)
        shell.good(f"everyauth service set pagerduty --port {port}")
        shell.good(f"everyauth service set other --client-id x --port {port}")
        yield shell


def waiting_for(process):
    """Read stderr up to the line about the other login."""
    line = process.stderr.readline()
    assert re.fullmatch(
        r"Waiting for the login at pagerduty to end, which uses port \d+ too \(Ctrl-C stops this one\) \.\.\.\n", line
    ), line


def both(shell, first=FIRST):
    one = shell.start(first)
    url = authorization_url(one)
    other = shell.start(SECOND)
    waiting_for(other)
    return one, url, other


def goes_on(other):
    assert "callback%2Fother" in authorization_url(other)
    other.send_signal(signal.SIGINT)
    other.communicate(timeout=60)


def test_the_second_login_goes_on_when_the_first_has_succeeded(shell):
    one, url, other = both(shell)
    assert log_in(url) == "Logged in to PagerDuty"
    goes_on(other)
    one.communicate(timeout=60)
    assert one.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_second_login_goes_on_when_the_first_was_stopped(shell, number):
    one, _, other = both(shell)
    one.send_signal(number)
    goes_on(other)


def test_the_second_login_goes_on_when_the_first_has_timed_out(shell):
    one, _, other = both(shell, f"{FIRST} --timeout 3s")
    goes_on(other)
    one.communicate(timeout=60)
    assert one.returncode == 4


def test_a_login_that_waits_for_its_turn_can_be_stopped(shell):
    one, url, other = both(shell)
    began = time.monotonic()
    other.send_signal(signal.SIGINT)
    out, err = other.communicate(timeout=60)
    assert (other.returncode, out, "Traceback" in err) == (130, "", False)
    assert time.monotonic() - began < 30
    assert log_in(url) == "Logged in to PagerDuty"
    one.communicate(timeout=60)
    assert one.returncode == 0


def test_a_login_whose_turn_does_not_come_names_the_login_that_it_waited_for(shell):
    one = shell.start(FIRST)
    authorization_url(one)
    shell.bad("everyauth login other --no-browser --timeout 1s", 4, "the login at pagerduty", "did not end within 1 s")
