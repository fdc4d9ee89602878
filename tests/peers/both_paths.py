"""Runs one command line through the short cut, through the whole path, and as installed."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from peers.sandbox import NAME

from everyauth_cli.store.identities import identity_key

if TYPE_CHECKING:
    from peers.sandbox import Shell

START = "import sys; from everyauth_cli.__main__ import answer, replace_closed_streams; replace_closed_streams(); "
SHORT_CUT = START + "text = answer(sys.argv[1:]); sys.exit(99) if text is None else print(text)"
WHOLE_PATH = START + "from everyauth_cli.cli.main import run; sys.exit(run(sys.argv[1:]))"
INSTALLED = "import sys; from everyauth_cli.__main__ import main; main()"
LEFT = (99, b"", b"")
GET = ("token pagerduty", "token pagerduty me", "identity get pagerduty me", "identity get me")
ME = identity_key("default", NAME, user="me")


@dataclass(frozen=True)
class Ran:
    """The results of running one command line in three ways: exit code, standard output and error."""

    short_cut: tuple[int, bytes, bytes]
    whole_path: tuple[int, bytes, bytes]
    installed: tuple[int, bytes, bytes]

    @property
    def answered(self) -> bool:
        """Whether the short cut answered; whichever path did, the results must be equal."""
        assert self.installed == self.whole_path
        assert self.short_cut in (LEFT, self.whole_path)
        return self.short_cut != LEFT


def ran(shell: Shell, line: str, **environment: str) -> Ran:
    """Run a line in each way, all at once."""
    env = {**shell.command.environment(shell.env), **environment}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, *map(os.fsencode, shlex.split(line))],
            cwd=shell.command.directory,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for code in (SHORT_CUT, WHOLE_PATH, INSTALLED)
    ]
    streams = [process.communicate(timeout=60) for process in processes]
    return Ran(*((p.returncode, out, err) for p, (out, err) in zip(processes, streams, strict=True)))


def answered(shell: Shell, **environment: str) -> set[bool]:
    return {ran(shell, line, **environment).answered for line in GET}
