"""Processes that see a directory on a read-only mount or on a full disk, in a mount namespace of their own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
# The content goes on a disk of its own, which is filled to the last byte.
FULL = (
    'cp -a "$0" "$0.copy" && mount -t tmpfs -o size=2m tmpfs "$0" && cp -a "$0.copy/." "$0/"'
    ' && { cat /dev/zero > "$0/filling" 2>/dev/null; true; } && exec "$@"'
)

# As the volume of a container often is.
WORLD_WRITABLE = 'mount --bind "$0" "$0" && chmod 0777 "$0" && exec "$@"'


def mounted(kind: str, directory: Path) -> list[str]:
    """The words before a command that runs so; skips where that is not allowed."""
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    if subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("mount namespaces are not allowed here")
    return [
        *namespace,
        "sh",
        "-c",
        {"read-only": READ_ONLY, "full": FULL, "world-writable": WORLD_WRITABLE}[kind],
        str(directory),
    ]
