"""Makes the body of a request ready to be sent again, where that is possible without having kept a copy."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable


def rewinder(parts: Iterable[object]) -> Callable[[], bool]:
    """Return a function that makes the parts of a body ready to be sent again; call this one before they are sent.

    It returns False, and the body must not be sent again, where a part is a stream that can be read only once. A file
    is read again from the same place.
    """
    streams = [part for part in parts if not isinstance(part, str | bytes | list | tuple | None)]
    starts = [_position(stream) for stream in streams]

    def rewind() -> bool:
        return all(_seek(stream, start) for stream, start in zip(streams, starts, strict=True))

    return rewind


def _position(stream: object) -> int | None:
    """Return the place that a stream can be set back to; None for a pipe, a generator or an asynchronous file."""
    tell, seek = getattr(stream, "tell", None), getattr(stream, "seek", None)
    if tell is None or seek is None or hasattr(stream, "__aiter__"):
        return None
    try:
        return int(tell())
    except (OSError, io.UnsupportedOperation):
        return None


def _seek(stream: object, start: int | None) -> bool:
    if start is None:
        return False
    stream.seek(start)  # type: ignore[attr-defined]  # it has a position
    return True
