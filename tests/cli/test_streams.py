"""Streams that are closed, full or of another encoding: data whole or not at all, and never in another file."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping

import pytest
from conftest import Finished
from peers.sandbox import SEALED, Shell, sandbox_shell

CLOSED = ["2>&-", ">&- 2>&-", "<&-", "<&- >&- 2>&-"]
FULL = "error: cannot write to standard output: No space left on device"


@pytest.fixture
def shell(everyauth):
    with sandbox_shell(everyauth) as shell:
        shell.log_in()
        yield shell


def redirected(shell: Shell, line: str, redirection: str, env: Mapping[str, str] | None = None) -> Finished:
    """Run a line with its streams redirected as bash does."""
    command = f"{shlex.join([*shell.command.argv, *shlex.split(line)])} {redirection}"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=shell.command.directory,
        env=shell.command.environment({**shell.env, **(env or {})}),
        capture_output=True,
        check=False,
        timeout=60,
    )
    return Finished(done.returncode, done.stdout.decode("latin-1"), done.stderr.decode("latin-1"))


@pytest.mark.slow
@pytest.mark.parametrize("redirection", CLOSED)
def test_a_closed_stream_is_never_another_file(shell, redirection):
    home = shell.command.home
    before = shell.token()
    # Each writes to stderr while the database is open; the rejected token is an error, and a traceback with -v.
    for line in ("token pagerduty nobody -v", "identity ls --user nobody", "service set pagerduty --client-id sandbox"):
        redirected(shell, line, redirection)
    files = [path for path in home.rglob("*") if path.is_file() and path.suffix != ".toml"]
    assert files
    for path in files:
        assert b"error:" not in path.read_bytes(), path
        assert b"Saved for" not in path.read_bytes(), path
    shell.good("everyauth service set pagerduty --client-id sandbox-client")
    assert shell.token() == before


@pytest.mark.slow
@pytest.mark.parametrize("line", ["token pagerduty", "token pagerduty --min-ttl 1s", "token pagerduty -v --min-ttl 1s"])
@pytest.mark.parametrize("redirection", ["2>&-", "<&- 2>&-", "2>/dev/full"])
def test_stdout_has_the_token_alone_where_stderr_is_closed_or_full(shell, line, redirection):
    assert redirected(shell, line, redirection) == Finished(0, shell.token() + "\n", "")
    assert redirected(shell, line.replace("pagerduty", "nosuch"), redirection) == Finished(3, "", "")


LINES = [
    "--version",
    "--help",
    "token pagerduty",
    "identity get me",
    "identity ls",
    "identity ls -o json",
    "service ls",
]


@pytest.mark.slow
@pytest.mark.parametrize("line", LINES)
def test_a_full_disk_behind_stdout_is_an_error(shell, line):
    done = redirected(shell, line, ">/dev/full")
    assert (done.code, done.out) == (1, "")
    assert FULL.removeprefix("error: ") in done.err
    assert "Traceback" not in done.err
    assert "Exception ignored" not in done.err
    # With both full, the exit code is all that can be said.
    assert redirected(shell, line, ">/dev/full 2>&1") == Finished(1, "", "")


@pytest.mark.slow
@pytest.mark.parametrize("line", LINES)
def test_a_reader_who_closes_the_pipe_gets_no_complaint_and_no_success(shell, line):
    assert redirected(shell, line, "| true") == Finished(1, "", "")


def test_a_child_gets_all_three_streams(everyauth, tmp_path):
    report = tmp_path / "streams"
    look = f'found=$(readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2); echo "$found" > {report}'
    start = "import subprocess; from everyauth_cli.__main__ import replace_closed_streams; replace_closed_streams()"
    code = f"{start}; subprocess.run(['/bin/sh', '-c', {look!r}])"
    command = f"{shlex.join([sys.executable, '-c', code])} <&- >&- 2>&-"
    subprocess.run(["bash", "-c", command], env=everyauth.environment(), check=True)
    assert report.read_text().splitlines() == ["/dev/null"] * 3


NAME = "Zo\u00eb \u0141"
ENCODINGS = {
    "ascii": {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    "latin-1": {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"},
    "cp1252": {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"},
    "C": {"LC_ALL": "C", "LANG": ""},
    "C without UTF-8": {"LC_ALL": "C", "LANG": "", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_stream_without_a_character_gets_an_escape_and_json_stays_json(everyauth, encoding):
    env = ENCODINGS[encoding]
    with sandbox_shell(everyauth) as shell:
        shell.log_in(NAME)
        shell.log_in("me", tags={"city": NAME})
        for line in ("identity ls", "identity ls --user nobody", "service ls", "--help", "service get 42-school"):
            done = redirected(shell, line, "", env)
            assert done.code == 0, done
        shown = redirected(shell, "identity ls", "", env).out.encode("latin-1")
        assert b"Zo" in shown
        for line in ("identity get pagerduty me", "identity get me", "identity ls -o json"):
            done = redirected(shell, line, "", env)
            # JSON is UTF-8 (RFC 8259 section 8.1), and so is ASCII.
            found = json.loads(done.out.encode("latin-1").decode())
            assert NAME in json.dumps(found, ensure_ascii=False)
        missing = redirected(shell, f"token pagerduty 'no {NAME}' -o json", "", env)
        assert missing.code in (2, 4)
        assert json.loads(missing.err.encode("latin-1").decode())["error"]["code"] in ("usage", "login_required")


@pytest.mark.parametrize(
    ("text", "code"), [(b"caf\xe9\n", 2), (b"\xff\xfe", 2), (b"\xef\xbb\xbfsecret\r\n", 0), (b"secret", 0)]
)
def test_a_secret_on_stdin_is_utf8_with_or_without_a_byte_order_mark(everyauth, text, code):
    env = everyauth.environment({**SEALED, "EVERYAUTH_STORE": "sqlite://"})
    argv = [*everyauth.argv, "service", "set", "pagerduty", "--client-id", "x", "--client-secret", "-"]
    done = subprocess.run(argv, env=env, input=text, capture_output=True, check=False)
    assert done.returncode == code, done
    assert (b"not text" in done.stderr) == bool(code)


@pytest.mark.slow
@pytest.mark.parametrize("variable", ["EVERYAUTH_HOME", "EVERYAUTH_PROFILE", "EVERYAUTH_STORE", "HOME"])
def test_bytes_in_the_environment_that_are_not_utf8_are_refused_by_name(everyauth, variable, tmp_path):
    env = {os.fsencode(k): os.fsencode(v) for k, v in everyauth.environment(SEALED).items()}
    if variable == "HOME":
        del env[b"EVERYAUTH_HOME"]
    env[variable.encode()] = os.fsencode(tmp_path) + b"/J\xfcrgen"
    for line in ("token pagerduty", "store status", "identity ls"):
        done = subprocess.run([*everyauth.argv, *line.split()], env=env, capture_output=True, check=False)
        assert (done.returncode, done.stdout) == (2, b""), done
        assert b"not UTF-8" in done.stderr
        assert (b"home directory" if variable == "HOME" else variable.encode()) in done.stderr
