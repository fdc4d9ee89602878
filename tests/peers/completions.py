"""A home whose index has users with hostile names, and shells that complete them."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from everyauth_cli.model import RecordKey
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.store.sqlite.file import SqliteFile
from everyauth_cli.store.table import RecordTable, Row

ROOT = Path(__file__).resolve().parents[2]
FILES = {"bash": "everyauth.bash", "zsh": "_everyauth", "fish": "everyauth.fish", "powershell": "everyauth.ps1"}
HOSTILE = [
    "$(touch pwned)",
    "`touch pwned`",
    "a b",
    "x;touch pwned",
    "it's",
    'say "hi"',
    "back\\slash",
    "bang!bang",
    "glob*",
    "~root",
    "#1",
    "key=value",
    "team:red",
    "alice@example.com",
    "zoë",
    "雪",
    "end ",
]
ACME = 'authorization_endpoint = "https://acme.example/authorize"\ntoken_endpoint = "https://acme.example/token"\n'
SERVICES = {"acme", *Catalogue().names_and_presets()}
"""The services that are completed: those of the catalogue, and the one from `fill`."""
HEAVY = ["httpcore", "httpx", "rich", "keyring", "cryptography", "asyncio", "ssl", "pydantic"]


@pytest.fixture
def ask(everyauth, home):
    """Return the candidates for a line, given as its words; the cursor is at the last one."""
    fill(home, {"pagerduty": ["user-123", "bob"], "acme": ["carol", "bob"]})
    fill(home, {"pagerduty": ["worker"]}, profile="work")

    def candidates(*words, shell="zsh", env=None):
        done = everyauth("__complete", shell, *words, env=env)
        assert (done.code, done.err) == (0, "")
        return [line.split("\t")[0] for line in done.out.splitlines()]

    return candidates


@pytest.fixture
def completing_shell(everyauth, home):
    """Make an environment for a shell, with hostile users at one service and the command on its path."""
    fill(home, {"pagerduty": ["user-123", *HOSTILE], "acme": ["only"]})

    def environment(name):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")
        path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])  # noqa: PTH120
        # A name that is expanded as a pattern would find this file.
        (everyauth.directory / "globbed").touch()
        return everyauth.environment({"PATH": path, "TERM": "dumb", "COLUMNS": "200", "LANG": "C.UTF-8"})

    yield environment
    assert not (everyauth.directory / "pwned").exists()


def fill(home, users, *, profile="default"):
    (home / "services").mkdir(parents=True, exist_ok=True)
    (home / "services" / "acme.toml").write_text(ACME, encoding="utf-8")
    table = RecordTable(SqliteFile(home / "index.db"))
    for service, names in users.items():
        for user in names:
            key = RecordKey(profile=profile, kind="identity", service=service, tenant=user, user=user)
            table.replace(key, Row(json.dumps({"id": f"idn-{user}"}), None, "", None))
