"""The lines of `everyauth help sdk`, each run with its real SDK and a token that expires between two calls."""

from __future__ import annotations

import gc
import importlib
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import google.auth.transport.requests
import pytest
import requests
from peers.api import certificate, serving

import everyauth_cli.cli.topics
from everyauth_cli.errors import LoginRequired
from everyauth_cli.sandbox.pytest_plugin import EveryAuthSandbox
from everyauth_cli.sandbox.server import Sandbox

USER = "ann"
TEXT = (Path(everyauth_cli.cli.topics.__file__).parent / "sdk.in").read_text(encoding="utf-8")
MINUTE, HOUR = 60, 3600


@dataclass(frozen=True)
class Sdk:
    """A block of the topic: what it imports, which address it is led to, and a call with its page at the API."""

    heading: str
    service: str
    imports: str
    replaced: tuple[str, str]
    call: str
    path: str
    page: object


SDKS = [
    Sdk(
        "Asana",
        "asana",
        "asana",
        ("Configuration())", 'Configuration())\nclient.configuration.host = "URL"'),
        "asana.UsersApi(client).get_user('me', {})",
        "/users/me",
        {"data": {"name": "Ann"}},
    ),
    Sdk(
        "Atlassian",
        "atlassian",
        "atlassian",
        ("https://api.atlassian.com/ex/jira/CLOUD-ID", "URL"),
        "client.myself()",
        "/rest/api/2/myself",
        {"name": "Ann"},
    ),
    Sdk(
        "GitHub",
        "linear",  # GitHub's own tokens do not expire, except those of a GitHub App
        "github",
        ('Token("-"))', 'Token("-"), base_url="URL")'),
        "client.get_user().login",
        "/user",
        {"login": "Ann"},
    ),
    Sdk(
        "GitLab",
        "gitlab",
        "gitlab",
        ("https://gitlab.com", "URL"),
        "client.http_get('/version')",
        "/api/v4/version",
        {"version": "1", "revision": "2"},
    ),
    Sdk(
        "Google",
        "google",
        "google.auth.transport.requests",
        ("", ""),
        "client.get('URL/drive/v3/about').json()",
        "/drive/v3/about",
        {"user": {"displayName": "Ann"}},
    ),
    Sdk(
        "HubSpot",
        "hubspot",
        "hubspot",
        ('{"access_token": token()}', '{"access_token": token(), "host": "URL"}'),
        "client.crm.contacts.basic_api.get_page()",
        "/crm/v3/objects/contacts",
        {"results": []},
    ),
    Sdk(
        "Jira",
        "atlassian",
        "jira",
        ("https://api.atlassian.com/ex/jira/CLOUD-ID", "URL"),
        "client.myself()",
        "/rest/api/2/myself",
        {"name": "Ann"},
    ),
    Sdk(
        "Linear",
        "linear",
        "gql gql.transport.requests",
        ("https://api.linear.app/graphql", "URL/graphql"),
        "client.execute(gql.gql('{viewer}'))",
        "/graphql",
        {"data": {"viewer": "Ann"}},
    ),
    Sdk(
        "PagerDuty",
        "pagerduty",
        "pagerduty",
        ('auth_type="bearer"', 'auth_type="bearer", base_url="URL", verify=verify'),
        "client.rget('/users/me')",
        "/users/me",
        {"user": {"email": "ann@example.com"}},
    ),
    Sdk(
        "QuickBooks",
        "quickbooks",
        "quickbooks",
        ("client.session", "client.api_url_v3 = 'URL'\nclient.session"),
        "client.get_report('CashFlow')",
        "/company/COMPANY/reports/CashFlow",
        {"Rows": {}},
    ),
    Sdk(
        "Reddit",
        "reddit",
        "praw prawcore",
        ('user_agent="AGENT"', 'user_agent="AGENT", oauth_url="URL"'),
        "client._core.request(method='GET', path='api/v1/me')",
        "/api/v1/me",
        {"name": "Ann"},
    ),
    Sdk(
        "Salesforce",
        "salesforce",
        "simple_salesforce",
        ("https://INSTANCE.my.salesforce.com", "URL"),
        "client.limits()",
        "/services/data/v59.0/limits/",
        {"DailyApiRequests": {"Max": 1}},
    ),
    Sdk(
        "Slack",
        "slack",
        "slack_sdk",
        ("Slack()", 'Slack(base_url="URL/api/")'),
        "client.auth_test()",
        "/api/auth.test",
        {"ok": True},
    ),
]
DEMAND_HTTPS = {"PagerDuty", "Salesforce"}
WITH_SESSION = {"Atlassian", "GitLab", "Salesforce"}


def block(heading: str) -> str:
    """Return the lines that the topic shows below a paragraph."""
    found = re.search(rf"^{re.escape(heading)}\b.*\n\n((?:    .*\n)+)", TEXT, re.MULTILINE)
    return textwrap.dedent(found[1])


def given(auth, imports: str) -> dict[str, object]:
    names = {"auth": auth, "requests": requests}
    for name in imports.split():
        names[name.partition(".")[0]] = importlib.import_module(name.partition(".")[0])
        importlib.import_module(name)
    return names


def lifetime(sandbox, service) -> float:
    """Return the seconds that the current token has left."""
    return sandbox.auth.get_identity(service, USER).expires_at.timestamp() - sandbox.auth.clock() / 1000


@pytest.fixture
def api(tmp_path, sdk):
    ours, theirs = certificate(tmp_path) if sdk.heading in DEMAND_HTTPS else (None, None)
    with serving(tls=ours) as api:
        yield api, theirs


