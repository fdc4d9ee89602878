"""Apps see the types of the package, those of the async twins among them."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_a_strict_type_checker_accepts_what_apps_write_and_finds_what_is_wrong():
    apps = sorted((ROOT / "tests" / "apps").glob("*.py"))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--disable-error-code=import-untyped", *apps],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith(f"Success: no issues found in {len(apps)} source files"), done.stdout + done.stderr
