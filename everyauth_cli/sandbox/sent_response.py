"""The HTTP responses of the sandbox: those of its endpoints, and its pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from everyauth_cli.pages.document import HEADERS, Frame
from everyauth_cli.pages.result import Result, result_page
from everyauth_cli.sandbox.grants import OAuthError
from everyauth_cli.sandbox.responses import EndpointResponse

DEFAULT_ACCOUNT = "user@example.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class SentResponse:
    """An HTTP response; the log shows its `grant_type`, which is the request's, and its `detail`.

    With `hang_up` it is not sent: the connection is closed instead.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    grant_type: str = ""
    detail: str = ""
    hang_up: bool = False


def not_found() -> SentResponse:
    """Return the page for a URL that does not exist."""
    return page(404, "Not found", "The sandbox has no page at this URL.")


def authorization_error(error: OAuthError) -> SentResponse:
    """Return the response to an authorization request that fails: a redirect where that is known to be right."""
    if error.redirect_to:
        return redirect(error.redirect_to, detail=error.error)
    return page(error.status, "This request cannot be granted", error.description, detail=error.error)


def page(status: int, title: str, text: str, *, good: bool = False, detail: str = "") -> SentResponse:
    """Return a page that says how something ended."""
    html = result_page(Result(good=good, title=title, text=text), frame=Frame.sandbox)
    return SentResponse(status=status, headers=HEADERS, body=html.encode(), detail=detail)


def redirect(url: str, *, detail: str) -> SentResponse:
    """Return a redirect to a page that may have a code in its URL."""
    headers = {"location": url, "cache-control": "no-store", "referrer-policy": "no-referrer"}
    return SentResponse(status=303, headers=headers, detail=detail)


def http_response(
    response: EndpointResponse,
    headers: Mapping[str, str],
    *,
    grant_type: str = "",
    detail: str = "",
    hang_up: bool = False,
) -> SentResponse:
    """Return the HTTP response of an endpoint, which nothing caches."""
    # RFC 6749 section 5.1.
    uncached = {"cache-control": "no-store", "pragma": "no-cache"}
    content_type = {"content-type": response.content_type} if response.body else {}
    return SentResponse(
        status=response.status,
        headers={**content_type, **uncached, **headers},
        body=response.body,
        grant_type=grant_type,
        detail=detail,
        hang_up=hang_up,
    )
