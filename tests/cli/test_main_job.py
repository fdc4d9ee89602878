"""The main job as it is typed: set a service, log in through the browser, get a token that is current."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta

import pytest
from peers.sandbox import TOKEN_LIFETIME, sandbox_shell, use_free_ports
from peers.terminal import terminal

ID = r"idn-[0-9a-f]{16,}"


@pytest.fixture
def shell(everyauth):
    with sandbox_shell(everyauth) as shell:
        yield shell


def test_the_five_commands_as_typed(everyauth):
    port, _ = use_free_ports(everyauth)
    with sandbox_shell(everyauth, port=port, registered=False) as shell:
        saved = shell(
            'everyauth service set pagerduty --scope "read write" --clientId sandbox-client'
            " --clientSecret sandbox-secret-not-a-real-secret"
        )
        assert (saved.code, saved.out) == (0, f"http://127.0.0.1:{port}/callback/pagerduty\n")
        assert saved.err.splitlines()[0] == "Saved for pagerduty: scope, client id, client secret."

        done = shell("everyauth login pagerduty --user user-123")
        assert (done.code, done.out) == (0, "")
        assert 'Logged in to PagerDuty as user@example.com (sandbox) (user "user-123").' in done.err
        assert "warning" not in done.err

        got = shell("everyauth identity get user-123")
        assert (got.code, got.err) == (0, "")
        assert shell.works(json.loads(got.out)["accessToken"])

        assert shell("everyauth login pagerduty").code == 0
        bare = shell("everyauth token pagerduty")
        assert (bare.code, bare.err) == (0, "")
        assert bare.out.count("\n") == 1
        assert shell.works(bare.out.strip())
        assert bare.out.strip() != json.loads(got.out)["accessToken"]


@pytest.mark.slow
def test_the_store_that_the_command_remembers_keeps_its_key_in_a_file_of_ours_alone(everyauth):
    with sandbox_shell(everyauth, registered=False) as shell:
        key = shell.command.home / "sealing.key"
        shell.env = {"BROWSER": shell.env["BROWSER"]}
        chosen = shell("everyauth store use sqlite://")
        assert (chosen.code, chosen.out) == (0, "")
        assert str(key) in chosen.err.splitlines()
        assert key.read_text().strip() not in chosen.err
        assert key.stat().st_mode & 0o777 == 0o600
        shell.register()
        shell.log_in()
        assert shell.works(shell.token())
        assert b"pdus+_" not in (shell.command.home / "everyauth.db").read_bytes()


@pytest.mark.slow
def test_the_credential_has_the_shape_of_the_original_and_no_refresh_token(shell):
    started = shell.clock()
    shell.good("everyauth login pagerduty --user user-123 --tenant acme --tag team=blue --tag env=prod")
    text = shell.good("everyauth identity get user-123")
    credential = json.loads(text)
    native = credential["native"]
    assert list(credential) == ["accessToken", "native", "everyauth"]
    assert set(native) == {"scope", "id_token", "timestamp", "expires_at", "access_token"}
    assert native["access_token"] == credential["accessToken"]
    assert native["scope"] == "openid read write"
    assert started <= native["timestamp"] <= shell.clock()
    assert native["expires_at"] - native["timestamp"] == TOKEN_LIFETIME * 1000
    assert re.fullmatch(ID, credential["everyauth"].pop("identityId"))
    assert credential["everyauth"] == {
        "serviceId": "pagerduty",
        "tags": {"userId": "user-123", "tenantId": "acme", "team": "blue", "env": "prod"},
        "account": {"subject": "PSANDBX/UWTE2FCJSH", "label": "user@example.com (sandbox)"},
    }
    assert "refresh" not in text
    assert "pdus+_1" not in text


@pytest.mark.slow
def test_an_expired_token_is_refreshed_once_and_the_new_one_kept(shell):
    shell.log_in()
    first = json.loads(shell.good("everyauth identity get me"))
    shell.clock.tick(TOKEN_LIFETIME + 1)
    assert not shell.works(first["accessToken"])
    second = json.loads(shell.good("everyauth identity get me"))
    assert shell.works(second["accessToken"])
    assert shell.token() == second["accessToken"]
    assert shell.counts["refresh_token"] == 1
    assert second["everyauth"] == first["everyauth"]
    # What only the first answer had is kept.
    assert second["native"]["id_token"] == first["native"]["id_token"]
    assert second["native"]["expires_at"] >= first["native"]["expires_at"] + TOKEN_LIFETIME * 1000

    shell.clock.tick(TOKEN_LIFETIME + 1)
    assert shell.works(shell.token())
    assert (shell.counts["refresh_token"], shell.counts["refresh_reuse"]) == (2, 0)


@pytest.mark.slow
def test_identities_are_listed_for_programs_in_a_pipe(shell):
    shell.log_in("ann", account="ann@example.com")
    shell.clock.tick(600)
    shell.log_in("bob", tenant="acme")
    bob, ann = [line.split("\t") for line in shell.good("everyauth identity ls").splitlines()]
    assert bob[:5] == ["pagerduty", "bob", "acme", "user@example.com (sandbox)", "openid read write"]
    assert (bob[7], bool(re.fullmatch(ID, bob[8]))) == ("", True)
    assert ann[:5] == ["pagerduty", "ann", "", "ann@example.com (sandbox)", "openid read write"]
    created, expires = map(datetime.fromisoformat, ann[5:7])
    assert expires - created == timedelta(seconds=TOKEN_LIFETIME)
    assert timedelta(seconds=600) <= datetime.fromisoformat(bob[5]) - created < timedelta(seconds=1200)


@pytest.mark.slow
def test_a_listing_is_read_in_pages(shell):
    for user in ("ann", "bob", "cem"):
        shell.log_in(user)
    first = shell("everyauth identity ls pagerduty -c 2")
    assert [line.split("\t")[1] for line in first.out.splitlines()] == ["ann", "bob"]
    cursor = re.fullmatch(r"There are more. To go on:\n  everyauth identity ls .*--next (\S+)\n", first.err)[1]
    rest = shell(f"everyauth identity ls pagerduty -c 2 -n {cursor}")
    assert ([line.split("\t")[1] for line in rest.out.splitlines()], rest.err) == (["cem"], "")
    page = json.loads(shell.good("everyauth identity ls pagerduty --count 2 -o json"))
    assert (len(page["items"]), page["next"]) == (2, cursor)
    assert json.loads(shell.good(f"everyauth identity ls pagerduty -n {cursor} -o json"))["next"] is None
    shell.bad("everyauth identity ls -n bogus", 2, "the cursor does not belong to this listing")
    shell.bad("everyauth identity ls -c 0", 2, "--count")
    shell.bad("everyauth identity ls pagerduty --service slack", 2, "two services are given")


@pytest.mark.slow
def test_one_identity_is_shown_without_its_secret(shell):
    shell.log_in("ann", tenant="acme")
    facts = dict(line.split("\t") for line in shell.good("everyauth identity show pagerduty ann").splitlines())
    assert (facts["user"], facts["tenant"], facts["state"]) == ("ann", "acme", "refreshes itself")
    assert json.loads(shell.good("everyauth identity show ann -o json"))["identityId"] == facts["id"]
    shell.bad("everyauth identity show bob", 3, 'no identity found for "bob"')


@pytest.mark.slow
def test_a_terminal_shows_as_many_columns_as_fit(shell):
    shell.log_in("ann")
    for columns, shown_columns in ((60, ["SERVICE", "USER", "ACCOUNT", "EXPIRES"]), (200, ["SCOPES", "AGE", "ID"])):
        environment = shell.command.environment({**shell.env, "TERM": "dumb", "COLUMNS": str(columns)})
        with terminal([*shell.command.argv, "identity", "ls"], environment) as shown:
            assert shown.end() == 0
        heading, row, *more = shown.shown.splitlines()
        assert [name for name in shown_columns if name not in heading] == []
        assert row.startswith("✓  pagerduty  ann")
        assert [line for line in (heading, row, *more) if len(line.rstrip()) > columns] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "users"),
    [
        ("", ["bob", "ann"]),
        ("--user ann", ["ann"]),
        ("--tenant acme", ["bob"]),
        ("--tag team=blue --tag env=prod", ["bob"]),
        ("--tag team=red", []),
        ("--service pagerduty --user bob", ["bob"]),
    ],
)
def test_identities_are_found_by_what_they_have(shell, options, users):
    shell.log_in("ann")
    shell.log_in("bob", tenant="acme", tags={"team": "blue", "env": "prod"})
    assert [identity["tags"]["userId"] for identity in shell.identities(options)] == users


@pytest.mark.slow
def test_a_credential_is_got_by_each_name_of_its_identity(shell):
    shell.log_in("user-123")
    (identity,) = shell.identities()
    lines = [
        "identity get user-123",
        "identity get pagerduty user-123",
        "identity get --user user-123",
        "identity get --service pagerduty --user user-123",
        "identity get --service pagerduty user-123",
        f"identity get {identity['identityId']}",
        f"identity get pagerduty {identity['identityId']}",
    ]
    credentials = [json.loads(shell.good(f"everyauth {line}")) for line in lines]
    assert all(credential == credentials[0] for credential in credentials)
    by_id = shell.good(f"everyauth token pagerduty {identity['identityId']}")
    assert by_id.strip() == credentials[0]["accessToken"]
    assert json.loads(shell.good("everyauth token pagerduty user-123 -o json")) == {"accessToken": by_id.strip()}


@pytest.mark.slow
def test_the_error_for_a_likely_mistake_has_a_command_that_works(shell):
    shell.bad_both("everyauth identity get pagerduty", 4, "login_required", "everyauth login pagerduty")
    shell.log_in("user-123")
    shell.log_in("a person")
    shell.log_in("user-123", tenant="acme")
    shown = shell.bad("everyauth identity get pagerduty", 3, "pagerduty is a service")
    commands = [line.strip() for line in shown.splitlines() if line.startswith("  everyauth")]
    assert "everyauth identity get pagerduty user-123" in commands
    found = [json.loads(shell.good(command))["everyauth"]["tags"]["userId"] for command in commands]
    assert sorted(set(found)) == ["a person", "user-123"]
    assert len(set(commands)) == len(commands)


@pytest.mark.slow
def test_a_minimum_lifetime_can_be_required(shell):
    shell.log_in()
    first = shell.token()
    assert shell.good("everyauth token pagerduty --min-ttl 10m").strip() == first
    shell.clock.tick(TOKEN_LIFETIME - 300)
    assert shell.token() == first
    second = shell.good("everyauth token pagerduty --min-ttl 10m").strip()
    assert second != first
    assert json.loads(shell.good("everyauth identity get me --min-ttl 10m"))["accessToken"] == second
    shell.bad_both("everyauth token pagerduty --min-ttl 2h", 5, "lifetime_too_short", "3600 s", "--min-ttl")
    assert shell.counts["refresh_token"] == 1
    shell.bad("everyauth token pagerduty --min-ttl soon", 2, "10m")


@pytest.mark.slow
def test_a_rejected_token_is_refreshed_only_while_it_is_the_stored_one(shell):
    shell.log_in()
    first = shell.token()
    second = shell.good("everyauth token pagerduty --rejected", input=f"{first}\n").strip()
    assert second != first
    assert shell.good("everyauth token pagerduty --rejected", input=first).strip() == second
    assert json.loads(shell.good("everyauth identity get me --rejected", input=first))["accessToken"] == second
    assert shell.counts["refresh_token"] == 1
    shell.bad("everyauth token pagerduty --rejected", 2, "rejected token", input="")


@pytest.mark.slow
def test_an_identity_is_deleted_only_after_a_yes(shell):
    shell.log_in("user-123")
    shell.log_in()
    shell.bad("everyauth identity rm user-123", 2, "--yes", input="")
    assert len(shell.identities()) == 2
    assert shell.good("everyauth identity rm pagerduty user-123 --yes") == ""
    assert [identity["tags"]["userId"] for identity in shell.identities()] == ["me"]
    shell.bad_both("everyauth identity get user-123", 3, "not_found", "everyauth identity ls")
    login = "everyauth login pagerduty --user user-123"
    shell.bad_both("everyauth token pagerduty user-123", 4, "login_required", login)
    shell.bad_both("everyauth identity rm user-123 --yes", 3, "not_found", "everyauth identity ls")
    assert shell.works(shell.token())


@pytest.mark.slow
def test_a_client_is_deleted_and_its_identities_stay(shell):
    shell.log_in()
    token = shell.token()
    done = shell("everyauth service rm pagerduty --yes")
    assert (done.code, done.out) == (0, "")
    assert "everyauth identity ls --service pagerduty" in done.err
    assert shell.token() == token
    shell.bad("everyauth login pagerduty", 2, "everyauth service set pagerduty --client-id")


@pytest.mark.slow
def test_profiles_are_kept_apart(shell):
    shell.log_in()
    assert shell.good("everyauth identity ls --profile work") == ""
    shell.bad("everyauth --profile work login pagerduty", 2, "everyauth service set pagerduty")
    shell.env["EVERYAUTH_PROFILE"] = "work"
    shell.bad("everyauth token pagerduty", 4, "everyauth login pagerduty")
    shell.register()
    shell.log_in(account="other@example.com")
    assert shell.identities()[0]["account"]["label"] == "other@example.com (sandbox)"
    assert shell.identities("--profile default")[0]["account"]["label"] == "user@example.com (sandbox)"
    assert shell.token() != shell.good("everyauth token pagerduty -p default").strip()
    shell.good("everyauth identity rm me --yes")
    assert len(shell.identities("--profile default")) == 1
