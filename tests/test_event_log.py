"""The event log: it records what happens at each service, holds no secret, and never makes anything else fail."""

from __future__ import annotations

import json
import stat
import threading
from dataclasses import asdict, replace

import pytest
from peers.token_server import ENTRY, HOUR, NOW, REVOCABLE, World, json_response

from everyauth_cli.errors import (
    ClientRejected,
    LoginFailed,
    LoginRequired,
    OtherAccount,
    ServiceError,
    ServiceUnreachable,
    ServiceUnreadable,
)
from everyauth_cli.event_log import LARGEST, Event, EventLog, redacted
from everyauth_cli.model import Secret
from everyauth_cli.sanitize import redact
from everyauth_cli.store.identities import read_identity

EVENT = Event(
    time=NOW, profile="default", service="example", user="me", tenant="me", action="login", outcome="done", duration=5
)
SECRET = "s3cr3t-of-the-client"


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.entry("example", REVOCABLE)
    world.auth.clients.set(world.auth.catalogue.get("example"), client_secret=Secret(SECRET))
    world.events = []
    world.auth = world.another(world.store, record=world.events.append)
    return world


def recorded_events(world):
    return [(event.action, event.outcome, event.error) for event in world.events]


def test_a_login_a_refresh_and_a_revocation_are_recorded(world):
    world.login(user="u1", tenant="t1")
    world.clock.now += HOUR
    assert world.auth.credential(world.auth.find()[0])
    world.auth.delete_identity("example", user="u1", tenant="t1")
    kinds = ["login", "refresh", "revocation", "revocation"]
    assert recorded_events(world) == [(kind, "done", None) for kind in kinds]
    assert [event.message for event in world.events] == [None, None, "refresh_token", "access_token"]
    assert {(e.profile, e.service, e.user, e.tenant) for e in world.events} == {("default", "example", "u1", "t1")}
    assert [event.time - NOW for event in world.events] == [0, HOUR, HOUR, HOUR]


def test_a_fresh_token_records_nothing(world):
    world.login()
    del world.events[:]
    world.token()
    assert world.events == []


@pytest.mark.parametrize(
    ("fault", "kind", "recorded"),
    [
        (json_response({"error": "invalid_grant"}, status=400), LoginRequired, ("invalid_grant", 400, "invalid_grant")),
        (json_response({"error": "odd", "error_description": "x"}), ServiceError, ("odd", 200, "odd (x)")),
        (json_response({"error": "invalid_client"}), ClientRejected, ("client_rejected", None, "invalid_client")),
        (json_response({"errcode": 40029}), ServiceUnreadable, ("40029", 200, "errcode: 40029")),
        (json_response(b"", status=503), ServiceUnreachable, ("service_unreachable", 503, "HTTP 503")),
    ],
)
def test_a_failed_refresh_is_recorded_with_the_error_of_the_service(world, fault, kind, recorded):
    world.login()
    world.clock.now += HOUR
    world.server.faults = [fault]
    with pytest.raises(kind):
        world.token()
    event, (error, status, says) = world.events[-1], recorded
    assert (event.action, event.outcome, event.error, event.status) == ("refresh", "failed", error, status)
    assert says in event.message


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(json_response({"error": "invalid_grant"}), LoginFailed), (json_response({}), ServiceUnreadable)],
)
def test_a_failed_login_is_recorded_once(world, fault, kind):
    world.server.faults = [fault]
    with pytest.raises(kind):
        world.login()
    assert [(event.action, event.outcome) for event in world.events] == [("login", "failed")]


def test_a_login_as_another_account_is_recorded_as_failed(world):
    world.login("alice")
    with pytest.raises(OtherAccount):
        world.login("bob")
    assert recorded_events(world) == [("login", "done", None), ("login", "failed", "other_account")]


def test_a_failed_revocation_is_recorded(world):
    world.login()
    world.server.faults = [json_response({"error": "try_tomorrow"}, status=400)]
    world.auth.delete_identity("example", user="me")
    assert recorded_events(world)[1:] == [("revocation", "failed", "try_tomorrow"), ("revocation", "done", None)]
    assert world.events[-1].message == "access_token"


