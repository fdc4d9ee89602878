"""Sends one request within one deadline, or only finds out whether it could be sent."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpcore

from everyauth_cli.errors import ServiceUnreachable
from everyauth_cli.model import Request, Response, Secret
from everyauth_cli.settings import ca_setting
from everyauth_cli.transport.body import read_body
from everyauth_cli.transport.certificates import tls_context
from everyauth_cli.transport.connection import Backend
from everyauth_cli.transport.deadlines import DEADLINES, Deadline
from everyauth_cli.transport.failures import HTTPCORE_ERRORS, explained
from everyauth_cli.transport.message import content, header_fields, target
from everyauth_cli.transport.proxies import Proxy, used_proxy
from everyauth_cli.urls import host

DEADLINE_SECONDS = 30.0
CONNECT_SECONDS = 10.0
GRACE_SECONDS = 2.0


def send(request: Request, *, deadline: float | None = None) -> Response:
    """Send a request once and read its response, within one deadline over everything.

    With a `deadline` (seconds) it is sent in the caller's own thread, and name resolution is bounded by the resolver
    alone; without one in a thread that is left behind after 30 s if it is still resolving, and then sends nothing.
    A response whose body breaks off, or is not finished in time, is returned as far as it came. Redirects are not
    followed. Raises `ServiceUnreachable`, or `ServiceUnreadable` for a body over 1 MiB.
    """
    return _sent(request, deadline or DEADLINE_SECONDS, here=deadline is not None)


def reach(url: str) -> None:
    """Connect to the server of a URL, through the proxy and with TLS as a request would, and send nothing to it.

    Raises `ServiceUnreachable` with the hint that belongs to the fault.
    """
    sending = _Sending(Request(url=url), CONNECT_SECONDS * 2, only_connects=True)
    _carry_out(sending, here=False)
    if not sending.is_reached:
        sending.outcome()


def _sent(request: Request, deadline: float, *, here: bool) -> Response:
    sending = _Sending(request, deadline)
    _carry_out(sending, here=here)
    return sending.outcome()


def _carry_out(sending: _Sending, *, here: bool) -> None:
    # Another thread watches: neither name resolution nor a response in drops is bounded by a socket's time-outs.
    if here:
        DEADLINES.add(sending.deadline())
        sending.run()
    else:
        threading.Thread(target=sending.run, daemon=True).start()
        sending.watch()


class _Reached(Exception):
    """The server is connected, and the first byte of the request would be sent next."""


class _Sending:
    """One request on its way: one thread runs it, another watches its deadline."""

    def __init__(self, request: Request, deadline: float, *, only_connects: bool = False) -> None:
        self.is_reached = False
        self._request = request
        self._deadline = deadline
        self._only_connects = only_connects
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._is_late = False
        self._may_have_arrived = False
        self._backend = Backend()
        self._proxy: Proxy | None = None
        self._outcome: Response | Exception | None = None

    def run(self) -> None:
        try:
            self._proxy = used_proxy(self._request.url)
            self._outcome = self._exchanged()
        except _Reached:
            self.is_reached = True
        except Exception as error:  # noqa: BLE001 - raised anew in the caller's thread
            self._outcome = error
        finally:
            self._backend.close()
            self._ended.set()

    def deadline(self) -> Deadline:
        """Return what cuts the connection when the time is over."""
        return Deadline(self._deadline, self._ended, self._cut)

    def watch(self) -> None:
        """Wait for the end, at most until the deadline; then cut the connection, so that the other thread ends too.

        The seconds are counted one by one: those in which the process was stopped are not the service's, and its
        response may lie in the socket.
        """
        left = self._deadline
        while left > 0 and not self._ended.wait(min(left, 1.0)):
            left -= 1.0
        if not self._ended.is_set():
            self._cut()
            self._ended.wait(GRACE_SECONDS)

    def _cut(self) -> None:
        with self._lock:
            self._is_late = True
        if self._backend.socket is not None:
            # What has arrived can still be read from a socket that is shut down.
            with contextlib.suppress(OSError):
                self._backend.socket.shutdown(socket.SHUT_RDWR)

    def _traced(self, event: str, info: Mapping[str, Any]) -> None:
        """Follow httpcore's steps (its `trace` extension) up to the moment before the first byte."""
        if event == "http11.send_request_headers.started" and info["request"].method != b"CONNECT":
            if self._only_connects:
                raise _Reached
            with self._lock:
                if self._is_late:
                    raise httpcore.ConnectTimeout("the deadline has passed")
                self._may_have_arrived = True

    def _exchanged(self) -> Response:
        request, limit = self._request, self._deadline
        timeouts = {"connect": min(limit, CONNECT_SECONDS), "read": limit, "write": limit, "pool": limit}
        with (
            _connections(request.url, self._proxy, self._backend) as connections,
            connections.stream(
                request.method,
                target(request).reveal(),
                headers=header_fields(request).reveal(),
                content=content(request).reveal(),
                extensions={"timeout": timeouts, "trace": self._traced},
            ) as response,
        ):
            # The body is read with a name for its host that can be shown.
            coding, name = _header(response, b"content-encoding"), host(request.url)
            body, is_complete = read_body(response.iter_stream(), coding or "", host=name, status=response.status)
            return Response(
                status=response.status,
                content_type=_header(response, b"content-type") or "",
                body=Secret(body),
                retry_after=_header(response, b"retry-after"),
                date=_header(response, b"date"),
                is_complete=is_complete,
                challenges=tuple(_lines(response, b"www-authenticate")),
                dpop_nonce=_header(response, b"dpop-nonce"),
            )

    def outcome(self) -> Response:
        name, lost = host(self._request.url), self._may_have_arrived
        if isinstance(self._outcome, Response):
            # Where no length is announced, the end that we made of the connection looks like that of the body.
            return replace(self._outcome, is_complete=self._outcome.is_complete and not self._is_late)
        if self._outcome is None or (self._is_late and isinstance(self._outcome, HTTPCORE_ERRORS)):
            raise ServiceUnreachable(f"{name} did not answer within {self._deadline:.0f} s", lost=lost)
        raise explained(self._outcome, name, self._proxy, lost=lost)


def _connections(url: str, proxy: Proxy | None, backend: Backend) -> httpcore.ConnectionPool:
    """Return what opens the one connection of a request."""
    uses_tls = url.startswith("https:") or (proxy is not None and proxy.url.startswith("https:"))
    context = tls_context(ca_setting()) if uses_tls else None
    if proxy is None:
        return httpcore.ConnectionPool(ssl_context=context, network_backend=backend)
    user = (proxy.user[0].encode(), proxy.user[1].reveal().encode()) if proxy.user else None
    if proxy.is_socks:
        return httpcore.SOCKSProxy(proxy.url, user, context, network_backend=backend)
    outer = context if proxy.url.startswith("https:") else None
    return httpcore.HTTPProxy(proxy.url, user, ssl_context=context, proxy_ssl_context=outer, network_backend=backend)


def _header(response: httpcore.Response, name: bytes) -> str | None:
    return ", ".join(_lines(response, name)) or None


def _lines(response: httpcore.Response, name: bytes) -> list[str]:
    return [value.decode("latin-1") for found, value in response.headers if found.lower() == name]
