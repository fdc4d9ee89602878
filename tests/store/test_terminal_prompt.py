"""A back end of the keyring library that asks for a password at the terminal, as keyrings.cryptfile does."""

from __future__ import annotations

import os
import sys
import termios
import time

import pytest
from peers.terminal import terminal

pytestmark = pytest.mark.slow

READ = """
import sys
from contextlib import nullcontext
from peers import backends
from everyauth_cli.errors import StoreError
from everyauth_cli.store.keyring import library
library_items = library.LibraryItems(
    getattr(backends, sys.argv[1])(), lock=nullcontext, seconds=float(sys.argv[2]), prompt_seconds=float(sys.argv[3])
)
print("asking", flush=True)
try:
    print("read", library_items.read("name"))
except StoreError as error:
    print(error.code, error.message)
"""


def reading(backend: str, seconds: float, prompt_seconds: float, home):
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": os.pathsep.join(map(os.path.abspath, filter(None, sys.path))),
    }
    return terminal([sys.executable, "-c", READ, backend, str(seconds), str(prompt_seconds)], environment)


def echoes(shown) -> bool:
    return bool(shown.attributes[3] & termios.ECHO)


def test_a_person_has_the_time_of_a_prompt_to_type_the_password(tmp_path):
    with reading("Typed", 0.5, 20, tmp_path) as shown:
        shown.wait_for("Keyring password: ")
        time.sleep(1)
        shown.type("secret\n")
        shown.wait_for("read None")
        assert "secret" not in shown.shown


def test_a_password_that_is_not_typed_ends_in_time_and_the_terminal_echoes_again(tmp_path):
    with reading("Typed", 0.2, 0.8, tmp_path) as shown:
        shown.wait_for("asked for a password, and did not answer within 0.8 s")
        assert "store_locked" in shown.shown
        assert echoes(shown)


def test_a_back_end_that_hangs_without_asking_has_no_more_time_at_a_terminal(tmp_path):
    with reading("Hanging", 0.3, 20, tmp_path) as shown:
        shown.wait_for("did not answer within 0.3 s")


def test_the_terminal_echoes_again_after_ctrl_c(tmp_path):
    with reading("Typed", 0.5, 20, tmp_path) as shown:
        shown.wait_for("Keyring password: ")
        time.sleep(0.3)
        assert not echoes(shown)
        shown.type("\x03")
        shown.end()
        assert echoes(shown)