def test_a_token_type_that_the_service_does_not_revoke_is_recorded_as_such(world):
    world.login()
    world.server.faults = [json_response({"error": "unsupported_token_type"}, status=400)]
    world.auth.delete_identity("example", user="me")
    assert world.events[-2].message == "example does not revoke tokens of the type refresh_token"


def test_an_account_that_stays_unknown_is_recorded(world):
    world.entry("example", ENTRY + 'account_endpoint = "https://issuer.example/me"\n')
    world.server.extra = {"id_token": None}
    world.login()
    assert recorded_events(world) == [("account", "failed", "service_unreadable"), ("login", "done", None)]
    assert world.events[0].status == 404


def test_no_secret_is_recorded_whatever_a_service_says(world):
    world.login()
    sent = (read_identity(world.store, world.key()).token.refresh_token.reveal(), SECRET)
    world.clock.now += HOUR
    opaque = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.c2lnbmF0dXJlMTIzNDU2Nzg5"
    description = f"{sent[0]} of {sent[1]}: {opaque} see https://x.example/errors?token=abc#part or \x1b[1mask"
    world.server.faults = [json_response({"error": "odd", "error_description": description})]
    with pytest.raises(ServiceError) as caught:
        world.token()
    assert (
        world.events[-1].message
        == "example answered odd (*** of ***: ***.***.*** see https://x.example/errors or  [1mask)"
    )
    assert opaque not in caught.value.message
    assert "token=abc" not in caught.value.message


PLAIN = "correct-horse"
"""A client secret that does not look like a token."""
ECHOES = [{"error": PLAIN}, {"error": {"type": PLAIN}}, {"error_code": PLAIN}, {"msg": PLAIN}]
CALLS = {
    "login": lambda world: world.login(),
    "refresh": lambda world: world.token(),
    "revocation": lambda world: world.auth.delete_identity("example", "me"),
}


@pytest.mark.parametrize("fields", ECHOES, ids=str)
@pytest.mark.parametrize("action", CALLS)
def test_a_secret_that_a_service_echoes_as_its_error_is_neither_raised_nor_recorded(world, action, fields):
    world.auth.clients.set(world.auth.catalogue.get("example"), client_secret=Secret(PLAIN))
    world.login()
    world.clock.now += HOUR
    world.server.faults = [json_response(fields, status=400)] * 2
    shown = []
    try:
        shown.append(CALLS[action](world).problem)
    except ServiceError as error:
        shown += [error.message, error.hint, error.error, *error.args]
    failed = [event for event in world.events if (event.action, event.outcome) == (action, "failed")]
    assert failed
    assert PLAIN not in repr([*shown, *world.events, *world.warnings])


def test_a_redacted_error_keeps_its_type_and_all_that_it_says():
    with pytest.raises(ServiceUnreachable) as caught, redacted(Secret("7 s from")):
        raise ServiceUnreachable("wait 7 s from now", lost=True, status=503, retry_after="7")
    error = caught.value
    assert (error.message, error.args, str(error)) == ("wait *** now", ("wait *** now",), "wait *** now")
    assert (error.lost, error.status, error.retry_after, error.hint) == (True, 503, "7", "try again later")


def test_a_code_and_a_client_secret_in_an_error_are_removed_too(world):
    world.server.faults = [json_response({"error": "odd", "error_description": f"code-alice of {SECRET}"})]
    with pytest.raises(ServiceError):
        world.login()
    assert world.events[-1].message == "example answered odd (*** of ***)"


@pytest.mark.parametrize(
    "text",
    [
        "invalid_request: redirect_uri does not match the registered one",
        "AADSTS50011: The redirect URI is not registered",
        "unsupported_response_type_for_this_client_registration",
        "see https://developer.example.com/docs/v2/oauth/errors",
        "2026-11-24T10:00:00Z",
    ],
)
def test_text_that_is_no_secret_is_kept(text):
    assert redact(text) == text


