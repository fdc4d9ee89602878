"""Installs everyauth as users have it: a wheel of this checkout, in a virtual environment for the benchmark."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PINS = ROOT / "tests" / "requirements.txt"


def install(directory: Path) -> Path:
    """Install into `directory`, with the versions that the tests pin, and return its directory of programs.

    The wheel is built with the hatchling of the tests' environment, which runs this.
    """
    print("Installing everyauth from a wheel into a virtual environment of its own ...", file=sys.stderr)
    wheels, home = directory / "wheels", directory / "venv"
    run_pip(sys.executable, "wheel", "--no-deps", "--no-build-isolation", f"--wheel-dir={wheels}", ROOT)
    venv.create(home, with_pip=False, symlinks=True)
    run_pip(home / "bin" / "python", "install", "--compile", f"--constraint={PINS}", *wheels.iterdir())
    return home / "bin"


def run_pip(python: str | Path, *arguments: str | Path) -> None:
    """Run the pip of the Python that made the tests' environment on another environment, as `tests/run` does."""
    base = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    command = [base, "-m", "pip", f"--python={python}", "--disable-pip-version-check", "--quiet"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
