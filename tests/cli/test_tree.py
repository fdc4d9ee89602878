"""Only the commands that a command line names are imported, and it is the same as with all of them."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer

from everyauth_cli.cli.tree import COMMANDS, tree

WHOLE = typer.main.get_command(tree())
LINES = [
    f"{name} {below}".strip()
    for name, command in WHOLE.commands.items()
    for below in ("", *getattr(command, "commands", ()))
]


def test_the_whole_tree_is_in_the_order_of_its_table():
    assert {name: list(getattr(command, "commands", ())) for name, command in WHOLE.commands.items()} == COMMANDS


@pytest.mark.slow
@pytest.mark.parametrize("line", LINES)
def test_help_is_as_in_the_whole_tree(everyauth, capsys, line):
    done = everyauth(*line.split(), "--help")
    assert WHOLE(args=[*line.split(), "--help"], prog_name="everyauth", standalone_mode=False) == 0
    assert (done.code, done.out, done.err) == (0, capsys.readouterr().out, "")


@pytest.mark.parametrize("line", ["--help", "-h", "-o pretty --help"])
def test_the_help_of_all_is_as_in_the_whole_tree(everyauth, capsys, line):
    done = everyauth(*line.split())
    assert WHOLE(args=["--help"], prog_name="everyauth", standalone_mode=False) == 0
    assert (done.code, done.out, done.err) == (0, capsys.readouterr().out, "")


@pytest.mark.parametrize("options", ["-p sandbox", "--profile=x -v", "-o json --verbose -p service", "-p"])
def test_options_before_a_command_do_not_hide_it(options):
    code = "import sys; from everyauth_cli.cli.tree import tree; tree(sys.argv[1:]); print(*sys.modules)"
    line = [*options.split(), *(["x"] if options == "-p" else []), "identity", "ls"]
    done = subprocess.run([sys.executable, "-c", code, *line], capture_output=True, text=True, check=True)
    modules = done.stdout.split()
    assert "everyauth_cli.cli.commands.identity.ls" in modules
    assert "everyauth_cli.cli.commands.identity.get" not in modules
    assert "everyauth_cli.cli.commands.service" not in modules


@pytest.mark.parametrize(
    "line", [name for name, below in COMMANDS.items() if not below] + [line for line in LINES if " " in line]
)
def test_a_command_imports_no_other_commands_module(line):
    group = line.split()[0]
    assert imported(line) == {group, line.replace(" ", ".").replace("-", "_")}


def imported(line):
    """The modules of commands, and the packages of groups, that the tree of a command line imports."""
    code = """if True:
        import sys
        from everyauth_cli.cli.tree import tree
        tree(sys.argv[1:])
        print(*(name.removeprefix("everyauth_cli.cli.commands.") for name in sys.modules if ".commands." in name))
    """
    done = subprocess.run([sys.executable, "-c", code, *line.split()], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_root_s_help_imports_no_command_of_a_group():
    assert imported("--help") == {name.replace("-", "_") for name in COMMANDS}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("identity gett", "No such command 'gett'. Did you mean 'get'?"),
        ("identiyt get", "No such command 'identiyt'. Did you mean 'identity', 'init'?"),
        ("identity ls a b", "Got unexpected extra argument(s) (b)"),
        ("identity ls --tenat x", "No such option: --tenat"),
        ("identity ls -o xml", "Invalid value for '-o' / '--output': 'xml' is not one of 'pretty', 'json'."),
        ("completion csh", "Invalid value for 'SHELL': 'csh' is not one of 'bash', 'zsh', 'fish', 'powershell'."),
        ("completion", "Missing argument 'SHELL'."),
        ("token", "Missing argument 'SERVICE'."),
        ("service log pagerduty --limit none", "Invalid value for '--limit': "),
        ("service log pagerduty --limit 0", "Invalid value for '--limit': "),
    ],
)
def test_a_line_that_cannot_be_parsed_is_a_usage_error(everyauth, line, message):
    done = everyauth(*line.split())
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: {message}")


@pytest.mark.parametrize("line", ["service ls", "service get pagerduty", "completion bash"])
def test_a_closed_output_is_no_error(everyauth, line):
    command = [*everyauth.argv, *line.split()]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *command],
        env=everyauth.environment(),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
