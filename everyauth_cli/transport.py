"""The one place that speaks HTTP to a service."""

from __future__ import annotations

import functools
import logging
import os
import threading
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.request import getproxies

import httpx

from everyauth_cli._version import __version__
from everyauth_cli.errors import EveryAuthError, ServiceUnreachable, ServiceUnreadable
from everyauth_cli.model import Request, Response, Secret
from everyauth_cli.services.rules import BodyFormat
from everyauth_cli.urls import host, is_loopback

DEADLINE_SECONDS = 30.0
MAX_ANSWER_BYTES = 1024 * 1024
USER_AGENT = f"everyauth/{__version__}"
"""Who asks (RFC 9110 section 10.1.5): some services turn away what calls itself by a library's name."""


def send(request: Request) -> Response:
    """Send a request once and read its answer, within one deadline over everything.

    Redirects are not followed. Raises `ServiceUnreachable`, or `ServiceUnreadable` for an answer over 1 MiB.
    """
    outcome: list[Response | Exception] = []
    # In a thread of its own, because neither name resolution nor an answer that trickles in byte by byte
    # is bounded by the time-outs of a socket.
    worker = threading.Thread(target=lambda: outcome.append(_attempt(request)), daemon=True)
    worker.start()
    worker.join(DEADLINE_SECONDS)
    name = host(request.url)
    if not outcome:
        raise ServiceUnreachable(f"{name} did not answer within {DEADLINE_SECONDS:.0f} s", lost=True)
    if isinstance(outcome[0], Exception):
        raise _explained(outcome[0], name)
    return outcome[0]


def _attempt(request: Request) -> Response | Exception:
    try:
        return _send(request)
    except Exception as error:  # noqa: BLE001 - handed to the thread that waits
        return error


class _Ours(logging.Filter):
    """Keeps requests of ours out of httpx's own log: their URLs may hold a token."""

    def __init__(self) -> None:
        super().__init__()
        self.sending = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 - the base class's argument
        return not getattr(self.sending, "now", False)


_ours = _Ours()
logging.getLogger("httpx").addFilter(_ours)


_turns: dict[int, threading.Lock] = {}
"""Who makes a client in a process: one thread, while all that come at once wait for it."""


def _client(*, trust_env: bool) -> httpx.Client:
    process, proxies = os.getpid(), frozenset(getproxies().items() if trust_env else ())
    with _turns.setdefault(process, threading.Lock()):
        return _made_client(process, proxies, trust_env=trust_env)


@functools.lru_cache(maxsize=8)
def _made_client(_process: int, _proxies: frozenset[tuple[str, str]], *, trust_env: bool) -> httpx.Client:
    """A client for a process and its proxy settings; to make one reads the certificates of all authorities.

    It keeps no connection: one that the server ends just as it is used again is an answer lost, and maybe a refresh
    token with it. Nor does it keep cookies, which would tell a service that two users come from one place.
    """
    return httpx.Client(
        timeout=DEADLINE_SECONDS,
        follow_redirects=False,
        trust_env=trust_env,
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )


def _send(request: Request) -> Response:
    _ours.sending.now = True
    # No proxy for what is on this machine.
    trust_env = not is_loopback(request.url)
    fields = {name: value.reveal() if isinstance(value, Secret) else value for name, value in request.fields.items()}
    with _client(trust_env=trust_env).stream(
        request.method,
        request.url + request.rest.reveal(),
        data=fields if fields and request.body == BodyFormat.FORM else None,
        json=request.document or (fields if fields and request.body == BodyFormat.JSON else None),
        auth=(request.basic[0], request.basic[1].reveal()) if request.basic else None,
        headers={"User-Agent": USER_AGENT, **request.headers, **_bearer(request)},
    ) as response:
        return Response(
            status=response.status_code,
            content_type=response.headers.get("content-type", ""),
            body=Secret(_read(response)),
            retry_after=response.headers.get("retry-after"),
        )


def _bearer(request: Request) -> dict[str, str]:
    return {"Authorization": f"Bearer {request.bearer.reveal()}"} if request.bearer else {}


def _read(response: httpx.Response) -> bytes:
    body = b""
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise ServiceUnreadable(f"{response.url.host} answered with more than 1 MiB", status=response.status_code)
    return body


def _explained(error: Exception, name: str) -> Exception:
    """The error in the user's words; `lost` unless it is certain that the request did not arrive."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError | httpx.UnsupportedProtocol):
        return ServiceUnreachable(f"cannot connect to {name}: {error}")
    if isinstance(error, httpx.TimeoutException):
        return ServiceUnreachable(f"{name} did not answer in time", lost=True)
    if isinstance(error, httpx.HTTPError):
        return ServiceUnreachable(f"the connection to {name} broke: {error}", lost=True)
    if isinstance(error, EveryAuthError):
        return error
    return ServiceUnreachable(f"nothing can be sent to {name}, which may be for the proxy settings: {error}")
