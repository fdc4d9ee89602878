"""PagerDuty's own Python client works as the README shows it, at a stand-in for the API's host."""

import re
import textwrap
from pathlib import Path

import pagerduty
from peers.api import certificate, serving

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
USER = "user-123"
DAY = 86400


def test_pagerduty_as_the_readme_shows_it(everyauth_sandbox, tmp_path):
    shown = re.search(r"^ +import pagerduty\n(?: {4}.*\n)+", README, re.MULTILINE)[0]
    ours, theirs = certificate(tmp_path)
    with serving(tls=ours) as api:
        everyauth_sandbox.log_in("pagerduty", USER)
        api.pages = {"/users/me": {"user": {"email": "ada@example.com"}}}
        program = textwrap.dedent(shown).replace('"bearer")', '"bearer", base_url=base_url, verify=verify)')
        given = {"auth": everyauth_sandbox.auth, "base_url": api.url, "verify": theirs}
        exec(program, given)
        assert isinstance(given["client"], pagerduty.RestApiV2Client)
        with given["client"] as client:
            for _ in range(2):
                api.accepted = {everyauth_sandbox.auth.get_identity("pagerduty", USER).access_token}
                assert client.rget("/users/me")["email"] == "ada@example.com"
                everyauth_sandbox.advance(11 * DAY)
        assert [call.path for call in api.calls] == ["/users/me"] * 2
        assert api.calls[0].token != api.calls[1].token
