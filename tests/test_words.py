"""Reads the source and holds its language: the field's words in names and messages, and plain sentences."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatch

import pytest
import typer
from source import PACKAGE, ROOT, Module, read_package, read_tests

from everyauth_cli.cli.tree import tree

RELATIVE = re.compile(r"(What|Who|Whose|Whom|Which|How|That)\b")
OLD_KEYS = (
    "authorize_url|token_url|revoke_url|jwks_url|refresh_url|account_url|account_in_answer|client_auth|revoke_auth|"
    "revoke_body|revoke_as|revoke_tokens|authorize_params|iss_always|id_token_algorithms|default_life|code_life"
)
# A word that nobody of the field would use, and the word that says it.
PHRASES = {
    r"(the|an|its|no|one|this|each|every|another|whose) exchanges?": "request and response, or the token exchange",
    r"(the|an|its|no|one|this|each|every|another|whose) answers?": "response",
    r"halves|(public|secret) half": "metadata and secret",
    r"gone": "login required, revoked, deleted",
    r"stands?(?! in for)|standing|stood": "is, are; of a token: not revoked",
    r"life|lives on": "lifetime",
    r"that is held|held (here|now)": "stored",
    r"wanted": "selected, asked for",
    r"asked about": "checked",
    r"arrivals?": "the authorization response",
    r"ending|enders?": "revoke, revocation",
    r"keepers?|keepalive": "health check, scheduled refresh",
    r"rounds?|(by|take|takes|taking|whose) turns?": "batch, pacing",
    r"foreign text|text from outside": "sanitize",
    r"twins?": "async method",
    r"marks? of|taken login": "replay marker",
    r"(sealed|signed) notes?|notes? of": "CSRF token, flash message",
    r"fault of (everyauth|ours)": "internal error",
    r"(nothing|too much|who|what) matches|matches nothing": "not found or ambiguous",
    r"told|befalls?|befell": "say what happened to what",
    r"is there": "is given, exists",
    r"somebody|someone|anybody|nobody|whom": "name the actor",
    OLD_KEYS: "the name of RFC 8414, RFC 7591 or OpenID Connect",
}
ANY = re.compile(rf"(?<![\w-])({'|'.join(PHRASES)})(?![\w-])".replace(" ", r"\s+"), re.IGNORECASE)

NAMES = re.compile(
    "answers?|held|wanted|asked|told|said|gone|is_gone|standing|life|arrivals?|enders?|keepers?|"
    f"foreign_text|befalls?|notes?|rounds|turns?|{OLD_KEYS}"
)
PARTS = re.compile("wanted|gone|arrivals?|enders?|keepers?|keepalive|twins?|befalls?|told|halves|whom|life")

# Each exception: where, the text or the name, and the reason.
ALLOWED: list[tuple[str, str, str]] = [
    ("tests/test_words.py", "*", "lists the words"),
    ("everyauth_cli/services/old_keys.py", "RFC 8414", "the old keys, each with its new name"),
    ("everyauth_cli/__main__.py", "the name answer", "a verb: the short cut answers, or leaves it to the whole path"),
    (
        "everyauth_cli/cli/fast/answer.py",
        "the name answer",
        "a verb: the short cut answers, or leaves it to the whole path",
    ),
    ("tests/bench/login_apps.py", "the name authorize_url", "Authlib's name for it"),
    ("CHANGELOG.md", '"gone" in "', "the old name of what has changed"),
    ("CHANGELOG.md", '"standing" in "', "the old name of what has changed"),
]
# What the users of the package read, besides the messages in it.
DOCUMENTS = ["README.md", "SECURITY.md", "CHANGELOG.md", "CONTRIBUTING.md", "tests/bench/README.md"]
CATALOGUE = ["help", "setup", "expect"]
SUMMARY = 50


def beginnings(module: Module) -> Iterator[str]:
    """Docstrings that begin with a relative clause."""
    for text in module.documentation().values():
        if found := RELATIVE.match(text.value.lstrip()):
            yield module.at(text.lineno, f"a docstring begins with {found[0]}")


def messages(module: Module) -> Iterator[str]:
    """Words of the glossary's middle column in texts that are not docstrings."""
    for line, text in _texts(module):
        yield from (module.at(line, offence) for _, offence in wrong_words(text))


