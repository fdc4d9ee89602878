"""Sends HTTP requests to services; nothing else does."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import socket
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.request import getproxies

import httpx

from everyauth_cli._version import __version__
from everyauth_cli.errors import EveryAuthError, ServiceUnreachable, ServiceUnreadable
from everyauth_cli.model import Request, Response, Secret
from everyauth_cli.services.rules import BodyFormat
from everyauth_cli.urls import host, is_loopback

DEADLINE_SECONDS = 30.0
CONNECT_SECONDS = 10.0
"""For each address of a host, so that one that does not answer leaves time for the next."""
GRACE_SECONDS = 2.0
MAX_BODY_BYTES = 1024 * 1024
CODINGS = frozenset({"gzip", "x-gzip", "deflate"})
"""The content codings that are unpacked although none was accepted (RFC 9110 section 8.4.1)."""
AUTOMATIC = 32
"""Added to the window's bits, it makes zlib recognise its own header and gzip's."""
PIECE_BYTES = 4096
USER_AGENT = f"everyauth/{__version__}"
"""The product that sends (RFC 9110 section 10.1.5): some services refuse what names itself after a library."""


def send(request: Request, *, deadline: float | None = None) -> Response:
    """Send a request once and read its response, within one deadline over everything.

    With a `deadline` (seconds) it is sent in the caller's own thread, and name resolution is bounded by the resolver
    alone; without one in a thread that is left behind after 30 s if it is still resolving, and then sends nothing.
    A response whose body breaks off, or is not finished in time, is returned as far as it came. Redirects are not
    followed. Raises `ServiceUnreachable`, or `ServiceUnreadable` for a body over 1 MiB.
    """
    return _sent(request, deadline or DEADLINE_SECONDS, here=deadline is not None)


def _sent(request: Request, deadline: float, *, here: bool) -> Response:
    sending = _Sending(request, deadline)
    # Two threads, because neither name resolution nor a response that trickles in is bounded by a socket's time-outs.
    threading.Thread(target=sending.watch if here else sending.run, daemon=True).start()
    (sending.run if here else sending.watch)()
    return sending.outcome()


class _Sending:
    """One request on its way: one thread runs it, another watches its deadline."""

    def __init__(self, request: Request, deadline: float) -> None:
        self._request = request
        self._deadline = deadline
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._is_late = False
        self._may_have_arrived = False
        self._stream: Any = None
        self._outcome: Response | Exception | None = None

    def run(self) -> None:
        try:
            self._outcome = _send(self._request, self._deadline, self._traced)
        except Exception as error:  # noqa: BLE001 - raised anew in the caller's thread
            self._outcome = error
        finally:
            self._ended.set()

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
        if self._stream is not None:
            # What has arrived can still be read from a socket that is shut down.
            with contextlib.suppress(OSError, AttributeError):
                socket.socket.shutdown(self._stream.get_extra_info("socket"), socket.SHUT_RDWR)

    def _traced(self, event: str, info: Mapping[str, Any]) -> None:
        """Follow httpx's steps (its `trace` extension): the connection, and the moment before the first byte."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._stream = info["return_value"]
        elif event == "http11.send_request_headers.started" and info["request"].method != b"CONNECT":
            with self._lock:
                if self._is_late:
                    raise httpx.ConnectTimeout("the deadline has passed")
                self._may_have_arrived = True

    def outcome(self) -> Response:
        name, lost = host(self._request.url), self._may_have_arrived
        if isinstance(self._outcome, Response):
            # Where no length is announced, the end that we made of the connection looks like that of the body.
            return replace(self._outcome, is_complete=self._outcome.is_complete and not self._is_late)
        if self._outcome is None or (self._is_late and isinstance(self._outcome, httpx.HTTPError)):
            raise ServiceUnreachable(f"{name} did not answer within {self._deadline:.0f} s", lost=lost)
        raise _explained(self._outcome, name, lost=lost)


