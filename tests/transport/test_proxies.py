"""Proxies are read for the one URL that is requested, and no word of the settings spoils another."""

import pytest

from everyauth_cli.errors import ServiceUnreachable
from everyauth_cli.model import Secret
from everyauth_cli.settings import proxy_variables
from everyauth_cli.transport.proxies import proxy_for

URL = "https://service.example/token"


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("http://proxy.corp:3128", "http://proxy.corp:3128"),
        ("proxy.corp:3128", "http://proxy.corp:3128"),
        ("  http://proxy.corp:3128/ \n", "http://proxy.corp:3128"),
        ("HTTP://Proxy.Corp", "http://proxy.corp:80"),
        ("https://proxy.corp", "https://proxy.corp:443"),
        ("socks://proxy.corp/", "socks5://proxy.corp:1080"),
        ("socks5://proxy.corp:9", "socks5://proxy.corp:9"),
        ("socks5h://[::1]", "socks5h://[::1]:1080"),
        ("http://[fd00::1]:8080", "http://[fd00::1]:8080"),
    ],
)
def test_a_proxy_is_read(value, url):
    found = proxy_for(URL, {"https": value})
    assert (found.url, found.variable, found.user) == (url, "HTTPS_PROXY", None)


@pytest.mark.parametrize(
    ("user", "name", "password"),
    [
        ("jdoe:s3cr3t", "jdoe", "s3cr3t"),
        ("jdoe:s3cr3t:p@ss", "jdoe", "s3cr3t:p@ss"),
        ("jdoe:pa/ss?#", "jdoe", "pa/ss?#"),
        ("jdoe:p%40ss%3a", "jdoe", "p@ss:"),
        ("jdoe", "jdoe", ""),
    ],
)
def test_any_password_is_read_and_never_shown(user, name, password):
    found = proxy_for(URL, {"https": f"http://{user}@proxy.corp:9"})
    assert found.user == (name, Secret(password))
    assert "proxy.corp:9" in repr(found)
    assert not password or password not in repr(found)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("ftp://jdoe:hidden@x:1", "ftp proxies are not supported"),
        ("socks4://jdoe:hidden@x:1", "socks4 proxies are not supported"),
        ("b\x1b[31mad://hidden", "nameless proxies are not supported"),
        ("http://jdoe:hidden@proxy.corp:notaport", "its host or port is none"),
        ("http://jdoe:hidden", "its host or port is none"),
        ("http://jdoe:hidden@proxy.corp:99999", "its host or port is none"),
        ("http://[fd00::1", "its host or port is none"),
        ("http://jdoe:hidden@", "its host or port is none"),
        ("http://", "its host or port is none"),
        ("http://jdoe:hidden@proxy corp:1", "its host or port is none"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_refused_by_its_variable(value, says):
    with pytest.raises(ServiceUnreachable) as caught:
        proxy_for(URL, {"https": value})
    assert says in caught.value.message
    assert "HTTPS_PROXY" in caught.value.message
    assert caught.value.hint == "correct HTTPS_PROXY, or exempt the host: NO_PROXY=service.example"
    assert caught.value.lost is False
    assert "hidden" not in caught.value.message + str(caught.value.__cause__) + str(caught.value.__context__)


BAD = {"http": "ftp://x:1", "ftp": "ftp://x", "rsync": "127.0.0.1:9", "all": "http://a:notaport"}


@pytest.mark.parametrize("no", ["service.example", ".example", "*"])
@pytest.mark.parametrize("name", ["https", "all"])
def test_where_the_host_is_exempt_no_proxy_is_read(no, name):
    assert proxy_for(URL, {**BAD, name: "socks://x:notaport", "no": no}) is None


def test_variables_for_other_urls_are_not_read():
    assert proxy_for(URL, {**BAD, "https": "http://right:1"}).url == "http://right:1"
    assert proxy_for(URL, {**BAD, "all": "", "https": " "}) is None
    assert proxy_for(URL, {"all": "right:1"}).variable == "ALL_PROXY"


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost", "[::1]:1"])
def test_this_machine_is_never_reached_through_a_proxy(host):
    assert proxy_for(f"https://{host}/token", {**BAD, "https": "http://right:1"}) is None


@pytest.mark.parametrize(
    ("url", "no"),
    [
        ("https://10.1.2.3/token", no)
        for no in (
            "10.1.2.3",
            "10.0.0.0/8",
            "10.1.2.3:443",
            "localhost,10.1.2.3,::1",
            "::1, 10.1.2.3",
            "[::1],10.1.2.3",
            "::1/128,10.1.2.3",
            "fd00::/8,10.1.2.3",
            "<local>,10.1.2.3",
            "*",
            "10.1.2.3;localhost",
            "localhost,,10.1.2.3,",
            "localhost 10.1.2.3",
            ".corp.example,10.0.0.0/8",
            "http://foo.example,10.1.2.3",
            "http://10.1.2.3/",
            "2001:db8::1,10.1.2.3",
            "fe80::1%eth0,10.1.2.3",
            "host:port,10.1.2.3",
            "[bad,10.1.2.3/99,a/b/c,://,10.1.2.3",
            "10.1.0.0/255.255.0.0",
        )
    ]
    + [
        ("https://[fd00::7]:8443/token", no)
        for no in ("fd00::7", "[fd00::7]", "[fd00::7]:8443", "fd00::/8", "[fd00::]/8", "fd00:0:0::7", "x,fd00::/8,y")
    ]
    + [
        ("https://Api.Service.Example/token", no)
        for no in (
            "service.example",
            ".service.example",
            "*.service.example",
            "SERVICE.EXAMPLE.",
            "api.service.example:443",
            "https://service.example",
            "bad word,service.example",
        )
    ]
    + [("https://intranet/token", "<local>"), ("https://[::ffff:10.1.2.3]/", "10.0.0.0/8")],
)
def test_an_exemption_in_any_spelling_counts(url, no):
    assert proxy_for(url, {"https": "http://right:1", "no": no}) is None


@pytest.mark.parametrize(
    ("url", "no"),
    [
        ("https://10.1.2.3/token", "10.1.2.3:8443"),
        ("https://10.1.2.3/token", "11.0.0.0/8,0.1.2.3,1.2.3"),
        ("https://10.1.2.3/token", "<local>"),
        ("https://[fd00::7]/token", "fe80::/10,[fd00::7]:8443,fd00"),
        ("https://service.example/token", "api.service.example,vice.example,example.com,.,*.,:443"),
        ("https://service.example/token", "10.0.0.0/8"),
        ("https://service.example/token", ""),
    ],
)
def test_what_is_not_exempt_goes_through_the_proxy(url, no):
    assert proxy_for(url, {"https": "http://right:1", "no": no}).url == "http://right:1"


@pytest.mark.parametrize("scheme", ["socks", "socks5", "socks5h"])
def test_without_its_extra_a_socks_proxy_is_refused_by_the_extra_s_name(scheme):
    variables = {"all": f"{scheme}://jdoe:hidden@x:1"}
    with pytest.raises(
        ServiceUnreachable, match="the proxy of ALL_PROXY cannot be used: SOCKS needs an extra"
    ) as caught:
        proxy_for(URL, variables, has_socks=lambda: False)
    assert caught.value.hint == "pip install 'everyauth-cli[socks]', or exempt the host: NO_PROXY=service.example"
    assert proxy_for(URL, {**variables, "no": "service.example"}, has_socks=lambda: False) is None


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({"HTTPS_PROXY": "a:1", "no_proxy": "b", "PROXY": "c", "PATH": "d"}, {"https": "a:1", "no": "b"}),
        ({"https_proxy": "a:1", "HTTPS_PROXY": "b:2"}, {"https": "a:1"}),
        ({"HTTPS_PROXY": "b:2", "https_proxy": ""}, {}),
        ({"https_proxy": "a:1", "Https_Proxy": "c:3", "No_Proxy": "b"}, {"https": "a:1", "no": "b"}),
        ({"HTTP_PROXY": "evil:1", "HTTPS_PROXY": "b:2", "REQUEST_METHOD": "GET"}, {"https": "b:2"}),
        ({"HTTP_PROXY": "evil:1", "http_proxy": "a:1", "REQUEST_METHOD": "GET"}, {"http": "a:1"}),
    ],
)
def test_variables_are_read_in_any_case_and_lower_case_counts(environ, found):
    assert proxy_variables(environ) == found
