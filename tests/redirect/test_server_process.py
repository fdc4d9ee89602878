"""The redirect server at the end of its process: the browser gets its page before the process ends."""

import http.client
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

LOGIN = """
import os
from everyauth_cli.redirect.server import RedirectServer
from everyauth_cli.pages.result import Result
with RedirectServer("/callback", host="127.0.0.1", port=0, on_ignored=print) as login:
    login.expect(lambda query: True)
    print(login.redirect_uri, flush=True)
    login.wait(60)
    login.show(Result(good=True, title="Logged in", text="as ann"))
    os._exit(0)
"""


def test_the_page_is_out_before_the_process_ends():
    command = [sys.executable, "-c", LOGIN]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        host = process.stdout.readline().removeprefix("http://").partition("/")[0]
        connection = http.client.HTTPConnection(host, timeout=60)
        connection.request("GET", "/callback?code=c0de")
        page = connection.getresponse().read().decode()
        connection.close()
        assert process.wait(60) == 0
    assert "as ann" in page
    assert page.rstrip().endswith("</html>")


ENDING = """
import sys, threading, time
from everyauth_cli.loopback.server import LoopbackHandler
from everyauth_cli.redirect.connections import BoundedServer
class Handler(LoopbackHandler):
    def do_GET(self):
        self.server.has_request(self.connection)
        time.sleep(0.3)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"the page")
server = BoundedServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
print(server.server_address[1], flush=True)
input()
server.end()
"""


@pytest.mark.alone
def test_who_has_asked_before_the_end_gets_the_page_and_who_has_not_keeps_nobody_waiting():
    command = [sys.executable, "-c", ENDING]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        address = ("127.0.0.1", int(process.stdout.readline()))
        with socket.create_connection(address), ExitStack() as stack:
            browsers = [stack.enter_context(socket.create_connection(address, timeout=60)) for _ in range(20)]
            for each in browsers:
                each.sendall(b"GET / HTTP/1.0\r\n\r\n")
            process.stdin.write("\n")
            process.stdin.flush()
            pages = [each.makefile("rb").read() for each in browsers]
            assert process.wait(1.5) == 0
    assert all(page.endswith(b"the page") for page in pages)
