"""What all routes that an app is given have: where they are, whose a request is, and how one is answered."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, TypeVar
from urllib.parse import urljoin

from everyauth_cli.errors import EveryAuthError, UsageProblem
from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.pages.document import HEADERS
from everyauth_cli.pages.result import Result, result_page
from everyauth_cli.urls import check_url
from everyauth_cli.web.pending_logins import Cookie

R = TypeVar("R")
"""The framework's own request, which the app's functions are given."""

PATH = re.compile(r"(/(?!\.+(/|$))[A-Za-z0-9._~-]+)+")
LARGEST_FORM = 4096
"""Bytes of a form that is read; ours have a few hundred."""
UNSAID = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
"""Neither a cache nor the next site is to have the code and the state (RFC 9700 section 4.2.4)."""

log = logging.getLogger("everyauth_cli.web")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit(Generic[R]):
    """A request as far as the routes need it, and the framework's own.

    `origin` and `site` are the headers Origin and Sec-Fetch-Site. `form` is what was posted, empty where that was
    larger than `LARGEST_FORM`.
    """

    request: R
    method: str
    query: str
    cookies: Mapping[str, str]
    origin: str | None = None
    site: str | None = None
    form: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the browser is answered."""

    status: int
    headers: Mapping[str, str]
    body: str = ""
    cookies: Sequence[Cookie] = ()


@dataclass(frozen=True, kw_only=True)
class Routes(Generic[R]):
    """Routes below `prefix` of the app at `base_url`; nothing of a request says where they are.

    Raises `UsageProblem` for what cannot be used.
    """

    map_to_user_id: Callable[[R], str | None]
    base_url: str
    prefix: str
    map_to_tenant_id: Callable[[R], str | None] | None = None
    given: EveryAuth | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check("base_url", self.base_url, _check_base)
        check("prefix", self.prefix, check_prefix)

    @property
    def url(self) -> str:
        """Where users find the first of them."""
        return self.at_base(self.prefix)

    def at_base(self, path: str) -> str:
        """The URL of a path below `base_url`."""
        return self.base_url.rstrip("/") + path

    def at_host(self, url: str) -> str:
        """The URL of a path on the host of `base_url`; a URL stays as it is."""
        # One slash: with two of them it would name a host.
        return urljoin(self.base_url, url) if re.match(r"/(?!/)", url) else url

    def check_own(self, name: str, url: str) -> None:
        """Check a path or a URL that the app names."""
        check(name, url, lambda _: _check_own(self.at_host(url)))

    @cached_property
    def auth(self) -> EveryAuth:
        return self.given or EveryAuth.from_env()

    def who(self, request: R) -> tuple[str, str] | None:
        """The user and the tenant of a request; None for nobody."""
        user = _named("map_to_user_id", self.map_to_user_id(request))
        if user is None:
            return None
        tenant = _named("map_to_tenant_id", self.map_to_tenant_id(request)) if self.map_to_tenant_id else user
        return None if tenant is None else (user, tenant)


def not_allowed(method: str) -> Reply:
    """The answer to any other method.

    Frameworks take a HEAD for a GET; it would redeem a code for somebody who looks at links beforehand.
    """
    return Reply(status=405, headers={**UNSAID, "allow": method})


def redirect(url: str, cookies: Sequence[Cookie] = ()) -> Reply:
    return Reply(status=303, headers={**UNSAID, "location": url}, cookies=cookies)


def page(status: int, result: Result) -> Reply:
    return Reply(status=status, headers=HEADERS, body=result_page(result))


def is_small(length: int | None) -> bool:
    """Whether a form of that length is read; what does not say its length is not."""
    return length is not None and length <= LARGEST_FORM


def tell(what: str, error: EveryAuthError) -> None:
    """Tell the operator."""
    log.warning("%s: %s%s", what, error.message, f" ({error.hint})" if error.hint else "")


def check(name: str, value: str, checked: Callable[[str], object]) -> None:
    """Raises `UsageProblem` in the place of the check's `ValueError`."""
    try:
        checked(value)
    except ValueError as error:
        raise UsageProblem(f"{name}={value!r} cannot be used: {error}") from None


def check_prefix(prefix: str) -> None:
    if not PATH.fullmatch(prefix):
        raise ValueError("it is no path such as /connect/service")


def _named(function: str, value: str | None) -> str | None:
    # A number or an object would be stored as whatever its text happens to be, and not be found by it.
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{function} gave a {type(value).__name__}; it is to give a str, or None for nobody")
    return value or None


def _check_base(url: str) -> None:
    check_url(url)
    if "?" in url:
        raise ValueError("it holds a query")


def _check_own(url: str) -> None:
    if "\\" in url:
        raise ValueError("it holds a backslash, which browsers read as a slash")
    check_url(url.partition("#")[0])
