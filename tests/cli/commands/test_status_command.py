"""`everyauth status`: logins with their marks, clients, profiles, alerts and the last failure."""

from __future__ import annotations

import json

import pytest
from peers.home import Home
from peers.token_server import HOUR

from everyauth_cli.cli.identity_state import needs_login, state
from everyauth_cli.cli.style import Mark
from everyauth_cli.errors import LoginRequired
from everyauth_cli.event_log import Event, EventLog
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.model import Identity
from everyauth_cli.oauth.grant import EndedGrant
from everyauth_cli.settings import read_settings

STATUS = "everyauth status"
NOW = 1_800_000_000_000


@pytest.fixture
def shell(everyauth):
    home = Home(everyauth)
    home.entry()
    return home


def test_nothing_set_up_names_the_command_to_begin_with(shell):
    out = shell.good(STATUS)
    assert "profile default\n" in out
    assert out.endswith("Nothing is set up yet. To begin:\n  everyauth init pagerduty\n")


def test_logins_clients_and_profiles_are_shown(shell):
    shell.log_in("ann")
    shell.log_in("bob", tenant="acme", account="bob")
    shell.log_in("cem", profile="work")
    shell.good("everyauth service set pagerduty --client-id one --client-secret two")
    out = shell.good(STATUS)
    assert "profile default; other profiles: work\n" in out
    assert "op\tann\talice@example.org\trefreshes itself\n" in out
    assert "op\tbob of tenant acme\tbob@example.org\trefreshes itself\n" in out
    assert "cem" not in out
    assert out.endswith("Set up, without a login: pagerduty\n  everyauth login pagerduty\n")
    assert "one" not in out.split()


def test_an_identity_that_needs_a_login_comes_first_with_its_command(shell):
    shell.log_in("ann")
    shell.log_in("zoe", hours_ago=2)
    shell.server.revoke_all()
    with pytest.raises(LoginRequired):
        shell.auth().get_identity("op", "zoe")
    done = shell(STATUS)
    assert (done.code, done.err) == (4, "")
    lines = done.out.splitlines()
    assert lines[3].startswith("op\tzoe\t")
    assert "login required, for " in lines[3]
    assert lines[4].startswith("op\tann\t")
    assert lines[5] == "  everyauth login op --user zoe"


def test_the_last_failure_is_shown_until_a_success_follows(shell):
    shell.log_in("ann")
    log = EventLog(read_settings(shell.command.environment()).log_dir)
    failed = Event(
        time=now_ms() - HOUR,
        profile="default",
        service="op",
        user="ann",
        tenant="ann",
        action="refresh",
        outcome="failed",
        error="server_error",
        message="op is down",
    )
    log.record(failed)
    assert 'Last failure: refresh of "ann" at op, 1 hour ago: op is down' in shell.good(STATUS)
    found = json.loads(shell.good(f"{STATUS} -o json"))
    assert found["lastFailure"]["error"] == "server_error"
    log.record(Event(**{**{name: getattr(failed, name) for name in Event.__slots__}, "outcome": "done"}))
    assert "Last failure" not in shell.good(STATUS)


def test_json_has_all_of_it_and_the_same_exit_code(shell):
    shell.log_in("ann")
    found = json.loads(shell.good(f"{STATUS} -o json"))
    assert (found["profile"], found["otherProfiles"], found["pendingAlerts"]) == ("default", [], 0)
    [identity] = found["identities"]
    assert (identity["tags"]["userId"], identity["needsLogin"]) == ("ann", False)


def test_marks_are_shown_on_a_terminal(shell):
    shell.log_in("ann")
    with shell.at_a_terminal(STATUS) as shown:
        assert shown.end() == 0
    assert "\n✓  op" in shown.shown
    assert "SERVICE" in shown.shown


def identity(**more: object) -> Identity:
    base = {
        "id": "idn-1",
        "service": "op",
        "user": "ann",
        "tenant": "ann",
        "tags": {},
        "scope": None,
        "account": None,
        "created_at": NOW,
        "granted_at": NOW,
        "updated_at": NOW,
        "expires_at": NOW + HOUR,
        "refreshable": False,
        "client_id": "c",
        "origins": {"token_endpoint": "https://op.example"},
    }
    return Identity(**{**base, **more})


@pytest.mark.parametrize(
    ("more", "mark", "words"),
    [
        ({"refreshable": True}, Mark.done, "refreshes itself"),
        ({"refreshable": True, "expires_at": NOW - 1}, Mark.done, "refreshes itself"),
        ({}, Mark.attention, "expires in 1 hour, cannot be refreshed"),
        ({"expires_at": NOW}, Mark.failed, "login required, expired"),
        ({"expires_at": None}, Mark.done, "expiry not known"),
        (
            {"refreshable": True, "login_required": EndedGrant(since=NOW - HOUR, reason="revoked")},
            Mark.failed,
            "login required, for 1 hour",
        ),
    ],
)
def test_the_state_of_an_identity(more, mark, words):
    one = identity(**more)
    assert state(one, now=NOW) == (mark, words)
    assert needs_login(one, now=NOW) is (mark is Mark.failed)
