"""Type checkers see the types of the package, those of the async methods too."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Of all that an app imports, Django alone comes without types.
CONFIG = """
[mypy]
strict = True
[mypy-django.*]
ignore_missing_imports = True
"""


@pytest.mark.slow
def test_a_strict_type_checker_accepts_what_apps_write_and_finds_what_is_wrong(tmp_path):
    config = tmp_path / "mypy.ini"
    config.write_text(CONFIG)
    apps = sorted((ROOT / "tests" / "apps").glob("*.py"))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", f"--config-file={config}", f"--cache-dir={tmp_path}", *apps],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith(f"Success: no issues found in {len(apps)} source files"), done.stdout + done.stderr
