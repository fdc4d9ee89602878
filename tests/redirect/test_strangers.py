"""Requests of another user of the machine, who has learnt the state: strays where the system shows the user."""

import os
import socket
import sys
import threading
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from peers.other_user import run_as_nobody
from peers.redirect import ask, finish, listening, port_of

from everyauth_cli.cli.login.surroundings import friends
from everyauth_cli.errors import LoginFailed
from everyauth_cli.loopback.socket_table import is_strangers, listener

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")

OURS = "/callback/example?code=c0de&state=our-state"
NOBODY, ME = 65534, os.geteuid()
SECONDS = 60.0

# Sends a request, and prints the status of the response; with "gone", it closes its end before it could be looked at.
ASK = """
import socket, struct, sys
port, path, how = int(sys.argv[1]), sys.argv[2], sys.argv[3]
c = socket.create_connection(("127.0.0.1", port))
if how == "reset":
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
c.sendall(f"GET {path} HTTP/1.0\\r\\n\\r\\n".encode())
if how == "stays":
    print(c.recv(100).split()[1].decode())
c.close()
"""


@contextmanager
def friendly(*users):
    with listening(friends=frozenset({0, ME, *users})) as login:
        yield login


@pytest.mark.parametrize("how", ["stays", "closes", "reset"])
def test_a_response_of_another_user_is_a_stray(how):
    with friendly() as login:
        shown = run_as_nobody(ASK, str(port_of(login)), OURS, how)
        assert shown.split() == (["400"] if how == "stays" else [])
        with pytest.raises(LoginFailed, match="was not finished"):
            login.wait(0.3)
        finish(login)
        assert len(login.ignored_requests) <= 1
        if how == "stays":
            assert "a request of another user's program" in login.ignored_requests[0]


def test_another_user_cannot_use_the_start_page_up():
    with friendly() as login:
        path = "/" + login.start_page("https://auth.example/authorize?state=our-state").split("/", 3)[3]
        assert run_as_nobody(ASK, str(port_of(login)), path, "stays").split() == ["404"]
        assert ask(login, path)[0] == 302
        finish(login)


def test_the_person_behind_sudo_is_a_friend():
    with friendly(NOBODY) as login:
        path = "/" + login.start_page("https://auth.example/authorize?state=our-state").split("/", 3)[3]
        assert run_as_nobody(ASK, str(port_of(login)), path, "stays").split() == ["302"]
    assert friends({"SUDO_UID": "1000"}) == frozenset({0, ME, 1000})
    assert friends({"SUDO_UID": "no number"}) >= {0, ME}


def test_a_login_uid_is_a_friend_s(tmp_path):
    (tmp_path / "self").mkdir()
    (tmp_path / "self/loginuid").write_text("1234")
    assert friends({}, proc=tmp_path) == frozenset({0, ME, 1234})
    (tmp_path / "self/loginuid").write_text(str(2**32 - 1))
    assert friends({}, proc=tmp_path) == frozenset({0, ME})


@contextmanager
def connected(host):
    """A connection over loopback: the server's end, and the client's."""
    with ExitStack() as stack:
        server = stack.enter_context(closing(socket.create_server((host, 0), family=family(host))))
        server.settimeout(SECONDS)
        client = stack.enter_context(closing(socket.create_connection(server.getsockname()[:2], timeout=SECONDS)))
        yield stack.enter_context(closing(server.accept()[0])), client


