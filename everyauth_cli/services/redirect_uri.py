"""The redirect URI of a service's client: the one to register, and what a user's own may be (RFC 8252)."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from everyauth_cli.errors import UsageProblem
from everyauth_cli.model import DEFAULT_PORT, Client, Service
from everyauth_cli.urls import REDIRECT_HOSTS, check_url


def redirect_uri(service: Service, client: Client) -> str:
    """Return the redirect URI to register at a service; without a port where the service takes any on loopback.

    Where the service insists on https nothing listens at it, and the redirect URL is pasted.
    """
    if client.redirect_uri:
        return client.redirect_uri
    port = client.port or (None if service.redirect.any_port else DEFAULT_PORT)
    scheme = "https" if service.redirect.https_only else "http"
    return f"{scheme}://{service.redirect.loopback_host}{f':{port}' if port else ''}{callback_path(service)}"


def is_registered(service: Service, client: Client) -> bool:
    """Return whether the redirect URI has to be registered at the service."""
    return bool(client.redirect_uri) or not service.redirect.needs_none


def on_loopback(uri: str) -> bool:
    """Return whether a login listens at a redirect URI; with any other the redirect URL has to be pasted."""
    return urlsplit(uri).scheme == "http"


def callback_path(service: Service) -> str:
    """Return a path per service, against authorization server mix-up (RFC 9700 section 4.4)."""
    return f"/callback/{service.registered_at.name}"


def check_redirect_uri(service: Service, uri: str) -> None:
    """Check a user's own redirect URI: https on any host, or http on loopback, where a login listens.

    Raises `UsageProblem`.
    """
    try:
        check_url(uri)
        if on_loopback(uri):
            _check_listening(service, urlsplit(uri))
    except ValueError as error:
        raise UsageProblem(
            f'the redirect URI "{uri}" cannot be used: {error}',
            hint="https://HOST/PATH, or http://127.0.0.1:PORT/PATH",
        ) from None


def _check_listening(service: Service, parts: SplitResult) -> None:
    if parts.hostname not in REDIRECT_HOSTS:
        raise ValueError(f"a login listens on {' or '.join(REDIRECT_HOSTS)} only")
    if parts.port is None and not service.redirect.any_port:
        raise ValueError("it has no port to listen on")
    if parts.query:
        raise ValueError("it has a query, and a login on loopback listens at a path only")
