"""Checks the client id, the secret and the scopes that a person copied from a service, for the commonest mistakes."""

from __future__ import annotations

import re

from everyauth_cli.errors import UsageProblem
from everyauth_cli.model import Secret, Service

LONGEST = 10_000
"""Characters of the longest id or secret: a private key in PEM is shorter."""
LONGEST_ID = 200
"""Characters of the longest id that is compared with a pattern."""
MASKS = "*\N{BULLET}\N{BLACK CIRCLE}"


def check_client_id(text: str) -> str:
    """Return a client id without the blanks around it. Raises `UsageProblem` for one that was copied wrongly."""
    return _checked(text, "client id")


def check_client_secret(secret: Secret[str]) -> Secret[str]:
    """Return a client secret without the blanks around it. Raises `UsageProblem`, which does not repeat it."""
    return Secret(_checked(secret.reveal(), "client secret"))


def check_pair(service: Service, client_id: str, secret: Secret[str] | None) -> None:
    """Raise `UsageProblem` where the id and the secret were swapped, or one was given for both."""
    if secret is None or not secret.reveal():
        return
    if Secret(client_id) == secret:
        raise UsageProblem(
            "the client id and the client secret are the same", hint=f"copy both from {service.title} again"
        )
    if _is_client_id(service, secret.reveal()) and not _is_client_id(service, client_id):
        raise UsageProblem(
            f"the client id and the client secret are swapped: the secret looks like a client id of {service.title}",
            hint=f"everyauth service set {service.name} --client-id ID --client-secret -",
        )


def check_scope(service: Service, scope: str) -> str:
    """Return scopes without the blanks around them. Raises `UsageProblem` for commas where blanks separate them."""
    scope = scope.strip()
    known = {*service.scopes, *service.scope_covers}
    if service.scope_separator == " " and "," in scope and not any("," in name for name in known):
        right = " ".join(filter(None, re.split(r"[,\s]{1,100}", scope)))
        raise UsageProblem(
            f"{service.title} separates scopes with blanks, not commas",
            hint=f'everyauth service set {service.name} --scope "{right}"',
        )
    return scope


def _checked(text: str, name: str) -> str:
    text = text.strip().strip("\ufeff").strip()
    if len(text) > LONGEST:
        raise UsageProblem(f"the {name} has {len(text)} characters", hint="copy it again, and nothing else")
    if not text.isprintable() and "-----BEGIN" not in text:
        raise UsageProblem(f"the {name} has a character that is not visible", hint="copy it again, and nothing else")
    if text.endswith(("...", "\N{HORIZONTAL ELLIPSIS}")):
        raise UsageProblem(f"the {name} is cut: it ends with dots", hint="copy all of it")
    if len(text) > 2 and text[0] in MASKS and set(text) == {text[0]}:  # noqa: PLR2004 - a mask is longer than a typo
        raise UsageProblem(f"the {name} is only the mask that a page shows", hint="let the page show it, then copy it")
    return text


def may_be_client_id(service: Service, text: str) -> bool:
    """Return whether a text can be a client id of the service, as far as that is known."""
    return service.client_id_pattern is None or _is_client_id(service, text)


def _is_client_id(service: Service, text: str) -> bool:
    pattern = service.client_id_pattern
    return pattern is not None and len(text) <= LONGEST_ID and bool(re.fullmatch(pattern, text))
