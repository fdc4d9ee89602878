"""Files and directories that cannot be read: the message, the exit code, and that nothing is lost."""

from __future__ import annotations

import os

import pytest
from peers.sandbox import sandbox_shell

pytestmark = pytest.mark.slow

NO_OVERRIDING = (
    "setpriv",
    "--bounding-set=-dac_override,-dac_read_search",
    "--inh-caps=-dac_override,-dac_read_search",
)


@pytest.fixture
def shell(everyauth):
    with sandbox_shell(everyauth) as shell:
        yield shell


@pytest.mark.parametrize(
    ("line", "text", "says"),
    [
        ("login pagerduty", "store = ", ["is not TOML", "correct it, or move it away"]),
        ("token pagerduty", "\udcff\udcfe", ["is not TOML", "correct it, or move it away"]),
        ("identity ls", "stroe = 'sqlite://'", ["unknown key stroe", "store, sealing_key, alert_command"]),
        ("service ls", "store = 1", ["store must be a text"]),
        ("store status", "store = 'mysql://x'", ["'mysql:...' is not a store", "keyring:"]),
        ("store status", "store = 'sqlite://x'", ["'sqlite:...' holds no absolute path", "three slashes"]),
        ("store status", "store = 'sqlite:///x?mode=ro'", ["'sqlite:...' holds more than a path", "%3F"]),
    ],
)
def test_the_error_for_a_corrupt_configuration_has_its_path(shell, line, text, says):
    shell.log_in()
    path = shell.command.home / "config.toml"
    path.write_text(text, errors="surrogateescape")
    if line == "store status":
        del shell.env["EVERYAUTH_STORE"]
    else:
        says = [*says, str(path)]
    shell.bad_both(f"everyauth {line}", 2, "configuration", *says)
    assert path.read_text(errors="surrogateescape") == text
    path.unlink()
    shell.env["EVERYAUTH_STORE"] = "sqlite://"
    assert shell.works(shell.token())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("authorization_endpoint = ", ["pagerduty.toml is not TOML", "correct it, or move it away"]),
        ('\ntoken_endpiont = "x"', ["pagerduty.toml:2: unknown key token_endpiont", "did you mean token_endpoint?"]),
        ("pkce = 1", ["pagerduty.toml:1: pkce = 1", "true or false"]),
        ('token_endpoint = "http://auth.example/t"', ["pagerduty.toml:1: token_endpoint", "https"]),
        (
            "[authorization_params]\nstate = 'x'",
            ["pagerduty.toml:2: authorization_params.state", "state belongs to the protocol"],
        ),
    ],
)
def test_the_error_for_a_corrupt_entry_has_its_path_and_line(shell, text, says):
    shell.log_in()
    token = shell.token()
    (shell.command.home / "services" / "pagerduty.toml").write_text(text)
    shell.bad_both("everyauth login pagerduty", 2, "configuration", *says)
    shell.bad("everyauth service get pagerduty", 2, *says)
    # What is held is handed out all the same, while it is fresh.
    assert shell.token() == token


def test_the_error_for_a_home_below_a_file_has_its_path(shell, tmp_path):
    (tmp_path / "file").touch()
    shell.env["EVERYAUTH_HOME"] = str(tmp_path / "file" / "home")
    for line in ("token pagerduty", "login pagerduty", "identity ls", "service set pagerduty --client-id x"):
        shown = shell.bad(f"everyauth {line}", 2, str(tmp_path / "file" / "home"), "Not a directory")
        assert "try: " in shown


def test_the_error_for_an_unreadable_directory_has_its_path(shell):
    shell.log_in()
    home = shell.command.home
    assert shell.works(shell.token())
    home.chmod(0)
    try:
        # The system's superuser reads everything unless it is told not to.
        shell.prefix = NO_OVERRIDING if os.geteuid() == 0 else ()
        for line in ("token pagerduty", "login pagerduty", "identity ls"):
            shell.bad_both(f"everyauth {line}", 2, "configuration", str(home), "Permission denied", "readable")
    finally:
        home.chmod(0o700)
    assert shell.works(shell.token())
