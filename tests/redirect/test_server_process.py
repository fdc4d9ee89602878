"""The redirect server at the end of its process: the browser gets its page before the process ends."""

import http.client
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

LOGIN = """
import os
from everyauth_cli.redirect.server import RedirectServer
from everyauth_cli.pages.result import Result
with RedirectServer("/callback", host="127.0.0.1", port=0, on_ignored=print) as login:
    login.expect(lambda query: True)
    print(login.redirect_uri, flush=True)
    login.wait(10)
    login.show(Result(good=True, title="Logged in", text="as ann"))
    os._exit(0)
"""


def test_the_page_is_out_before_the_process_ends():
    command = [sys.executable, "-c", LOGIN]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        host = process.stdout.readline().removeprefix("http://").partition("/")[0]
        connection = http.client.HTTPConnection(host, timeout=5)
        connection.request("GET", "/callback?code=c0de")
        page = connection.getresponse().read().decode()
        connection.close()
        assert process.wait(5) == 0
    assert "as ann" in page
    assert page.rstrip().endswith("</html>")
