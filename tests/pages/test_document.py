import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from everyauth_cli.pages import document
from everyauth_cli.pages.document import Frame
from everyauth_cli.pages.form import form_page
from everyauth_cli.pages.result import Result, result_page

NASTY = "<script>alert(1)</script>\"'&"
RESULT = result_page(
    Result(good=True, title=NASTY, text=NASTY, detail=NASTY, next_step=NASTY, command=NASTY, link=(NASTY, NASTY))
)
FAILURE = result_page(Result(good=False, title="Denied", text="No."))
FORM = form_page(
    title=NASTY,
    text=NASTY,
    items=[NASTY],
    fields={NASTY: NASTY},
    inputs=[(NASTY, NASTY, NASTY)],
    buttons=[(NASTY, NASTY, NASTY)],
)
ALL = [RESULT, FAILURE, FORM]


class Reader(HTMLParser):
    """Collects what a page holds, as a browser would read it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.inline: dict[str, list[str]] = {"style": [], "script": []}
        self._tag = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._tag = tag

    def handle_endtag(self, tag):
        self._tag = ""

    def handle_data(self, data):
        if self._tag in self.inline:
            self.inline[self._tag].append(data)
        else:
            self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def policy(headers) -> dict[str, list[str]]:
    parts = (directive.split() for directive in headers["content-security-policy"].split(";"))
    return {name: sources for name, *sources in parts}


def test_what_comes_from_outside_is_text():
    page = Reader(RESULT)
    assert page.inline["script"] == [document.SCRIPT]
    assert page.text.count(NASTY) == 7  # in <title> and for each field


def test_a_page_says_whose_it_is():
    pages = {frame: Reader(result_page(Result(good=True, title="Done", text="Yes."), frame=frame)) for frame in Frame}
    assert "everyauth, on this computer" in pages[Frame.computer].text
    assert "SANDBOX" in pages[Frame.sandbox].text
    assert [frame for frame, page in pages.items() if "everyauth" in page.text] == [Frame.computer, Frame.sandbox]


def test_what_comes_from_outside_is_text_in_a_form():
    page = Reader(FORM)
    assert page.inline["script"] == []
    hidden, shown = page.named("input")
    assert (hidden["type"], hidden["name"], hidden["value"]) == ("hidden", NASTY, NASTY)
    assert (shown["name"], shown["value"]) == (NASTY, NASTY)
    assert [(button["name"], button["value"]) for button in page.named("button")] == [(NASTY, NASTY)]


@pytest.mark.parametrize("page", ALL)
def test_hashes_of_the_policy_are_those_of_the_content(page):
    directives = policy(document.HEADERS)
    inline = Reader(page).inline
    assert [source(style) for style in inline["style"]] == directives["style-src"]
    assert [source(script) for script in inline["script"]] in ([], directives["script-src"])


@pytest.mark.parametrize("page", ALL)
def test_nothing_is_loaded_from_elsewhere(page):
    assert not re.search(r"url\(|@import|https?:|//", page)
    for tag, attributes in Reader(page).tags:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base"}
        # A link is followed by the person alone.
        assert not {"src", "href", "srcset", "style", "action"} & set(attributes) - ({"href"} if tag == "a" else set())
        assert not [name for name in attributes if name.startswith("on")]


@pytest.mark.parametrize("page", ALL)
def test_is_accessible(page):
    read = Reader(page)
    assert page.startswith("<!doctype html>")
    assert read.named("html") == [{"lang": "en"}]
    assert len(read.named("main")) == len(read.named("h1")) == len(read.named("title")) == 1
    assert [svg["aria-hidden"] for svg in read.named("svg")] == ["true"]


def test_only_a_result_leaves_no_code_in_the_address_bar():
    assert document.SCRIPT == 'history.replaceState(null, "", location.pathname)'
    assert document.SCRIPT in FAILURE
    assert document.SCRIPT not in FORM


def test_what_is_not_said_takes_no_place():
    for kind in ("detail", "next"):
        assert f'class="{kind}"' not in FAILURE
        assert f'class="{kind}"' in RESULT
    assert "<pre>" not in FAILURE


def test_each_command_is_a_block_that_can_be_copied_as_it_is():
    commands = ["everyauth store status", "everyauth login op --user 'ann  lee'"]
    page = result_page(Result(good=False, title="x", text="y", command="\n".join(commands)))
    shown = re.findall(r"<pre>(.*)</pre>", page)
    assert [Reader(block).text for block in shown] == commands


def test_headers():
    assert document.HEADERS["content-type"] == "text/html; charset=utf-8"
    assert document.HEADERS["cache-control"] == "no-store"
    assert document.HEADERS["referrer-policy"] == "no-referrer"
    assert document.HEADERS["x-content-type-options"] == "nosniff"
    directives = policy(document.HEADERS)
    for name in ("default-src", "base-uri", "frame-ancestors", "form-action"):
        assert directives[name] == ["'none'"]


def test_form_may_be_redirected_to_its_targets_only():
    directives = policy(document.page_headers(["http://127.0.0.1:28282/callback/some?a=b"]))
    assert directives["form-action"] == ["'self'", "http://127.0.0.1:28282"]


def _luminance(colour: str) -> float:
    digits = colour * 2 if len(colour) == 3 else colour
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("front", "back"),
    [
        ("text", "card"),
        ("text", "page"),
        ("soft", "card"),
        ("accent", "card"),
        ("accent-text", "accent"),
        ("good", "card"),
        ("bad", "card"),
    ],
)
def test_contrast_is_enough_to_read(front, back, mode):
    colours = {name: re.findall(rf"--{name}: #([0-9a-f]+);", document.STYLE.css)[mode] for name in (front, back)}
    light, dark = sorted((_luminance(colour) for colour in colours.values()), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5  # WCAG 2 section 1.4.3
