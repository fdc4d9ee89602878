"""Reads a record of the usual stores for hot.py, and raises for all that is not usual."""

from __future__ import annotations

import os
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NAME_PART = re.compile("[A-Za-z0-9@.+_~][A-Za-z0-9@.+_~-]*")
# As `store use` writes it; for anything else in config.toml, TOML would have to be read.
CHOICE = re.compile(r'(store|sealing_key|alert_webhook) = "([^"\\\x00-\x1f\x7f]*)"')
SQLITE = re.compile("sqlite://(/[^/%?#][^%?#]*)")
USUAL_FILES = {"keyring:": "index.db", "sqlite://": "everyauth.db"}
IDENTITIES = "SELECT service, tenant, public FROM records WHERE profile = ? AND kind = 'identity' AND user = ?"


class Store:
    """Where the environment and config.toml say that records are."""

    def __init__(self) -> None:
        data_dir, config_dir, namespace = _directories()
        config = _config(f"{config_dir}/config.toml")
        url = os.environ.get("EVERYAUTH_STORE") or config.get("store", "keyring:")
        self._profile = os.environ.get("EVERYAUTH_PROFILE") or "default"
        self._in_keyring = url == "keyring:"
        self._file = f"sqlite://{data_dir}/{USUAL_FILES[url]}" if url in USUAL_FILES else url
        self._remembered_key = config.get("sealing_key")
        self._prefix = f"everyauth{namespace}:"

    def find(self, user: str) -> Any:  # noqa: ANN401 - three texts
        """Service, tenant and public half of the one identity of a user."""
        (row,) = self._rows(IDENTITIES, self._profile, user)
        return row

    def read(self, service: str, tenant: str, user: str) -> str:
        """The secret half of an identity."""
        parts = (self._profile, "identity", service, tenant, user)
        if user.startswith("idn-") or not all(map(NAME_PART.fullmatch, parts)):
            raise LookupError
        name = ":".join(parts)
        if self._in_keyring:
            return _from_keyring(self._prefix + name).decode()
        ((cell,),) = self._rows("SELECT cell FROM sealed WHERE name = ?", f"everyauth:{name}")
        return _unsealed(f"everyauth:{name}".encode(), cell, self._sealing_key()).decode()

    def _rows(self, statement: str, *values: str) -> list[Any]:
        import sqlite3

        if (match := SQLITE.fullmatch(self._file)) is None:
            raise LookupError
        # It is not created. Who closes the last connection to it locks it for a moment; no longer wait is for here.
        connection = sqlite3.connect(f"file:{match[1]}?mode=rw", uri=True, timeout=1)
        try:
            if connection.execute("PRAGMA user_version").fetchone() != (1,):
                raise LookupError
            return connection.execute(statement, values).fetchall()
        finally:
            connection.close()

    def _sealing_key(self) -> bytes:
        import base64

        file, text = os.environ.get("EVERYAUTH_KEY_FILE"), os.environ.get("EVERYAUTH_KEY")
        if not file and not text and self._remembered_key == "keyring":
            text = _from_keyring(f"{self._prefix}sealing-key").decode()
        elif file or not text:
            with open(file or self._remembered_key or "", encoding="ascii") as opened:  # noqa: PTH123 - pathlib is heavy
                text = opened.read()
        (word,) = text.replace(",", " ").split()
        return base64.b64decode(word.encode("ascii"), altchars=b"-_", validate=True)


def _directories() -> tuple[str, str, str]:
    own, home = os.environ.get("EVERYAUTH_HOME"), os.path.expanduser("~")  # noqa: PTH111 - pathlib is heavy
    data = os.environ.get("XDG_DATA_HOME") or f"{home}/.local/share"
    config = os.environ.get("XDG_CONFIG_HOME") or f"{home}/.config"
    found = [own, own] if own else [f"{data}/everyauth", f"{config}/everyauth"]
    if sys.platform != "linux" or not all(path.startswith("/") for path in found):
        raise LookupError
    if not own and data == f"{home}/.local/share":
        return found[0], found[1], ""
    import hashlib

    return found[0], found[1], "@" + hashlib.sha256(found[0].encode()).hexdigest()[:8]


def _config(path: str) -> dict[str, str]:
    try:
        with open(path, encoding="utf-8", newline="") as file:  # noqa: PTH123 - pathlib is heavy
            lines = [line for line in file.read().split("\n") if line]
    except FileNotFoundError:
        return {}
    found = {match[1]: match[2] for match in map(CHOICE.fullmatch, lines) if match}
    if len(found) != len(lines):
        raise LookupError
    return found


def _unsealed(name: bytes, cell: bytes, key: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    if len(key) != 32:  # noqa: PLR2004
        raise LookupError
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"everyauth record " + name).derive(key)
    return AESGCM(derived).decrypt(cell[1:13], cell[13:], name)


def _from_keyring(name: str) -> bytes:
    from everyauth_cli.cli.fast.secret_service import read

    address = os.environ.get("DBUS_SESSION_BUS_ADDRESS") or f"unix:path={os.environ['XDG_RUNTIME_DIR']}/bus"
    match = re.fullmatch("unix:path=([^,;%]+)(,guid=[0-9a-f]+)?", address)
    if match is None or os.environ.get("PYTHON_KEYRING_BACKEND"):
        raise LookupError
    return read(match[1], name)
