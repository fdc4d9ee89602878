"""Services' own Python clients work with the token of a credential, at a stand-in for the API's host."""

import re
import textwrap
from pathlib import Path

import github
import google.auth.transport.requests
import google.oauth2.credentials
import pagerduty
import pytest
import slack_sdk
from peers.api import certificate, serving

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
USER = "user-123"


@pytest.fixture
def api():
    with serving() as api:
        yield api


def logged_in(sandbox, api, service):
    """A user's credential, whose token is the only one that the API accepts."""
    sandbox.log_in(service, USER)
    credential = sandbox.auth.get_identity(service, USER)
    api.accepted = {credential.access_token}
    return credential


def called(api):
    assert {call.token for call in api.calls} == api.accepted
    return [(call.method, call.path) for call in api.calls]


def test_pagerduty_as_the_readme_shows_it(everyauth_sandbox, tmp_path):
    shown = re.search(r"^ +import pagerduty\n.*\n.*\n", README, re.MULTILINE)[0]
    ours, theirs = certificate(tmp_path)
    with serving(tls=ours) as api:
        logged_in(everyauth_sandbox, api, "pagerduty")
        api.pages = {"/users/me": {"user": {"email": "ada@example.com"}}}
        program = textwrap.dedent(shown).replace('"bearer")', '"bearer", base_url=base_url, verify=verify)')
        given = {
            "auth": everyauth_sandbox.auth,
            "base_url": api.url,
            "verify": theirs,
        }
        exec(program, given)
        assert isinstance(given["client"], pagerduty.RestApiV2Client)
        with given["client"] as client:
            assert client.rget("/users/me")["email"] == "ada@example.com"
        assert called(api) == [("GET", "/users/me")]


def test_slack_sdk(everyauth_sandbox, api):
    credential = logged_in(everyauth_sandbox, api, "slack")
    api.pages = {"/api/auth.test": {"ok": True, "team": "ours"}}
    client = slack_sdk.WebClient(credential.access_token, base_url=f"{api.url}/api/")
    assert client.auth_test()["team"] == "ours"
    assert called(api) == [("POST", "/api/auth.test")]


def test_pygithub(everyauth_sandbox, api):
    credential = logged_in(everyauth_sandbox, api, "github")
    api.pages = {"/user": {"login": "ada"}}
    with github.Github(auth=github.Auth.Token(credential.access_token), base_url=api.url) as client:
        assert client.get_user().login == "ada"
    assert called(api) == [("GET", "/user")]


def test_google_auth(everyauth_sandbox, api):
    credential = logged_in(everyauth_sandbox, api, "google")
    api.pages = {"/drive/v3/about": {"user": {"displayName": "Ada"}}}
    # Google's client keeps its times in UTC without saying so.
    expiry = credential.expires_at.replace(tzinfo=None)
    theirs = google.oauth2.credentials.Credentials(credential.access_token, expiry=expiry)
    assert theirs.valid
    with google.auth.transport.requests.AuthorizedSession(theirs) as session:
        assert session.get(f"{api.url}/drive/v3/about").json() == {"user": {"displayName": "Ada"}}
    assert called(api) == [("GET", "/drive/v3/about")]


def test_google_auth_fetches_the_next_token_by_itself(everyauth_sandbox, api):
    auth = everyauth_sandbox.auth

    def current(request, scopes):
        credential = auth.get_identity("google", USER)
        return credential.access_token, credential.expires_at.replace(tzinfo=None)

    logged_in(everyauth_sandbox, api, "google")
    theirs = google.oauth2.credentials.Credentials(None, refresh_handler=current)
    with google.auth.transport.requests.AuthorizedSession(theirs) as session:
        assert session.get(api.url).ok
    assert called(api) == [("GET", "/")]
