"""HTTP servers for requests over real sockets: one that keeps to HTTP, and one that sends raw bytes."""

import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from everyauth_cli.model import Request, Secret

OK = b'{"access_token": "a"}'


@dataclass
class Received:
    """A request that the server received."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Peer:
    """A server that records its requests, and sends the same response to each."""

    def __init__(self, host="127.0.0.1", *, tls=None):
        self.status, self.headers, self.body = 200, {"Content-Type": "application/json"}, OK
        self.requests = []
        peer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                peer.requests.append(Received(self.command, self.path, dict(self.headers), body))
                self.send_response(peer.status)
                for name, value in {**peer.headers, "Content-Length": str(len(peer.body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(peer.body)

            def do_GET(self):
                self.do_POST()

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

            def handle_error(self, *_):
                """A client that stops reading is expected."""

        self.server = Server((host, 0), Handler)
        self.host = f"[{host}]:{self.server.server_port}" if ":" in host else f"{host}:{self.server.server_port}"
        self.url = f"http://{self.host}/token"
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
            self.url = f"https://{self.host}/token"

    def __enter__(self):
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def rude(*sent, reset=False):
    """Run a server that sends these bytes to each client, whether they are HTTP or not, and hangs up."""

    def serve():
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            for part in sent:
                connection.sendall(part)
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
                return
            # To close with a part of the request unread would be a reset.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/token"
        thread.join()


def refresh_request(url, **how):
    return Request(url=url, **{"fields": {"grant_type": "refresh_token", "refresh_token": Secret("r/ü&=")}, **how})
