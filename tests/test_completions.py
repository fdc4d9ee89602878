import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from peers.terminal import terminal

from everyauth_cli.cli.completion import quoted, split
from everyauth_cli.model import Key
from everyauth_cli.store.index_sqlite import SqliteIndex

ROOT = Path(__file__).resolve().parent.parent
FILES = {"bash": "everyauth.bash", "zsh": "_everyauth", "fish": "everyauth.fish", "powershell": "everyauth.ps1"}
HOSTILE = [
    "$(touch pwned)",
    "`touch pwned`",
    "a b",
    "x;touch pwned",
    "it's",
    'say "hi"',
    "back\\slash",
    "bang!bang",
    "glob*",
    "~root",
    "#1",
    "key=value",
    "team:red",
    "alice@example.com",
    "zoë",
    "雪",
    "end ",
]
ACME = 'authorize_url = "https://acme.example/authorize"\ntoken_url = "https://acme.example/token"\n'
HEAVY = ["httpx", "rich", "keyring", "cryptography", "asyncio", "ssl"]


@pytest.fixture
def ask(everyauth, home):
    """The candidates for a line, given as its words; the last one is where the cursor is."""
    fill(home, {"pagerduty": ["user-123", "bob"], "acme": ["carol", "bob"]})
    fill(home, {"pagerduty": ["worker"]}, profile="work")

    def candidates(*words, shell="zsh", env=None):
        done = everyauth("__complete", shell, *words, env=env)
        assert (done.code, done.err) == (0, "")
        return [line.split("\t")[0] for line in done.out.splitlines()]

    return candidates


@pytest.fixture
def shell(everyauth, home):
    """Makes an environment for a shell, with hostile users at one service and the command on its path."""
    fill(home, {"pagerduty": ["user-123", *HOSTILE], "acme": ["only"]})

    def environment(name):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")
        path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])  # noqa: PTH120
        # The file is a bait for what would be taken for a pattern.
        (everyauth.directory / "globbed").touch()
        return everyauth.environment({"PATH": path, "TERM": "dumb", "COLUMNS": "200", "LANG": "C.UTF-8"})

    yield environment
    assert not (everyauth.directory / "pwned").exists()


def fill(home, users, *, profile="default"):
    (home / "services").mkdir(parents=True, exist_ok=True)
    (home / "services" / "acme.toml").write_text(ACME, encoding="utf-8")
    index = SqliteIndex(home / "index.db")
    for service, names in users.items():
        for user in names:
            key = Key(profile=profile, kind="identity", service=service, tenant=user, user=user)
            index.write(key, {"id": f"idn-{user}"})


@pytest.mark.parametrize("name", FILES)
def test_the_file_is_what_the_program_prints(everyauth, name):
    path = ROOT / "completions" / FILES[name]
    printed = everyauth("completion", name)
    assert (printed.code, printed.err) == (0, "")
    remedy = f"make it anew: everyauth completion {name} > completions/{path.name}"
    assert path.read_bytes() == printed.out.encode(), remedy


def test_help_shows_the_one_command_and_not_what_scripts_ask(everyauth):
    shown = everyauth("--help").out
    assert "  completion " in shown
    assert "__complete" not in shown
    assert "install-completion" not in shown


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("lo", {"login"}),
        ("identity ", {"ls", "get", "rm"}),
        ("-p work tok", {"token"}),
        ("--version identity ", {"ls", "get", "rm"}),
        ("login a", {"acme"}),
        ("login pagerduty --u", {"--user"}),
        ("login pagerduty --user u", {"user-123"}),
        ("login pagerduty --user=u", {"--user=user-123"}),
        ("login pagerduty --user user-123 --us", set()),
        ("--output ", {"pretty", "json"}),
        ("--output=j", {"--output=json"}),
        ("service ls -o ", {"pretty", "json"}),
        ("identity get b", {"bob"}),
        ("identity get ", {"acme", "pagerduty", "bob", "carol", "user-123"}),
        ("identity get pagerduty ", {"bob", "user-123"}),
        ("identity get pagerduty bob ", set()),
        ("identity get --service acme ", {"bob", "carol"}),
        ("identity get --user bob ", {"acme", "pagerduty"}),
        ("identity get --user bob acme ", set()),
        ("identity ls --user ", {"bob", "carol", "user-123"}),
        ("identity ls --service acme --user ", {"bob", "carol"}),
        ("token pagerduty ", {"bob", "user-123"}),
        ("token pagerduty -- ", {"bob", "user-123"}),
        ("token pagerduty -- -", set()),
        ("token pagerduty bob ", set()),
        ("token nowhere ", set()),
        ("token pagerduty --min-ttl 5m ", {"bob", "user-123"}),
        ("token pagerduty -p work ", {"worker"}),
        ("-p work token pagerduty ", {"worker"}),
        ("completion z", {"zsh"}),
        ("store use ", set()),
        ("login --bogus ", {"acme", "pagerduty"}),
    ],
)
def test_what_may_come_next(ask, line, expected):
    assert set(ask(*line.split(" "))) == expected


