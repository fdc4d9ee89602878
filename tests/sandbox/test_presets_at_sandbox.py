"""Presets at the sandbox: two products of one service side by side, in a program and on the command line."""

import pytest
from peers.sandbox import KEY, browser, use_free_ports

from everyauth_cli.errors import LoginRequired
from everyauth_cli.oauth.token_endpoint import missing_scopes
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.services.other_names import shipped_presets

HOUR = 3600


def tokens(everyauth_sandbox, *names):
    return [everyauth_sandbox.auth.get_identity(name).access_token for name in names]


def test_two_presets_log_in_refresh_and_log_out_each_on_its_own(everyauth_sandbox):
    names = ("jira", "confluence")
    identities = [everyauth_sandbox.log_in(name) for name in names]
    assert [identity.service for identity in identities] == list(names)
    assert identities[0].account == identities[1].account
    first = tokens(everyauth_sandbox, *names)
    everyauth_sandbox.advance(2 * HOUR)
    second = tokens(everyauth_sandbox, *names)
    assert len({*first, *second}) == len(first + second)
    everyauth_sandbox.auth.delete_identity("jira", "me")
    assert everyauth_sandbox.auth.get_identity("jira") is None
    assert tokens(everyauth_sandbox, "confluence") == second[1:]


def test_where_a_revocation_ends_all_that_the_account_granted_the_other_preset_needs_a_login(everyauth_sandbox):
    gmail, drive = (everyauth_sandbox.log_in(name) for name in ("gmail", "google-drive"))
    assert [other for _, other in everyauth_sandbox.auth.siblings(gmail)] == [drive]
    everyauth_sandbox.auth.delete_identity("gmail", "me")
    with pytest.raises(LoginRequired, match="google-drive"):
        everyauth_sandbox.auth.get_identity("google-drive")


def test_services_share_no_grant_because_they_share_the_sandbox(everyauth_sandbox):
    google, _ = everyauth_sandbox.log_in("google"), everyauth_sandbox.log_in("reddit")
    assert everyauth_sandbox.auth.siblings(google) == []
    everyauth_sandbox.auth.delete_identity("google", "me")
    assert tokens(everyauth_sandbox, "reddit")


@pytest.mark.parametrize("name", sorted(shipped_presets()))
def test_every_preset_gets_its_scopes_and_an_account(everyauth_sandbox, name):
    identity = everyauth_sandbox.log_in(name)
    preset = Catalogue().get(name)
    assert identity.account is not None
    requested = preset.scope_separator.join(preset.scopes)
    assert not missing_scopes(preset, requested, identity.scope, refreshable=identity.refreshable)


@pytest.mark.slow
def test_a_preset_on_the_command_line(everyauth):
    use_free_ports(everyauth)
    env = {"EVERYAUTH_STORE": "sqlite://", "EVERYAUTH_KEY": KEY, "BROWSER": browser()}

    def run(line):
        done = everyauth(*line.split(), env=env)
        assert done.code == 0, done
        return done

    running = everyauth.start("sandbox", env=env)
    try:
        while "Ctrl-C" not in running.stderr.readline():
            pass
        assert "Logged in to Gmail as" in run("login gmail --sandbox").err
        run("login google-drive --sandbox")
        found = {run(f"token {name} --profile sandbox").out for name in ("gmail", "google-drive")}
        assert len(found) == 2
        listed = run("identity ls --profile sandbox").out
        assert [line.split("\t")[0] for line in listed.splitlines()] == ["gmail", "google-drive"]
        assert (
            "google"
            not in everyauth("status", "--profile", "sandbox", "-o", "json", env=env)
            .out.partition("servicesWithoutLogin")[2]
            .partition("]")[0]
        )
        run("logout gmail --local --profile sandbox")
        run("token google-drive --profile sandbox")
    finally:
        running.kill()