def test_every_sdk_of_the_topic_is_run():
    blocks = re.findall(r"^([A-Z]\w+)[^\n]*\(`[^\n]*:\n\n    ", TEXT, re.MULTILINE)
    assert blocks == [sdk.heading for sdk in SDKS]


# Some of the clients leave their connections open.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("sdk", SDKS, ids=[sdk.heading for sdk in SDKS])
def test_an_sdk_goes_on_after_the_token_expired(everyauth_sandbox, api, sdk, tmp_path):
    auth, (api, verify) = everyauth_sandbox.auth, api
    everyauth_sandbox.log_in(sdk.service, USER)
    names = {**given(auth, sdk.imports), "verify": verify}
    if sdk.heading in WITH_SESSION:
        exec(block("Any session").replace('"gitlab"', f'"{sdk.service}"'), names)
        names["session"].verify, names["session"].trust_env = str(tmp_path / "tls.pem"), False
    before, after = (text.replace("URL", api.url) for text in sdk.replaced)
    lines = block(sdk.heading).replace('"github"', '"linear"')
    assert before in lines
    api.pages = {sdk.path: sdk.page}
    api.accepted = {first := auth.get_identity(sdk.service, USER).access_token}
    exec(lines.replace(before, after) if before else lines, names)
    exec(sdk.call.replace("URL", api.url), names)

    expires = auth.get_identity(sdk.service, USER).expires_at is not None
    everyauth_sandbox.advance(lifetime(everyauth_sandbox, sdk.service) + MINUTE if expires else HOUR)
    # A token without a known end is replaced after a 401.
    second = auth.get_identity(sdk.service, USER, rejected=None if expires else first).access_token
    api.accepted = {second}
    exec(sdk.call.replace("URL", api.url), names)
    assert [call.token for call in api.calls if call.path == sdk.path] == [first, second]
    names.clear()
    gc.collect()


def test_a_token_source_is_a_function_and_an_attribute(everyauth_sandbox):
    auth = everyauth_sandbox.auth
    source = auth.token_source("pagerduty", USER)
    with pytest.raises(LoginRequired, match='user "ann" has not logged in at pagerduty'):
        source()
    everyauth_sandbox.log_in("pagerduty", USER, tenant="acme")
    current = auth.get_identity("pagerduty", USER).access_token

    class Client:
        token = source

    client = Client()
    client.token = "kept by the SDK"
    assert (source(), client.token, Client.token) == (current, current, source)
    assert current not in repr(source) + repr(vars(client)) + repr(vars(source))
    identity = auth.find_one(USER)
    more = [{"tenant": "acme"}, {"identity_id": identity.id}]
    assert [auth.token_source("pagerduty", *([USER] if "tenant" in m else []), **m)() for m in more] == [current] * 2
    everyauth_sandbox.advance(lifetime(everyauth_sandbox, "pagerduty") - MINUTE)
    assert auth.token_source("pagerduty", USER, min_ttl=MINUTE * 2000)() != current


def google_session(sandbox) -> google.auth.transport.requests.AuthorizedSession:
    return google.auth.transport.requests.AuthorizedSession(sandbox.auth.google_auth("google", USER))


def test_googles_margin_is_kept(everyauth_sandbox):
    everyauth_sandbox.log_in("google", USER)
    credentials = everyauth_sandbox.auth.google_auth("google", USER)
    credentials.refresh(None)
    assert credentials.valid
    first = credentials.token
    # A token that everyauth counts as current, and Google's libraries as expired.
    everyauth_sandbox.advance(lifetime(everyauth_sandbox, "google") - 200)
    credentials.before_request(None, "GET", "https://api.example", headers := {})
    assert headers == {"authorization": f"Bearer {credentials.token}"}
    assert credentials.token != first


def test_google_gets_another_token_after_a_401(everyauth_sandbox):
    everyauth_sandbox.log_in("google", USER)
    everyauth_sandbox.advance(2 * MINUTE)
    with serving() as api, google_session(everyauth_sandbox) as session:
        session.trust_env = False
        first = everyauth_sandbox.auth.get_identity("google", USER).access_token
        api.respond = lambda call: (401 if call.token == first else 200, {}, {})
        assert session.get(api.url).status_code == 200
        api.respond = lambda call: (api.calls.append(call), (401, {}, {}))[1]
        # That token was just issued, so another would be rejected too.
        assert session.get(api.url).status_code == 401
    assert {call.token for call in api.calls} == {everyauth_sandbox.auth.get_identity("google", USER).access_token}


def test_tokens_that_google_thinks_too_short_are_used_and_refreshed_once(tmp_path):
    with Sandbox(port=None, token_lifetime=100) as sandbox:
        world = EveryAuthSandbox(sandbox)
        world.log_in("google", USER)
        credentials = world.auth.google_auth("google", USER)
        for _ in range(5):
            credentials.before_request(None, "GET", "https://api.example", headers := {})
            assert headers["authorization"] == f"Bearer {world.auth.get_identity('google', USER).access_token}"
        assert sandbox.server("google").counts["refresh_token"] == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("library", "method", "install"),
    [("google.auth", "google_auth", "google-auth"), ("requests", "requests_auth", "'everyauth-cli[requests]'")],
)
def test_a_library_that_is_missing_is_named(library, method, install):
    program = (
        f"import sys; sys.modules[{library!r}] = None\n"
        "from everyauth_cli import EveryAuth, UsageProblem\n"
        f"try: EveryAuth.from_env().{method}('example')\n"
        "except UsageProblem as error: print(error.message, '/', error.hint)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == f"{library.replace('.', '-')} is not installed / pip install {install}\n"
