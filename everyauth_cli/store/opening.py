"""Puts a store together from its URL."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from everyauth_cli.errors import ConfigurationProblem, StoreUnavailable
from everyauth_cli.model import Secret
from everyauth_cli.store.index_sqlite import SqliteIndex
from everyauth_cli.store.locks import FileLocks
from everyauth_cli.store.records import Locks, Store, Vault
from everyauth_cli.store.sqlite import SqliteFile

if TYPE_CHECKING:
    from everyauth_cli.store.vault_sealed import Cells

IN_KEYRING = "keyring"
"""What the configuration remembers when the sealing key lies in the OS keyring; else it is a file's path."""

# A user and password end at the last @ before the path; where an unescaped slash is in the password, after it.
POSTGRES = re.compile(r"(postgres(?:ql)?://)(?:([^/]*)@|([^?]*)@)?(.*)", re.DOTALL)
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
    if POSTGRES.fullmatch(url):
        return _postgres_store(url, data_dir, keyring, sealing_key)
    if scheme == "keyring" and not rest.strip("/"):
        path = data_dir / "index.db"
        index = SqliteIndex(SqliteFile(path))
        namespace, opener = keyring.namespace, functools.partial(open_os_keyring, keyring, keyring_locks(data_dir))
    elif scheme == "sqlite" and rest.startswith("//"):
        path = sqlite_path(url, data_dir)
        index = SqliteIndex(SqliteFile(path))
        place = KeyPlace(url=f"sqlite://{path}", key=sealing_key, keyring=keyring, locks=keyring_locks(data_dir))
        namespace, opener = "", functools.partial(_open_sealed, index, str(path), place)
    else:
        raise ConfigurationProblem(
            f"{url!r} is no store",
            hint="keyring:, sqlite:///path or postgresql://host/database; `everyauth store use` remembers one",
        )
    return Store(url=url, index=index, open_vault=opener, locks=_locks(path), namespace=namespace)


def _postgres_store(url: str, data_dir: Path, keyring: Keyring, sealing_key: SealingKey) -> Store:
    from everyauth_cli.store.index_postgres import PostgresIndex
    from everyauth_cli.store.leases import Leases
    from everyauth_cli.store.postgres import Database

    database = Database(Secret(url), shown=without_password(url))
    index = PostgresIndex(database)
    place = KeyPlace(url=database.shown, key=sealing_key, keyring=keyring, locks=keyring_locks(data_dir))
    opener = functools.partial(_open_sealed, index, database.shown, place)
    return Store(url=database.shown, index=index, open_vault=opener, locks=Leases(database))


def without_password(url: str) -> str:
    """A store's URL as it may be shown: the same if no password is in it."""
    if not (found := POSTGRES.fullmatch(url)):
        return url
    scheme, *users, place = found.groups()
    user = "".join(filter(None, users))
    name, colon, _ = user.partition(":")
    place, _, query = place.partition("?")
    options = query.split("&") if query else []
    public = [option for option in options if "password" not in option.partition("=")[0].lower()]
    if not colon and public == options:
        return url
    return f"{scheme}{name}{'@' if name else ''}{place}{'?' if public else ''}{'&'.join(public)}"


def sqlite_path(url: str, data_dir: Path) -> Path:
    """The file of a `sqlite:///path` URL, an absolute path; `sqlite://` alone is the default file.

    Raises `ConfigurationProblem`.
    """
    if "?" in url or "#" in url:
        raise ConfigurationProblem(
            f"{url!r} holds more than a path",
            hint="sqlite:///path/to/file.db; a ? in it is written %3F, a # %23",
        )
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


def keyring_locks(data_dir: Path) -> Locks:
    """The locks of those who write to the OS keyring, which is this machine's, whatever store is used."""
    return _locks(data_dir / "index.db")


def _locks(path: Path) -> FileLocks:
    # By the file itself, so that those who name it by a link share them.
    path = path.resolve()
    return FileLocks(path.with_name(path.name + ".locks"))


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPlace:
    """Where the sealing key of a store lies."""

    url: str
    key: SealingKey
    keyring: Keyring
    locks: Locks

    def describe(self) -> str:
        """The place, for people."""
        if self.key.file is not None:
            return str(self.key.file)
        return "EVERYAUTH_KEY" if self.key.text is not None else "the OS keyring"

    @property
    def can_be_written(self) -> bool:
        """Whether a command can put another key there."""
        return self.key.file is not None or self.key.text is None

    def read(self) -> Secret[str]:
        """The key, or several; raises `StoreUnavailable` when there is none."""
        if self.key.file is not None:
            return _key_from_file(self.key.file)
        if self.key.text is not None:
            return self.key.text
        hint = KEY_HINT.format(url=self.url)
        if not self.key.in_keyring:
            raise StoreUnavailable(f"no sealing key is known for {self.url}", hint=hint)
        text = open_os_keyring(self.keyring, self.locks).read(key_name(self.keyring))
        if text is None:
            raise StoreUnavailable("the OS keyring no longer holds the sealing key", hint=hint)
        return text

    def keep_old(self, text: Secret[str], *, write_file: Callable[[Path, str], None]) -> str:
        """Keep keys that a rotation takes away, for other stores and copies that are sealed with them; says where."""
        if self.key.file is not None:
            path = self.key.file.with_name(self.key.file.name + ".before")
            older = _key_from_file(path).reveal() if path.exists() else ""
            write_file(path, f"{text.reveal()}\n{older}")
            return str(path)
        name, vault = f"{key_name(self.keyring)}-before", open_os_keyring(self.keyring, self.locks)
        before = vault.read(name)
        vault.write(name, Secret(f"{text.reveal()}\n{before.reveal()}") if before else text)
        return f"the OS keyring, under {name}"

    def write(self, text: Secret[str], *, write_file: Callable[[Path, str], None]) -> None:
        """Put another text there, if it can be written; `write_file` writes a file that is its owner's alone."""
        if self.key.file is not None:
            write_file(self.key.file, text.reveal() + "\n")
        else:
            open_os_keyring(self.keyring, self.locks).write(key_name(self.keyring), text)


def _open_sealed(cells: Cells, name: str, place: KeyPlace) -> Vault:
    from everyauth_cli.store.vault_sealed import SealedVault, read_keys

    def keys() -> list[Secret[bytes]]:
        return read_keys(place.read(), where=place.describe())

    return SealedVault(cells, keys, where=f"sealed in {name}; the key is in {place.describe()}")


def _key_from_file(path: Path) -> Secret[str]:
    try:
        return Secret(path.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise StoreUnavailable(
            f"cannot read the sealing key {path}: {reason}",
            hint="put the key file back from where you keep a copy; without it nothing sealed can be read",
        ) from None
