"""Candidates for the next word, as real shells show them."""

import subprocess
from contextlib import contextmanager

import pytest
from peers.completions import HOSTILE, ROOT
from peers.terminal import terminal

from everyauth_cli.cli.completion import quoted, split

pytestmark = pytest.mark.slow


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
def test_text_quoted_for_bash_is_read_back_by_bash(completing_shell, quote):
    written = [quote + quoted(user, quote) for user in HOSTILE]
    words = [word if word[1:].endswith(quote) else word + quote for word in written]
    lines = "\n".join(f"printf '%s\\0' {word}" for word in words)
    assert run_bash(lines, completing_shell("bash")) == HOSTILE


@pytest.mark.parametrize(
    ("line", "replaced", "expected"),
    [
        ("everyauth logi", "logi", ["login"]),
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
def test_bash_gets_its_candidates(completing_shell, line, replaced, expected):
    function = f"""
        source {ROOT}/completions/everyauth.bash
        COMP_LINE="$1 and more" COMP_POINT=${{#1}}
        _everyauth everyauth "$2"
        [ ${{#COMPREPLY[@]}} -eq 0 ] || printf '%s\\0' "${{COMPREPLY[@]}}"
    """
    assert run_bash(function, completing_shell("bash"), line, replaced) == expected


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
    ('"ban', "bang", "bang!bang"),
]
"""Text typed before a TAB, text shown after it, and the word that the command gets."""

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
def test_the_first_tab_completes_what_the_command_then_gets(completing_shell, name, typed, sign, word):
    with at_a_prompt(name, completing_shell(name)) as shown:
        shown.type(f"everyauth token pagerduty {typed}")
        shown.wait_for(typed[-1:])
        shown.shown = ""
        shown.type("\t")
        shown.wait_for(sign)
        # What was completed becomes the arguments of a command that shows them.
        shown.type("\x01printf '<%s>\\n' \n")
        shown.wait_for(f"<pagerduty>\n<{word}>\n")


@pytest.mark.parametrize("name", START)
def test_all_candidates_are_listed(completing_shell, name):
    with at_a_prompt(name, completing_shell(name)) as shown:
        shown.type("everyauth identity \t\t")
        for command in ("ls", "get", "rm"):
            shown.wait_for(command)
        assert ("Print a current credential as JSON." in shown.shown) == (name == "zsh")


def test_zsh_takes_the_script_from_a_source_line_too(completing_shell):
    with terminal(START["zsh"], completing_shell("zsh")) as shown:
        shown.type("autoload -Uz compinit; compinit -u -D; source <(everyauth completion zsh); PS1='rea''dy> '\n")
        shown.wait_for("ready> ")
        shown.type("everyauth logi\t")
        shown.wait_for("everyauth login")


def test_zsh_knows_the_file_by_its_first_line():
    assert (ROOT / "completions/_everyauth").read_text(encoding="utf-8").startswith("#compdef everyauth\n")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("everyauth log", {"login", "logout"}),
        ("everyauth login ac", {"accelo", "acme", "acuity-scheduling"}),
        ("everyauth login pagerduty --u", {"--user"}),
        ("everyauth login pagerduty --user=te", {"--user=team:red"}),
        ("everyauth --output ", {"json", "pretty"}),
        ("everyauth token pagerduty ", {"user-123", *HOSTILE}),
        ("everyauth token pagerduty 'a ", {"a b"}),
        (r"everyauth token pagerduty \$", {"$(touch pwned)"}),
        ("everyauth token nowhere ", set()),
    ],
)
def test_fish_gets_its_candidates(completing_shell, line, expected):
    env = completing_shell("fish") | {"LINE": line}
    script = f'source {ROOT}/completions/everyauth.fish; complete -C "$LINE"'
    argv = ["fish", "--no-config", "-c", script]
    done = subprocess.run(argv, cwd=env["HOME"], env=env, capture_output=True, encoding="utf-8", check=True)
    assert not done.stderr
    assert {line.split("\t")[0] for line in done.stdout.splitlines()} == expected
