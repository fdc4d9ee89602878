"""`everyauth identity refresh` and `check`, as a timer runs them and at a terminal, and the alerts of both."""

from __future__ import annotations

import json
import re
import shlex
import signal
import sys
import time

import pytest
from peers.recorder import recording
from peers.sandbox import TOKEN_LIFETIME, sandbox_shell
from peers.terminal import terminal

from everyauth_cli.sandbox.faults import Fault

pytestmark = pytest.mark.slow

REFRESH = "everyauth identity refresh"
CHECK = "everyauth identity check"
APPEND = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read() + '\\n')"


@pytest.fixture
def shell(everyauth):
    with sandbox_shell(everyauth) as shell:
        yield shell


@pytest.fixture
def inbox(shell, tmp_path):
    """Alerts go to a command that appends them to a file; gives the alerts."""
    path = tmp_path / "inbox"
    shell.good(f"everyauth alerts set --command {sys.executable} -- -c {shlex.quote(APPEND)} {path}")
    return lambda: [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def soon(shell):
    """Let all tokens be about to expire."""
    shell.clock.tick(TOKEN_LIFETIME - 600)


def test_a_timer_refreshes_what_expires_soon_and_shows_plain_lines(shell):
    shell.log_in("ann")
    soon(shell)
    shell.log_in("bob")
    done = shell(f"{REFRESH} --expiring-within 30m")
    assert done.code == 0, done
    assert [line.split("\t")[:3] for line in done.out.splitlines()] == [
        ["pagerduty", "ann", "refreshed"],
    ]
    assert done.err == "1 identity: 1 refreshed.\n"
    assert shell.works(shell.token("ann"))
    assert shell.counts["refresh_token"] == 1


def test_with_quiet_a_timer_prints_nothing_when_all_is_well_and_what_failed_otherwise(shell):
    shell.log_in("ann")
    done = shell(f"{REFRESH} --all --quiet")
    assert (done.code, done.out, done.err) == (0, "", "")
    shell.sandbox.fault = Fault.REVOKED
    done = shell(f"{REFRESH} --all -q")
    assert (done.code, done.err) == (4, "")
    assert done.out.startswith("pagerduty\tann\tlogin_required\t")


def test_all_refreshes_every_identity(shell):
    for user in ("ann", "bob", "cem", "dan"):
        shell.log_in(user)
    before = shell.token("ann")
    items = json.loads(shell.good(f"{REFRESH} --all --service pagerduty --jobs 32 -o json"))["items"]
    assert sorted((item["tags"]["userId"], item["state"], item["error"]) for item in items) == [
        (user, "refreshed", None) for user in ("ann", "bob", "cem", "dan")
    ]
    assert shell.token("ann") != before


def test_without_identities_there_is_nothing_to_do(shell):
    for command, says in {REFRESH: "No token expires within 1 hour.", CHECK: "No identities."}.items():
        done = shell(command)
        assert (done.code, done.out, done.err) == (0, "", f"{says}\n")


@pytest.mark.parametrize(
    ("fault", "code", "state", "says"),
    [
        (Fault.REVOKED, 4, "login_required", "try: everyauth login pagerduty"),
        (Fault.SERVER_ERROR, 5, "failed", "HTTP 500"),
        (Fault.TOO_MANY, 5, "failed", "asks to wait 30 s"),
    ],
)
def test_the_exit_code_names_the_problem_and_stdout_the_user(shell, fault, code, state, says):
    shell.log_in()
    soon(shell)
    shell.sandbox.fault = fault
    done = shell(f"{REFRESH} --timeout 5s")
    assert done.code == code, done
    assert done.out.split("\t")[2] == state
    assert says in done.out
    assert done.err == f"1 identity: 1 {state}.\n"


def test_the_worst_exit_code_wins(shell):
    shell.log_in("ann")
    shell.log_in("bob")
    soon(shell)
    shell.sandbox.fault = Fault.REVOKED
    assert shell("everyauth token pagerduty ann --min-ttl 20m").code == 4
    shell.sandbox.fault = Fault.SERVER_ERROR
    done = shell(REFRESH)
    assert done.code == 5
    assert done.err == "2 identities: 1 login_required, 1 failed.\n"


def test_any_command_that_finds_an_ended_grant_reports_it_once(shell, inbox):
    shell.log_in("ann")
    shell.clock.tick(TOKEN_LIFETIME)
    shell.sandbox.fault = Fault.REVOKED
    shell.bad("everyauth token pagerduty ann", 4, "must log in at pagerduty again")
    (event,) = inbox()
    (identity,) = shell.identities()
    reported = identity["loginRequired"].pop("reportedAt")
    assert event["event"] == "identity.login_required"
    assert event["eventId"].startswith("evt-")
    assert event["identity"] == {**identity, "loginRequired": {**identity["loginRequired"], "reportedAt": None}}
    assert reported >= identity["loginRequired"]["since"]
    shell.bad("everyauth token pagerduty ann", 4, "must log in at pagerduty again")
    assert shell(REFRESH).code == 4
    assert len(inbox()) == 1


def test_an_alert_that_was_not_delivered_is_sent_again_with_its_id(shell):
    shell.log_in()
    soon(shell)
    shell.sandbox.fault = Fault.REVOKED
    with recording() as recorder:
        recorder.reply(b"", status=503)
        shell.good(f"everyauth alerts set --webhook http://127.0.0.1:{recorder.port}/hook/secret-path")
        done = shell(REFRESH)
        assert done.code == 4
        assert "warning: an alert was not delivered; the next run tries again: the webhook at" in done.err
        assert "secret-path" not in done.err
        assert "pending  1" in shell.good("everyauth alerts status")
        recorder.reply(b"", status=200)
        assert shell(CHECK).code == 4
        assert shell(CHECK).code == 4
        assert "pending  0" in shell.good("everyauth alerts status")
    first, second = [json.loads(request.body) for request in recorder.requests]
    assert first == second


def test_without_alerts_an_ended_grant_is_marked_all_the_same(shell):
    shell.log_in()
    soon(shell)
    shell.sandbox.fault = Fault.REVOKED
    assert shell(REFRESH).code == 4
    assert shell.identities()[0]["loginRequired"]["reportedAt"] is None
    assert json.loads(shell.good("everyauth alerts status -o json")) == {"command": None, "webhook": None, "pending": 1}


def test_alerts_are_set_tried_shown_and_turned_off(shell, inbox):
    shell.good("everyauth alerts test")
    (event,) = inbox()
    assert (event["event"], event["identity"]["loginRequired"]["reason"]) == ("test", "this is a test")
    assert f"alerts   command {sys.executable} -c" in shell.good("everyauth alerts status")
    shell.good("everyauth alerts set --webhook -", input="https://hooks.example/T1/secret-path\n")
    shown = shell.good("everyauth alerts status")
    assert "alerts   webhook at https://hooks.example\n" in shown
    assert "secret-path" not in shown
    shell.good("everyauth alerts off")
    assert "alerts   off\n" in shell.good("everyauth alerts status")
    shell.bad("everyauth alerts test", 2, "no command or webhook is set for alerts", "everyauth alerts set")


def test_an_alert_that_cannot_be_delivered_fails_its_test(shell):
    shell.good("everyauth alerts set --command sh -- -c 'echo no mail; exit 7'")
    shell.bad_both("everyauth alerts test", 5, "alert_failed", "ended with exit code 7: no mail")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("everyauth alerts set", "give either --command"),
        ("everyauth alerts set --command sh --webhook https://x.example/", "give either --command"),
        ("everyauth alerts set --webhook https://x.example/ more", "give either --command"),
        ("everyauth alerts set --webhook http://x.example/", "use https"),
        ("everyauth alerts set --command 'mail -s x'", "no program 'mail -s x' was found"),
        (f"{REFRESH} --jobs 33", "--jobs"),
        (f"{REFRESH} --expiring-within soon", "'soon' is not a duration"),
    ],
)
def test_nonsense_is_a_usage_error(shell, line, says):
    shell.bad(line, 2, says)


