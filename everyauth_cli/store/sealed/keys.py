"""Sealing keys as text: 32 random bytes in base64url each."""

from __future__ import annotations

import base64
import os

from everyauth_cli.errors import ConfigurationProblem, raised_anew
from everyauth_cli.model import Secret
from everyauth_cli.store.sealed.cell import KEY_BYTES


def new_key() -> Secret[str]:
    """A new sealing key."""
    return Secret(base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode())


@raised_anew
def read_keys(text: Secret[str], *, where: str) -> list[Secret[bytes]]:
    """The keys in a text, separated by white space or commas: the first seals, all open.

    Raises `ConfigurationProblem`, naming `where` the text came from.
    """
    words = text.reveal().replace(",", " ").split()
    try:
        keys = [base64.b64decode(word.encode("ascii"), altchars=b"-_", validate=True) for word in words]
    except ValueError:
        keys = []
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise ConfigurationProblem(
            f"{where} holds no sealing key: 32 bytes in base64url are needed",
            hint="openssl rand -base64 32 | tr +/ -_",
        )
    return [Secret(key) for key in keys]
