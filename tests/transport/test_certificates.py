"""TLS and proxies over real sockets: which certificates are trusted, and the hint that belongs to each fault."""

import gzip
import os
import shutil
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from peers.authority import DAY, Authority
from peers.http_server import OK, Peer, refresh_request
from peers.proxy import Proxy, Socks5, Tunnel

from everyauth_cli.errors import ServiceUnreachable
from everyauth_cli.model import Secret
from everyauth_cli.settings import CA_VARIABLES, CaSetting, ca_setting
from everyauth_cli.transport import reach, send
from everyauth_cli.transport.certificates import _made_context, tls_context

HOST = "127.0.0.2"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def setenv(monkeypatch):
    """Set a variable in an environment without proxies and certificates."""
    for name in (*CA_VARIABLES, "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch.setenv


def refused(url):
    """Return the error of a request and of the attempt to connect, which is the same."""
    errors = []
    for attempt in (lambda: send(refresh_request(url)), lambda: reach(url)):
        with pytest.raises(ServiceUnreachable) as caught:
            attempt()
        errors.append((caught.value.message, caught.value.hint, caught.value.lost))
    assert errors[0] == errors[1]
    assert errors[0][2] is False
    return errors[0][:2]


@pytest.mark.parametrize("variable", CA_VARIABLES)
def test_each_variable_names_the_trusted_certificates(setenv, authority, tmp_path, variable):
    place = authority.path
    if variable == "SSL_CERT_DIR":
        place = tmp_path / "authorities"
        place.mkdir()
        shutil.copy(authority.path, place / "our.pem")
        (place / "README").write_text("no certificate")
    setenv(variable, str(place))
    with Peer(HOST, tls=authority.server()) as peer:
        assert send(refresh_request(peer.url)).body == Secret(OK)
        reach(peer.url)
        assert len(peer.requests) == 1


def test_what_reach_connects_to_receives_nothing(setenv, authority):
    setenv("SSL_CERT_FILE", str(authority.path))
    with Peer(HOST, tls=authority.server()) as peer, Peer() as plain:
        reach(peer.url)
        reach(plain.url)
        assert peer.requests == plain.requests == []


def test_the_first_variable_that_is_set_counts_alone(setenv, authority, tmp_path):
    other = Authority(tmp_path, "other")
    setenv("SSL_CERT_FILE", str(other.path))
    setenv("REQUESTS_CA_BUNDLE", str(authority.path))
    with Peer(HOST, tls=authority.server()) as peer:
        message, hint = refused(peer.url)
    assert "its certificate is not accepted" in message
    assert hint.endswith("SSL_CERT_FILE=/path/to/ca.pem")
    assert ca_setting({"SSL_CERT_FILE": "", "CURL_CA_BUNDLE": "x"}) == CaSetting("CURL_CA_BUNDLE", "x")
    assert ca_setting({"SSL_CERT_FILE": ""}) is None


def test_an_unknown_authority_is_refused_with_the_way_to_name_it(setenv, authority):
    with Peer(HOST, tls=authority.server()) as peer:
        message, hint = refused(peer.url)
        assert peer.requests == []
    assert message.startswith(f"cannot connect to {HOST}: its certificate is not accepted (")
    assert "inspects TLS" in hint


@pytest.mark.parametrize(
    ("begins", "ends", "says"), [(-2 * DAY, -DAY, "expired"), (timedelta(hours=5), DAY, "not yet valid")]
)
def test_a_certificate_of_another_time_points_to_the_clock(setenv, authority, begins, ends, says):
    setenv("SSL_CERT_FILE", str(authority.path))
    with Peer(HOST, tls=authority.server(begins=begins, ends=ends)) as peer:
        message, hint = refused(peer.url)
    assert says in message
    assert "this machine's clock says 2" in message
    assert hint == "check the clock of this machine"


def test_tls_1_2_is_the_oldest_that_is_spoken(setenv, authority):
    context = tls_context(None)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    setenv("SSL_CERT_FILE", str(authority.path))
    oldest = authority.server()
    oldest.maximum_version = ssl.TLSVersion.TLSv1_2
    with Peer(HOST, tls=oldest) as peer:
        assert send(refresh_request(peer.url)).body == Secret(OK)


def test_a_certificate_for_another_host_points_to_the_host(setenv, authority):
    setenv("SSL_CERT_FILE", str(authority.path))
    with Peer(HOST, tls=authority.server("127.0.0.3")) as peer:
        message, hint = refused(peer.url)
    assert "mismatch" in message
    assert "host name" in hint


@pytest.mark.parametrize("variable", CA_VARIABLES)
@pytest.mark.parametrize("fault", ["missing", "empty", "other", "unreadable"])
def test_certificates_that_cannot_be_read_are_named(setenv, tmp_path, variable, fault):
    place = tmp_path / "ca"
    if variable == "SSL_CERT_DIR" and fault != "missing":
        place.mkdir()
    if fault in ("empty", "other") and variable != "SSL_CERT_DIR":
        place.write_text("" if fault == "empty" else "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n")
    if fault == "other" and variable == "SSL_CERT_DIR":
        (place / "ca.pem").write_text("no certificate")
    if fault == "unreadable":
        place = place / "file" / "beyond" if variable == "SSL_CERT_DIR" else place
        place.symlink_to(place) if variable != "SSL_CERT_DIR" else (tmp_path / "ca" / "file").write_text("")
    setenv(variable, str(place))
    message, hint = refused(f"https://{HOST}:9/token")
    assert message.startswith(f"the trusted certificates that {variable} names cannot be used: {place} ")
    assert hint == f"correct {variable}, or unset it to trust the system's"


def test_a_pipe_in_the_place_of_certificates_is_not_waited_for(setenv, tmp_path):
    os.mkfifo(tmp_path / "ca")
    setenv("SSL_CERT_FILE", str(tmp_path / "ca"))
    message, _ = refused(f"https://{HOST}:9/token")
    assert message.endswith(f"{tmp_path / 'ca'} is no file")


def test_without_https_no_certificates_are_read(setenv):
    setenv("SSL_CERT_FILE", "/nonexistent")
    with Peer() as peer:
        assert send(refresh_request(peer.url)).body == Secret(OK)


def test_the_system_and_certifi_count_together():
    names = {dict(pair[0] for pair in each["subject"]).get("commonName") for each in tls_context(None).get_ca_certs()}
    certifi = ssl.create_default_context()
    certifi.load_verify_locations(__import__("certifi").where())
    expected = {dict(pair[0] for pair in each["subject"]).get("commonName") for each in certifi.get_ca_certs()}
    assert expected <= names


def test_threads_share_one_context(authority):
    _made_context.cache_clear()
    setting = CaSetting("SSL_CERT_FILE", str(authority.path))
    with ThreadPoolExecutor(8) as pool:
        contexts = list(pool.map(tls_context, [setting] * 8))
    assert len(set(map(id, contexts))) == 1
    assert _made_context.cache_info().misses == 1


def test_a_server_without_tls_is_said_to_be_one(setenv, authority):
    setenv("SSL_CERT_FILE", str(authority.path))
    with Peer(HOST) as peer:
        message, hint = refused(peer.url.replace("http:", "https:"))
    assert "TLS failed" in message
    assert "does not speak TLS" in hint


def test_a_name_without_address_points_to_the_dns(setenv):
    message, hint = refused("https://nope.invalid/token")
    assert "cannot connect to nope.invalid" in message
    assert "DNS" in hint or "again" in hint


def test_a_large_response_over_tls_arrives_whole(setenv, authority):
    setenv("SSL_CERT_FILE", str(authority.path))
    with Peer(HOST, tls=authority.server()) as peer:
        peer.body = b"x" * 900_000
        assert send(refresh_request(peer.url)).body == Secret(peer.body)
        peer.headers, peer.body = {"Content-Encoding": "gzip"}, gzip.compress(OK)
        assert send(refresh_request(peer.url)).body == Secret(OK)


def test_no_thread_stays_behind(setenv, authority):
    setenv("SSL_CERT_FILE", str(authority.path))
    with Peer(HOST, tls=authority.server()) as peer:
        before = threading.active_count()
        reach(peer.url)
        send(refresh_request(peer.url))
        assert threading.active_count() <= before + 1


@pytest.mark.parametrize("user", [None, "jdoe:p@ss/word:%"])
@pytest.mark.parametrize(("scheme", "handler"), [("http", Tunnel), ("socks5h", Socks5), ("socks", Socks5)])
def test_a_proxy_connects_to_the_service(setenv, authority, scheme, handler, user):
    setenv("SSL_CERT_FILE", str(authority.path))
    with (
        Peer(HOST, tls=authority.server()) as peer,
        Proxy(handler, target=peer.server.server_address, user=user) as proxy,
    ):
        setenv("HTTPS_PROXY", f"{scheme}://{user.replace('%', '%25') + '@' if user else ''}{proxy.host}")
        assert send(refresh_request(peer.url)).body == Secret(OK)
        reach(peer.url)
        assert proxy.requested == [(peer.host, user)] * 2
        assert len(peer.requests) == 1


def test_a_proxy_is_spoken_to_in_tls_where_its_url_says_so(setenv, authority):
    setenv("SSL_CERT_FILE", str(authority.path))
    with (
        Peer(HOST, tls=authority.server()) as peer,
        Proxy(Tunnel, target=peer.server.server_address, tls=authority.server("127.0.0.1")) as proxy,
    ):
        setenv("HTTPS_PROXY", f"https://{proxy.host}")
        peer.body = b"x" * 900_000
        assert send(refresh_request(peer.url)).body == Secret(peer.body)


@pytest.mark.parametrize(
    ("status", "user", "hint"),
    [
        (b"403 Forbidden", None, "correct HTTPS_PROXY, or exempt the host: NO_PROXY=127.0.0.2"),
        (b"200 OK", "jdoe:right", "percent-encoded"),
        (b"503 Service Unavailable", None, "try again later"),
    ],
)
def test_a_proxy_that_refuses_is_named_without_its_password(setenv, status, user, hint):
    with Proxy(Tunnel, status=status, user=user) as proxy:
        setenv("HTTPS_PROXY", f"http://jdoe:hidden@{proxy.host}" if user else f"http://{proxy.host}")
        message, given = refused(f"https://{HOST}:9/token")
        assert message.startswith(f"the proxy http://{proxy.host} does not connect to {HOST}: ")
        assert hint in given
        assert "hidden" not in message + given


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_a_proxy_that_is_away_is_named_with_the_ways_on(setenv, scheme):
    setenv("HTTPS_PROXY", f"{scheme}://jdoe:hidden@127.0.0.1:9")
    message, hint = refused(f"https://{HOST}/token")
    assert message.startswith(f"cannot connect to the proxy {scheme}://127.0.0.1:9 for {HOST}: ")
    assert hint == f"correct HTTPS_PROXY, or exempt the host: NO_PROXY={HOST}"


def test_a_wrong_socks_password_points_to_the_password(setenv):
    with Proxy(Socks5, user="jdoe:right") as proxy:
        setenv("ALL_PROXY", f"socks5://jdoe:hidden@{proxy.host}")
        message, hint = refused(f"https://{HOST}/token")
        assert "hidden" not in message
        assert "percent-encoded" in hint