def test_a_check_asks_the_service_and_a_token_rejected_twice_needs_a_login(shell, inbox):
    shell.log_in()
    account, _, user = shell.identities()[0]["account"]["subject"].partition("/")
    with recording() as recorder:
        shell.move(account_endpoint=f"http://127.0.0.1:{recorder.port}/me")
        shell.log_in()
        recorder.reply(json.dumps({"account_id": account, "user_id": user}).encode())
        done = shell(CHECK)
        assert (done.code, done.out.split("\t")[2], done.err) == (0, "works", "1 identity: 1 works.\n"), done
        recorder.reply(b"{}", status=401)
        recorder.reply(b"{}", status=401)
        item = json.loads(shell(f"{CHECK} --service pagerduty -o json").out)["items"][0]
    assert (item["state"], item["error"]["code"]) == ("login_required", "login_required")
    assert len({request.headers["authorization"] for request in recorder.requests}) == 2
    assert [event["identity"]["identityId"] for event in inbox()] == [item["identityId"]]
    shell.bad("everyauth token pagerduty", 4, "rejected its access token, a refreshed one too")


def test_an_identity_that_cannot_be_checked_is_no_failure(shell):
    shell.log_in()
    done = shell(CHECK)
    assert (done.code, done.out.split("\t")[2]) == (0, "cannot be checked")
    assert "no request that tests a token of this service is known" in done.err


