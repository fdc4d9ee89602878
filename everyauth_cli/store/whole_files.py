"""Reads a file whole, without a wait and within bounds: no pipe, device or directory, nothing endless or too deep."""

from __future__ import annotations

import errno
import os
import stat

LARGEST = 64 * 1024
"""Bytes of a file that people write: settings, a service, a key."""

MOST_DOTS = 1000
"""In one line: the time to read a key grows as the square of its parts."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def read_whole(path: str | os.PathLike[str], *, most: int = LARGEST) -> bytes:
    """Return the content of a regular file. Raises `OSError`, also for one that is larger, and `ValueError`."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            code = errno.EISDIR if stat.S_ISDIR(os.fstat(descriptor).st_mode) else errno.EINVAL
            raise OSError(code, os.strerror(code) if code == errno.EISDIR else "it is not a regular file", str(path))
        content = b""
        while len(content) <= most and (part := os.read(descriptor, most + 1 - len(content))):
            content += part
    finally:
        os.close(descriptor)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most // 1024} KiB", str(path))
    return content


def parse_toml(content: bytes) -> dict[str, Any]:
    """Return the values of a TOML file. Raises `ValueError`, also for one that is nested too deep."""
    import tomllib

    text = content.decode()
    if text.count(".") > MOST_DOTS and any(line.count(".") > MOST_DOTS for line in text.splitlines()):
        raise ValueError("a key has too many parts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
