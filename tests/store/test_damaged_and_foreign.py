"""Damaged, foreign and outsized records and responses: each ends in an error of ours, and loses nothing."""

import json
import socket
import time
from dataclasses import replace

import pytest
from peers.stores import damage, in_file, sealed_store
from peers.token_server import ENTRY, HOUR, TOKEN_ENDPOINT, World, json_response

from everyauth_cli.errors import (
    ConfigurationProblem,
    EveryAuthError,
    LoginRequired,
    OtherAccount,
    PortInUse,
    ServiceUnreachable,
    ServiceUnreadable,
    StoreError,
)
from everyauth_cli.model import Service
from everyauth_cli.oauth.token_endpoint import read_token
from everyauth_cli.pages.result import Result
from everyauth_cli.private_files import write_privately
from everyauth_cli.redirect.server import RedirectServer
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.store.identities import peek_identity
from everyauth_cli.urls import check_url

SERVICE = Service(
    name="example", title="Example", authorization_endpoint="https://x.example/a", token_endpoint=TOKEN_ENDPOINT
)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def listener():
    with RedirectServer("/c", host="127.0.0.1", port=0, on_ignored=print) as listener:
        listener.expect(lambda _: True)
        yield listener


def connected(listener):
    return socket.create_connection(("127.0.0.1", int(listener.redirect_uri.split(":")[2].split("/")[0])), timeout=60)


@pytest.mark.parametrize("field", ["team", "scope", "id_token"])
@pytest.mark.parametrize("depth", [400, 900, 100_000])
def test_an_answer_nested_too_deep_is_no_fault_of_ours(field, depth):
    body = b'{"access_token": "a", "%s": ' % field.encode() + b"[" * depth + b"]" * depth + b"}"
    try:
        read_token(SERVICE, json_response(body), requested_scope="", now=0)
    except EveryAuthError as error:
        assert error.exit_code == 5  # noqa: PT017 - either way is right


def test_a_lost_answer_is_remembered_over_a_refused_connection(world):
    def lose() -> None:
        raise ServiceUnreachable("broke", lost=True)

    world.login()
    world.clock.now += HOUR
    world.server.meanwhile = lose
    with pytest.raises(ServiceUnreachable):
        world.token()
    world.server.meanwhile = lambda: None
    world.clock.now += HOUR
    world.server.faults = [ServiceUnreachable("cannot connect")]
    with pytest.raises(ServiceUnreachable):
        world.token()
    with pytest.raises(LoginRequired, match="earlier refresh was lost"):
        world.token()


@pytest.mark.parametrize("metadata", ["garbage", "5", "{}", "[" * 100_000])
def test_a_damaged_entry_of_a_list_is_a_store_error(tmp_path, metadata):
    world = World(tmp_path, store=sealed_store(tmp_path))
    world.login()
    in_file(tmp_path / "everyauth.db", "UPDATE everyauth_records SET metadata = ?", metadata)
    for call in (world.auth.find, lambda: peek_identity(world.store, world.key()), world.token):
        with pytest.raises(StoreError):
            call()


def test_an_entry_with_a_mark_of_a_newer_version_is_a_store_error(tmp_path):
    world = World(tmp_path, store=sealed_store(tmp_path))
    world.login()
    mark = '{"since": 1, "reason": "", "kind": "newer"}'
    change = "UPDATE everyauth_records SET metadata = json_set(metadata, '$.login_required', json(?))"
    in_file(tmp_path / "everyauth.db", change, mark)
    with pytest.raises(StoreError, match="damaged"):
        world.auth.find()


@pytest.mark.parametrize("part", ["metadata", "secret"])
@pytest.mark.parametrize("text", ["", "password", "[]", "5", "null", '{"access_token": 1}', "[" * 100_000])
def test_a_record_of_another_shape_is_a_store_error(world, part, text):
    world.login()
    damage(world.store, world.key(), **{part: text})
    world.clock.now += HOUR
    with pytest.raises(StoreError, match="damaged"):
        world.token()


@pytest.mark.parametrize("token", ["a\nb", "a\ud800b", "ü"])
def test_an_access_token_that_no_header_could_carry_is_refused(world, token):
    world.server.extra = {"access_token": token}
    with pytest.raises(ServiceUnreadable):
        world.login()


def test_what_is_handed_out_is_json_whatever_the_service_said(world):
    world.server.extra = {"x": float("nan")}
    world.login()
    json.dumps(world.auth.get_identity("example").as_json(), allow_nan=False)


def test_an_account_once_known_is_not_forgotten_by_a_login_that_names_none(world):
    world.login("alice")
    world.server.extra = {"id_token": None}
    with pytest.raises(OtherAccount, match="an account that the service did not name"):
        world.login("alice")
    world.server.extra = {}
    with pytest.raises(OtherAccount):
        world.login("mallory")


def test_somebody_else_on_the_other_loopback_address_is_a_port_in_use():
    with (
        socket.create_server(("::1", 0), family=socket.AF_INET6) as other,
        pytest.raises(PortInUse),
        RedirectServer("/c", host="localhost", port=other.getsockname()[1], on_ignored=print),
    ):
        pass


@pytest.mark.alone
def test_a_browser_that_left_is_not_waited_for(listener):
    with connected(listener) as browser:
        browser.sendall(b"GET /c?a=b HTTP/1.1\r\n\r\n")
        listener.wait(60)
    started = time.monotonic()
    listener.show(Result(good=False, title="x", text="y"))
    assert time.monotonic() - started < 2


def test_a_request_line_that_is_no_url_is_answered(listener):
    with connected(listener) as stray:
        stray.sendall(b"GET http://[ HTTP/1.1\r\n\r\n")
        assert stray.recv(100)


@pytest.mark.parametrize(
    "url",
    [
        "https://h:99999/x",
        "https://h:abc/x",
        "https://exa mple.com/",
        "https://a/b c",
        "https://a\r\nb/",
        "https://{Tenant}.example.com/",
        "https://-/",
        "https://h/\u200b",
    ],
)
def test_an_endpoint_that_is_no_url_is_refused(url):
    with pytest.raises(ValueError, match=r"it is not a URL|braces|[Pp]ort"):
        check_url(url)


def test_a_file_that_cannot_take_its_place_leaves_no_copy(tmp_path):
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(ConfigurationProblem):
        write_privately(tmp_path / "config.toml", "secret")
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]


def test_an_entry_that_cannot_be_removed_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationProblem):
        Catalogue(tmp_path / "file").remove("example")


def test_an_issuer_that_is_always_sent_has_to_be_known(tmp_path):
    (tmp_path / "example.toml").write_text(
        ENTRY + "authorization_response_iss_parameter_supported = true\n", encoding="utf-8"
    )
    with pytest.raises(ConfigurationProblem):
        Catalogue(tmp_path).get("example")


def test_a_wait_until_a_date_is_shown_as_one():
    later = replace(json_response({}, status=503), retry_after="Wed, 21 Oct 2026 07:28:00 GMT")
    with pytest.raises(ServiceUnreachable, match="wait until Wed, 21 Oct"):
        read_token(SERVICE, later, requested_scope="", now=0)
