"""The choice of a session bus, and a keyring on it that has no default collection."""

import os
import shutil
import subprocess
import tempfile
from contextlib import nullcontext
from pathlib import Path

import pytest
from peers.secret_service import scripted, secret_service, session_bus

from everyauth_cli.errors import StoreUnavailable
from everyauth_cli.model import Secret
from everyauth_cli.os_keyring import bus_addresses, namespace_of, socket_paths
from everyauth_cli.store.keyring.bus import connect
from everyauth_cli.store.keyring.secret_service import SecretServiceItems

NAME = "everyauth:default:identity:example:me:me"
ITEM, PROMPT = "/item/1", "/prompt/1"
FOUND, NOTHING = ("aoao", ([ITEM], [])), ("aoao", ([], []))
SECRETS = ("a{o(oayays)}", ({ITEM: ("/session", b"", b"secret", "text/plain")},))
LISTEN = """
import socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.bind(sys.argv[1])
    server.listen()
    print("listening", flush=True)
    connection, _ = server.accept()
    sys.stdin.read()
"""


@pytest.fixture
def bus(tmp_path):
    with session_bus(tmp_path / "bus") as address:
        yield address


def items(address, *, may_prompt=False):
    return SecretServiceItems(address, lock=nullcontext, may_prompt=may_prompt, seconds=3)


def test_without_a_default_collection_one_is_asked_for_where_a_person_can_answer(bus):
    replies = {
        "SearchItems": [NOTHING, NOTHING, NOTHING, FOUND],
        "ReadAlias": [("o", ("/",)), ("o", ("/",)), ("o", ("/default",))],
        "CreateCollection": [("oo", ("/", PROMPT))],
        "CreateItem": [("oo", (ITEM, "/"))],
        "GetSecrets": [SECRETS],
    }
    with scripted(bus, completed=(False, ("o", "/default")), **replies) as service:
        items(bus, may_prompt=True).write(NAME, Secret("secret"))
    assert service.called.count("CreateCollection") == service.called.count("Prompt") == 1


def test_without_a_default_collection_and_a_display_the_way_on_is_named(bus):
    with (
        scripted(bus, SearchItems=[NOTHING], ReadAlias=[("o", ("/",))]) as service,
        pytest.raises(StoreUnavailable, match="no default collection") as caught,
    ):
        items(bus).write(NAME, Secret("secret"))
    assert "Passwords and Keys" in caught.value.hint
    assert "everyauth store use sqlite://" in caught.value.hint
    assert "CreateCollection" not in service.called


def test_a_default_collection_that_is_away_for_a_moment_is_waited_for(bus):
    replies = {"ReadAlias": [("o", ("/",)), ("o", ("/default",))], "CreateItem": [("oo", (ITEM, "/"))]}
    with scripted(bus, SearchItems=[NOTHING, FOUND], GetSecrets=[SECRETS], **replies) as service:
        items(bus).write(NAME, Secret("secret"))
    assert "CreateCollection" not in service.called


def test_the_first_address_of_a_list_that_answers_is_used(tmp_path):
    with secret_service(tmp_path / "service") as service:
        path = service.bus_address.partition("=")[2].partition(",")[0]
        for addresses in (
            f"unix:path={tmp_path}/none;unix:path={path}",
            f"tcp:host=example.com,port=1;unix:abstract=none,guid=00;{service.bus_address};",
            f"unix:path={path.replace('bus', '%62us')}",
        ):
            items(addresses).write(NAME, Secret(addresses))
            assert items(addresses).read(NAME) == Secret(addresses)


@pytest.mark.parametrize("addresses", ["nonsense", "unix:", "unix:runtime=yes", "tcp:host=a,port=1", ";", "unix:path"])
def test_addresses_without_a_socket_are_an_error(addresses):
    with pytest.raises(StoreUnavailable, match="names no socket"):
        items(addresses).read(NAME)


def test_the_paths_of_a_list_of_addresses():
    assert [*socket_paths("unix:path=/a%20b,guid=1;unix:abstract=/c;tcp:host=x;")] == ["/a b", b"\0/c"]
    with pytest.raises(ValueError, match="no transport"):
        [*socket_paths("/run/user/1000/bus")]


def test_a_bus_of_another_user_is_refused():
    if os.geteuid() != 0:
        pytest.skip("only root can run as another user")
    # Not below pytest's directory, which others than its owner may not enter.
    directory = Path(tempfile.mkdtemp(prefix="everyauth-bus-"))
    directory.chmod(0o777)
    user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    command = [*user, shutil.which("python3", path="/usr/bin:/usr/local/bin"), "-c", LISTEN, str(directory / "bus")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"listening\n"
        with pytest.raises(PermissionError, match="another user"):
            connect(str(directory / "bus"), 2)
        process.kill()
    shutil.rmtree(directory)


def test_the_session_s_own_bus_goes_before_the_usual_places(tmp_path):
    (tmp_path / "bus").touch()
    runtime = {"XDG_RUNTIME_DIR": str(tmp_path)}
    assert bus_addresses({"DBUS_SESSION_BUS_ADDRESS": "unix:path=/x", **runtime}) == "unix:path=/x"
    assert bus_addresses(runtime) == f"unix:path={tmp_path}/bus"
    usual = Path(f"/run/user/{os.geteuid()}/bus")
    assert bus_addresses({"XDG_RUNTIME_DIR": "/nowhere"}) == (f"unix:path={usual}" if usual.exists() else None)


def test_a_directory_has_one_namespace_however_it_is_spelled(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "link").symlink_to(home)
    spelled = [f"{home}", f"{home}/", f"{home}/.", f"{tmp_path}/./home", f"{tmp_path}/link", f"{tmp_path}/link/"]
    assert len({namespace_of(one, usual=None) for one in spelled}) == 1
    assert {namespace_of(one, usual=str(home)) for one in spelled} == {""}
    assert namespace_of(str(tmp_path), usual=str(home)).startswith("@")
