"""Candidates for the next word, as the program prints them."""

import subprocess
import sys

import pytest
from peers.completions import FILES, HEAVY, ROOT, fill

from everyauth_cli.services.catalogue import Catalogue

pytestmark = pytest.mark.slow

SERVICES = {"acme", *Catalogue().names_and_presets()}


def services(start):
    return {name for name in SERVICES if name.startswith(start)}


@pytest.mark.parametrize("name", FILES)
def test_the_file_is_what_the_program_prints(everyauth, name):
    path = ROOT / "completions" / FILES[name]
    printed = everyauth("completion", name)
    assert (printed.code, printed.err) == (0, "")
    remedy = f"make it anew: everyauth completion {name} > completions/{path.name}"
    assert path.read_bytes() == printed.out.encode(), remedy


def test_help_shows_the_command_for_people_and_not_the_one_for_scripts(everyauth):
    shown = everyauth("--help").out
    assert "  completion " in shown
    assert "__complete" not in shown
    assert "install-completion" not in shown


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("lo", {"login", "logout"}),
        ("identity ", {"check", "get", "ls", "refresh", "rm", "show"}),
        ("-p work tok", {"token"}),
        ("token -p def", {"default"}),
        ("--version identity ", {"check", "get", "ls", "refresh", "rm", "show"}),
        ("login a", services("a")),
        ("login pagerduty --u", {"--user"}),
        ("login pagerduty --user u", {"user-123"}),
        ("login pagerduty --user=u", {"--user=user-123"}),
        ("login pagerduty --user user-123 --us", set()),
        ("--output ", {"pretty", "json"}),
        ("--output=j", {"--output=json"}),
        ("service ls -o ", {"pretty", "json"}),
        ("identity get b", {"bob", *services("b")}),
        ("identity get ", {"bob", "carol", "user-123", *SERVICES}),
        ("identity get pagerduty ", {"bob", "user-123"}),
        ("identity get pagerduty bob ", set()),
        ("identity get --service acme ", {"bob", "carol"}),
        ("identity get --user bob ", SERVICES),
        ("identity get --user bob acme ", set()),
        ("identity ls --user ", {"bob", "carol", "user-123"}),
        ("identity ls --service acme --user ", {"bob", "carol"}),
        ("token pagerduty ", {"bob", "user-123"}),
        ("logout pagerduty ", {"bob", "user-123"}),
        ("logout pagerduty bob --l", {"--local"}),
        ("token pagerduty -- ", {"bob", "user-123"}),
        ("token pagerduty -- -", set()),
        ("token pagerduty bob ", set()),
        ("token nowhere ", set()),
        ("token pagerduty --min-ttl 5m ", {"bob", "user-123"}),
        ("token pagerduty -p work ", {"worker"}),
        ("-p work token pagerduty ", {"worker"}),
        ("completion z", {"zsh"}),
        ("he", {"help"}),
        ("help sd", {"sdk"}),
        ("help st", {"status", "store"}),
        ("help sdk ", set()),
        ("store use ", set()),
        ("login --bogus ", SERVICES),
    ],
)
def test_candidates(ask, line, expected):
    assert set(ask(*line.split(" "))) == expected


def test_a_url_with_a_login_is_a_service_like_any(ask, home):
    url, late = "https://mcp.example/mcp?a=1&b='c'", "https://work.example"
    fill(home, {url: ["ann"]})
    fill(home, {late: ["ben"]}, profile="work")
    assert ask("token", "https:") == [url]
    assert ask("logout", url[:12]) == [url]
    assert set(ask("login", "")) == {url, *SERVICES}
    assert ask("token", "-p", "work", "ht") == [late]
    assert ask("token", url, "") == ["ann"]
    assert ask("token", "HTTPS://mcp.example:443/mcp?a=1&b='c'", "") == ["ann"]
    assert ask("identity", "ls", "--service", url, "--user", "") == ["ann"]
    assert ask("token", "https://other.example", "") == []
    assert ask("token", "https://me@[", "") == []


def test_the_profile_of_the_environment_counts(ask):
    assert ask("token", "pagerduty", "", env={"EVERYAUTH_PROFILE": "work"}) == ["worker"]


def test_each_candidate_has_a_description(everyauth, home):
    fill(home, {"pagerduty": ["bob"], "acme": ["bob"]})
    assert everyauth("__complete", "fish", "identity", "get", "bob").out == "bob\tacme, pagerduty\n"
    assert everyauth("__complete", "fish", "identity", "rm", "--y").out == "--yes\tDo not ask for confirmation.\n"
    assert everyauth("__complete", "fish", "sto").out == "store\tChoose where credentials are stored.\n"


def test_powershell_marks_the_word_at_the_cursor(ask):
    assert ask("token", "pagerduty", "=", shell="powershell") == ["bob", "user-123"]
    assert ask("token", "pagerduty", "=us", shell="powershell") == ["user-123"]


def test_unprintable_candidates_are_left_out(ask, home):
    fill(home, {"pagerduty": ["evil\x1b[2Jname", "two\nlines", "tab\tbed", "bidi\u202etxt"]})
    assert ask("token", "pagerduty", "") == ["bob", "user-123"]


BREAKAGES = {
    "a configuration that is not TOML": lambda home: (home / "config.toml").write_text("store = ["),
    "a store that is none": lambda home: (home / "config.toml").write_text('store = "gopher://x"'),
    "an index that is damaged": lambda home: (home / "index.db").write_bytes(b"no database " * 100),
    "an index that is a directory": lambda home: (home / "index.db").unlink() or (home / "index.db").mkdir(),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_breakage_is_silent(ask, home, breakage):
    BREAKAGES[breakage](home)
    assert ask("token", "pagerduty", "") == []
    # Services are known without a store, but not where the configuration cannot be read.
    assert ask("login", "pager") in ([], ["pagerduty"])
    assert ask("login", "pagerduty", "--us") == ["--user"]


def test_a_missing_store_is_not_made(everyauth, home):
    done = everyauth("__complete", "zsh", "identity", "get", "")
    assert (done.code, done.err) == (0, "")
    assert "pagerduty\t" in done.out
    assert not home.exists()


def test_the_store_may_be_another_file(ask, home, tmp_path):
    (home / "index.db").rename(tmp_path / "other.db")
    env = {"EVERYAUTH_STORE": f"sqlite://{tmp_path}/other.db"}
    assert ask("token", "acme", "", env=env) == ["bob", "carol"]


def test_nothing_heavy_is_imported(everyauth, ask):
    program = f"""if True:
        import sys
        from everyauth_cli.cli.main import run
        assert run(["__complete", "zsh", "token", "pagerduty", ""]) == 0
        print("heavy:", *(name for name in {HEAVY} if name in sys.modules))
    """
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=everyauth.directory,
        env=everyauth.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "bob\tpagerduty\nuser-123\tpagerduty\nheavy:\n"