def explanations(module: Module) -> Iterator[str]:
    """The same words in docstrings and comments."""
    for text in module.documentation().values():
        yield from (module.at(text.lineno + line, offence) for line, offence in wrong_words(text.value))
    for line, text in module.comments():
        yield from (module.at(line, offence) for _, offence in wrong_words(text))


def names(module: Module) -> Iterator[str]:
    """Words of the glossary's middle column as names."""
    for node in module.nodes:
        for field in ("id", "attr", "arg", "name", "asname"):
            if isinstance(name := getattr(node, field, None), str) and _is_wrong(name):
                yield module.at(getattr(node, "lineno", 1), f"the name {name}")


def wrong_words(text: str) -> Iterator[tuple[int, str]]:
    """Find each wrong word, with the number of its line in the text, from 0."""
    for found in ANY.finditer(text):
        word = " ".join(found[0].split())
        around = " ".join(text[max(found.start() - 30, 0) : found.end() + 30].split())
        plainly = next(plain for phrase, plain in PHRASES.items() if re.fullmatch(phrase, word, re.IGNORECASE))
        yield text.count("\n", 0, found.start()), f'"{word}" in "{around}"; plainly: {plainly}'


def _texts(module: Module) -> Iterator[tuple[int, str]]:
    """Strings with their line; a formatted one is one text, with {} for each value."""
    formatted = [node for node in module.nodes if isinstance(node, ast.JoinedStr)]
    seen = {id(part) for node in formatted for part in node.values} | set(module.documentation())
    for node in formatted:
        yield node.lineno, "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    for node in module.nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in seen:
            yield node.lineno, node.value


def _is_wrong(name: str) -> bool:
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_")
    return bool(name == "Loopback" or NAMES.fullmatch(parts) or any(map(PARTS.fullmatch, parts.split("_"))))


def not_allowed(offences: Iterable[str], allowed: Iterable[tuple[str, str, str]] = ALLOWED) -> list[str]:
    """Return the offences that are not allowed."""
    return [offence for offence in offences if not any(_allows(entry, offence) for entry in allowed)]


def _allows(entry: tuple[str, str, str], offence: str) -> bool:
    where, text, _ = entry
    path, _, finding = offence.partition(":")
    return fnmatch(path, where) and (text == "*" or text in finding)


def _summaries(group: typer.core.TyperGroup, *words: str) -> Iterator[tuple[str, str]]:
    for name, command in group.commands.items():
        if not command.hidden:
            yield " ".join([*words, name]), (command.help or "").split("\n\n")[0].strip()
        yield from _summaries(command, *words, name) if hasattr(command, "commands") else ()


MODULES = read_package()
TESTS = read_tests()


def test_a_docstring_does_not_begin_with_a_relative_clause():
    found = not_allowed(offence for module in MODULES + TESTS for offence in beginnings(module))
    assert not found, "\n".join(found)


def test_messages_are_in_plain_words():
    found = not_allowed(offence for module in MODULES for offence in messages(module))
    assert not found, "\n".join(found)


def test_docstrings_and_comments_are_in_plain_words():
    found = not_allowed(offence for module in MODULES for offence in explanations(module))
    assert not found, "\n".join(found)


def test_every_exception_is_needed():
    checks = (beginnings, messages, explanations, names)
    found = [offence for module in MODULES + TESTS for check in checks for offence in check(module)]
    found += [
        f"{path}: {offence}" for path in DOCUMENTS for _, offence in wrong_words((ROOT / path).read_text("utf-8"))
    ]
    assert not [entry for entry in ALLOWED if not any(_allows(entry, offence) for offence in found)]


