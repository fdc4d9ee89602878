"""Keeps what belongs to one data directory apart from another's in one OS keyring; imports nothing heavy."""

from __future__ import annotations

import os


def namespace_of(data_dir: str, *, usual: str | None) -> str:
    """The namespace of a data directory, however it is spelled: empty for the `usual` one, else a short hash."""
    directory = os.path.realpath(data_dir)
    if usual is not None and directory == os.path.realpath(usual):
        return ""
    import hashlib

    return "@" + hashlib.sha256(directory.encode()).hexdigest()[:8]
