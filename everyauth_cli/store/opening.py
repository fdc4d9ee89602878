"""Puts a store together from its URL."""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from everyauth_cli.errors import ConfigurationProblem, StoreUnavailable
from everyauth_cli.model import Secret
from everyauth_cli.store.index_sqlite import SqliteIndex
from everyauth_cli.store.locks import FileLocks
from everyauth_cli.store.records import Locks, Store, Vault

IN_KEYRING = "keyring"
"""What the configuration remembers when the sealing key lies in the OS keyring; else it is a file's path."""

KEY_HINT = "set EVERYAUTH_KEY_FILE, or let `everyauth store use {url}` make a key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """How the OS keyring of this session is reached."""

    bus_address: str | None = None
    backend_name: str | None = None
    may_prompt: bool = False
    namespace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealingKey:
    """Where the sealing key comes from: a text, or a file, or the OS keyring, the first that is set."""

    text: Secret[str] | None = None
    file: Path | None = None
    in_keyring: bool = False

    @classmethod
    def read(cls, remembered: str | None, *, text: Secret[str] | None = None, file: Path | None = None) -> SealingKey:
        """From what the environment gives (`text`, `file`), else from what the configuration remembers."""
        if text is not None or file is not None or remembered is None:
            return cls(text=text, file=file)
        return cls(in_keyring=True) if remembered == IN_KEYRING else cls(file=Path(remembered))


def open_store(url: str, *, data_dir: Path, keyring: Keyring, sealing_key: SealingKey) -> Store:
    """The store of that URL. Nothing is opened, read or unlocked before it is needed.

    Raises `ConfigurationProblem` for a URL that means nothing.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "keyring" and not rest.strip("/"):
        path = data_dir / "index.db"
        namespace, opener = keyring.namespace, functools.partial(open_os_keyring, keyring, _locks(path))
    elif scheme == "sqlite" and rest.startswith("//"):
        path = sqlite_path(url, data_dir)
        namespace, opener = "", functools.partial(_open_sealed, path, sealing_key, keyring)
    else:
        raise ConfigurationProblem(
            f"{url!r} is no store",
            hint="keyring: or sqlite:///path; `everyauth store use` remembers one",
        )
    return Store(url=url, index=SqliteIndex(path), open_vault=opener, locks=_locks(path), namespace=namespace)


def sqlite_path(url: str, data_dir: Path) -> Path:
    """The file of a `sqlite:///path` URL, an absolute path; `sqlite://` alone is the default file.

    Raises `ConfigurationProblem`.
    """
    rest = unquote(url.removeprefix("sqlite://"))
    if rest in ("", "/"):
        return data_dir / "everyauth.db"
    path = Path(rest[1:] if sys.platform == "win32" else rest)
    if not path.is_absolute():
        raise ConfigurationProblem(f"{url!r} holds no absolute path", hint="three slashes: sqlite:///path/to/file.db")
    return path


def key_name(keyring: Keyring) -> str:
    """The name of the sealing key's item in the OS keyring."""
    return f"everyauth{keyring.namespace}:sealing-key"


def open_os_keyring(keyring: Keyring, locks: Locks) -> Vault:
    """The OS keyring as a vault.

    Raises `StoreUnavailable` when there is none that can be used.
    """
    from everyauth_cli.store.vault_keyring import open_keyring

    return open_keyring(
        bus_address=keyring.bus_address, backend_name=keyring.backend_name, may_prompt=keyring.may_prompt, locks=locks
    )


def _locks(path: Path) -> FileLocks:
    return FileLocks(path.with_name(path.name + ".locks"))


def _open_sealed(path: Path, sealing_key: SealingKey, keyring: Keyring) -> Vault:
    from everyauth_cli.store.vault_sealed import SealedVault, read_keys

    text, where = _key_text(sealing_key, keyring, path)
    keys = read_keys(text, where=where)
    return SealedVault(SqliteIndex(path), keys, where=f"sealed in {path}; the key is in {where}")


def _key_text(sealing_key: SealingKey, keyring: Keyring, path: Path) -> tuple[Secret[str], str]:
    if sealing_key.file is not None:
        return _key_from_file(sealing_key.file), str(sealing_key.file)
    if sealing_key.text is not None:
        return sealing_key.text, "EVERYAUTH_KEY"
    hint = KEY_HINT.format(url=f"sqlite://{path}")
    if not sealing_key.in_keyring:
        raise StoreUnavailable(f"no sealing key is known for {path}", hint=hint)
    text = open_os_keyring(keyring, _locks(path)).read(key_name(keyring))
    if text is None:
        raise StoreUnavailable("the OS keyring no longer holds the sealing key", hint=hint)
    return text, "the OS keyring"


def _key_from_file(path: Path) -> Secret[str]:
    try:
        return Secret(path.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise StoreUnavailable(
            f"cannot read the sealing key {path}: {reason}",
            hint="put the key file back from where you keep a copy; without it nothing sealed can be read",
        ) from None
