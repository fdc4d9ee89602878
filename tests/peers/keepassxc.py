"""A real KeePassXC as the Secret Service of a private session bus, without a display."""

from __future__ import annotations

import base64
import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jeepney import DBusAddress
from peers.secret_service import BUS, NAME, SERVICE, call, programs, session_bus

PASSWORD = "password"
SETTINGS = """\
[General]
ConfigVersion=2
UpdateCheckMessageShown=true
SingleInstance=false
[GUI]
CheckForUpdates=false
[FdoSecrets]
Enabled=true
ShowNotification=false
ConfirmAccessItem=false
ConfirmDeleteItem=false
"""
DATABASE = """\
<KeePassFile>
<Meta><RecycleBinEnabled>True</RecycleBinEnabled>
<CustomData><Item><Key>FDO_SECRETS_EXPOSED_GROUP</Key><Value>{{{exposed}}}</Value></Item></CustomData></Meta>
<Root><Group><UUID>{root_id}</UUID><Name>Root</Name>
<Group><UUID>{exposed_id}</UUID><Name>exposed</Name></Group></Group></Root>
</KeePassFile>
"""


@dataclass(frozen=True)
class KeePassXC:
    """A running KeePassXC, and the file of its database."""

    bus_address: str
    database: Path
    environment: dict[str, str]

    def entries(self) -> list[str]:
        """Return the titles of all entries in the file, those in its recycle bin too."""
        command = ["keepassxc-cli", "ls", "--quiet", "--recursive", "--flatten", str(self.database)]
        done = subprocess.run(
            command, input=PASSWORD, env=self.environment, capture_output=True, text=True, check=True, timeout=20
        )
        return done.stdout.splitlines()


@contextmanager
def keepassxc(directory: Path, *, unlocked: bool = True) -> Iterator[KeePassXC]:
    """Run KeePassXC on a bus of its own; all its files are in the directory."""
    programs("keepassxc", "keepassxc-cli")
    with session_bus(directory) as bus_address:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "DBUS_SESSION_BUS_ADDRESS": bus_address,
            "QT_QPA_PLATFORM": "offscreen",
            **{f"XDG_{name}_HOME": str(directory / name) for name in ("CONFIG", "CACHE", "DATA")},
            "XDG_RUNTIME_DIR": str(directory),
        }
        database = _made(directory, environment)
        command = ["keepassxc", *(["--pw-stdin"] if unlocked else []), str(database)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, **quiet) as running:
            try:
                assert running.stdin is not None
                running.stdin.write(PASSWORD.encode() + b"\n")
                running.stdin.close()
                _wait_until_ready(bus_address, unlocked=unlocked)
                yield KeePassXC(bus_address, database, environment)
            finally:
                running.kill()


def _made(directory: Path, environment: dict[str, str]) -> Path:
    """Make a database with a group that is exposed as a collection."""
    settings = directory / "CONFIG" / "keepassxc" / "keepassxc.ini"
    settings.parent.mkdir(parents=True)
    settings.write_text(SETTINGS)
    root, exposed = uuid.uuid4(), uuid.uuid4()
    named = {"root_id": base64.b64encode(root.bytes).decode(), "exposed_id": base64.b64encode(exposed.bytes).decode()}
    xml, database = directory / "database.xml", directory / "database.kdbx"
    xml.write_text(DATABASE.format(exposed=exposed, **named))
    command = ["keepassxc-cli", "import", "--quiet", "--set-password", str(xml), str(database)]
    twice = f"{PASSWORD}\n{PASSWORD}\n"
    subprocess.run(command, input=twice, env=environment, capture_output=True, text=True, check=True, timeout=60)
    return database


def _is_ready(bus_address: str, *, unlocked: bool) -> bool:
    if not call(bus_address, BUS, "NameHasOwner", "s", NAME)[0]:
        return False
    (collection,) = call(bus_address, SERVICE, "ReadAlias", "s", "default")
    if collection == "/":
        return False
    properties = DBusAddress(collection, NAME, "org.freedesktop.DBus.Properties")
    # A search would ask for the password while the database is still being opened.
    ((_, locked),) = call(bus_address, properties, "Get", "ss", "org.freedesktop.Secret.Collection", "Locked")
    return not (unlocked and locked)


def _wait_until_ready(bus_address: str, *, unlocked: bool) -> None:
    deadline = time.monotonic() + 60
    while not _is_ready(bus_address, unlocked=unlocked):
        assert time.monotonic() < deadline, "keepassxc did not get ready"
        time.sleep(0.02)