def test_the_profile_of_the_environment_counts(ask):
    assert ask("token", "pagerduty", "", env={"EVERYAUTH_PROFILE": "work"}) == ["worker"]


def test_each_candidate_comes_with_what_it_is(everyauth, home):
    fill(home, {"pagerduty": ["bob"], "acme": ["bob"]})
    assert everyauth("__complete", "fish", "identity", "get", "b").out == "bob\tacme, pagerduty\n"
    assert everyauth("__complete", "fish", "identity", "rm", "--y").out == "--yes\tDo not ask.\n"
    assert everyauth("__complete", "fish", "sto").out == "store\tWhere credentials are kept.\n"


def test_powershell_marks_the_word_at_the_cursor(ask):
    assert ask("token", "pagerduty", "=", shell="powershell") == ["bob", "user-123"]
    assert ask("token", "pagerduty", "=us", shell="powershell") == ["user-123"]


def test_what_a_terminal_cannot_show_is_left_out(ask, home):
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
    assert ask("login", "pagerduty", "--us") == ["--user"]


def test_a_store_that_is_not_there_is_not_made(everyauth, home):
    done = everyauth("__complete", "zsh", "identity", "get", "")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("pagerduty\t")
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
        [sys.executable, "-c", program], env=everyauth.environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout == "bob\tpagerduty\nuser-123\tpagerduty\nheavy:\n"


@pytest.mark.parametrize(
    ("line", "words", "quote"),
    [
        ("", [""], ""),
        ("login ", ["login", ""], ""),
        ("login  a", ["login", "a"], ""),
        (r"a\ b c\;d", ["a b", "c;d"], ""),
        ("'a b' 'c", ["a b", "c"], "'"),
        ("it'", ["it"], "'"),
        (r"'a'\''b'", ["a'b"], ""),
        (r'"a\"b \$c \d', [r'a"b $c \d'], '"'),
        ('"a"b"c"', ["abc"], ""),
        (r'"a' + "\\", ["a"], '"'),
        ("a\\", ["a"], ""),
        ("--user=a", ["--user=a"], ""),
        ("'' ", ["", ""], ""),
    ],
)
def test_a_line_of_bash_is_read(line, words, quote):
    assert split(line) == (words, quote)


@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_what_is_quoted_for_bash_is_read_back_by_bash(shell, quote):
    written = [quote + quoted(user, quote) for user in HOSTILE]
    words = [word if word[1:].endswith(quote) else word + quote for word in written]
    lines = "\n".join(f"printf '%s\\0' {word}" for word in words)
    assert run_bash(lines, shell("bash")) == HOSTILE


@pytest.mark.parametrize(
    ("line", "replaced", "expected"),
    [
        ("everyauth lo", "lo", ["login"]),
        ("everyauth login pagerduty --u", "--u", ["--user"]),
        ("everyauth token acme ", "", ["only"]),
        ("everyauth token pagerduty a", "a", [r"a\ b", "alice@example.com"]),
        (r"everyauth token pagerduty \$", r"\$", [r"\$\(touch\ pwned\)"]),
        ("everyauth token pagerduty '$", "$", ["$(touch pwned)"]),
        ("everyauth token pagerduty glo", "glo", [r"glob\*"]),
        # readline replaces what follows the last of COMP_WORDBREAKS.
        ("everyauth token pagerduty alice@", "@", ["@example.com"]),
        ("everyauth token pagerduty team:", "", ["red"]),
        ("everyauth login pagerduty --user=te", "te", ["team:red"]),
        ("everyauth token pagerduty zo", "zo", ["zoë"]),
        ("everyauth token nowhere ", "", []),
    ],
)
def test_bash_gets_its_answer(shell, line, replaced, expected):
    function = f"""
        source {ROOT}/completions/everyauth.bash
        COMP_LINE="$1 and more" COMP_POINT=${{#1}}
        _everyauth everyauth "$2"
        [ ${{#COMPREPLY[@]}} -eq 0 ] || printf '%s\\0' "${{COMPREPLY[@]}}"
    """
    assert run_bash(function, shell("bash"), line, replaced) == expected


