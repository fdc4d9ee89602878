"""Reads a record of the usual stores for the short cut, and raises for everything that is not usual."""

from __future__ import annotations

import json
import os
import re
import sys

from everyauth_cli.os_keyring import bus_addresses, namespace_of, socket_paths
from everyauth_cli.store.names import record_name, sealing_key_name
from everyauth_cli.store.owners import weakness
from everyauth_cli.store.statements import READ, SCHEMA_VERSION
from everyauth_cli.store.whole_files import read_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PART = re.compile("[A-Za-z0-9@.+_~][A-Za-z0-9@.+_~-]*")
# As `store use` writes it; for anything else in config.toml, TOML would have to be read.
CHOICE = re.compile(r'(store|sealing_key|left_store|alert_webhook) = "([^"\\\x00-\x1f\x7f]*)"')
SQLITE = re.compile("sqlite://(/+[^/%?#][^%?#]*)")
USUAL_FILES = {"keyring:": "index.db", "sqlite://": "everyauth.db"}
IDENTITIES = (
    "SELECT service, tenant, metadata FROM everyauth_records INDEXED BY everyauth_by_user"
    " WHERE kind = 'identity' AND profile = ? AND username = ?"
)


class Store:
    """The store that the environment and config.toml name."""

    def __init__(self) -> None:
        data_dir, config_dir = _directories()
        _check_owners(data_dir, f"{config_dir}/config.toml")
        config = _config(f"{config_dir}/config.toml")
        url = os.environ.get("EVERYAUTH_STORE") or config.get("store", "keyring:")
        self._profile = os.environ.get("EVERYAUTH_PROFILE") or "default"
        self._in_keyring = url == "keyring:"
        self._data_dir = data_dir
        self._file = f"sqlite://{data_dir}/{USUAL_FILES[url]}" if url in USUAL_FILES else url
        self._remembered_key = config.get("sealing_key")

    def find(self, user: str) -> Any:  # noqa: ANN401 - three texts
        """Service, tenant and metadata of the one identity of a user, not verified."""
        (row,) = self._rows(IDENTITIES, self._profile, user)
        return row

    def read(self, service: str, tenant: str, user: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Metadata and secret of an identity."""
        key = (self._profile, "identity", service, tenant, user)
        if user.startswith("idn-") or not all(map(PART.fullmatch, key)):
            raise LookupError
        return self._from_item(key) if self._in_keyring else self._from_row(key)

    def _from_item(self, key: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
        item = json.loads(_from_keyring(record_name(key, namespace=self._namespace())))
        item["version"].encode()  # raises for what is not text
        return item["metadata"], item["secret"]

    def _from_row(self, key: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
        from everyauth_cli.cli.fast.sealed import opened

        ((metadata, sealed, version, _, *lookup),) = self._rows(READ, *key)
        secret = opened(self._sealing_key(), record_name(key), metadata, sealed, version, tuple(lookup))
        return json.loads(metadata), json.loads(secret)

    def _rows(self, statement: str, *values: str) -> list[Any]:
        import sqlite3

        if (match := SQLITE.fullmatch(self._file)) is None:
            raise LookupError
        _check_owners(f"/{match[1].lstrip('/')}")
        # It is not created. Who closes the last connection to it locks it for a moment; no longer wait is for here.
        connection = sqlite3.connect(f"file:/{match[1].lstrip('/')}?mode=rw", uri=True, timeout=1)
        try:
            if connection.execute("PRAGMA user_version").fetchone() != (SCHEMA_VERSION,):
                raise LookupError
            return connection.execute(statement, values).fetchall()
        finally:
            connection.close()

    def _sealing_key(self) -> str:
        file, text = os.environ.get("EVERYAUTH_KEY_FILE"), os.environ.get("EVERYAUTH_KEY")
        if not file and not text and self._remembered_key == "keyring":
            return _from_keyring(sealing_key_name(self._namespace())).decode()
        if not file and text:
            return text
        path = file or self._remembered_key or ""
        _check_owners(path)
        return read_whole(path).decode("ascii")

    def _namespace(self) -> str:
        usual = os.path.expanduser("~/.local/share/everyauth")  # noqa: PTH111 - pathlib is heavy
        return namespace_of(self._data_dir, usual=usual if usual.startswith("/") else None)


def _directories() -> tuple[str, str]:
    own, home = os.environ.get("EVERYAUTH_HOME"), os.path.expanduser("~")  # noqa: PTH111 - pathlib is heavy
    data = os.environ.get("XDG_DATA_HOME") or f"{home}/.local/share"
    config = os.environ.get("XDG_CONFIG_HOME") or f"{home}/.config"
    found = (own, own) if own else (f"{data}/everyauth", f"{config}/everyauth")
    if sys.platform != "linux" or not all(path.startswith("/") for path in found):
        raise LookupError
    if not own and os.environ.get("HOME") == "":
        raise LookupError
    return found


def _check_owners(*paths: str) -> None:
    """Leave what others may change to the whole path, which refuses it or warns of it."""
    if any(map(weakness, paths)):
        raise LookupError


def _config(path: str) -> dict[str, str]:
    try:
        lines = [line for line in read_whole(path).decode().split("\n") if line]
    except FileNotFoundError:
        return {}
    found = {match[1]: match[2] for match in map(CHOICE.fullmatch, lines) if match}
    if len(found) != len(lines):
        raise LookupError
    return found


def _from_keyring(name: str) -> bytes:
    from everyauth_cli.cli.fast.secret_service import read

    if os.environ.get("PYTHON_KEYRING_BACKEND"):
        raise LookupError
    # Of several buses the whole path finds the first that answers.
    (path,) = socket_paths(bus_addresses(os.environ) or "")
    return read(path, name)
