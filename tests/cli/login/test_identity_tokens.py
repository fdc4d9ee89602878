"""`everyauth login --identity-token-from`: a job logs in with the identity token that its platform signs."""

import json
from urllib.parse import parse_qs

import pytest
from peers.recorder import recording
from peers.sandbox import KEY

JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJyZXBvOm9jdG8vYXBwIn0.c2lnbmF0dXJl"
TOKEN_RESPONSE = json.dumps({"access_token": "t0ken-of-the-job", "token_type": "Bearer", "expires_in": 3600}).encode()
STORE = {"EVERYAUTH_STORE": "sqlite://", "EVERYAUTH_KEY": KEY}


@pytest.fixture
def server():
    with recording() as recorder:
        yield recorder


@pytest.fixture
def job(everyauth, server):
    """The command in a job, with a client of a service whose endpoints are the recorder's."""
    url = f"http://127.0.0.1:{server.port}"

    def run(*arguments, env=(), **about):
        return everyauth(*arguments, env={**STORE, **dict(env)}, **about)

    entry = everyauth.home / "services" / "acme.toml"
    entry.parent.mkdir(parents=True)
    entry.write_text(f'title = "Acme"\nauthorization_endpoint = "{url}/authorize"\ntoken_endpoint = "{url}/token"\n')
    entry.chmod(0o600)
    entry.parent.chmod(0o700)
    done = run("service", "set", "acme", "--client-id", "workload")
    assert done.code == 0, done.err
    return run


def fields(request):
    return {name: values[0] for name, values in parse_qs(request.body).items()}


def test_a_file_is_presented_and_the_token_is_handed_out(job, server, tmp_path):
    (tmp_path / "token").write_text(JWT)
    server.reply(TOKEN_RESPONSE)
    done = job("login", "acme", "--identity-token-from", f"file:{tmp_path}/token")
    assert (done.code, done.out) == (0, "")
    assert "as repo:octo/app" in done.err
    (request,) = server.requests
    assert fields(request) == {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": JWT,
        "client_id": "workload",
    }
    assert job("token", "acme").out == "t0ken-of-the-job\n"
    assert JWT not in done.err


def test_a_job_on_github_gets_its_token_from_the_platform(job, server):
    server.reply(json.dumps({"value": JWT}).encode())
    server.reply(TOKEN_RESPONSE)
    url = f"http://127.0.0.1:{server.port}"
    platform = {"ACTIONS_ID_TOKEN_REQUEST_URL": f"{url}/id?v=2", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of-the-job"}
    done = job("login", "acme", "--identity-token-from", "github", "--audience", "acme", env=platform)
    assert done.code == 0, done.err
    requested, redeemed = server.requests
    assert (requested.method, requested.headers["authorization"]) == ("GET", "Bearer of-the-job")
    assert fields(redeemed)["assertion"] == JWT


def test_the_audience_is_that_of_a_token_for_an_identity_provider_too(job, server, everyauth):
    url = f"http://127.0.0.1:{server.port}"
    entry = everyauth.home / "services" / "acme.toml"
    entry.with_name("corp.toml").write_text(entry.read_text())
    entry.write_text(entry.read_text() + f'issuer = "{url}"\n')
    assert job("service", "set", "corp", "--client-id", "workload").code == 0
    server.reply(json.dumps({"value": JWT}).encode())
    server.reply(b"{}")
    platform = {"ACTIONS_ID_TOKEN_REQUEST_URL": f"{url}/id?v=2", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of-the-job"}
    options = ("--idp", "corp", "--identity-token-from", "github", "--audience", "corp-jobs")
    assert job("login", "acme", *options, env=platform).code != 0
    requested, exchanged = server.requests
    assert requested.url == "/id?v=2&audience=corp-jobs"
    assert fields(exchanged)["subject_token"] == JWT


def test_standard_input_is_read_once_and_the_login_says_that_it_cannot_be_refreshed(job, server):
    server.reply(TOKEN_RESPONSE)
    done = job("login", "acme", "--identity-token-from", "-", input=f"{JWT}\n")
    assert done.code == 0, done.err
    assert "cannot be refreshed" in done.err
    assert fields(server.requests[0])["assertion"] == JWT


def test_it_takes_the_place_of_a_client_secret(job, server):
    server.reply(TOKEN_RESPONSE)
    done = job("login", "acme", "--client-credentials", "--identity-token-from", "env:WORKLOAD", env={"WORKLOAD": JWT})
    assert done.code == 0, done.err
    sent = fields(server.requests[0])
    assert (sent["grant_type"], sent["client_assertion"]) == ("client_credentials", JWT)


def test_a_refused_token_is_sent_once_and_the_refusal_is_shown(job, server):
    server.reply(b'{"error": "invalid_grant", "error_description": "the assertion has expired"}', status=400)
    done = job("login", "acme", "--identity-token-from", "env:WORKLOAD", env={"WORKLOAD": JWT})
    assert (done.code, done.out) == (5, "")
    assert "the assertion has expired" in done.err
    assert "trusts the issuer, the subject and the audience" in done.err
    assert "everyauth login acme --identity-token-from env:WORKLOAD" in done.err
    assert JWT not in done.err
    assert len(server.requests) == 1
    assert json.loads(job("identity", "ls", "-o", "json").out)["items"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--identity-token-from", "github"], 2, "id-token: write"),
        (["--identity-token-from", "gitlab"], 2, "id_tokens: {EVERYAUTH_ID_TOKEN"),
        (["--identity-token-from", "env:NOT_SET"], 2, "NOT_SET is not set"),
        (["--identity-token-from", "file:/nowhere/token"], 2, "/nowhere/token"),
        (["--identity-token-from", "circleci"], 2, "github, gitlab, file:PATH or env:NAME"),
        (["--identity-token-from", "env:W", "--subject", "ann"], 2, "--subject is for --jwt-bearer"),
        (["--audience", "x"], 2, "--audience is for --identity-token-from"),
        (["--client-credentials", "--jwt-bearer"], 2, "different grants"),
        (["--identity-token-from", "-"], 2, "standard input has no identity token"),
    ],
)
def test_what_cannot_be_presented_is_an_error_and_nothing_is_sent(job, server, arguments, code, message):
    done = job("login", "acme", *arguments, input="")
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert server.requests == []


def test_at_a_url_it_needs_a_client_that_is_named(job):
    done = job("login", "https://mcp.example.com/mcp", "--identity-token-from", "github")
    assert (done.code, done.out) == (2, "")
    assert "--identity-token-from github --client SERVICE" in done.err
