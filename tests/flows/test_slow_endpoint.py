"""An endpoint that says nothing for longer than any other request may take, and then answers: the token is kept."""

from __future__ import annotations

import sys
import time

import pytest
from peers.served import stale_identity

from everyauth_cli.transport.sending import DEADLINE_SECONDS

SILENT = DEADLINE_SECONDS + 3
GIVES_UP = """
from everyauth_cli.errors import ServiceUnreachable
try:
    EveryAuth.from_env().get_identity("op")
except ServiceUnreachable:
    print("impatient", flush=True)
"""

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="POSIX")]


def test_what_comes_after_33_seconds_is_stored_by_a_command_and_by_a_program_that_gave_up(everyauth, tmp_path):
    elsewhere = type(everyauth)(tmp_path, tmp_path / "another-home")
    elsewhere.started = everyauth.started
    with stale_identity(everyauth) as one, stale_identity(elsewhere) as other:
        both = (one, other)
        for stale in both:
            stale.issuer.meanwhile = lambda: time.sleep(SILENT)
        command, program = one.start(), other.program(GIVES_UP)
        out, err = command.communicate(timeout=SILENT + 30)
        assert (command.returncode, out) == (0, "access-3\n")
        assert "Still waiting for op" in err
        # It gave up after 20 s, and its end waits for the response.
        out, err = program.communicate(timeout=SILENT + 30)
        assert (program.returncode, out, err) == (0, "impatient\n", "")
        for stale in both:
            stale.issuer.meanwhile = lambda: None
            assert stale.gives_a_token() == "access-3"
            assert stale.refreshes == 1
