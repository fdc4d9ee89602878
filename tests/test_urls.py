"""Checks of URLs: https or loopback, with placeholders only where something fills them in."""

import ast
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import everyauth_cli
from everyauth_cli.urls import (
    LOOPBACK_HOSTS,
    PLAIN_URL,
    check_each_part,
    check_template,
    check_url,
    has_placeholder,
    host,
    is_loopback,
    origin,
    url_meant,
    without_user,
)

PACKAGE = Path(everyauth_cli.__file__).parent


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://x.example/token", "plain http"),
        ("http://127.0.0.1.x.example/", "plain http"),
        ("http://localhost.x.example/", "plain http"),
        ("http://0.0.0.0/", "plain http"),
        ("ftp://x.example/", "not an https"),
        ("https:///token", "not an https"),
        ("x.example/token", "not an https"),
        ("javascript:alert(1)", "not an https"),
        ("https://me:secret@x.example/", "user name"),
        ("https://me@x.example/", "user name"),
        ("http://localhost@x.example/", "plain http"),
        ("https://x.example/#part", "fragment"),
        ("https://[::1/", "Invalid"),
        ("https://x.example:0/", "not a URL"),
        ("https://x.example/a b", "not a URL"),
        ("https://x.example/\u00e4", "not a URL"),
        ("https://b\u00fccher.example/", "xn--"),
        ("https://@evil.example/", "user name"),
        ("https://x.example:@evil.example/", "user name"),
        ("https://x.example\\@evil.example/", "user name"),
        ("https://evil.example\\.x.example/", "not a URL"),
        ("https://%65vil.example/", "not a URL"),
        ("https://x.example%2fevil.example/", "not a URL"),
        ("https://x.example\u3002evil.example/", "not ASCII"),
        ("https://x.example\uff0fevil.example/", "NFKC"),
        ("https://x.example\t.evil.example/", "not a URL"),
        (" https://x.example/", "not a URL"),
        ("https://x.example./", "not a URL"),
        ("https://.x.example/", "not a URL"),
        ("https://x..example/", "not a URL"),
        ("https://[::2]/", "not a URL"),
        ("https://[::ffff:127.0.0.1]/", "not a URL"),
        ("https://x.example:/", "usual way"),
        ("https://x.example:0443/", "usual way"),
        ("https://x.example:99999/", "out of range"),
        ("https://x.example/#", "fragment"),
        ("https://2130706433/", "not a URL"),
        ("https://127.1/", "not a URL"),
        ("https://0x7f.0.0.1/", "not a URL"),
        ("https://0177.0.0.1/", "not a URL"),
        ("https://256.0.0.1/", "not a URL"),
        ("https://1.2.3.4.5/", "not a URL"),
        ("https://x.example.0x/", "not a URL"),
    ],
)
def test_a_url_that_is_not_safe_is_refused(url, reason):
    for check in (check_url, check_template):
        with pytest.raises(ValueError, match=reason):
            check(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://x.example/a?b=c",
        "https://x.example:8443/",
        "http://127.0.0.1:9/",
        "https://192.168.0.255/",
        "https://10.example/",
        "http://localhost/",
        "http://[::1]:9/",
    ],
)
def test_https_and_loopback_urls_are_taken(url):
    assert check_url(url) == check_template(url) == url


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://X.Example:443/a?b#c", "https://x.example"),
        ("HTTPS://x.example", "https://x.example"),
        ("https://x.example:8443/", "https://x.example:8443"),
        ("http://[::1]:80/", "http://[::1]"),
        ("http://[::1]:9/", "http://[::1]:9"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url, same):
    assert origin(url) == same


@pytest.mark.parametrize("url", ["https://{sub}.x.example/t", "https://x.example/{realm}/t", "http://127.0.0.1/{a}"])
def test_a_placeholder_is_for_templates_only(url):
    assert check_template(url) == url
    assert has_placeholder(url)
    with pytest.raises(ValueError, match="braces"):
        check_url(url)


@pytest.mark.parametrize("url", ["https://x.example/}", "https://{Sub}.x.example/", "https://x.example/{a b}"])
def test_other_braces_are_refused_in_a_template_too(url):
    assert has_placeholder(url)
    with pytest.raises(ValueError, match="braces"):
        check_template(url)


def test_a_placeholder_cannot_make_plain_http_pass():
    with pytest.raises(ValueError, match="plain http"):
        check_template("http://{host}/token")


@pytest.mark.parametrize("name", LOOPBACK_HOSTS)
def test_a_loopback_host_leads_to_this_machine(name):
    assert is_loopback(f"http://[{name}]:9/x" if ":" in name else f"http://{name}:9/x")
    assert not is_loopback("https://x.example/")
    assert not is_loopback("no url")


@pytest.mark.parametrize(
    ("url", "is_host", "is_origin"),
    [
        ("https://X.example/a?b", "x.example", "https://x.example"),
        ("https://x.example:443/", "x.example", "https://x.example"),
        ("https://x.example:8443/", "x.example", "https://x.example:8443"),
        ("http://localhost:80/", "localhost", "http://localhost"),
        ("http://[::1]:9/a", "::1", "http://[::1]:9"),
    ],
)
def test_host_and_origin(url, is_host, is_origin):
    assert (host(url), origin(url)) == (is_host, is_origin)


def test_the_loopback_hosts_are_listed_once():
    lists = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Tuple | ast.List | ast.Set)
        and len({"127.0.0.1", "localhost", "::1"} & {e.value for e in node.elts if isinstance(e, ast.Constant)}) > 1
    ]
    assert len(lists) == 1
    assert lists[0].startswith("urls.py:")


@pytest.mark.parametrize(
    ("name", "urls"),
    [
        ("mcp.example.com/mcp", ["https://mcp.example.com/mcp"]),
        ("mcp.example.com", ["https://mcp.example.com"]),
        ("https:/mcp.example.com", ["https://mcp.example.com"]),
        ("http:mcp.example.com/a", ["https://mcp.example.com/a"]),
        ("localhost:8000/mcp", ["http://localhost:8000/mcp"]),
        ("127.0.0.1:8000", ["http://127.0.0.1:8000"]),
        ("pagerduty", []),
        ("a b.example", []),
        ("me@mail.example", []),
        ("", []),
    ],
)
def test_a_url_without_its_scheme_is_completed(name, urls):
    assert url_meant(name) == urls


def test_a_password_in_a_url_is_not_shown():
    assert without_user("https://me:secret@x.example/a?b=c@d") == "https://***@x.example/a?b=c@d"
    assert without_user("https://x.example/a@b") == "https://x.example/a@b"


@pytest.mark.slow
@settings(max_examples=200)
@given(st.from_regex(PLAIN_URL, fullmatch=True))
def test_a_plain_url_passes_each_check(url):
    check_each_part(url)
