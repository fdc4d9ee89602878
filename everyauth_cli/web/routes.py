"""The base of all routes of a web app: their URLs, the current user, the request and the response."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, TypeVar
from urllib.parse import urljoin

from everyauth_cli.errors import ConfigurationProblem, EveryAuthError, ServiceNotFound, UsageProblem
from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.flows.selector import is_text
from everyauth_cli.model import Service
from everyauth_cli.pages.connections import page_style
from everyauth_cli.pages.document import Frame, Style, page_headers
from everyauth_cli.pages.look import ConnectionsPage
from everyauth_cli.pages.result import Result, result_page
from everyauth_cli.sanitize import printable
from everyauth_cli.urls import check_url
from everyauth_cli.web.navigation import Header, is_browser, other_origin
from everyauth_cli.web.pending_logins import Cookie

R = TypeVar("R")
"""The framework's own request, which the app's functions are given."""

PATH = re.compile(r"(/(?!\.+(/|$))[A-Za-z0-9._~-]+)+")
JSON = "application/json"
MAX_FORM_BYTES = 4096
"""The size up to which a form is read; ours have a few hundred bytes."""
PRIVATE = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
"""Headers that keep the code and the state from caches and from the next site (RFC 9700 section 4.2.4)."""

AT_BASE_URL = "at_base_url=1"
"""The query parameter of a browser that was led to `base_url`."""

log = logging.getLogger("everyauth_cli.web")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebRequest(Generic[R]):
    """A browser's request as the routes need it, and the framework's own.

    `header` returns a header by its name, in any case; `scheme` is the one of the connection. `form` is the posted
    form, or empty where that is larger than `MAX_FORM_BYTES`.
    """

    framework_request: R
    method: str
    query: str = field(repr=False)
    cookies: Mapping[str, str] = field(repr=False)
    header: Header
    scheme: str
    form: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebResponse:
    """The response to a browser."""

    status: int
    headers: Mapping[str, str]
    body: str = ""
    cookies: Sequence[Cookie] = ()


@dataclass(frozen=True, kw_only=True)
class Routes(Generic[R]):
    """Routes below `prefix` of the app at `base_url`; no request can change these URLs.

    `sign_in_url`, a path on the host of `base_url` or a URL, is where a user signs in to the app.
    `look` is the app's choice of texts and colours, and `stylesheet`, a path or a URL too, replaces ours.

    Raises `UsageProblem` for an argument that cannot be used.
    """

    map_to_user_id: Callable[[R], str | None]
    base_url: str
    prefix: str
    map_to_tenant_id: Callable[[R], str | None] | None = None
    sign_in_url: str | None = None
    look: ConnectionsPage = field(default_factory=ConnectionsPage)
    stylesheet: str | None = None
    given_auth: EveryAuth | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check("base_url", self.base_url, _check_base)
        check("prefix", self.prefix, check_prefix)
        urls = {
            "sign_in_url": self.sign_in_url,
            "stylesheet": self.stylesheet,
            "added_stylesheet": self.look.added_stylesheet,
        }
        for name, url in urls.items():
            if url is not None:
                self.check_app_url(name, url)

    @property
    def url(self) -> str:
        """The URL of the first route."""
        return self.at_base(self.prefix)

    def at_base(self, path: str) -> str:
        """Return the URL of a path below `base_url`."""
        return self.base_url.rstrip("/") + path

    def at_host(self, url: str) -> str:
        """Return the URL of a path on the host of `base_url`; a URL is returned unchanged."""
        # One slash: with two of them it would name a host.
        return urljoin(self.base_url, url) if re.match(r"/(?!/)", url) else url

    def check_app_url(self, name: str, url: str) -> None:
        """Check an argument that is a path or a URL of the app's choice."""
        check(name, url, lambda _: _check_app_url(self.at_host(url)))

    @cached_property
    def auth(self) -> EveryAuth:
        return self.given_auth or EveryAuth.from_env()

    def entry(self, service: str) -> Service | None:
        """Return a service as the catalogue has it; None if it has none (any more)."""
        try:
            return self.auth.catalogue.get(service)
        except (ServiceNotFound, ConfigurationProblem):
            return None

    def canonical(self, service: str) -> str:
        """Return a service's name as the catalogue has it, or the given one if it has none."""
        entry = self.entry(service)
        return entry.name if entry else service

    @property
    def texts(self) -> Mapping[str, str]:
        return self.look.all_texts

    @cached_property
    def style(self) -> Style:
        if self.stylesheet is not None:
            return Style(urls=[self.at_host(self.stylesheet)])
        added = self.look.added_stylesheet
        return Style(css=page_style(self.look), urls=[self.at_host(added)] if added else [])

    def instead(self, status: int, reason: str, link: tuple[str, str] | None = None) -> WebResponse:
        """Return the page that explains why there is no other; `reason` names its texts."""
        result = Result(good=False, title=self.texts[f"{reason}_title"], text=self.texts[f"{reason}_text"], link=link)
        html = result_page(
            result, frame=Frame.app, style=self.style, lang=self.look.lang, direction=self.look.direction
        )
        return WebResponse(status=status, headers=page_headers(style=self.style), body=html)

    def sign_in_link(self) -> tuple[str, str] | None:
        """Return the link to the app's own sign-in, for a page that says that it is needed."""
        return (self.at_host(self.sign_in_url), self.texts["sign_in"]) if self.sign_in_url else None

    def led(self, request: WebRequest[R]) -> WebResponse | None:
        """Return the redirect of a browser that sees the app at another host, and log the reason.

        A cookie that is set at that host would not come back with the authorization response.
        """
        seen = other_origin(request.header, request.scheme, self.base_url)
        if seen is None:
            return None
        log.warning(
            "%s was opened at %s, and base_url is %s: a login that begins at another host cannot be finished",
            self.prefix,
            printable(seen, 80),
            self.base_url,
        )
        if not is_browser(request.header) or AT_BASE_URL in request.query:
            return None  # a proxy may name another host than the browser's, which would be led here again and again
        return redirect(f"{self.url}?{request.query}{'&' if request.query else ''}{AT_BASE_URL}")

    def current_user(self, request: R) -> tuple[str, str] | None:
        """Return the user and the tenant of a request; None if the app does not know them."""
        user = _checked_id("map_to_user_id", self.map_to_user_id(request))
        if user is None:
            return None
        tenant = _checked_id("map_to_tenant_id", self.map_to_tenant_id(request)) if self.map_to_tenant_id else user
        return None if tenant is None else (user, tenant)


