"""Proxies: one that tunnels by CONNECT (RFC 9110 section 9.3.6), and one that speaks SOCKS 5 (RFC 1928, RFC 1929)."""

import base64
import select
import socket
import struct
import threading
from contextlib import suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer


class Proxy:
    """A proxy on loopback that connects everything to `target`; `requested` lists the hosts and who wanted them."""

    def __init__(self, handler, *, target=None, user=None, status=b"200 OK", tls=None):
        self.target, self.user, self.status, self.tls, self.requested = target, user, status, tls, []

        class Server(ThreadingTCPServer):
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), handler)
        self.server.proxy = self
        self.host = f"127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


def relay(one, other):
    """Pass bytes on in both directions until either side ends."""
    with suppress(OSError):
        while True:
            pending = one.pending() if hasattr(one, "pending") else 0
            ready = [one] if pending else select.select([one, other], [], [], 20)[0]
            for source in ready:
                received = source.recv(65536)
                if not received:
                    return
                (other if source is one else one).sendall(received)


class Tunnel(StreamRequestHandler):
    """Handles one CONNECT request."""

    def setup(self):
        if self.server.proxy.tls:
            self.request = self.server.proxy.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self):
        super().finish()
        self.request.close()

    def handle(self):
        proxy = self.server.proxy
        lines = []
        while (line := self.rfile.readline().rstrip()) or not lines:
            lines.append(line)
        user = next((base64.b64decode(line.split()[-1]).decode() for line in lines if b"Proxy-Auth" in line), None)
        proxy.requested.append((lines[0].split()[1].decode(), user))
        if user != proxy.user:
            self.wfile.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        elif not proxy.status.startswith(b"200"):
            self.wfile.write(b"HTTP/1.1 " + proxy.status + b"\r\nContent-Length: 0\r\n\r\n")
        else:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            with socket.create_connection(proxy.target) as other:
                relay(self.request, other)


class Socks5(StreamRequestHandler):
    """Handles one connection of SOCKS 5."""

    def handle(self):
        proxy = self.server.proxy
        self.rfile.read(self.rfile.read(2)[1])
        user = None
        self.wfile.write(b"\x05\x02" if proxy.user else b"\x05\x00")
        if proxy.user:
            name = self.rfile.read(self.rfile.read(2)[1])
            user = f"{name.decode()}:{self.rfile.read(self.rfile.read(1)[0]).decode()}"
            self.wfile.write(b"\x01\x00" if user == proxy.user else b"\x01\x01")
        kind = self.rfile.read(4)[3:]
        if not kind:
            return
        length = {1: 4, 4: 16}.get(kind[0]) or self.rfile.read(1)[0]
        name = self.rfile.read(length)
        (port,) = struct.unpack("!H", self.rfile.read(2))
        host = socket.inet_ntoa(name) if kind == b"\x01" else name.decode()
        proxy.requested.append((f"{host}:{port}", user))
        self.wfile.write(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        with socket.create_connection(proxy.target) as other:
            relay(self.request, other)
