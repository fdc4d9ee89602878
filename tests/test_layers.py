"""Reads the source and holds its order: imports point one way, and each dependency has one home."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator

import pytest
from source import PACKAGE, ROOT, Module, cycle, read_package, read_tests

MAX_LINES = 350
MAX_ENTRIES = 27

# Values and encodings that everything may use; they import nothing of ours.
BASE = {"services/rules", "oauth/base64url", "oauth/grant", "store/forks", "store/owners", "store/whole_files"}
FOUNDATION = {"_version", "errors", "model", "private_files", "urls", "sanitize"} | BASE
LOWER = FOUNDATION | {"oauth", "services", "settings", "transport", "store", "event_log", "async_methods"}
# The layers that each part of the package may import, besides itself. A new part needs an entry here.
LAYERS = {
    "_version": set[str](),
    "errors": set[str](),
    "services/rules": set[str](),  # the parts of a Service, on which model builds
    "oauth/base64url": set[str](),
    "oauth/grant": set[str](),  # the parts of an Identity
    "store/forks": set[str](),  # the transport uses it
    "store/owners": set[str](),  # cli/fast uses it, so it raises no error of ours
    "store/whole_files": set[str](),
    "loopback": {"sanitize"},
    "async_methods": {"errors", "store", "flows"},
    "private_files": {"errors", "store/owners"},
    "os_keyring": set[str](),
    "model": {"errors", "urls"} | BASE,
    "urls": set[str](),
    "sanitize": {"model"},
    "oauth": BASE | {"errors", "model", "urls", "sanitize"},
    "services": BASE | {"errors", "model", "private_files", "urls"},
    "settings": BASE | {"errors", "model", "private_files", "os_keyring"},
    "transport": BASE | {"_version", "errors", "model", "sanitize", "settings", "urls"},
    "sender": {"model", "sanitize", "transport"},  # for those that import the transport late
    "pages": BASE | {"errors", "model", "urls"},
    "redirect": BASE | {"errors", "loopback", "model", "urls", "sanitize", "pages"},
    "store": BASE | {"errors", "model", "private_files", "sanitize", "os_keyring", "settings", "urls"},
    "event_log": BASE | {"errors", "model", "private_files", "sanitize", "store", "urls"},
    "flows": LOWER - {"transport", "async_methods"},
    "sandbox": BASE | {"errors", "loopback", "model", "urls", "sanitize", "pages", "services"},
    # For the tests of apps, and imported by nobody here: it holds an EveryAuth, so it is above the package.
    "sandbox/in_process": BASE | {"errors", "model", "sandbox", "transport"},
    "sandbox/pytest_plugin": LOWER | {"sandbox", "sandbox/in_process", "flows", "everyauth"},
    "bearer": BASE | {"errors", "model", "async_methods", "oauth", "store", "flows", "urls"},
    "everyauth": LOWER | {"flows", "bearer", "sender"},  # EveryAuth.from_env assembles the parts
    "web": LOWER - {"transport"} | {"flows", "everyauth", "pages"},
    "cli": LOWER | {"loopback", "os_keyring", "flows", "everyauth", "sender", "pages", "redirect", "sandbox"},
    "__init__": LOWER | {"flows", "everyauth"},
    "__main__": {"cli"},
}
HOMES = {
    "typer": ["cli/*"],
    "rich": ["cli/*"],
    "segno": ["cli/qr_code.py"],
    "google": ["bearer/google_auth.py"],
    "httpx2": ["bearer/httpx_auth.py"],
    "httpcore": ["transport/*"],
    "certifi": ["transport/certificates.py"],
    "httpx": ["bearer/httpx_auth.py"],  # it sends nothing itself: it signs an app's requests
    "keyring": ["store/keyring/library.py"],
    "jeepney": ["store/keyring/calls.py", "store/keyring/secret_service.py"],
    "cryptography": [
        "store/sealed/sealer.py",
        "cli/fast/sealed.py",
        "oauth/jose.py",
    ],  # the second decrypts with fewer imports
    "jinja2": ["pages/render.py"],
    "joserfc": ["oauth/jose.py", "sandbox/signing_keys.py"],
    "starlette": ["web/starlette.py"],
    "anyio": ["web/starlette.py"],
    "flask": ["web/flask.py"],
    "django": ["web/django.py"],
    "asgiref": ["web/django.py"],
    "platformdirs": ["settings.py"],
    "psycopg": ["store/postgres/*"],
    "pytest": ["sandbox/pytest_plugin.py"],
    "requests": ["bearer/requests_auth.py"],
    "tomli_w": ["settings.py", "services/*"],
}
# The second runs before settings.py, whose import alone takes longer than its whole work.
ENVIRONMENT_HOMES = ["settings.py", "cli/fast/records.py", "cli/login/surroundings.py"]
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
# What creates a file or directory, whose mode then is for private_files.py to choose.
CREATION = {"mkdir", "makedirs", "mkstemp", "mkdtemp", "NamedTemporaryFile", "write_text", "write_bytes", "touch"}
SERVICES = re.compile("pagerduty", re.IGNORECASE)
SERVICE_HOMES = ["services/*", "sandbox/dialects/*", "cli/commands/demo.py"]
UNFINISHED = re.compile(r"\b(TO[D]O|FIX[M]E)\b")


def _layer_of(module: Module) -> str:
    if (whole := module.path.removesuffix(".py")) in LAYERS:
        return whole
    return _layer(module.path.split("/")[0].removesuffix(".py"))


def _layer(part: str) -> str:
    return part


def _part(target: str) -> str:
    """The layer of an import target, given by its dotted name inside the package."""
    first, *more = target.split(".")
    whole = "/".join([first, *more[:1]])
    return whole if whole in LAYERS else _layer(first)


def layers(module: Module) -> Iterator[str]:
    """Find imports within the package that point the wrong way."""
    layer = _layer_of(module)
    if layer not in LAYERS:
        yield module.at(1, "has no place in the table of layers, LAYERS in tests/test_layers.py")
        return
    for line, target in module.imports():
        package, _, rest = target.partition(".")
        part = _part(rest)
        if package != PACKAGE or part == layer:
            continue
        if part not in LAYERS[layer]:
            yield module.at(line, f"{layer} may not import {target}")


def homes(module: Module) -> Iterator[str]:
    """Find third-party imports outside their home."""
    for line, target in module.imports():
        name = target.split(".")[0]
        if name == PACKAGE or name in sys.stdlib_module_names:
            continue
        if not module.lives_in(HOMES.get(name, [])):
            yield module.at(line, f"imports {target}, whose home is {HOMES.get(name, 'nowhere')}")


def environment(module: Module) -> Iterator[str]:
    """Find uses of the process environment outside its homes."""
    if module.lives_in(ENVIRONMENT_HOMES):
        return
    for node in module.nodes:
        match node:
            case ast.Attribute(value=ast.Name(id="os"), attr=name) if name in ENVIRONMENT:
                yield module.at(node.lineno, f"os.{name} is for settings.py")
            case ast.ImportFrom(module="os", names=names) if ENVIRONMENT & {alias.name for alias in names}:
                yield module.at(node.lineno, "the environment is for settings.py")


def files(module: Module) -> Iterator[str]:
    """Files and directories created with a mode that is not chosen in private_files.py."""
    if module.path == "private_files.py":
        return
    for node in module.nodes:
        match node:
            case ast.Attribute(attr=name) if name in CREATION:
                yield module.at(node.lineno, f"{name} is for private_files.py")
            case ast.Call(func=ast.Attribute(value=ast.Name(id="os"), attr="open")) if "O_CREAT" in ast.unparse(node):
                yield module.at(node.lineno, "os.open is for private_files.py")
            case (
                ast.Call(func=ast.Name(id="open"), args=[_, ast.Constant(value=str(mode)), *_], keywords=more)
                | ast.Call(func=ast.Attribute(attr="open"), args=[ast.Constant(value=str(mode)), *_], keywords=more)
            ) if set(mode) & set("wxa+") and "opener" not in {keyword.arg for keyword in more}:
                yield module.at(node.lineno, f"opened with {mode!r}, and not by open_private")


def _words(node: ast.AST) -> list[str]:
    """The names and strings of one node."""
    fields = ("id", "attr", "arg", "name", "asname", "value")
    return [text for field in fields if isinstance(text := getattr(node, field, None), str)]


def services(module: Module) -> Iterator[str]:
    """Find services named in code; docstrings and comments may name them as examples."""
    if module.lives_in(SERVICE_HOMES):
        return
    documentation = module.documentation()
    for node in module.nodes:
        if id(node) not in documentation and any(map(SERVICES.search, _words(node))):
            yield module.at(getattr(node, "lineno", 1), "names a service")


def size(module: Module) -> Iterator[str]:
    """Find files that are too long, and unfinished work."""
    lines = module.source.splitlines()
    if len(lines) > MAX_LINES:
        yield module.at(len(lines), f"is longer than {MAX_LINES} lines")
    yield from (module.at(number, line) for number, line in enumerate(lines, 1) if UNFINISHED.search(line))


CHECKS: list[Callable[[Module], Iterator[str]]] = [layers, homes, environment, files, services, size]
MODULES = read_package()
TESTS = read_tests()


def test_the_package_is_found():
    assert {"errors.py", "model.py"} <= {module.path for module in MODULES}


@pytest.mark.parametrize("check", CHECKS)
def test_the_package_keeps_its_order(check):
    offences = [offence for module in MODULES for offence in check(module)]
    assert not offences, "\n".join(offences)


def test_test_files_are_small_and_finished_too():
    offences = [offence for module in TESTS for offence in size(module)]
    assert not offences, "\n".join(offences)


def test_the_top_of_the_package_can_be_read_at_a_glance():
    entries = {path.name for path in (ROOT / PACKAGE).iterdir()} - {"__pycache__"}
    assert len(entries) <= MAX_ENTRIES, sorted(entries)


def test_no_import_cycles():
    assert not cycle(MODULES)


OFFENCES = [
    (layers, "oauth/code.py", "from everyauth_cli import store"),
    (layers, "oauth/code.py", "import everyauth_cli.settings"),
    (layers, "services/catalogue.py", "def f():\n from ..settings import read"),
    (layers, "model.py", "from .cli.terminal import Terminal"),
    (layers, "transport/sending.py", "from everyauth_cli import EveryAuth"),
    (layers, "redirect/server.py", "from importlib import import_module\nimport_module('everyauth_cli.store')"),
    (layers, "web/flask.py", "from everyauth_cli.cli.terminal import Terminal"),
    (layers, "flows/freshness.py", "import everyauth_cli.cli"),
    (layers, "sandbox/server.py", "from everyauth_cli.everyauth import EveryAuth"),
    (layers, "sandbox/server.py", "from everyauth_cli.sandbox import pytest_plugin"),
    (layers, "elsewhere.py", "pass"),
    (homes, "cli/commands/login.py", "def f():\n import httpx"),
    (homes, "store/sealed/records.py", "from keyring import get_password"),
    (homes, "transport/sending.py", "import requests"),
    (environment, "cli/main.py", "import os\nprint(os.environ['HOME'])"),
    (environment, "store/open.py", "from os import path, getenv"),
    (files, "store/open.py", "path.parent.mkdir(mode=0o700, parents=True)"),
    (files, "store/open.py", "import os\nos.open(path, os.O_WRONLY | os.O_CREAT, 0o600)"),
    (files, "cli/commands/store.py", "path.open('x')"),
    (files, "cli/commands/store.py", "open(path, 'ab')"),
    (files, "cli/commands/store.py", "path.write_text('key')"),
    (services, "everyauth.py", "SLOW = ['PagerDuty']"),
    (services, "cli/commands/login.py", "def pagerduty(): ..."),
    (services, "cli/commands/login.py", "url = f'https://pagerduty.com/{x}'"),
    (size, "model.py", "x = 1\n" * (MAX_LINES + 1)),
    (size, "model.py", "x = 1  # TO" + "DO"),
]


@pytest.mark.parametrize(("check", "path", "source"), OFFENCES)
def test_an_offence_is_found(check, path, source):
    found = list(check(Module(path, source)))
    assert len(found) == 1
    assert re.match(rf"everyauth_cli/{path}:\d+: ", found[0])


@pytest.mark.parametrize(
    ("check", "path", "source"),
    [
        (
            layers,
            "cli/commands/login.py",
            "from everyauth_cli import redirect\nfrom everyauth_cli._version import __version__",
        ),
        (layers, "store/table.py", "from .records import Record\nfrom ..model import RecordKey"),
        (layers, "flows/clients.py", "from everyauth_cli import store, event_log"),
        (layers, "__main__.py", "from everyauth_cli.cli import main"),
        (homes, "services/own.py", "import json, tomli_w"),
        (environment, "settings.py", "import os\nos.environ"),
        (
            files,
            "cli/commands/store.py",
            "path.open('rb')\nopen(path, 'x', opener=open_private)\nopen('a')\nself.open('')",
        ),
        (services, "model.py", "'''As in `everyauth login pagerduty`.'''\n# pagerduty"),
        (services, "services/quirks.py", "def pagerduty(): ..."),
    ],
)
def test_what_is_allowed_is_no_offence(check, path, source):
    assert list(check(Module(path, source))) == []


def test_a_cycle_is_found_even_through_functions():
    one = Module("store/one.py", "from everyauth_cli.store.two import x")
    two = Module("store/two.py", "def f():\n from everyauth_cli.store import one")
    assert set(cycle([one, two])) == {one.name, two.name}
