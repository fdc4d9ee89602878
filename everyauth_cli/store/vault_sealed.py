"""A vault of sealed cells: AES-256-GCM, a key derived for each record, the record's name bound to it."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from typing import Protocol

from everyauth_cli.errors import ConfigurationProblem, WrongKey
from everyauth_cli.model import Secret
from everyauth_cli.store.sealing import KEY_BYTES, Sealer

KEY_IN_USE = "everyauth:sealing-key"
"""The cell that holds the id of the key in use; no record's name, since those have more parts."""


class Cells(Protocol):
    """Where sealed bytes are kept, each under a name."""

    def read_cell(self, name: str) -> bytes | None: ...

    def write_cell(self, name: str, cell: bytes) -> None: ...

    def delete_cell(self, name: str) -> None: ...

    def cell_names(self) -> list[str]: ...


class SealedVault:
    """Secrets sealed with the first of the keys; all of them open, which is how a key is rotated.

    Where it has been rotated, a cell tells the key in use: who does not have it reads the keys again, and may not write
    if it is not there, since what was sealed with an old key could soon be opened by nobody.
    """

    def __init__(self, cells: Cells, read_keys: Callable[[], list[Secret[bytes]]], *, where: str) -> None:
        self._cells = cells
        self._read_keys = read_keys
        self._sealers = self._read_sealers()
        self._where = where

    def read(self, name: str) -> Secret[str] | None:
        cell = self._cells.read_cell(name)
        if cell is None:
            return None
        secret = self._sealers[0].unseal(name, cell)
        return self._open(name, cell) if secret is None else secret

    def write(self, name: str, secret: Secret[str]) -> None:
        in_use = self._cells.read_cell(KEY_IN_USE)
        while True:
            self._cells.write_cell(name, self._sealer_in_use(in_use).seal(name, secret))
            # A rotation that began meanwhile may have seen no such secret, and then takes the key away.
            before, in_use = in_use, self._cells.read_cell(KEY_IN_USE)
            if in_use == before:
                return

    def delete(self, name: str) -> None:
        self._cells.delete_cell(name)

    def describe(self) -> str:
        return self._where

    def names(self) -> list[str]:
        """The names of all secrets."""
        return [name for name in self._cells.cell_names() if name != KEY_IN_USE]

    def use_first_key(self) -> None:
        """From now on nobody writes who does not have this vault's first key."""
        self._cells.write_cell(KEY_IN_USE, self._sealers[0].key_id)

    def reseal(self, name: str) -> None:
        """Seal a secret with the first key. Call it under the record's lock."""
        secret = self.read(name)
        if secret is not None:
            self._cells.write_cell(name, self._sealers[0].seal(name, secret))

    def is_current(self, name: str) -> bool:
        """Whether a secret is sealed with the first key, or gone."""
        cell = self._cells.read_cell(name)
        return cell is None or _opened(name, cell, self._sealers[:1]) is not None

    def _sealer_in_use(self, in_use: bytes | None) -> Sealer:
        """The one with the key in use, wherever it stands among those that are here; the first where none is told."""
        if in_use is None:
            return self._sealers[0]
        if all(sealer.key_id != in_use for sealer in self._sealers):
            self._sealers = self._read_sealers()
        for sealer in self._sealers:
            if sealer.key_id == in_use:
                return sealer
        raise WrongKey(
            f"the sealing key was rotated, and the new one is not in use here ({self._where})",
            hint="bring the new key here, in the place of the old one",
        )

    def _read_sealers(self) -> list[Sealer]:
        return [Sealer(key) for key in self._read_keys()]

    def _open(self, name: str, cell: bytes) -> Secret[str]:
        secret = _opened(name, cell, self._sealers)
        if secret is None:
            # It may have been rotated since this process began.
            self._sealers = self._read_sealers()
            secret = _opened(name, cell, self._sealers)
        if secret is not None:
            return secret
        raise WrongKey(
            f"{name} was sealed with another key than the one in use",
            hint="give the key it was sealed with in EVERYAUTH_KEY_FILE or EVERYAUTH_KEY; nothing was changed",
        )


def _opened(name: str, cell: bytes, sealers: list[Sealer]) -> Secret[str] | None:
    for sealer in sealers:
        if (secret := sealer.unseal(name, cell)) is not None:
            return secret
    return None


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
