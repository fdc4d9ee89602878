"""Identity tokens of a job: read from its platform, a file or a variable, at each request anew."""

import pytest
from peers.token_server import json_response

from everyauth_cli.errors import ConfigurationProblem, ServiceUnreadable, UsageProblem
from everyauth_cli.flows.identity_tokens import IdentityTokens, check_source
from everyauth_cli.model import Response, Secret
from everyauth_cli.store.whole_files import LARGEST

JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJqb2IifQ.c2lnbmF0dXJl"
AUDIENCE = "https://auth.example.com/a?b=c&d"
URL = "https://pipelines.example.com/token?api-version=2.0"


class Platform:
    """The platform of a job: the requests that reached it, and its answer."""

    def __init__(self):
        self.requests = []
        self.response = json_response({"value": JWT, "count": 1})

    def __call__(self, request):
        self.requests.append(request)
        return self.response


@pytest.fixture
def platform():
    return Platform()


@pytest.fixture
def read(platform):
    tokens = IdentityTokens(send=platform)
    return lambda source, audience=AUDIENCE: tokens.read(source, audience=audience).reveal()


@pytest.fixture
def job(monkeypatch):
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", URL)
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of the job")


def test_a_job_on_github_requests_a_token_for_the_audience(read, platform, job):
    assert read("github") == JWT
    (request,) = platform.requests
    assert (request.method, request.bearer) == ("GET", Secret("of the job"))
    assert request.url == f"{URL}&audience=https%3A%2F%2Fauth.example.com%2Fa%3Fb%3Dc%26d"


def test_each_read_requests_another(read, platform, job):
    read("github")
    read("github", audience="https://other.example.com")
    assert [request.url.rpartition("=")[2] for request in platform.requests][1] == "https%3A%2F%2Fother.example.com"


def test_a_job_without_the_permission_gets_an_error_that_names_it(read, platform):
    with pytest.raises(ConfigurationProblem, match="ACTIONS_ID_TOKEN_REQUEST_URL") as raised:
        read("github")
    assert "id-token: write" in raised.value.hint
    assert platform.requests == []


@pytest.mark.parametrize("url", ["http://pipelines.example.com/token", "https://user@pipelines.example.com/", "x"])
def test_the_token_of_a_job_is_sent_to_no_other_kind_of_url(read, platform, job, monkeypatch, url):
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", url)
    with pytest.raises(ConfigurationProblem, match="no URL to send a token to"):
        read("github")
    assert platform.requests == []


@pytest.mark.parametrize(
    "response",
    [
        json_response({"value": JWT}, status=403),
        json_response({"message": "no"}),
        json_response({"value": {"token": JWT}}),
        json_response([]),
        Response(status=200, content_type="text/html", body=Secret(b"<html>")),
    ],
)
def test_an_answer_without_a_token_is_an_error_that_names_the_host(read, platform, job, response):
    platform.response = response
    with pytest.raises(ServiceUnreadable, match=r"pipelines\.example\.com") as raised:
        read("github")
    assert JWT not in str(raised.value)


def test_a_job_on_gitlab_has_it_in_a_variable_that_it_names(read, monkeypatch):
    with pytest.raises(ConfigurationProblem, match="EVERYAUTH_ID_TOKEN") as raised:
        read("gitlab")
    assert raised.value.hint == f'in .gitlab-ci.yml: id_tokens: {{EVERYAUTH_ID_TOKEN: {{aud: "{AUDIENCE}"}}}}'
    monkeypatch.setenv("EVERYAUTH_ID_TOKEN", JWT)
    assert read("gitlab") == JWT


def test_a_variable_is_read_anew(read, monkeypatch):
    monkeypatch.setenv("WORKLOAD", f" {JWT}\n")
    assert read("env:WORKLOAD") == JWT
    monkeypatch.setenv("WORKLOAD", f"{JWT}2")
    assert read("env:WORKLOAD") == f"{JWT}2"
    monkeypatch.delenv("WORKLOAD")
    with pytest.raises(ConfigurationProblem, match="WORKLOAD is not set"):
        read("env:WORKLOAD")


def test_a_file_is_read_anew(read, tmp_path):
    file = tmp_path / "token"
    file.write_text(f"\ufeff{JWT}\r\n")
    assert read(f"file:{file}") == JWT
    file.write_text(f"{JWT}2")
    assert read(f"file:{file}") == f"{JWT}2"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (f"{JWT} {JWT}".encode(), "white space inside"),
        (b"\xff\xfe\x00", "is not text"),
        (b"x" * (LARGEST + 1), "larger than 64 KiB"),
    ],
)
def test_a_file_without_a_token_is_named_and_not_shown(read, tmp_path, content, problem):
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(ConfigurationProblem, match=problem) as raised:
        read(f"file:{file}")
    assert str(file) in str(raised.value)
    assert JWT not in str(raised.value)


def test_a_file_that_is_none_is_named(read, tmp_path):
    for path in (tmp_path, tmp_path / "none", "/dev/zero"):
        with pytest.raises(ConfigurationProblem, match=str(path)):
            read(f"file:{path}")


def test_a_file_is_remembered_with_its_whole_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert check_source("file:token") == f"file:{tmp_path}/token"
    assert check_source("file:~/token") == f"file:{tmp_path}/home/token"
    assert [check_source(source) for source in ("github", "gitlab", "env:A_1")] == ["github", "gitlab", "env:A_1"]


@pytest.mark.parametrize("source", ["", "circleci", "file:", "env:", "env:A B", "env:1", "GITHUB", "token", "-"])
def test_another_source_is_refused_with_those_that_there_are(source):
    with pytest.raises(UsageProblem) as raised:
        check_source(source)
    assert raised.value.hint == "give github, gitlab, file:PATH or env:NAME"


def test_a_token_in_the_place_of_a_source_is_not_repeated():
    with pytest.raises(UsageProblem, match="what was given is no place") as raised:
        check_source(JWT)
    assert JWT not in str(raised.value)
