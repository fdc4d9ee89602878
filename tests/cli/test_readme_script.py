"""The script in the README, with a `curl` whose API rejects one token."""

import shlex
import subprocess
from pathlib import Path

import pytest
from peers.sandbox import sandbox_shell

from everyauth_cli.cli.topics.text import topic_text

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
CURL = """#!/bin/sh
cat >>sent && echo >>sent
if [ "$(tail -n 1 sent)" = "Authorization: Bearer $REJECTED" ]; then
    printf 401
else
    printf 200
fi
"""


def script():
    """The lines from the function to the last check."""
    start = README.index("    get() {")
    return README[start : README.index("\n\n", README.index("    fi\n", start))]


def test_the_topic_has_the_same_script():
    assert script() in topic_text("scripts")


def program(path, text):
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


@pytest.mark.slow
def test_after_a_401_the_script_sends_another_token_once(everyauth, tmp_path):
    with sandbox_shell(everyauth) as shell:
        shell.log_in()
        rejected = shell.token()
        (tmp_path / "bin").mkdir()
        program(tmp_path / "bin" / "curl", CURL)
        program(tmp_path / "bin" / "everyauth", f'#!/bin/sh\nexec {shlex.join(everyauth.argv)} "$@"\n')
        environment = everyauth.environment({**shell.env, "REJECTED": rejected})
        environment["PATH"] = f"{tmp_path / 'bin'}:{environment['PATH']}"
        done = subprocess.run(["sh", "-c", script()], cwd=tmp_path, env=environment, timeout=60, check=False)
        assert done.returncode == 0
        sent = (tmp_path / "sent").read_text(encoding="utf-8").splitlines()
        assert sent == [f"Authorization: Bearer {token}" for token in (rejected, shell.token())]
        assert rejected != shell.token()


@pytest.mark.slow
def test_without_a_login_the_script_sends_nothing(everyauth, tmp_path):
    with sandbox_shell(everyauth) as shell:
        (tmp_path / "bin").mkdir()
        program(tmp_path / "bin" / "curl", CURL)
        program(tmp_path / "bin" / "everyauth", f'#!/bin/sh\nexec {shlex.join(everyauth.argv)} "$@"\n')
        environment = everyauth.environment({**shell.env, "REJECTED": "-"})
        environment["PATH"] = f"{tmp_path / 'bin'}:{environment['PATH']}"
        done = subprocess.run(["sh", "-c", script()], cwd=tmp_path, env=environment, timeout=60, check=False)
        assert done.returncode == 4
        assert not (tmp_path / "sent").exists()
