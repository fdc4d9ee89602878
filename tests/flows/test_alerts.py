"""Alerts: an ended grant is reported at least once under one id, to a command or a webhook."""

import json
import sys
import time
from pathlib import Path

import pytest
from peers.recorder import recording
from peers.token_server import MINUTE, World

from everyauth_cli.errors import AlertFailed, LoginRequired, ServiceUnreachable
from everyauth_cli.flows.alerts import Reporter, event, pending, to_command, to_webhook
from everyauth_cli.model import Response, Secret

LONGEST_RUN = 60_000
EVENT = {"eventId": "evt-1", "event": "identity.login_required", "identity": {"identityId": "idn-1"}}


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def lose(world, user="me"):
    """Have an identity, and its grant refused."""
    world.login(user=user)
    world.clock.now += 2 * MINUTE
    world.server.revoke_all()
    with pytest.raises(LoginRequired):
        world.auth.get_identity("example", user, rejected=Secret(world.token(user)))


def reporter(world, deliver):
    return Reporter(store=world.store, profile="default", deliver=deliver, clock=world.clock)


def ended(world):
    return [identity.login_required for identity in world.auth.find()]


def test_an_ended_grant_is_reported_once_and_marked_as_reported(world):
    lose(world)
    events = []
    assert reporter(world, events.append).report() == []
    assert reporter(world, events.append).report() == []
    (one,) = events
    assert one["event"] == "identity.login_required"
    assert one["identity"]["tags"] == {"userId": "me", "tenantId": "me"}
    assert one["identity"]["loginRequired"]["reportedAt"] is None
    assert ended(world)[0].reported_at == world.clock.now
    assert "access-" not in json.dumps(one)
    assert "refresh-" not in json.dumps(one)


def test_a_failed_report_is_repeated_under_the_same_id(world):
    lose(world)
    events = []

    def fail(one):
        events.append(one)
        raise AlertFailed("down")

    assert [failure.message for failure in reporter(world, fail).report()] == ["down"]
    world.clock.now += 1
    assert len(pending(world.store, "default")) == 1
    reporter(world, events.append).report()
    assert events[0] == events[1]
    assert pending(world.store, "default") == []


def test_a_failed_report_does_not_stop_the_others(world):
    lose(world, "ann")
    lose(world, "bob")
    events = []

    def deliver(one):
        if one["identity"]["tags"]["userId"] == "ann":
            raise AlertFailed("no")
        events.append(one)

    assert len(reporter(world, deliver).report()) == 1
    assert [one["identity"]["tags"]["userId"] for one in events] == ["bob"]


def test_a_receiver_that_hangs_delays_a_run_once(world):
    lose(world, "ann")
    lose(world, "bob")

    def hang(_):
        world.clock.now += LONGEST_RUN + 1
        raise AlertFailed("slow")

    assert len(reporter(world, hang).report()) == 1
    assert len(pending(world.store, "default")) == 2


def test_only_grants_that_ended_since_then_are_reported(world):
    lose(world, "ann")
    world.clock.now += 1
    lose(world, "bob")
    events = []
    reporter(world, events.append).report(since=world.clock.now)
    assert [one["identity"]["tags"]["userId"] for one in events] == ["bob"]


def test_a_second_end_has_another_id_and_a_login_removes_the_mark(world):
    lose(world)
    first = event("x", world.auth.find()[0])["eventId"]
    world.clock.now += 1
    world.login()
    assert ended(world) == [None]
    lose(world)
    assert event("x", world.auth.find()[0])["eventId"] != first


def test_a_login_during_the_report_stays_as_it_is(world):
    lose(world)
    assert reporter(world, lambda _: world.login()).report() == []
    assert ended(world) == [None]
    assert world.token()


SHOW = "import json, os, sys; json.dump([json.load(sys.stdin), sys.argv[1:], dict(os.environ)], open('document', 'w'))"


def test_a_command_is_given_the_event_without_a_shell_or_secrets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVERYAUTH_KEY", "a-sealing-key")
    monkeypatch.setenv("EVERYAUTH_EXAMPLE_CLIENT_SECRET", "a-client-secret")
    to_command([sys.executable, "-c", SHOW, "$HOME; true", "*"])(EVENT)
    document, arguments, environment = json.loads((tmp_path / "document").read_text())
    assert document == EVENT
    assert arguments == ["$HOME; true", "*"]
    assert "PATH" in environment
    assert not [name for name, value in environment.items() if "a-sealing-key" in value or "a-client-secret" in value]


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["sh", "-c", "echo no mail today; exit 3"], "sh ended with exit code 3: no mail today"),
        (["sh", "-c", "exit 3"], "sh ended with exit code 3"),
        (["/nowhere/to/be/found"], "cannot be run: No such file"),
    ],
)
def test_the_output_of_a_failed_command_is_in_the_error(argv, says):
    with pytest.raises(AlertFailed) as caught:
        to_command(argv)(EVENT)
    assert says in caught.value.message


def test_the_output_of_a_successful_command_is_dropped(capfd):
    to_command(["sh", "-c", "echo out; echo err >&2"])(EVENT)
    assert capfd.readouterr() == ("", "")


def test_a_command_that_hangs_is_killed_with_its_children(tmp_path):
    mark = tmp_path / "pid"
    with pytest.raises(AlertFailed, match=r"did not end within 0\.9 s"):
        to_command(["sh", "-c", f"sleep 60 & echo $! > {mark}; wait"], seconds=0.9)(EVENT)
    child = int(mark.read_text())
    end = time.monotonic() + 60
    while time.monotonic() < end and runs(child):
        time.sleep(0.02)
    assert not runs(child)


def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.alone
def test_a_child_that_a_command_leaves_running_is_not_waited_for(tmp_path):
    began = time.monotonic()
    to_command(["sh", "-c", "sleep 3 & exit 0"])(EVENT)
    assert time.monotonic() - began < 2


def test_an_event_is_posted_to_a_webhook():
    with recording() as recorder:
        recorder.reply(b"", status=204)
        to_webhook(Secret("https://hooks.example/T1/secret-path?k=v"), recorder.send)(EVENT)
    (request,) = recorder.requests
    assert (request.method, request.url) == ("POST", "https://hooks.example/T1/secret-path?k=v")
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body) == EVENT


@pytest.mark.parametrize("status", [302, 400, 500])
def test_any_other_response_of_a_webhook_is_a_failed_delivery(status):
    deliver = to_webhook(
        Secret("https://hooks.example/secret-path"),
        lambda _: Response(status=status, content_type="", body=Secret(b"")),
    )
    with pytest.raises(AlertFailed) as caught:
        deliver(EVENT)
    assert caught.value.message == f"the webhook at hooks.example answered HTTP {status}"


def test_the_path_of_a_webhook_that_is_down_is_not_shown():
    def down(request):
        assert "secret-path" not in repr(request)
        raise ServiceUnreachable("cannot connect to hooks.example")

    with pytest.raises(AlertFailed) as caught:
        to_webhook(Secret("https://hooks.example/secret-path"), down)(EVENT)
    assert "secret-path" not in caught.value.message