class _Ours(logging.Filter):
    """Keeps this package's requests out of httpx's log: their URLs may hold a token."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 - the base class's argument
        return not getattr(self._thread, "sends", False)

    @contextlib.contextmanager
    def sending(self) -> Iterator[None]:
        self._thread.sends = True
        try:
            yield
        finally:
            self._thread.sends = False


_ours = _Ours()
logging.getLogger("httpx").addFilter(_ours)


_making: dict[int, threading.Lock] = {}
"""By process: held by the one thread that makes a client, while others wait for that client."""


def _client(*, trust_env: bool) -> httpx.Client:
    process, proxies = os.getpid(), frozenset(getproxies().items() if trust_env else ())
    with _making.setdefault(process, threading.Lock()):
        return _made_client(process, proxies, trust_env=trust_env)


@functools.lru_cache(maxsize=8)
def _made_client(_process: int, _proxies: frozenset[tuple[str, str]], *, trust_env: bool) -> httpx.Client:
    """Make a client for a process and its proxy settings; that is slow, as it reads all root certificates.

    It keeps no connection alive: one that the server closes just as it is used again loses a response, and maybe a
    refresh token. It keeps no cookies, which would tell a service that two users come from one place.
    """
    return httpx.Client(
        timeout=DEADLINE_SECONDS,
        follow_redirects=False,
        trust_env=trust_env,
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )


def _send(request: Request, deadline: float, trace: Callable[[str, Mapping[str, Any]], None]) -> Response:
    # No proxy for servers on this machine.
    trust_env = not is_loopback(request.url)
    fields = {name: value.reveal() if isinstance(value, Secret) else value for name, value in request.fields.items()}
    with (
        _ours.sending(),
        _client(trust_env=trust_env).stream(
            request.method,
            request.url + request.rest.reveal(),
            data=fields if fields and request.body == BodyFormat.FORM else None,
            json=request.document or (fields if fields and request.body == BodyFormat.JSON else None),
            auth=(request.basic[0], request.basic[1].reveal()) if request.basic else None,
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **request.headers, **_bearer(request)},
            timeout=httpx.Timeout(deadline, connect=min(deadline, CONNECT_SECONDS)),
            extensions={"trace": trace},
        ) as response,
    ):
        body, is_complete = _read(response)
        return Response(
            status=response.status_code,
            content_type=response.headers.get("content-type", ""),
            body=Secret(body),
            retry_after=response.headers.get("retry-after"),
            is_complete=is_complete,
        )


def _bearer(request: Request) -> dict[str, str]:
    return {"Authorization": f"Bearer {request.bearer.reveal()}"} if request.bearer else {}


def _read(response: httpx.Response) -> tuple[bytes, bool]:
    """Read a body as far as it comes; also return whether it came to its end."""
    body, is_complete = bytearray(), True
    try:
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise _too_large(response)
    except httpx.HTTPError:
        is_complete = False
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding not in CODINGS:
        return bytes(body), is_complete
    unpacked, is_whole = _unpacked(bytes(body))
    if len(unpacked) > MAX_BODY_BYTES:
        raise _too_large(response)
    return unpacked, is_complete and is_whole


def _unpacked(body: bytes) -> tuple[bytes, bool]:
    """Unpack a body as far as it goes, to one byte more than is allowed at most; also return whether it is whole.

    One that is not packed as its label says is returned as it came. "deflate" is sent with and without zlib's header
    (RFC 9110 section 8.4.1.2).
    """
    if body.lstrip()[:1] in (b"{", b"["):
        return body, True
    for format_bits in (zlib.MAX_WBITS | AUTOMATIC, -zlib.MAX_WBITS):
        unpacked, decompressor = bytearray(), zlib.decompressobj(format_bits)
        # In pieces, because an error in one loses what was unpacked of it.
        for start in range(0, len(body), PIECE_BYTES):
            try:
                room = MAX_BODY_BYTES + 1 - len(unpacked)
                unpacked += decompressor.decompress(body[start : start + PIECE_BYTES], room)
            except zlib.error:
                break
            if decompressor.eof or len(unpacked) > MAX_BODY_BYTES:
                return bytes(unpacked), True
        if unpacked:
            return bytes(unpacked), False
    return body, True


def _too_large(response: httpx.Response) -> ServiceUnreadable:
    return ServiceUnreadable(f"{response.url.host} answered with more than 1 MiB", status=response.status_code)


def _explained(error: Exception, name: str, *, lost: bool) -> Exception:
    """Return the error for the user; `lost` unless it is certain that the request did not arrive."""
    if isinstance(error, EveryAuthError):
        return error
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError | httpx.UnsupportedProtocol):
        return ServiceUnreachable(f"cannot connect to {name}: {error}", lost=lost)
    if isinstance(error, httpx.TimeoutException):
        return ServiceUnreachable(f"{name} did not answer in time", lost=lost)
    if isinstance(error, httpx.HTTPError):
        return ServiceUnreachable(f"the connection to {name} broke: {error}", lost=lost)
    return ServiceUnreachable(f"nothing can be sent to {name}, which may be for the proxy settings: {error}", lost=lost)
