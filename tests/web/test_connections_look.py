"""An app's choices for the connections page: texts, colours, style sheet, template, and all services at once."""

from __future__ import annotations

import re
from pathlib import Path

import django.template
import flask
import jinja2
import pytest
from peers.connections import DISCONNECT, buttons, disconnect, form, notices, policy, row
from peers.web_apps import BASE_URL, CALLBACK, CONNECT_ALL, NAME, OFFERED, PAGE, Browser, decide

import everyauth_cli
from everyauth_cli.errors import UsageProblem
from everyauth_cli.pages.fragment import Fragment
from everyauth_cli.web import TEXTS, ConnectionsPage

pytestmark = pytest.mark.slow

GERMAN = {"connect": "Verbinden", "connected": "Verbunden: {time}", "ask_title": "{service} trennen?"}


def test_the_app_names_the_page_and_its_purposes(world, app):
    look = ConnectionsPage(
        title="Apps & more",
        purposes={"slackbot": "x", NAME: "Calls <you>"},
        scope_names={"read": "Read your incidents"},
    )
    browser = Browser(app({"page": look}))
    text = browser.get(PAGE).text
    assert text.count("Apps &amp; more") == 2
    assert "everyauth" not in text.lower()
    assert '<p class="purpose">Calls &lt;you&gt;</p>' in row(browser)


def test_every_text_may_be_replaced_in_another_language(world, app):
    browser = Browser(app({"services": OFFERED, "page": ConnectionsPage(texts=GERMAN, lang="de")}))
    world.log_in(NAME, "user-123")
    text = browser.get(PAGE).text
    assert '<html lang="de">' in text
    assert re.search(r"Verbunden: <time [^>]+>[^<]+ UTC</time></p>", text)
    assert buttons(row(browser, "Slack")) == ["Verbinden Slack"]
    assert "<h1>PagerDuty trennen?</h1>" in browser.post(DISCONNECT, form(browser)).text


def test_a_text_from_right_to_left_sets_the_direction(app):
    assert '<html lang="ar" dir="rtl">' in Browser(app({"page": ConnectionsPage(lang="ar")})).get(PAGE).text


def test_scopes_are_collapsed_and_readable(world, app):
    world.log_in("google", "user-123")
    look = ConnectionsPage(scope_names={"openid": "Know who you are"})
    entry = row(Browser(app({"page": look})), "Google")
    assert '<li title="openid"><bdi>Know who you are</bdi></li>' in entry
    assert "<summary>Permissions (" in entry
    assert "<details open" not in entry
    assert not re.search(r"<bdi>https:", entry)


def test_variables_and_a_style_sheet_are_added_to_ours(app):
    look = ConnectionsPage(accent="#FFE01B", radius="2px", font="Inter, sans-serif", added_stylesheet="/own.css")
    response = Browser(app({"page": look})).get(PAGE)
    assert f'<link rel="stylesheet" href="{BASE_URL}/own.css">' in response.text
    css = response.text.partition("<style>")[2].partition("</style>")[0]
    assert "--radius: 2px; --font: Inter, sans-serif;" in css
    assert ".connection {" in css
    assert [source for source in policy(response)["style-src"] if "sha256" not in source] == [BASE_URL]


@pytest.mark.parametrize(
    "wrong",
    [
        {"accent": "red"},
        {"accent": "#fff;}"},
        {"radius": "1px;}"},
        {"font": "x}</style>"},
        {"lang": "<"},
        {"scheme": "blue"},
        {"texts": {"conect": "x"}},
        {"texts": {"connect": "{service}"}},
        {"texts": {"ask_title": "{service"}},
        {"texts": {"ask_title": "{service.__class__}"}},
    ],
)
def test_what_cannot_be_used_is_refused_at_once(wrong):
    with pytest.raises(UsageProblem):
        ConnectionsPage(**wrong)


def test_an_unknown_text_has_a_near_one():
    with pytest.raises(UsageProblem, match="conect") as error:
        ConnectionsPage(texts={"conect": "x"})
    assert "connect" in error.value.hint


LAYOUT = "<html><head>{{ part.head }}</head><body><nav>Own</nav><h1>{{ part.title }}</h1>{{ part.html }}</body></html>"


def by_jinja(request: object, part: Fragment) -> str:
    return jinja2.Environment(autoescape=True).from_string(LAYOUT).render(part=part)


def by_django(request: object, part: Fragment) -> str:
    return django.template.Engine().from_string(LAYOUT).render(django.template.Context({"part": part}))


@pytest.mark.parametrize("template", [by_jinja, by_django])
def test_the_list_is_a_part_of_the_apps_own_template(world, app, template):
    seen = []

    def kept(request, part):
        seen.append(part)
        return template(request, part)

    world.log_in(NAME, "user-123")
    browser = Browser(app({"page": ConnectionsPage(template=kept, scheme="light")}))
    response = browser.get(PAGE)
    assert "<nav>Own</nav><h1>Connections</h1><div class=" in response.text.replace("\n", "")
    assert buttons(row(browser)) == ["Disconnect PagerDuty"]
    assert policy(response) == {"frame-ancestors": ["'none'"]}
    assert "prefers-color-scheme" not in response.text
    styled = response.text.partition("<style>")[2].partition("</style>")[0]
    selectors = re.split(r",(?![^(]*\))", ",".join(re.findall(r"(?:^|[{}])\s*([^{}@;]+)\{", styled)))
    assert all(selector.strip().startswith(".connections") for selector in selectors)  # nothing else of the app's page
    assert seen[0].style_source.startswith("'sha256-")
    question = browser.post(DISCONNECT, form(browser))
    assert "<h1>Disconnect PagerDuty?</h1>" in question.text
    assert disconnect(browser)["location"].startswith(f"{BASE_URL}{PAGE}?flash=")


