"""Manual pages, made from templates, commands and topics: `python -m everyauth_cli.cli.man everyauth.1` prints one."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from typer.main import get_command

from everyauth_cli.cli.help import UNBREAKABLE, CommandHelp, ParameterHelp
from everyauth_cli.cli.topics import TOPICS
from everyauth_cli.cli.topics.text import BREAK, EXAMPLE, TERM, blocks, topic_text
from everyauth_cli.cli.tree import tree
from everyauth_cli.cli.typer_internals import command_tree


def everyauth_1() -> str:
    """Return the page of the command as roff; it has no date and no version, so it changes only with the commands."""
    root, *commands = command_tree(get_command(tree()), "everyauth")
    common = {name for param in root.parameters for name in param.names}
    return page(
        "everyauth.1",
        headline=_headline(root),
        options=_parameters(root.parameters),
        commands=(line for command in commands for line in _command(command, common)),
        examples=_examples(root),
        **{topic: topic_text(topic) for topic in TOPICS},
    )


def everyauth_services_5() -> str:
    """Return the page of the service files, made from the table of their keys."""
    return page("everyauth-services.5", **{topic: topic_text(topic) for topic in TOPICS})


def page(name: str, **parts: str | Iterable[str]) -> str:
    """Return a page as roff, from its template NAME.in and the parts that the template names: text or lines of roff.

    In a template `# ` begins a section, a line that begins with `: ` explains the one before it and ends in two spaces
    where the next is not joined with it, lines indented by four are kept as they are, `x` is bold and <x> is in
    italics.
    """
    template = (Path(__file__).parent / f"{name}.in").read_text(encoding="utf-8")
    texts = {key: value for key, value in parts.items() if isinstance(value, str)}
    lines = {f"{{{key}}}": value for key, value in parts.items() if not isinstance(value, str)}
    for key, text in texts.items():
        template = template.replace(f"{{{key}}}", text)
    return "\n".join([f'.\\" Made by python -m everyauth_cli.cli.man {name}', *_roff_lines(template, lines)]) + "\n"


PAGES: dict[str, Callable[[], str]] = {"everyauth.1": everyauth_1, "everyauth-services.5": everyauth_services_5}


def _roff_lines(template: str, parts: Mapping[str, Iterable[str]]) -> Iterator[str]:
    after_text = False
    for block in blocks(template):
        if block.startswith((".TH ", "# ")):
            # Names and commands would be hyphenated.
            yield from [".nr HY 0", block] if block.startswith(".") else [f".SH {roff(block[2:])}"]
        elif block in parts:
            yield from parts[block]
        elif found := TERM.fullmatch(block):
            yield from _term(found["term"], found["about"])
        else:
            yield from [".PP"] * after_text
            yield from _example(block) if block.startswith(EXAMPLE) else map(roff, block.splitlines())
        after_text = not block.startswith((".TH ", "# "))


def _term(term: str, about: str) -> Iterator[str]:
    """A term in bold, with what it holds a place for in italics, and its explanation."""
    yield from (".TP", roff(re.sub(r"[^<>]+(?![^<]*>)", r"`\g<0>`", term)))
    for at, part in enumerate(about.split(BREAK)):
        yield from [".br"] * bool(at)
        yield from map(roff, part.splitlines())


def _command(command: CommandHelp, common: set[str]) -> Iterator[str]:
    own = [param for param in command.parameters if not common.intersection(param.names)]
    options = ["[OPTIONS]"] * any(param.names for param in own)
    words = ["COMMAND" * bool(command.commands), *(param.usage for param in own), *options]
    yield f".SS {roff(' '.join(filter(None, (command.path, *map(_placeholders, words)))))}".replace(UNBREAKABLE, " ")
    for at, paragraph in enumerate(command.about.split("\n\n")):
        yield from [".PP"] * bool(at)
        yield from map(roff, paragraph.splitlines())
    yield from _parameters(own)
    yield from _examples(command)


def _parameters(params: Iterable[ParameterHelp]) -> Iterator[str]:
    for param in params:
        names = ", ".join(f"`{name}`" for name in param.names)
        yield from (".TP", roff(f"{names} {_placeholders(param.metavar)}".strip()), roff(param.about))


def _placeholders(text: str) -> str:
    return re.sub(r"(?<![-\w])[A-Z][A-Z_-]*(?![-\w])", r"<\g<0>>", text)


def _examples(command: CommandHelp) -> Iterator[str]:
    for line in command.examples:
        if line.startswith("# "):
            yield from (".PP", roff(f"{line[2:]}:"))
        else:
            yield from (".PP", *_example(line))


def _example(text: str) -> Iterator[str]:
    yield from (".RS 4", ".EX", *(roff(line.removeprefix(EXAMPLE)) for line in text.splitlines()), ".EE", ".RE")


def roff(text: str) -> str:
    """Return a line of text as roff: a text in backquotes is bold, one in <> is in italics."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    text = re.sub(r"`([^`]*)`", r"\\fB\1\\fR", text)
    text = re.sub(r"<([A-Za-z_-]+)>", r"\\fI\1\\fR", text)
    return re.sub(r"^\.", r"\\&.", text)


def _headline(root: CommandHelp) -> str:
    """The summary of the program as NAME has it: no capital, no full stop."""
    return root.summary[0].lower() + root.summary[1:].removesuffix(".")


if __name__ == "__main__":
    print(PAGES[sys.argv[1]](), end="")  # noqa: T201 - to a file, when the page is made anew