def not_allowed(allowed_method: str) -> WebResponse:
    """Return the response to every other method.

    Frameworks treat a HEAD as a GET, and programs that preview links send it: it would redeem the code.
    """
    return WebResponse(status=405, headers={**PRIVATE, "allow": allowed_method})


def redirect(url: str, cookies: Sequence[Cookie] = ()) -> WebResponse:
    return WebResponse(status=303, headers={**PRIVATE, "location": url}, cookies=cookies)


def is_form_readable(length: int | None) -> bool:
    """Whether a form of that length is read; one without a length is not."""
    return length is not None and length <= MAX_FORM_BYTES


def json_form(body: str | bytes) -> dict[str, str]:
    """Return the texts of a JSON object, which is posted in place of a form."""
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return {name: value for name, value in values.items() if isinstance(value, str)} if isinstance(values, dict) else {}


def log_error(action: str, error: EveryAuthError) -> None:
    """Log an error for the operator."""
    log.warning("%s: %s%s", action, error.message, f" ({error.hint})" if error.hint else "")


def check(name: str, value: str, checked: Callable[[str], object]) -> None:
    """Check an argument; raises `UsageProblem` that names it, instead of the check's `ValueError`."""
    try:
        checked(value)
    except ValueError as error:
        raise UsageProblem(f"{name}={value!r} cannot be used: {error}") from None


def check_prefix(prefix: str) -> None:
    if not PATH.fullmatch(prefix):
        raise ValueError("it is not a path such as /connect/service")


def _checked_id(function: str, value: object) -> str | None:
    """Return the value as a plain `str`, which one that a framework evaluates late only seems to be."""
    # The text of a number or an object depends on its type, so a later search would not find it.
    if not isinstance(value, str | None):
        name = value.__class__.__name__
        raise TypeError(f"{function} returned a {name}; return a str, or None for an unknown user")
    if not value:
        return None
    return str.__str__(value) if is_text(value) else str(value)


def _check_base(url: str) -> None:
    check_url(url)
    if "?" in url:
        raise ValueError("it has a query")


def _check_app_url(url: str) -> None:
    if "\\" in url:
        raise ValueError("it has a backslash, which browsers read as a slash")
    check_url(url.partition("#")[0])
