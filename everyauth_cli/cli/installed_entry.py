"""A service file that leads a service to the sandbox for as long as the sandbox runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from everyauth_cli.errors import ConfigurationProblem, UsageProblem
from everyauth_cli.private_files import make_directory, open_private

MARK = "# Written by `everyauth sandbox --install`, which deletes it when it ends.\n"


@contextmanager
def installed_entry(path: Path, keys: Mapping[str, str]) -> Iterator[None]:
    """Write a service file during the block; one that the user wrote is never touched.

    Raises `UsageProblem` when there is one, `ConfigurationProblem` when it cannot be written.
    """
    text = MARK + entry_text(keys)
    try:
        make_directory(path.parent)
        _remove(path, begins=MARK)
        with open(path, "x", encoding="utf-8", opener=open_private) as file:
            file.write(text)
    except FileExistsError:
        raise UsageProblem(
            f"{path} is a file of yours, and stays as it is",
            hint="move it away, or leave out --install and add the printed lines to it",
        ) from None
    except OSError as error:
        raise ConfigurationProblem(f"cannot write {path}: {error.strerror}") from None
    try:
        yield
    finally:
        # Changed meanwhile, it is the user's or another sandbox's.
        _remove(path, begins=text)


def entry_text(keys: Mapping[str, str]) -> str:
    """Return keys of a service file as TOML."""
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())


def _remove(path: Path, *, begins: str) -> None:
    """Delete a file of ours; a sandbox that was killed could not."""
    with suppress(OSError, UnicodeDecodeError):
        if not path.is_symlink() and path.read_text(encoding="utf-8").startswith(begins):
            path.unlink()
