"""Connections: an address that swallows packets or refuses costs little, and the next one is tried."""

import socket
import threading
import time
from contextlib import ExitStack, contextmanager, suppress

import httpcore
import pytest
from peers.ports import free_port

from everyauth_cli.transport.connection import Address, Attempts, Backend, alternating

LOOPBACKS = [f"127.0.0.{number}" for number in range(1, 6)]


@contextmanager
def black_hole(host="127.0.0.1"):
    """Run a listener whose queue is full, so that the kernel drops every further attempt to connect."""
    with ExitStack() as opened, socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.bind((host, 0))
        listener.listen(0)
        for _ in range(4):
            filler = opened.enter_context(socket.socket(listener.family))
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        time.sleep(0.1)
        yield listener.getsockname()


def address(place):
    family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
    return Address(family, socket.SOCK_STREAM, 0, "", place)


def refusing():
    return address(("127.0.0.1", free_port()))


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def connected(addresses, timeout=5):
    with Attempts(addresses) as attempts, attempts.first(timeout) as found:
        return found.getpeername()


@pytest.mark.alone
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_address_that_swallows_packets_costs_little(server, host):
    with black_hole(host) as hole:
        began = time.monotonic()
        assert connected([address(hole), address(server.getsockname())]) == server.getsockname()
        assert 0.2 < time.monotonic() - began < 2


@pytest.mark.alone
def test_many_such_addresses_cost_a_little_each(server):
    with ExitStack() as holes:
        found = [address(holes.enter_context(black_hole(host))) for host in LOOPBACKS]
        began = time.monotonic()
        assert connected([*found, address(server.getsockname())]) == server.getsockname()
        assert time.monotonic() - began < 4


@pytest.mark.alone
def test_after_a_refusal_the_next_address_is_tried_at_once(server):
    began = time.monotonic()
    assert connected([refusing(), refusing(), address(server.getsockname())]) == server.getsockname()
    assert time.monotonic() - began < 0.2


def test_a_slow_address_still_gets_its_connection():
    with black_hole() as hole:
        listener = address(hole)

        def refuse_late():
            time.sleep(0.5)
            with suppress(OSError):
                socket.create_connection(refusing().address, timeout=0.1)

        thread = threading.Thread(target=refuse_late)
        thread.start()
        with pytest.raises(TimeoutError, match=r"no response from 127\.0\.0\.1 within 1 s"):
            connected([refusing(), listener], timeout=1)
        thread.join()


def test_the_reasons_of_all_addresses_are_named():
    unusable = Address(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 0))
    with pytest.raises(OSError, match=r"Connection refused \(127\.0\.0\.1\)"):
        connected([refusing()])
    with pytest.raises(OSError, match=r"Connection refused \(127\.0\.0\.1, 127\.0\.0\.1\)"):
        connected([refusing(), unusable])


def test_the_families_alternate():
    names = ["::1", "::2", "::3", "127.0.0.1", "127.0.0.2"]
    order = alternating([address((name, 1)) for name in names])
    assert [each.address[0] for each in order] == ["::1", "127.0.0.1", "::2", "127.0.0.2", "::3"]


def test_no_socket_is_left_open(server):
    with black_hole() as hole:
        with Attempts([address(hole), address(server.getsockname())]) as attempts:
            found = attempts.first(5)
            waiting = [key.fileobj for key in attempts._under_way]
        assert waiting
        assert all(attempt.fileno() == -1 for attempt in waiting)
        found.close()


@pytest.mark.parametrize("host", ["nope.invalid", "a" * 70 + ".example", ""])
def test_a_name_without_address_is_a_failed_connection(host):
    with pytest.raises(httpcore.ConnectError):
        Backend().connect_tcp(host, 1, timeout=1)
