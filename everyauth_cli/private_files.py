"""Creates files and directories that their owner alone can use, under any umask, and refuses those of other users."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.store.owners import Weakness, weakness

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600


def make_directory(path: Path) -> None:
    """Create a directory and those on the way to it, each with mode 0700; one that exists keeps its mode.

    Raises `OSError`.
    """
    try:
        path.mkdir(mode=DIRECTORY_MODE)
    except FileNotFoundError:
        if path.parent == path:
            raise
        make_directory(path.parent)
        make_directory(path)
    except OSError:
        # For an existing directory the system may give another error than that it exists.
        if not path.is_dir():
            raise
    else:
        _give_back(path, path.stat().st_mode, DIRECTORY_MODE)


def open_private(path: str | Path, flags: int) -> int:
    """Open a file and return its descriptor; one that the flags create has mode 0600. Fits `open`'s `opener`.

    Raises `OSError`.
    """
    # A pipe at that name must not be waited for.
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0), FILE_MODE)
    if flags & os.O_CREAT:
        _give_back(descriptor, os.fstat(descriptor).st_mode, FILE_MODE)
    return descriptor


def write_privately(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all.

    Raises `ConfigurationProblem`.
    """
    try:
        make_directory(path.parent)
        temporary = path.with_name(f"{path.name}.{os.urandom(8).hex()}")
        try:
            with open(temporary, "x", encoding="utf-8", opener=open_private) as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationProblem(
            f"cannot write {path}: {error.strerror}",
            hint="make its directory writable for you, or name another with EVERYAUTH_HOME",
        ) from None


def check_owners(path: Path) -> Weakness | None:
    """Check that other users cannot change a file or directory, or what is on the way to it.

    Return the weakness where only the platform lets others in. Raises `ConfigurationProblem`.
    """
    weak = weakness(str(path))
    if weak is None or not weak.refused:
        return weak
    reason = f"{weak.part} {weak.reason}"
    unused = "it is not used" if weak.part == str(path) else f"{path} is not used"
    raise ConfigurationProblem(f"{reason}, so {unused}", hint=_cure(weak))


def _cure(weak: Weakness) -> str:
    if not weak.owner:
        return f"chmod go-w {shlex.quote(weak.part)}"
    if os.geteuid() == 0:
        return f"run everyauth as {weak.owner}, or name a directory of root's with EVERYAUTH_HOME"
    return "name a directory of your own with EVERYAUTH_HOME"


def _give_back(target: int | Path, found: int, mode: int) -> None:
    """Give an owner the access that a umask has taken."""
    if found & mode != mode:
        os.chmod(target, mode)  # noqa: PTH101 - a descriptor too
