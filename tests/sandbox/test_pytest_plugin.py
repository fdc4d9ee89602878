"""The pytest fixture for the tests of apps."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from everyauth_cli import errors
from everyauth_cli.cli.topics.text import topic_text
from everyauth_cli.sandbox.dialect import load, names
from everyauth_cli.services.at_sandbox import PATHS
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.services.endpoints import urls_of

ROOT = Path(__file__).resolve().parents[2]
NAME = "pagerduty"


def test_a_user_logs_in_without_a_browser(everyauth_sandbox):
    auth = everyauth_sandbox.auth
    assert auth.get_identity(NAME, "user-123") is None
    identity = everyauth_sandbox.log_in(NAME, "user-123", account="ada@example.com", tags={"plan": "pro"})
    credential = auth.get_identity(NAME, "user-123")
    assert credential.identity_id == identity.id
    assert credential.account.label == "ada@example.com (sandbox)"
    assert credential.tags == {"userId": "user-123", "tenantId": "user-123", "plan": "pro"}


def test_no_request_of_a_login_is_for_the_service_itself(everyauth_sandbox):
    base_url = everyauth_sandbox.sandbox.base_url
    for known in (everyauth_sandbox.auth.catalogue.get(NAME), everyauth_sandbox.auth.clients.filled(NAME)):
        urls = {url for key, url in urls_of(known).items() if key in PATHS}
        assert all(url.startswith(f"{base_url}/") for url in urls)


def test_one_clock_runs_for_both(everyauth_sandbox):
    everyauth_sandbox.log_in(NAME)
    first = everyauth_sandbox.auth.get_identity(NAME).access_token
    everyauth_sandbox.advance(11 * 86400)
    second = everyauth_sandbox.auth.get_identity(NAME).access_token
    server = everyauth_sandbox.sandbox.server(NAME)
    assert first != second
    assert [server.user(token) is not None for token in (first, second)] == [False, True]


def test_a_user_logs_out(everyauth_sandbox):
    everyauth_sandbox.log_in(NAME)
    assert everyauth_sandbox.auth.delete_identity(NAME, user="me").problem is None
    assert everyauth_sandbox.auth.get_identity(NAME) is None


def test_another_account_is_an_error(everyauth_sandbox):
    everyauth_sandbox.log_in(NAME)
    with pytest.raises(errors.OtherAccount, match="ada@"):
        everyauth_sandbox.log_in(NAME, account="ada@example.com")


def test_every_service_is_at_the_sandbox(everyauth_sandbox):
    for name in Catalogue().names():
        service = everyauth_sandbox.auth.catalogue.get(name)
        urls = {url for key, url in urls_of(service).items() if key in PATHS}
        assert urls
        assert not [url for url in urls if not url.startswith(f"{everyauth_sandbox.sandbox.base_url}/{name}/")]


@pytest.mark.parametrize("name", names())
def test_a_user_logs_in_at_any_service(everyauth_sandbox, name):
    identity = everyauth_sandbox.log_in(name)
    assert (identity.account is None) == (load(name).account is None)
    access_token = everyauth_sandbox.auth.get_identity(name).access_token
    assert everyauth_sandbox.sandbox.server(name).user(access_token) == "user@example.com"


@pytest.mark.slow
def test_the_example_of_the_topic_passes(tmp_path):
    """The lines of `everyauth help python`, in a project of their own."""
    shown = re.search(r"^    # conftest\.py: (.*)$\n((?:^    .*$\n)+)", topic_text("python"), re.MULTILINE)
    (tmp_path / "conftest.py").write_text(shown[1] + "\n")
    (tmp_path / "test_app.py").write_text(re.sub(r"^    ", "", shown[2], flags=re.MULTILINE))
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
