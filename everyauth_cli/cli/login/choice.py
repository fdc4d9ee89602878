"""Chooses how a person logs in here: with a code on any device, or with a browser and a redirect or a pasted URL."""

from __future__ import annotations

from dataclasses import dataclass

from everyauth_cli.cli.login.browser import BrowserChoice
from everyauth_cli.model import Client, Service
from everyauth_cli.services.redirect_uri import on_loopback, redirect_uri


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodChoice:
    """Whether a device code is used, and the `reason` if no option demands one: the beginning of a sentence.

    Without one the browser opens, if there is one, and a URL is pasted where no redirect comes back.
    """

    device: bool
    reason: str = ""


def choose_method(
    service: Service, client: Client, browser: BrowserChoice, *, demanded: bool | None, no_browser: bool
) -> MethodChoice:
    """Choose the method of a login; `demanded` is whether a code is, and None leaves that to the surroundings.

    A code is better where no browser opens, and where the service does not send the user back to this machine. With
    `no_browser` the user asks for the URL, and opens it somewhere.
    """
    if demanded is not None:
        return MethodChoice(device=demanded)
    if service.device_authorization_endpoint is None or no_browser:
        return MethodChoice(device=False)
    if browser.opener is None:
        return MethodChoice(device=True, reason=browser.cause)
    if not on_loopback(redirect_uri(service, client)):
        return MethodChoice(device=True, reason=f"{service.title} cannot send you back here")
    return MethodChoice(device=False)