def test_a_style_sheet_replaces_ours_in_a_template_too(app):
    seen = []
    page = ConnectionsPage(template=lambda _, part: seen.append(part) or str(part.head))
    text = Browser(app({"page": page, "stylesheet": "/own.css"})).get(PAGE).text
    assert f'href="{BASE_URL}/own.css"' in text
    assert "<style>" not in text
    assert seen[0].style_source == BASE_URL


def test_a_flask_template_has_the_apps_globals(world):
    def template(_, part):
        return flask.render_template_string("{{ url_for('everyauth-connections.page') }}" + LAYOUT, part=part)

    from peers.web_apps import of_flask

    usual = {"map_to_user_id": lambda _: "user-123", "base_url": BASE_URL, "auth": world.auth}
    page = {"services": OFFERED, "prefix": PAGE, "page": ConnectionsPage(template=template), **usual}
    ask = of_flask(page, prefix="/connect/pagerduty", finished_url="/", **usual)
    assert Browser(ask).get(PAGE).text.startswith(PAGE)


def test_a_signed_out_user_gets_a_link_to_sign_in(app):
    options = {"sign_in_url": "/login?next=/x"}
    browser = Browser(app(options, **options), user="")
    link = f'<a class="action" href="{BASE_URL}/login?next=/x">Sign in</a>'
    assert link in browser.get(PAGE).text
    assert link in browser.get("/connect/pagerduty").text
    with pytest.raises(UsageProblem, match="sign_in_url"):
        app({"sign_in_url": "javascript:alert(1)"})


@pytest.mark.parametrize("framework", CONNECT_ALL)
def test_one_call_makes_the_page_and_the_login_of_each_service(world, framework):
    world.sandbox.redirect_uri = f"{BASE_URL}/apps/{NAME}/callback"
    ask = CONNECT_ALL[framework](
        [NAME, "slack"],
        base_url=BASE_URL,
        prefix="/apps",
        map_to_user_id=lambda request: request.headers.get("x-user"),
        scopes={NAME: "read"},
        auth=world.auth,
    )
    browser = Browser(ask)
    entries = browser.get("/apps").text
    assert buttons(entries) == ["Connect PagerDuty", "Connect Slack"]
    assert "slack.com" in browser.get("/apps/slack")["location"] or browser.get("/apps/slack").status == 303
    returned = decide(browser.get(f"/apps/{NAME}")["location"])
    ended = browser.get(returned.removeprefix(BASE_URL))
    assert ended["location"].startswith(f"{BASE_URL}/apps?serviceId=pagerduty&")
    assert notices(browser.get(ended["location"].removeprefix(BASE_URL)).text) == [("good", "PagerDuty is connected.")]
    assert world.auth.find_one("user-123", service=NAME).scope in ("read", "openid read")


@pytest.mark.parametrize("wrong", ["connect", "disconnect", "a/b", "", ".."])
def test_a_service_whose_name_is_no_path_of_its_own_is_refused(world, wrong):
    with pytest.raises(UsageProblem):
        CONNECT_ALL["flask"]([wrong], base_url=BASE_URL, prefix="/apps", map_to_user_id=lambda _: "x", auth=world.auth)


def test_the_page_in_place_of_the_list_looks_the_same(app):
    look = ConnectionsPage(accent="#2451c7", texts={"sign_in_title": "Erst anmelden"}, lang="de")
    response = Browser(app({"page": look}), user="").get(PAGE)
    assert '<html lang="de">' in response.text
    assert "<h1>Erst anmelden</h1>" in response.text
    assert "--accent: #2451c7; --accent-text: #ffffff;" in response.text


def test_the_pages_of_a_login_have_the_apps_texts_and_look(app):
    look = ConnectionsPage(texts={"not_found_title": "Unbekannt", "start_again": "Noch einmal"}, lang="de")
    response = Browser(app(None, page=look, stylesheet="/own.css")).get(f"{CALLBACK}?state=x")
    assert response.status == 400
    for part in ('<html lang="de">', "<h1>Unbekannt</h1>", ">Noch einmal</a>", f'href="{BASE_URL}/own.css"'):
        assert part in response.text


def test_each_text_is_used_somewhere():
    package = Path(everyauth_cli.__file__).parent
    files = [path for part in ("pages", "web") for path in (package / part).rglob("*.*") if path.name != "texts.py"]
    used = "".join(path.read_text() for path in files if path.suffix in {".py", ".html"})
    assert [name for name in TEXTS if name.removesuffix("_title").removesuffix("_text") not in used] == []