def run_bash(script, env, *arguments):
    done = subprocess.run(
        ["bash", "--norc", "-uc", script, "bash", *arguments],
        cwd=env["HOME"],
        env=env,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert not done.stderr
    return done.stdout.split("\0")[:-1]


TYPED = [
    ("us", "user-123", "user-123"),
    (r"a\ ", "b ", "a b"),
    (r"\$", "pwned", "$(touch pwned)"),
    (r"\`", "pwned", "`touch pwned`"),
    ("it", "s ", "it's"),
    ("'a ", "b' ", "a b"),
    (r'"\$', "pwned", "$(touch pwned)"),
    ("alice@", "example.com", "alice@example.com"),
    ("x", "pwned", "x;touch pwned"),
    ("zo", "ë", "zoë"),
]
"""What is typed and then a TAB, what is shown then, and the word that the command gets."""

START = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
}
SET_UP = {
    "bash": "source {completions}/everyauth.bash; bind 'set enable-bracketed-paste off'",
    "zsh": "fpath=({completions} $fpath); autoload -Uz compinit; compinit -u -D; unset zle_bracketed_paste",
}


@contextmanager
def at_a_prompt(name, env, completions=ROOT / "completions"):
    """A real shell in which nothing was completed yet."""
    with terminal(START[name], env) as shown:
        shown.type(f"cd; {SET_UP[name].format(completions=completions)}; PS1='rea''dy> '\n")
        shown.wait_for("ready> ")
        yield shown


@pytest.mark.parametrize("name", START)
@pytest.mark.parametrize(("typed", "sign", "word"), TYPED)
def test_the_first_tab_completes_what_the_command_then_gets(shell, name, typed, sign, word):
    with at_a_prompt(name, shell(name)) as shown:
        shown.type(f"everyauth token pagerduty {typed}")
        shown.wait_for(typed[-1:])
        shown.shown = ""
        shown.type("\t")
        shown.wait_for(sign)
        # What was completed becomes the arguments of a command that shows them.
        shown.type("\x01printf '<%s>\\n' \n")
        shown.wait_for(f"<pagerduty>\n<{word}>\n")


@pytest.mark.parametrize("name", START)
def test_all_that_is_possible_is_listed(shell, name):
    with at_a_prompt(name, shell(name)) as shown:
        shown.type("everyauth identity \t\t")
        for command in ("ls", "get", "rm"):
            shown.wait_for(command)
        assert ("Print a current credential as JSON." in shown.shown) == (name == "zsh")


def test_zsh_takes_the_script_from_a_source_line_too(shell):
    with terminal(START["zsh"], shell("zsh")) as shown:
        shown.type("autoload -Uz compinit; compinit -u -D; source <(everyauth completion zsh); PS1='rea''dy> '\n")
        shown.wait_for("ready> ")
        shown.type("everyauth log\t")
        shown.wait_for("everyauth login")


def test_zsh_knows_the_file_by_its_first_line():
    assert (ROOT / "completions/_everyauth").read_text(encoding="utf-8").startswith("#compdef everyauth\n")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("everyauth log", {"login"}),
        ("everyauth login ", {"acme", "pagerduty"}),
        ("everyauth login pagerduty --u", {"--user"}),
        ("everyauth login pagerduty --user=te", {"--user=team:red"}),
        ("everyauth --output ", {"json", "pretty"}),
        ("everyauth token pagerduty ", {"user-123", *HOSTILE}),
        ("everyauth token pagerduty 'a ", {"a b"}),
        (r"everyauth token pagerduty \$", {"$(touch pwned)"}),
        ("everyauth token nowhere ", set()),
    ],
)
def test_fish_gets_its_answer(shell, line, expected):
    env = shell("fish") | {"LINE": line}
    script = f'source {ROOT}/completions/everyauth.fish; complete -C "$LINE"'
    argv = ["fish", "--no-config", "-c", script]
    done = subprocess.run(argv, cwd=env["HOME"], env=env, capture_output=True, encoding="utf-8", check=True)
    assert not done.stderr
    assert {answer.split("\t")[0] for answer in done.stdout.splitlines()} == expected
