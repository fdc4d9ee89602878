"""Apps see the types of the package, those of the async twins among them."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_a_strict_type_checker_accepts_what_an_app_writes_and_finds_what_is_wrong():
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "tests/apps/typed_use.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("Success: no issues found in 1 source file"), done.stdout + done.stderr
