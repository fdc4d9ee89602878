"""A login uses a sandbox of the same user only: its socket shows whose it is, or it proves that it knows a token."""

import subprocess
import sys

import pytest
from peers.other_user import python_of_nobody

from everyauth_cli.model import Secret
from everyauth_cli.sandbox.detection import Listener, detect, proof
from everyauth_cli.sandbox.server import Sandbox

TOKEN = Secret("t0ken")
SAYS_IT_IS_ONE = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"service": "everyauth sandbox"}')
    def log_message(self, *args): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_sandbox_of_another_user_is_not_used():
    with subprocess.Popen(python_of_nobody(SAYS_IT_IS_ONE), stdout=subprocess.PIPE, text=True, cwd="/") as process:
        assert detect(int(process.stdout.readline()), token=TOKEN) is Listener.FOREIGN
        process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_sandbox_of_this_user_needs_no_token():
    with Sandbox() as sandbox:
        assert detect(sandbox.port) is Listener.SANDBOX


@pytest.mark.parametrize(
    ("known", "outcome"), [(TOKEN, Listener.SANDBOX), (Secret("guess"), Listener.FOREIGN), (None, Listener.FOREIGN)]
)
def test_where_the_system_does_not_show_the_user_the_token_decides(known, outcome, tmp_path):
    with Sandbox(token=known) as sandbox:
        assert detect(sandbox.port, token=TOKEN, proc=tmp_path) is outcome
        assert detect(sandbox.port, proc=tmp_path) is Listener.FOREIGN


def test_a_proof_is_of_one_challenge():
    assert proof(TOKEN, "a") != proof(TOKEN, "b")
    assert TOKEN.reveal() not in proof(TOKEN, "a")
