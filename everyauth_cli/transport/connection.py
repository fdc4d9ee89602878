"""Opens connections: every address of a host gets its chance early, and TLS runs over any of them."""

from __future__ import annotations

import errno
import itertools
import os
import selectors
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, NamedTuple, Self

import httpcore

STAGGER_SECONDS = 0.25
"""The head start of an address over the next one (RFC 8305 section 5)."""
RECORD_BYTES = 16 * 1024
MOST_BYTES = 8 * 1024 * 1024
"""Of a connection: enough for 1 MiB in chunks of a byte, and an end of interim responses (RFC 9110 section 15.2)."""
UNDER_WAY = (0, errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", errno.EWOULDBLOCK))


class Address(NamedTuple):
    """One of the addresses that a host name has, as `socket.getaddrinfo` lists them."""

    family: int
    kind: int
    protocol: int
    name: str
    address: Any


class Backend(httpcore.NetworkBackend):
    """Opens the connection of one request; `socket` is the one that it opened."""

    def __init__(self) -> None:
        self.socket: socket.socket | None = None

    def close(self) -> None:
        """Close the connection, which httpcore leaves open after some failures."""
        if self.socket is not None:
            self.socket.close()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,  # noqa: ARG002 - the base class's arguments
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """Connect to the first address of a host that answers; `timeout` is for all of them together."""
        assert timeout is not None
        with _raised_as(httpcore.ConnectTimeout, httpcore.ConnectError):
            found = [Address(*each) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
            with Attempts(alternating(found)) as attempts:
                self.socket = attempts.first(timeout)
        return _Stream(self.socket)


def alternating(addresses: Sequence[Address]) -> list[Address]:
    """Return addresses in their order, but alternating between the families (RFC 8305 section 4)."""
    families = [[one for one in addresses if one.family == family] for family in {each.family: 0 for each in addresses}]
    return [one for group in itertools.zip_longest(*families) for one in group if one is not None]


class Attempts:
    """Attempts to connect to several addresses, each begun when the one before has failed or takes long."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        self._waiting = list(addresses)
        self._selector = selectors.DefaultSelector()
        self._failures: list[tuple[str, int]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for key in self._under_way:
            self._given_up(key)
        self._selector.close()

    @property
    def _under_way(self) -> list[selectors.SelectorKey]:
        return list(self._selector.get_map().values())

    def first(self, timeout: float) -> socket.socket:
        """Return the first socket that is connected; raises `TimeoutError`, or `OSError` when every attempt failed."""
        end = time.monotonic() + timeout
        while self._waiting or self._under_way:
            if self._waiting:
                self._begin(self._waiting.pop(0))
            left = max(0.0, end - time.monotonic())
            # Asked once more after the time is over: the process may have been stopped meanwhile.
            for key, _ in self._selector.select(min(left, STAGGER_SECONDS) if self._waiting else left):
                if connected := self._finished(key):
                    return connected
            if left == 0:
                silent = ", ".join(key.data for key in self._under_way)
                raise TimeoutError(f"no response from {silent} within {timeout:g} s")
        raise OSError(self._failures[-1][1] if self._failures else 0, self._reasons())

    def _begin(self, address: Address) -> None:
        shown = str(address.address[0])
        try:
            attempt = socket.socket(address.family, address.kind, address.protocol)
        except OSError as error:
            self._failures.append((shown, error.errno or 0))
            return
        attempt.settimeout(0)
        code = attempt.connect_ex(address.address)
        if code in UNDER_WAY:
            self._selector.register(attempt, selectors.EVENT_WRITE, shown)
        else:
            attempt.close()
            self._failures.append((shown, code))

    def _finished(self, key: selectors.SelectorKey) -> socket.socket | None:
        attempt: socket.socket = key.fileobj  # type: ignore[assignment]
        code = attempt.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._given_up(key)
            self._failures.append((key.data, code))
            return None
        self._selector.unregister(attempt)
        attempt.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return attempt

    def _given_up(self, key: selectors.SelectorKey) -> None:
        self._selector.unregister(key.fileobj)
        key.fileobj.close()  # type: ignore[union-attr]

    def _reasons(self) -> str:
        by_reason: dict[str, list[str]] = {}
        for shown, code in self._failures:
            by_reason.setdefault(os.strerror(code), []).append(shown)
        return "; ".join(f"{reason} ({', '.join(shown)})" for reason, shown in by_reason.items())


@contextmanager
def _raised_as(timeout: type[Exception], other: type[Exception]) -> Iterator[None]:
    """Raise errors of sockets and TLS as those that httpcore expects of a stream."""
    try:
        yield
    except (TimeoutError, httpcore.TimeoutException) as error:
        raise timeout(str(error)) from error
    except (OSError, UnicodeError, httpcore.NetworkError) as error:
        raise other(str(error)) from error


class _Stream(httpcore.NetworkStream):
    """A connected socket."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._left = MOST_BYTES

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._left <= 0:
            raise httpcore.ReadError(f"more than {MOST_BYTES // 1024 // 1024} MiB came")
        with _raised_as(httpcore.ReadTimeout, httpcore.ReadError):
            self._socket.settimeout(timeout)
            received = self._socket.recv(max_bytes)
        self._left -= len(received)
        return received

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with _raised_as(httpcore.WriteTimeout, httpcore.WriteError):
            self._socket.settimeout(timeout)
            self._socket.sendall(buffer)

    def close(self) -> None:
        self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _TlsStream(self, ssl_context, server_hostname, timeout)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401, ARG002 - the base class's
        return None


class _TlsStream(httpcore.NetworkStream):
    """TLS over another stream, which may be TLS itself: to a service through a proxy that is spoken to in TLS."""

    def __init__(
        self, inner: httpcore.NetworkStream, context: ssl.SSLContext, hostname: str | None, timeout: float | None
    ) -> None:
        self._inner = inner
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname)
        with ExitStack() as unless_done, _raised_as(httpcore.ConnectTimeout, httpcore.ConnectError):
            unless_done.callback(inner.close)
            self._carried_out(self._tls.do_handshake, timeout)
            unless_done.pop_all()

    def _carried_out(self, step: Callable[[], Any], timeout: float | None) -> Any:  # noqa: ANN401 - what the step returns
        """Carry out a step of TLS, and move the records that it makes and waits for."""
        while True:
            result, is_done = None, True
            try:
                result = step()
            except ssl.SSLWantReadError:
                is_done = False
            except ssl.SSLError:
                # The alert, which tells the server why.
                with suppress(httpcore.NetworkError, httpcore.TimeoutException):
                    self._inner.write(self._outgoing.read(), timeout)
                raise
            if self._outgoing.pending:
                self._inner.write(self._outgoing.read(), timeout)
            if is_done:
                return result
            received = self._inner.read(RECORD_BYTES, timeout)
            self._incoming.write(received) if received else self._incoming.write_eof()

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _raised_as(httpcore.ReadTimeout, httpcore.ReadError):
            try:
                received: bytes = self._carried_out(lambda: self._tls.read(max_bytes), timeout)
            except ssl.SSLEOFError:
                # Many servers leave out the alert that ends a connection; the body says whether it is whole.
                return b""
            return received

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with _raised_as(httpcore.WriteTimeout, httpcore.WriteError):
            while buffer:
                rest = buffer
                buffer = buffer[self._carried_out(lambda: self._tls.write(rest), timeout) :]  # noqa: B023 - called here

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _TlsStream(self, ssl_context, server_hostname, timeout)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - the base class's
        return self._tls if info == "ssl_object" else None