@pytest.mark.parametrize(
    "text", ["0d3f8a1c-22e1-4f6e-9d0b-8a1c22e14f6e", "xoxb-1234567890-abcdefghij", "a" * 32, "A1" * 10]
)
def test_text_that_looks_like_a_token_is_removed(text):
    assert redact(f"bad {text}.") == "bad ***."


def test_an_unforeseen_failure_names_the_log(world):
    world.server.faults = [json_response({"code": 10003, "message": "no such app"})]
    with pytest.raises(
        ServiceUnreadable, match=r"without an access token \(code: 10003, message: no such app\)"
    ) as caught:
        world.login()
    assert caught.value.hint == "everyauth service log example"
    world.server.faults = [json_response({"data": {}, "ok": False}, status=422)]
    with pytest.raises(ServiceError, match=r"HTTP 422 \(its fields are data, ok\)") as caught:
        world.login()
    assert caught.value.hint == "everyauth service log example"


def test_a_failure_with_its_own_hint_keeps_it(world):
    world.server.faults = [json_response({}, status=302)]
    with pytest.raises(ServiceUnreadable) as caught:
        world.login()
    assert caught.value.hint == "check token_endpoint: everyauth service get example"


def test_events_are_read_back_with_the_newest_last(tmp_path):
    log = EventLog(tmp_path / "log")
    assert log.last("example", 5) == []
    events = [replace(EVENT, time=NOW + n) for n in range(10)]
    for event in events:
        log.record(event)
    assert log.last("example", 3) == events[-3:]
    assert log.last("example", 50) == events
    assert log.last("other", 5) == []
    assert log.last("example", 2, profile=EVENT.profile) == events[-2:]
    assert log.last("example", 2, profile="another") == []


def test_the_file_is_for_its_owner_alone(tmp_path):
    log = EventLog(tmp_path / "log")
    log.record(EVENT)
    assert stat.S_IMODE(log.path("example").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o700


def test_it_rotates_and_keeps_one_older_file(tmp_path):
    log = EventLog(tmp_path)
    one = len(json.dumps(asdict(EVENT)))
    for _ in range(3 * LARGEST // one):
        log.record(EVENT)
    sizes = [path.stat().st_size for path in tmp_path.glob("example.jsonl*")]
    assert len(sizes) == 2
    assert all(size < LARGEST + 1000 for size in sizes)
    # Reading more than the newer file has continues in the older one.
    assert len(log.last("example", 10**6)) > LARGEST / one


def test_concurrent_writers_lose_and_mix_no_line(tmp_path):
    def write(number):
        for _ in range(200):
            EventLog(tmp_path).record(replace(EVENT, user=f"user-{number}"))

    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    users = [event.user for event in EventLog(tmp_path).last("example", 10**6)]
    assert len(users) == 1600
    assert all(users.count(f"user-{number}") == 200 for number in range(8))


def test_lines_that_are_no_events_are_skipped(tmp_path):
    log = EventLog(tmp_path)
    log.record(EVENT)
    with log.path("example").open("ab") as file:
        file.write(b'{"time": 1, "prof\n[]\n"x"\n{}\n\xff\n')
    log.record(EVENT)
    assert log.last("example", 10) == [EVENT, EVENT]


@pytest.mark.parametrize("obstacle", ["file", "full"])
def test_a_log_that_cannot_be_written_raises_nothing(tmp_path, obstacle):
    if obstacle == "file":
        (tmp_path / "log").write_text("")
    else:
        (tmp_path / "log").mkdir()
        (tmp_path / "log" / "example.jsonl").symlink_to("/dev/full")
    EventLog(tmp_path / "log").record(EVENT)


def test_a_log_that_cannot_be_made_stops_no_login(world, tmp_path):
    (tmp_path / "log").write_text("")
    world.auth = world.another(world.store, record=EventLog(tmp_path / "log").record)
    world.login()
    assert world.token() == "access-2"
