"""A vault of sealed cells: AES-256-GCM, a key derived for each record, the record's name bound to it."""

from __future__ import annotations

import base64
import os
from typing import Protocol

from everyauth_cli.errors import ConfigurationProblem, WrongKey
from everyauth_cli.model import Secret
from everyauth_cli.store.sealing import KEY_BYTES, seal, unseal


class Cells(Protocol):
    """Where sealed bytes are kept, each under a name."""

    def read_cell(self, name: str) -> bytes | None: ...

    def write_cell(self, name: str, cell: bytes) -> None: ...

    def delete_cell(self, name: str) -> None: ...


class SealedVault:
    """Secrets sealed with the first of `keys`; all of them open, which is how a key is rotated."""

    def __init__(self, cells: Cells, keys: list[Secret[bytes]], *, where: str) -> None:
        self._cells = cells
        self._keys = keys
        self._where = where

    def read(self, name: str) -> Secret[str] | None:
        cell = self._cells.read_cell(name)
        return None if cell is None else self._open(name, cell)

    def write(self, name: str, secret: Secret[str]) -> None:
        self._cells.write_cell(name, seal(self._keys[0], name, secret))

    def delete(self, name: str) -> None:
        self._cells.delete_cell(name)

    def describe(self) -> str:
        return self._where

    def _open(self, name: str, cell: bytes) -> Secret[str]:
        for key in self._keys:
            if (secret := unseal(key, name, cell)) is not None:
                return secret
        raise WrongKey(
            f"{name} was sealed with another key than the one in use",
            hint="give the key it was sealed with in EVERYAUTH_KEY_FILE or EVERYAUTH_KEY; nothing was changed",
        )


def new_key() -> Secret[str]:
    """A new sealing key: 32 random bytes in base64url."""
    return Secret(base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode())


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
            f"{where} holds no sealing key: 32 bytes in base64url are wanted",
            hint="openssl rand -base64 32 | tr +/ -_",
        )
    return [Secret(key) for key in keys]
