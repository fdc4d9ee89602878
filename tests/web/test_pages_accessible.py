"""axe-core finds nothing on any page, in both colour schemes, and the keyboard reaches all of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
from peers.chromium import click, enter, fill
from peers.web_apps import NAME, PAGE, PREFIX
from peers.web_servers import another_site, serving

from everyauth_cli.oauth.grant import EndedGrant
from everyauth_cli.pages.document import Frame
from everyauth_cli.pages.form import form_page
from everyauth_cli.pages.result import Result, result_page
from everyauth_cli.store.identities import key_of, read_identity, save_identity
from everyauth_cli.web import ConnectionsPage

pytestmark = pytest.mark.slow

ANN = "ann@example.com"
RESULTS = [
    Result(
        good=good,
        title="A title",
        text="A text.",
        detail="A detail",
        next_step="Now type:",
        command="everyauth login x\neveryauth token x",
        link=("/again", "Start again"),
    )
    for good in (True, False)
]
CONSENT = form_page(
    title="Allow?",
    text="An app asks.",
    items=["a:read", "b:write"],
    fields={"transaction": "x"},
    inputs=[("user", "Sign in as", ANN)],
    buttons=[("decision", "allow", "Allow"), ("decision", "deny", "Deny")],
    frame=Frame.sandbox,
)
PAGES = {
    **{f"{frame}-{result.good}": result_page(result, frame=frame) for frame in Frame for result in RESULTS},
    "consent": CONSENT,
}
LOOK = ConnectionsPage(title="Connected apps", purposes={NAME: "Posts your alerts"}, accent="#ffe01b")


@pytest.fixture
def url(world) -> Iterator[str]:
    """The URL of a page with a connection in each state."""
    services = {NAME: PREFIX, "github": "/connect/github", "slack": "/connect/slack"}
    with serving("flask", world, services=services, page=LOOK) as base_url:
        for service in (NAME, "github", "linear"):
            world.log_in(service, "user-123", account=ANN)
        _end(world, "github")
        _end(world, "linear")
        yield base_url + PAGE


def _end(world, service) -> None:
    key = key_of(world.auth.profile, world.auth.find_one("user-123", service=service))
    stored = read_identity(world.auth.store, key)
    ended = replace(stored.identity, login_required=EndedGrant(since=1, reason="x"))
    save_identity(world.auth.store, key, replace(stored, identity=ended))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_found_on_results_and_forms(chromium, scheme):
    found = {}
    with ExitStack() as sites:
        for name, html in PAGES.items():
            address = sites.enter_context(another_site("/", "text/html", html))
            found[name] = chromium.visit(address, scheme=scheme, axe=True).findings
    assert not any(found.values()), found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize(
    "steps",
    [[], [click("Disconnect PagerDuty")], [click("Disconnect PagerDuty"), click("Disconnect")]],
    ids=["list", "question", "notice"],
)
def test_nothing_is_found_on_the_connections(chromium, url, steps, width, scheme):
    page = chromium.visit(url, *steps, width=width, scheme=scheme, axe=True)
    assert page.findings == []
    assert page.width <= page.room


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_found_on_the_other_pages_of_an_app(world, chromium, scheme):
    with serving("flask", world, services={}) as base_url:
        empty = chromium.visit(base_url + PAGE, scheme=scheme, axe=True)
        reload = chromium.visit(f"{base_url}{PREFIX}/callback?state=x", scheme=scheme, axe=True)
    with serving("flask", world, map_to_user_id=lambda _: None, sign_in_url="/login") as base_url:
        signed_out = chromium.visit(base_url + PAGE, scheme=scheme, axe=True)
    for page in (empty, reload, signed_out):
        assert page.findings == [], page.text


def test_tab_reaches_everything_in_order_and_shows_where(chromium, url):
    page = chromium.visit(url, tabs=8)
    assert [re.sub(r"\d+", "N", element["name"]) for element in page.focused] == [
        "Permissions (N)",
        "Disconnect PagerDuty",
        "Permissions (N)",
        "Connect GitHub",
        "Disconnect GitHub",
        "Connect Slack",
        "Permissions (N)",
        "Disconnect Linear",
    ]
    assert all(element["visible"] for element in page.focused)


def test_enter_disconnects_after_a_question_and_connects(world, chromium, url):
    page = chromium.visit(url, enter("Disconnect PagerDuty"), tabs=2)
    assert page.heading == "Disconnect PagerDuty?"
    assert [element["name"] for element in page.focused] == ["Disconnect", "Cancel"]
    page = chromium.visit(url, enter("Disconnect PagerDuty"), enter("Disconnect"))
    assert "PagerDuty is disconnected here" in page.text
    page = chromium.visit(url, enter("Connect PagerDuty"), fill("Sign in as", ANN), enter("Allow"))
    assert "PagerDuty is connected." in page.text


LAYOUT = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>An app</title>{0.head}</head>
<body style="margin: 0 5vw; background: #fff; color: #222"><header>An app</header>
<main><h1>{0.title}</h1>{0.html}</main>"""


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_found_in_a_template_of_the_app(world, chromium, width):
    look = ConnectionsPage(template=lambda _, part: LAYOUT.format(part), scheme="light", accent="#ffe01b")
    with serving("flask", world, page=look) as base_url:
        world.log_in(NAME, "user-123", account=ANN)
        listed = chromium.visit(base_url + PAGE, width=width, scheme="dark", axe=True)
        question = chromium.visit(base_url + PAGE, click("Disconnect PagerDuty"), width=width, scheme="dark", axe=True)
    assert (listed.findings, question.findings) == ([], [])
    assert listed.background == "rgb(255, 255, 255)"
    assert re.search(r"Connected (to|yester)day at ", listed.text)
    assert question.heading == "Disconnect PagerDuty?"
    assert max(listed.width, question.width) <= width