def test_names_are_the_field_s():
    found = not_allowed(offence for module in MODULES + TESTS for offence in names(module))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", [*DOCUMENTS, *(str(p.relative_to(ROOT)) for p in (ROOT / PACKAGE).rglob("*.[1-9]"))])
def test_documents_are_in_plain_words(path):
    text = (ROOT / path).read_text(encoding="utf-8")
    found = not_allowed(f"{path}:{line}: {offence}" for line, offence in wrong_words("\n" + text))
    assert not found, "\n".join(found)


def test_the_catalogue_is_in_plain_words():
    found = not_allowed(
        f"{path.relative_to(ROOT)}: {offence}"
        for path in sorted((ROOT / PACKAGE / "services").rglob("*.toml"))
        for text in shown(tomllib.loads(path.read_text(encoding="utf-8")))
        for _, offence in wrong_words(text)
    )
    assert not found, "\n".join(found)


def shown(entry: dict) -> Iterator[str]:
    """The texts of a catalogue entry that a user reads."""
    for key, value in entry.items():
        if isinstance(value, dict):
            yield from shown(value)
        elif key in CATALOGUE:
            yield from [value] if isinstance(value, str) else value


def test_the_summary_of_every_command_is_short():
    found = not_allowed(
        f"everyauth_cli/cli/: everyauth {words}: {summary!r} has {len(summary)} characters"
        for words, summary in _summaries(typer.main.get_command(tree()))
        if not 0 < len(summary) <= SUMMARY
    )
    assert not found, "\n".join(found)


OFFENCES: list[tuple[Callable[[Module], Iterator[str]], str]] = [
    (beginnings, "'''What came back.'''"),
    (beginnings, "def f():\n '''\n Whose it is.'''"),
    (beginnings, "X = 1\n'''How many at once.'''"),
    (messages, "raise ValueError('the grant is gone')"),
    (messages, "f(f'what {user} granted stands there')"),
    (messages, "f(f'the token of {user}'\n  ' is for nobody ' f'of {name}')"),
    (messages, "f('the ' 'answer was lost')"),
    (messages, "f('token_url is missing')"),
    (explanations, "def f():\n '''A sentence.\n\n The grant is gone.'''"),
    (explanations, "x = 1  # the answer was lost"),
    (names, "class Held: ..."),
    (names, "def _befalls(): ..."),
    (names, "f(wanted=1)"),
    (names, "from a import b as twins"),
    (names, "def test_what_is_gone(): ..."),
    (names, "answer = 1"),
    (names, "class NothingToldYet: ..."),
]


@pytest.mark.parametrize(("check", "source"), OFFENCES)
def test_an_offence_is_found(check, source):
    found = list(check(Module("model.py", source)))
    assert len(found) == 1
    assert re.match(r"everyauth_cli/model\.py:\d: ", found[0])


@pytest.mark.parametrize(
    ("check", "source"),
    [
        (beginnings, "'''Whatever came back.'''"),
        (beginnings, "def f():\n '''Return what came back.'''\n X = 'What'"),
        (messages, "'''The grant is gone.'''"),
        (messages, "f('the server did not answer; RFC 8693 token exchange, a standard lifetime')"),
        (messages, "f('on loopback', '--token-url', 'a half-open connection')"),
        (names, "token_endpoint_auth_method = lifetime = answered = foregone = 1"),
        (names, "def lock_is_held(): ..."),
    ],
)
def test_what_is_allowed_is_no_offence(check, source):
    assert list(check(Module("model.py", source))) == []


def test_an_exception_covers_its_file_and_text_alone():
    found = ['a.py:1: "gone" in "x"', 'a.py:1: "told" in "x"', 'b.py:1: "gone" in "x"']
    assert not_allowed(found, [("a.py", '"gone"', "a reason")]) == found[1:]