def family(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_connection_of_ours_is_found_in_the_tables(host):
    with connected(host) as (served, client):
        assert not is_strangers(served, {ME})
        assert is_strangers(served, {ME + 1})
        client.close()
        assert is_strangers(served, {ME})


def test_a_client_with_a_mapped_address_is_found():
    with closing(socket.create_server(("127.0.0.1", 0))) as server, closing(socket.socket(socket.AF_INET6)) as client:
        server.settimeout(SECONDS)
        client.connect(("::ffff:127.0.0.1", server.getsockname()[1]))
        with closing(server.accept()[0]) as served:
            assert is_strangers(served, {ME + 1})
            assert not is_strangers(served, {ME})


def tables(directory, *rows, uid_map="0 0 4294967295"):
    """Write tables as the kernel does, with the given rows of local, remote, state, user and inode."""
    (directory / "net").mkdir()
    (directory / "self").mkdir()
    (directory / "sys/kernel").mkdir(parents=True)
    lines = [f" 0: {a} {b} {state} 0:0 0:0 0 {uid} 0 {inode} 1" for a, b, state, uid, inode in rows]
    (directory / "net/tcp").write_text("\n".join(["head", *lines]) + "\n")
    (directory / "self/uid_map").write_text(uid_map)
    (directory / "sys/kernel/overflowuid").write_text("65534")
    return directory


def ends(served):
    (_, ours), (_, theirs) = served.getsockname(), served.getpeername()
    return f"0100007F:{ours:04X}", f"0100007F:{theirs:04X}"


def test_a_browser_outside_of_this_container_is_not_known_and_accepted(tmp_path):
    with connected("127.0.0.1") as (served, _):
        ours, theirs = ends(served)
        assert not is_strangers(served, {ME}, proc=tables(tmp_path, (ours, theirs, "01", ME, "7")))


def test_a_user_outside_of_this_user_namespace_is_not_known_and_accepted(tmp_path):
    with connected("127.0.0.1") as (served, _):
        ours, theirs = ends(served)
        row = (theirs, ours, "01", 65534, "7")
        (tmp_path / "inside").mkdir()
        (tmp_path / "outside").mkdir()
        inside = tables(tmp_path / "inside", row, uid_map="0 1000 1\n1 100000 65536")
        assert not is_strangers(served, {ME}, proc=inside)
        assert is_strangers(served, {ME}, proc=tables(tmp_path / "outside", row))


def test_a_user_without_a_process_here_is_outside_of_this_container(tmp_path):
    with connected("127.0.0.1") as (served, _):
        ours, theirs = ends(served)
        proc = tables(tmp_path, (theirs, ours, "01", 1000, "7"))
        assert is_strangers(served, {ME}, proc=proc)
        for process, uid in (("1", 0), ("8", 10001)):
            (proc / process).mkdir()
            (proc / process / "status").write_text(f"Name:\tx\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\nGid:\t0\n")
        assert not is_strangers(served, {ME}, proc=proc)
        (proc / "8/status").write_text("Name:\tx\nUid:\t0\t0\t1000\t0\nGid:\t0\n")
        assert is_strangers(served, {ME}, proc=proc)


class Ending(type(Path())):
    """Tables of a system whose processes all end while they are listed, with their connections."""

    def iterdir(self):
        text = (self / "net/tcp").read_text()
        (self / "net/tcp").write_text(text.replace(" 01 ", " 06 "))
        return super().iterdir()


def test_a_process_that_ends_while_its_user_is_looked_for_is_a_stranger_s(tmp_path):
    with connected("127.0.0.1") as (served, _):
        ours, theirs = ends(served)
        proc = tables(tmp_path, (theirs, ours, "01", 1000, "7"))
        (proc / "1").mkdir()
        (proc / "1/status").write_text("Name:\tx\nUid:\t0\t0\t0\t0\nGid:\t0\n")
        assert not is_strangers(served, {ME}, proc=proc)
        assert is_strangers(served, {ME}, proc=Ending(proc))


def test_without_tables_every_response_is_accepted(tmp_path):
    with connected("127.0.0.1") as (served, _):
        assert not is_strangers(served, {ME + 1}, proc=tmp_path)


def test_many_requests_of_other_users_are_reported_once():
    with friendly() as login:
        threads = [
            threading.Thread(target=run_as_nobody, args=(ASK, str(port_of(login)), OURS, "stays")) for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(login.ignored_requests) == 1
        finish(login)


@pytest.mark.parametrize("at", ["folder", "descriptor", "name"])
def test_a_process_that_ends_while_the_owner_of_a_port_is_looked_for_hides_no_other(tmp_path, at):
    proc = tables(tmp_path, ("0100007F:1F90", "00000000:0000", "0A", ME, "7"))
    for ended in map(str, range(100, 140)):
        (proc / ended).mkdir()
        if at != "folder":
            (proc / ended / "fd").mkdir()
            (proc / ended / "fd/0").symlink_to("socket:[7]" if at == "name" else "socket:[8]")
        if at == "descriptor":
            # Reading what is no link fails, as reading a descriptor does that was closed meanwhile.
            (proc / ended / "fd/1").touch()
    assert listener("127.0.0.1", 8080, proc=proc)[3:] == ("", "")
    (proc / "120/fd").mkdir(exist_ok=True)
    (proc / "120/fd/9").symlink_to("socket:[7]")
    (proc / "120/comm").write_text("other\n")
    assert listener("127.0.0.1", 8080, proc=proc)[3:] == ("120", "other")
