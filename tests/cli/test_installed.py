"""Completion scripts and manual pages in an installation, an editable one too."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from bench.installed import run_pip
from peers.completions import FILES, ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=[[ROOT], ["--editable", ROOT]], ids=["wheel", "editable"])
def prefix(request, tmp_path_factory):
    """Install the checkout into an environment of its own, which has all else from the tests' environment."""
    made = tmp_path_factory.mktemp("installed")
    venv.create(made, with_pip=False, symlinks=True)
    site = made / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)
    # The last in the alphabet, so that its everyauth comes last too.
    (site / "zz_tests.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    run_pip(made / "bin" / "python", "install", "--no-deps", "--no-build-isolation", *request.param)
    return made


@pytest.mark.parametrize("shell", FILES)
def test_completion_prints_the_file_of_the_shell(prefix, shell):
    done = subprocess.run([prefix / "bin" / "everyauth", "completion", shell], capture_output=True, check=True, cwd="/")
    assert done.stdout == script(shell)


def test_files_are_where_shells_and_man_look(prefix):
    share = prefix / "share"
    assert (share / "bash-completion/completions/everyauth").read_bytes() == script("bash")
    assert (share / "zsh/site-functions/_everyauth").read_bytes() == script("zsh")
    assert (share / "fish/vendor_completions.d/everyauth.fish").read_bytes() == script("fish")
    assert (share / "everyauth/everyauth.ps1").read_bytes() == script("powershell")
    assert (share / "man/man1/everyauth.1").read_bytes() == (ROOT / "everyauth_cli/cli/everyauth.1").read_bytes()


def script(shell):
    return (ROOT / "completions" / FILES[shell]).read_bytes()
