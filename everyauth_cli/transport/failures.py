"""Explains why a request failed, and what to do about it: "try again later" is for what may pass."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Iterator

import httpcore

from everyauth_cli.errors import EveryAuthError, ServiceUnreachable
from everyauth_cli.sanitize import printable, redact
from everyauth_cli.transport.proxies import Proxy

HTTPCORE_ERRORS = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)
NOT_YET_VALID, EXPIRED, OTHER_NAMES = 9, 10, (62, 64)
"""OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED, and the two for another host or address."""
NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")
"""OpenSSL's words for a response that is no TLS record, such as plain HTTP."""
UNKNOWN_ISSUERS = (2, 18, 19, 20, 21, 24, 27)
PROXY_AUTHENTICATION = re.compile(r"407\b|.*(?:username|password|auth)", re.IGNORECASE | re.DOTALL)
PASSING = re.compile(r"50[0-9]\b")


def explained(error: Exception, name: str, proxy: Proxy | None, *, lost: bool) -> EveryAuthError:
    """Return the error for the user; `lost` unless it is certain that the request did not arrive at host `name`."""
    if isinstance(error, EveryAuthError):
        return error
    if isinstance(error, httpcore.ProxyError) and proxy:
        return _refused_by_proxy(_words(error), name, proxy)
    if isinstance(error, httpcore.ConnectError | httpcore.ConnectTimeout | httpcore.UnsupportedProtocol):
        return _not_connected(error, name, proxy, lost=lost)
    if proxy and not lost:
        return _no_proxy(error, name, proxy)
    if isinstance(error, httpcore.TimeoutException):
        return ServiceUnreachable(f"{name} did not answer in time", lost=lost)
    what = f"the connection to {name} broke" if isinstance(error, HTTPCORE_ERRORS) else f"nothing can be sent to {name}"
    return ServiceUnreachable(f"{what}: {_words(error)}", lost=lost)


def _words(error: Exception) -> str:
    """Return an error in words, which may quote what a server or proxy sent."""
    return printable(redact(str(error)))


def _not_connected(error: Exception, name: str, proxy: Proxy | None, *, lost: bool) -> ServiceUnreachable:
    causes = list(_causes(error))
    certificate = next((cause for cause in causes if isinstance(cause, ssl.SSLCertVerificationError)), None)
    if certificate is not None:
        return _untrusted(certificate, name)
    is_tls = any(isinstance(cause, ssl.SSLError) for cause in causes)
    if proxy is not None and not is_tls:
        message = f"cannot connect to the proxy {proxy.url} for {name}: {_reason(error, causes)}"
        return ServiceUnreachable(message, hint=_proxy_hint(name, proxy))
    unknown = next((cause for cause in causes if isinstance(cause, socket.gaierror)), None)
    if unknown is not None and unknown.errno != socket.EAI_AGAIN:
        message = f"cannot connect to {name}: no address of this name is known ({unknown.strerror})"
        return ServiceUnreachable(message, hint="check the host name, and the DNS settings of this machine")
    message = f"cannot connect to {name}: {_reason(error, causes)}"
    if any(isinstance(cause, ssl.SSLError) and cause.reason in NOT_TLS for cause in causes):
        return ServiceUnreachable(message, hint="check the port: what answers there does not speak TLS", lost=lost)
    return ServiceUnreachable(message, lost=lost)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    # httpcore takes the cause away when it raises an error again.
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _reason(error: Exception, causes: list[BaseException]) -> str:
    """Return the error in words, without the place in OpenSSL's source or Python's number of it."""
    last = causes[-1]
    if isinstance(last, ssl.SSLError):
        return f"TLS failed ({last.reason or last.strerror})"
    return str((last.strerror if isinstance(last, OSError) else None) or _words(error))


def _untrusted(error: ssl.SSLCertVerificationError, name: str) -> ServiceUnreachable:
    message = f"cannot connect to {name}: its certificate is not accepted ({error.verify_message})"
    if error.verify_code in (NOT_YET_VALID, EXPIRED):
        now = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
        return ServiceUnreachable(f"{message}; this machine's clock says {now}", hint="check the clock of this machine")
    if error.verify_code in OTHER_NAMES:
        return ServiceUnreachable(message, hint="check the endpoint's host name, and that no proxy or DNS diverts it")
    if error.verify_code in UNKNOWN_ISSUERS:
        hint = "if your network inspects TLS, name its certificate authority: SSL_CERT_FILE=/path/to/ca.pem"
        return ServiceUnreachable(message, hint=hint)
    return ServiceUnreachable(message, hint="show this to whoever runs the service or the network")


def _no_proxy(error: Exception, name: str, proxy: Proxy) -> ServiceUnreachable:
    """Return the error for whatever has the proxy's port and does not open the way to the host."""
    is_late = isinstance(error, httpcore.TimeoutException)
    reason = "did not answer in time" if is_late else f"is probably none of that kind: {_words(error)}"
    hint = _proxy_hint(name, proxy)
    return ServiceUnreachable(f"the proxy {proxy.url}, asked to connect to {name}, {reason}", hint=hint)


def _refused_by_proxy(reason: str, name: str, proxy: Proxy) -> ServiceUnreachable:
    message = f"the proxy {proxy.url} does not connect to {name}: {reason}"
    if PASSING.match(reason):
        return ServiceUnreachable(message)
    if PROXY_AUTHENTICATION.match(reason):
        hint = f"give its user and password: {proxy.variable}=scheme://USER:PASSWORD@HOST:PORT, percent-encoded"
        return ServiceUnreachable(message, hint=hint)
    return ServiceUnreachable(message, hint=_proxy_hint(name, proxy))


def _proxy_hint(name: str, proxy: Proxy) -> str:
    return f"correct {proxy.variable}, or exempt the host: NO_PROXY={name}"
