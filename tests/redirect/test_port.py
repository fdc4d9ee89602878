"""The port of the redirect URI: taken by a program, not permitted, missing, or another login's for the moment."""

import errno
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager

import pytest
from peers.other_user import python_of_nobody
from peers.ports import free_port
from peers.redirect import ask, finish, listening, port_of

from everyauth_cli.errors import ConfigurationProblem, LoginTimedOut, PortInUse
from everyauth_cli.redirect.port import WELL_KNOWN, bind, login_at

linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")

LISTEN = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.socket(family) as server:
    # A connection of another test may have ended there a moment ago.
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(sys.argv[1] == "::1"))
    server.bind((sys.argv[1], int(sys.argv[2])))
    server.listen()
    print("listening", flush=True)
    sys.stdin.read()
"""


@contextmanager
def foreign(command):
    """Run a foreign program that listens, and yield its process and port."""
    port, pipe = free_port(), subprocess.PIPE
    with subprocess.Popen([*command, str(port)], stdin=pipe, stdout=pipe, text=True, cwd="/") as process:
        assert process.stdout.readline() == "listening\n"
        yield process, port
        process.stdin.close()


@pytest.mark.slow
@linux
@pytest.mark.parametrize(
    ("address", "host", "shown"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1:{}"),
        ("0.0.0.0", "127.0.0.1", "0.0.0.0:{}"),
        ("::", "127.0.0.1", "[::]:{}"),
        ("::", "localhost", "[::]:{}"),
        ("::1", "localhost", "[::1]:{}"),
    ],
)
@pytest.mark.parametrize("seconds", [0.0, 5.0], ids=["at once", "after asking it"])
def test_a_foreign_program_on_the_port_is_named(address, host, shown, seconds):
    with foreign([sys.executable, "-c", LISTEN, address]) as (process, port):
        with pytest.raises(PortInUse) as caught, listening(host, port, turn_seconds=seconds):
            pass
        message = caught.value.message
        name = re.search(r"process (\d+) \((.+)\) of user (\w+), which listens on (\S+)$", message)
        assert name, message
        assert int(name[1]) == process.pid
        assert "python" in name[2]
        assert name[4] == shown.format(port)
        assert f"port {port} of the redirect URI is in use" in message
        assert "everyauth service set NAME --port " in caught.value.hint
        assert caught.value.exit_code == 2


@linux
def test_a_program_of_another_user_is_named_with_the_user():
    with (
        foreign(python_of_nobody(LISTEN, "127.0.0.1")) as (process, port),
        pytest.raises(PortInUse, match=rf"process {process.pid} \(\S+\) of user nobody"),
        listening(port=port),
    ):
        pass


@linux
def test_a_program_on_ipv6_alone_does_not_matter_to_a_login_on_ipv4():
    with foreign([sys.executable, "-c", LISTEN, "::1"]) as (_, port), listening(port=port) as login:
        finish(login)


@pytest.mark.parametrize(
    ("number", "kind", "says", "hint"),
    [
        (errno.EACCES, ConfigurationProblem, "this user may not listen on port 80", "a port over 1024: SET"),
        (errno.EPERM, ConfigurationProblem, "this user may not listen on port 80", "a port over 1024: SET"),
        (errno.EADDRNOTAVAIL, ConfigurationProblem, "this machine has no address 127.0.0.1", "loopback interface"),
        (errno.EADDRINUSE, PortInUse, "port 80 of the redirect URI is in use", "SET"),
        (errno.ENOBUFS, PortInUse, "port 80 of the redirect URI cannot be used", "another port: SET"),
    ],
)
def test_each_reason_why_a_port_cannot_be_bound_has_its_own_error(number, kind, says, hint):
    def make(_):
        raise OSError(number, os.strerror(number))

    with pytest.raises(kind, match=says) as caught:
        bind(make, "127.0.0.1", 80, another_port="SET")
    assert hint in caught.value.hint


UNPRIVILEGED = """
from everyauth_cli.redirect.server import RedirectServer
from everyauth_cli.errors import EveryAuthError
try:
    with RedirectServer("/callback", host="127.0.0.1", port=81, on_ignored=print):
        print("bound")
except EveryAuthError as error:
    print(error.code, error.message)
"""


@linux
def test_a_privileged_port_is_not_called_taken():
    if os.geteuid() != 0:
        pytest.skip("only root can give up the capability to bind such a port")
    drop = ["setpriv", "--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service"]
    # In a network namespace of its own the range of such ports is as the kernel has it by default.
    command = ["unshare", "--net", *drop, sys.executable, "-c", UNPRIVILEGED]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if "unshare" in done.stderr:
        pytest.skip("network namespaces are not allowed here")
    # Loopback is down there as well, which binding an address does not need.
    assert done.stdout.startswith("configuration this user may not listen on port 81"), done


def test_a_login_says_what_it_is_to_loopback_only():
    with listening(service="acme") as login:
        assert json.loads(ask(login, WELL_KNOWN)[2]) == {"everyauth": "login", "service": "acme"}
        assert login_at(port_of(login)) == "acme"
        assert ask(login, WELL_KNOWN, headers={"Host": "rebound.example"})[0] == 404
        finish(login)


@pytest.mark.parametrize("response", [b"", b"HTTP/1.0 200 OK\r\n\r\n[]", b'HTTP/1.0 200 OK\r\n\r\n{"everyauth": 1}'])
def test_a_program_that_is_no_login_is_not_taken_for_one(response):
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.settimeout(60)

        def serve():
            connection, _ = server.accept()
            with closing(connection):
                connection.recv(1000)
                connection.sendall(response)

        thread = threading.Thread(target=serve)
        thread.start()
        assert login_at(server.getsockname()[1]) is None
        thread.join()


@pytest.mark.alone
def test_a_program_that_answers_nothing_is_given_up_soon():
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        began = time.monotonic()
        assert login_at(server.getsockname()[1]) is None
        assert time.monotonic() - began < 5


@pytest.mark.slow
@pytest.mark.parametrize("hosts", [("127.0.0.1", "127.0.0.1"), ("localhost", "127.0.0.1"), ("127.0.0.1", "localhost")])
def test_the_second_login_goes_on_when_the_first_has_ended(hosts):
    port, awaited, served = free_port(), [], threading.Event()

    def second():
        with listening(hosts[1], port, turn_seconds=20, on_turn=awaited.append, service="beta") as login:
            finish(login)
            served.set()

    with listening(hosts[0], port, service="acme") as first:
        thread = threading.Thread(target=second)
        thread.start()
        end = time.monotonic() + 60
        while not awaited and time.monotonic() < end:
            time.sleep(0.01)
        assert not served.wait(0.5)
        finish(first)
    assert served.wait(60)
    thread.join()
    assert awaited == ["acme"]


def test_a_login_waits_no_longer_than_its_time_out():
    with (
        listening(service="acme") as first,
        pytest.raises(LoginTimedOut, match="the login at acme, which has the port of this one") as caught,
        listening(port=port_of(first), turn_seconds=0.4),
    ):
        pass
    assert caught.value.exit_code == 4