@pytest.mark.parametrize("line", [f"{REFRESH} --all", f"{REFRESH} --expiring-within 9h", CHECK])
def test_at_a_terminal_there_is_a_bar_with_a_count_and_a_table(shell, line):
    for user in ("ann", "bob_the_second"):
        shell.log_in(user)
    shown = at_a_terminal(shell, line, TERM="xterm")
    assert "\x1b[" in shown
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert re.search(r"(Refreshing|Checking) ━+ 2/2", shown)
    assert re.search(r"SERVICE +USER +STATE +EXPIRES", shown)
    assert re.search(r"[✓!]  pagerduty +bob_the_second +(refreshed|works|cannot be checked)", shown)
    assert "idn-" not in shown
    assert "2 identities: 2 " in shown


def test_at_a_terminal_errors_are_below_the_table_with_their_commands(shell):
    shell.log_in("ann")
    shell.log_in("bob")
    shell.sandbox.fault = Fault.REVOKED
    shown = at_a_terminal(shell, f"{REFRESH} --all", TERM="dumb")
    table, *errors, last = shown.strip().split("\n\n")
    assert len(re.findall(r"^✗  pagerduty +(ann|bob) +login required +", table, re.MULTILINE)) == 2
    assert len(errors) == 2
    for error in errors:
        message, command = error.splitlines()
        user = re.match(r'✗ user "(ann|bob)" must log in at pagerduty again: ', message)[1]
        assert command == f"  everyauth login pagerduty --user {user}"
    assert last == "2 identities: 2 login_required."


def test_at_a_terminal_one_reason_is_one_paragraph(shell):
    shell.log_in("ann")
    shell.log_in("bob")
    shell.sandbox.fault = Fault.SERVER_ERROR
    shown = at_a_terminal(shell, f"{REFRESH} --all", TERM="dumb")
    assert shown.count("(2 identities)") == 1


def at_a_terminal(shell, line: str, **environment: str) -> str:
    argv = [sys.executable, "-m", "everyauth_cli", *line.split()[1:]]
    with terminal(argv, shell.command.environment({**shell.env, **environment})) as shown:
        shown.end()
    assert "Traceback" not in shown.shown
    return shown.shown


@pytest.mark.alone
def test_an_interrupt_lets_running_refreshes_finish_and_starts_no_more(shell):
    shell.log_in("ann")
    shell.log_in("bob")
    before = shell.token("ann")
    shell.sandbox.slow_seconds = 1.5
    shell.sandbox.fault = Fault.SLOW
    process = shell.start(f"{REFRESH} --all --jobs 1 -v")
    time.sleep(1.2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert [line.split("\t")[1:3] for line in out.splitlines()] == [["ann", "refreshed"]]
    assert "1 identity: 1 refreshed, interrupted before more were started." in err
    shell.sandbox.fault = None
    after = shell.token("ann")
    assert after != before
    assert shell.works(after)
