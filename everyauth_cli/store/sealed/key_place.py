"""Where the sealing key of a store lies, and how it is read and replaced."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from everyauth_cli.errors import StoreUnavailable
from everyauth_cli.model import Secret
from everyauth_cli.private_files import check_owners
from everyauth_cli.store.keyring.opening import Keyring
from everyauth_cli.store.sealed.keys import read_keys
from everyauth_cli.store.whole_files import read_whole

IN_KEYRING = "keyring"
"""The value in the configuration when the sealing key is in the OS keyring; else it is a file's path."""

# As `write_privately` names a file before it takes its place.
LEFTOVER = re.compile(r"\.[0-9a-f]{16}")
KEY_HINT = "set EVERYAUTH_KEY_FILE, or have a key made: everyauth store use {url}"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPlace:
    """The place of the sealing key of the store at a URL."""

    url: str
    key: SealingKey
    keyring: Keyring

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
        hint = KEY_HINT.format(url=shlex.quote(self.url))
        if not self.key.in_keyring:
            raise StoreUnavailable(f"no sealing key is known for {self.url}", hint=hint)
        text = self.keyring.open().read(self.keyring.key_name)
        if text is None:
            raise StoreUnavailable("the OS keyring no longer holds the sealing key", hint=hint)
        return text

    def read_keys(self) -> list[Secret[bytes]]:
        """The keys, the first of which seals. Raises `StoreUnavailable`, `ConfigurationProblem`."""
        return read_keys(self.read(), where=self.describe())

    def keep_old(self, text: Secret[str], *, write_file: Callable[[Path, str], None]) -> str:
        """Keep keys that a rotation takes away, for other stores and copies that are sealed with them; says where."""
        if self.key.file is not None:
            path = self.key.file.with_name(self.key.file.name + ".before")
            older = _key_from_file(path).reveal() if path.exists() else ""
            write_file(path, f"{text.reveal()}\n{older}")
            return str(path)
        name, items = f"{self.keyring.key_name}-before", self.keyring.open()
        before = items.read(name)
        items.write(name, Secret(f"{text.reveal()}\n{before.reveal()}") if before else text)
        return f"the OS keyring, under {name}"

    def remove_leftovers(self) -> None:
        """Remove the copies of the key that processes left that were killed while they wrote it; under a lock only."""
        if self.key.file is None:
            return
        for path in self.key.file.parent.glob(f"{self.key.file.name}.*"):
            if LEFTOVER.fullmatch(path.suffix):
                path.unlink(missing_ok=True)

    def write(self, text: Secret[str], *, write_file: Callable[[Path, str], None]) -> None:
        """Put another text there, if it can be written; `write_file` writes a file that is its owner's alone."""
        if self.key.file is not None:
            write_file(self.key.file, text.reveal() + "\n")
        else:
            self.keyring.open().write(self.keyring.key_name, text)


def _key_from_file(path: Path) -> Secret[str]:
    check_owners(path)
    try:
        return Secret(read_whole(path).decode("ascii"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise StoreUnavailable(
            f"cannot read the sealing key {path}: {reason}",
            hint="put the key file back from where you keep a copy; without it nothing sealed can be read",
        ) from None
