"""The sandbox as an HTTP server."""

import socket

import pytest
from peers.visitor import Visitor, query

from everyauth_cli.errors import PortInUse
from everyauth_cli.sandbox.server import Sandbox


def test_one_connection_for_many_requests(visitor):
    opened = [
        visitor.http.get("/pagerduty/account").extensions["network_stream"].get_extra_info("client_addr") for _ in "ab"
    ]
    assert opened[0] == opened[1]


def test_large_body_is_refused(visitor):
    assert visitor.http.post("/pagerduty/token", content=b"a" * (64 * 1024)).status_code == 400
    response = visitor.http.post("/pagerduty/token", content=b"a" * (64 * 1024 + 1))
    assert response.status_code == 413
    assert response.headers["connection"] == "close"
    assert visitor.http.get("/pagerduty/account").status_code == 401


def send(visitor: Visitor, request: str) -> str:
    """Send bytes; return everything that the server sends until it closes the connection."""
    with socket.create_connection(("127.0.0.1", visitor.sandbox.port), timeout=60) as connection:
        connection.sendall(request.replace("HOST", f"127.0.0.1:{visitor.sandbox.port}").encode())
        with connection.makefile("rb") as stream:
            return stream.read().decode()


def test_body_of_a_get_is_not_taken_for_a_request(visitor):
    inner = "GET /pagerduty/account HTTP/1.1\r\nHost: HOST\r\n\r\n"
    response = send(visitor, f"GET / HTTP/1.1\r\nHost: HOST\r\nContent-Length: {len(inner)}\r\n\r\n{inner}")
    assert response.startswith("HTTP/1.1 404 ")
    assert response.count("HTTP/1.1 ") == 1


@pytest.mark.parametrize("header", ["Transfer-Encoding: chunked", "Content-Length: -1", "Content-Length: a", "A: b"])
def test_post_needs_a_length(visitor, header):
    response = send(visitor, f"POST /pagerduty/token HTTP/1.1\r\nHost: HOST\r\n{header}\r\n\r\n0\r\n\r\n")
    assert response.startswith("HTTP/1.1 411 ")


def test_a_target_that_is_no_url_is_refused(visitor):
    assert send(visitor, "GET http://[::1 HTTP/1.1\r\nHost: HOST\r\n\r\n").startswith("HTTP/1.1 400 ")


def test_other_hosts_are_refused(visitor):
    rebound = {"host": f"evil.example:{visitor.sandbox.port}"}
    assert visitor.http.get("/pagerduty/authorize", params=query(), headers=rebound).status_code == 421
    local = {"host": f"localhost:{visitor.sandbox.port}"}
    assert visitor.http.get("/pagerduty/authorize", params=query(), headers=local).status_code == 200


def test_port_in_use(visitor):
    with pytest.raises(PortInUse, match=str(visitor.sandbox.port)):
        Sandbox(port=visitor.sandbox.port)


def test_override(visitor):
    base = visitor.sandbox.base_url
    assert base.startswith("http://127.0.0.1:")
    assert visitor.sandbox.override("pagerduty") == {
        "authorization_endpoint": base + "/pagerduty/authorize",
        "token_endpoint": base + "/pagerduty/token",
        "jwks_uri": base + "/pagerduty/jwks",
    }


def test_log_has_a_line_for_each_request_and_no_secret(visitor):
    code = visitor.code()
    tokens = visitor.redeem(code).json()
    tokens |= visitor.refresh(tokens["refresh_token"]).json()
    visitor.refresh("made-up")
    visitor.http.get("/pagerduty/account?access_token=abc", headers={"authorization": "Bearer abc"})
    visitor.token(grant_type="a\nsecret")
    visitor.http.put("/pagerduty/token")
    # Some services have a token in the path.
    visitor.http.get("/pagerduty/revoke/secret/invalidate")
    assert visitor.lines == [
        "GET /pagerduty/authorize -> 200",
        "POST /pagerduty/authorize -> 303 allow",
        "POST /pagerduty/token authorization_code -> 200",
        "POST /pagerduty/token refresh_token -> 200",
        "POST /pagerduty/token refresh_token -> 400 invalid_grant",
        "GET /pagerduty/account -> 401 invalid_token",
        "POST /pagerduty/token -> 400 unsupported_grant_type",
        "PUT /pagerduty/token -> 501",
        "GET /pagerduty/revoke -> 404",
    ]


def test_no_secret_is_in_a_repr(visitor):
    visitor.authorize(nonce="nonce-1")
    visitor.redeem(visitor.code(nonce="nonce-1"))
    server = vars(visitor.server)
    shown = repr(visitor.sandbox) + repr(server["_codes"].values()) + repr(server["_requests"].values())
    for secret in ("sandbox-secret-not-a-real-secret", "state-1", "nonce-1"):
        assert secret not in shown
