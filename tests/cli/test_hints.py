"""Suggested commands: they carry what was given, can be pasted, and lead on. conftest.py checks those of all tests."""

from __future__ import annotations

import contextlib
import json
import shlex
import sqlite3

import pytest
from peers.hints import check_hints, hints_in
from peers.home import Home

from everyauth_cli.cli.suggestion import Hint, corrected, in_profile, read_hint, repeated


@pytest.fixture
def home(everyauth):
    made = Home(everyauth)
    made.entry()
    return made


@pytest.mark.parametrize(
    ("hint", "advice", "command"),
    [
        ("everyauth token x", "", "everyauth token x"),
        ("do this: everyauth token x", "do this", "everyauth token x"),
        ("did you mean x? everyauth token x", "did you mean x?", "everyauth token x"),
        ("one: two: everyauth login x --tag='a: everyauth b'", "one: two", "everyauth login x --tag='a: everyauth b'"),
        ("try again later", "try again later", ""),
        ("use the everyauth of root", "use the everyauth of root", ""),
    ],
)
def test_a_hint_is_advice_and_a_command(hint, advice, command):
    assert read_hint(hint) == Hint(advice, command)
    assert str(read_hint(hint)) == hint


@pytest.mark.parametrize(
    ("command", "profile", "completed"),
    [
        ("everyauth token x", "", "everyauth token x"),
        ("everyauth token x", "work", "everyauth token x --profile work"),
        ("everyauth token x", "my work", "everyauth token x --profile 'my work'"),
        ("everyauth token x -p work", "work", "everyauth token x -p work"),
        ("everyauth token x --profile=work", "work", "everyauth token x --profile=work"),
        ("everyauth login x", "sandbox", "everyauth login x --sandbox"),
        ("everyauth token x", "sandbox", "everyauth token x --profile sandbox"),
        ("everyauth store use sqlite://", "work", "everyauth store use sqlite://"),
        ("everyauth identity --help", "work", "everyauth identity --help"),
        ("everyauth service set x --param a=b -- c", "work", "everyauth service set x --param a=b --profile work -- c"),
        ("pip install everyauth-cli", "work", "pip install everyauth-cli"),
    ],
)
def test_a_command_gets_the_profile_once_and_only_where_it_matters(command, profile, completed):
    assert in_profile(command, profile) == completed
    assert in_profile(completed, profile) == completed


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("token gitlba", "everyauth token gitlab"),
        ("-p gitlba token gitlba 'a b'", "everyauth -p gitlba token gitlab 'a b'"),
        ("identity ls --service gitlba", "everyauth identity ls --service gitlab"),
        ("identity ls --service=gitlba", "everyauth identity ls --service=gitlab"),
        ("token -v gitlba", "everyauth token -v gitlab"),
        ("service set gitlba --client-secret hunter2", "everyauth service set gitlab --client-secret -"),
        ("service set gitlba --clientSecret=hunter2", "everyauth service set gitlab --clientSecret=-"),
        ("token other", ""),
    ],
)
def test_a_corrected_line_keeps_what_was_given_and_shows_no_secret(line, expected):
    assert corrected(shlex.split(line), "gitlba", "gitlab") == expected


def test_a_repeated_line_has_the_option_in_the_place_of_the_profile():
    line = ["login", "x", "-p", "sandbox", "--user", "a b"]
    assert repeated(line, "--sandbox", without=("-p", "--profile")) == "everyauth login x --user 'a b' --sandbox"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("token gitlba --min-ttl 5m", "everyauth token gitlab --min-ttl 5m"),
        ("service get GitLab", "everyauth service get gitlab"),
        ("service get Jira", "everyauth service get jira"),
        ("identity ls --service gmial -p work", "everyauth identity ls --service gmail -p work"),
        ("identity gett x -p work", "everyauth identity get x -p work"),
        ("identity ls --tenat 'a b'", "everyauth identity ls --tenant 'a b'"),
        ("--profile work servce ls", "everyauth --profile work service ls"),
    ],
)
def test_a_mistyped_word_is_answered_with_the_whole_line_corrected(home, line, word):
    done = home.command(*shlex.split(line))
    assert (done.code in (2, 3), done.out) == (True, "")
    assert done.err.endswith(f"  try: {word}\n")
    assert list(hints_in(home.command(*shlex.split(line), "-o", "json").err)) == [f"{word} -o json"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("service set op --client-id", "everyauth service set --help"),
        ("login op --zzzzzzz", "everyauth login --help"),
        ("--zzzzzzz", "everyauth --help"),
    ],
)
def test_a_line_that_cannot_be_parsed_leads_to_the_help_of_its_command(home, line, command):
    home.bad(f"everyauth {line}", 2, f"try: {command}\n")


@pytest.mark.parametrize(
    ("product", "service"),
    [
        ("gmail", "google"),
        ("youtube", "google"),
        ("jira", "atlassian"),
        ("confluence", "atlassian"),
        ("teams", "microsoft"),
    ],
)
def test_a_product_s_name_means_the_preset_of_its_service(home, product, service):
    shown = json.loads(home.good(f"everyauth service get {product} -o json"))
    assert (shown["id"], shown["presetOf"]) == (product, service)


@pytest.mark.slow
def test_users_and_profiles_have_near_names_that_differ_in_more_than_a_number(home):
    home.log_in("alexander", profile="work")
    home.log_in("user-123", profile="work")
    assert "did you mean alexander?" in home.bad("everyauth token op alexnader -p work", 4)
    for line, corrected_line in (
        ("token op alexnader -p work", "token op alexander -p work"),
        ("identity get alexnader -p work", "identity get alexander -p work"),
        ("token op alexander -p wrok", "token op alexander -p work"),
        ("logout op alexnader -p work", "logout op alexander -p work"),
    ):
        hints = [*hints_in(home(f"everyauth {line}").err)]
        assert hints == [f"everyauth {corrected_line}"]
        # It leads on.
        assert home(hints[0]).code == 0
    home.bad("everyauth token op user-124 -p work", 4, "try: everyauth login op --user user-124 --profile work")


LINES = [
    "token op",
    "token op bob",
    "identity get bob",
    "identity get op",
    "identity show bob",
    "identity rm bob --yes",
    "logout op bob",
    "login op",
    "login nosuch",
    "service set op --param x=y",
    "service set op --client-id=",
    "service rm op",
    "service get nosuch",
    "service ls --search nosuch",
    "identity ls --next nonsense",
    "identity get ann",
    "init",
    "init op",
    "alerts test",
    "store rotate-key",
    "store use foo://",
    "store move sqlite:///nowhere/at/all keyring:",
]


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["default", "my work", "sandbox"])
def test_every_hint_of_every_profile_can_be_pasted(home, profile):
    home.log_in("ann", profile="work", tenant="a b")
    home.log_in("ann", profile="work", tenant="c")
    for line in LINES:
        done = home.command(*line.split(), "--profile", profile)
        # The peer has checked its hints already; here it is seen that there are some, and that the check finds them.
        assert "Traceback" not in done.err
        check_hints([*line.split(), "--profile", profile], done.err)


@pytest.mark.slow
def test_the_commands_that_are_listed_for_several_identities_name_the_profile(home):
    home.log_in("ann", profile="my work", tenant="a b")
    home.log_in("ann", profile="my work", tenant="c")
    done = home.command("token", "op", "ann", "-p", "my work")
    assert done.code == 3
    lines = [line.strip().partition("   (")[0] for line in done.err.splitlines() if line.startswith("  everyauth")]
    assert len(lines) == 2
    for line in lines:
        assert home.command(*shlex.split(line)[1:]).code == 0


@pytest.mark.parametrize("line", ["token", "token -p work", "profile export", "profile import x -f y"])
def test_a_command_of_the_original_says_what_took_its_place(home, line):
    done = home.command(*line.split())
    assert (done.code, done.out) == (2, "")
    (hint,) = hints_in(done.err)
    assert read_hint(hint).advice
    assert read_hint(hint).command


def test_the_default_profile_is_named_where_the_environment_names_another(home):
    done = home.command("token", "op", "-p", "default", env={"EVERYAUTH_PROFILE": "work"})
    assert done.err.endswith("try: everyauth login op --profile default\n")


@pytest.mark.parametrize("line", ["service ls", "service get op", "token op", "service set op --client-id x"])
def test_a_store_s_url_that_is_not_sealed_is_never_suggested(home, line):
    home.log_in()
    with contextlib.closing(sqlite3.connect(home.command.home / "everyauth.db")) as database:
        ((metadata,),) = database.execute("SELECT metadata FROM everyauth_records WHERE kind = 'client'")
        forged = json.dumps({**json.loads(metadata), "moved_to": "postgresql://evil.example/db"})
        database.execute("UPDATE everyauth_records SET metadata = ? WHERE kind = 'client'", (forged,))
        database.commit()
    done = home(f"everyauth {line}")
    assert "evil.example" not in done.out + done.err


@pytest.mark.slow
def test_a_service_that_has_no_redirect_uri_registered_is_given_none(home):
    for line in ("service get google", "service set google --client-id abc", "login google"):
        shown = home(f"everyauth {line}")
        assert "with the redirect URI" not in shown.err
        assert "Register this redirect URI" not in shown.err
        assert "Redirect URI:" not in shown.out
    assert "Register this redirect URI" in home("everyauth service set slack --client-id abc").err


@pytest.mark.slow
def test_a_line_that_has_to_be_confirmed_or_continued_is_suggested_whole(home):
    for user in ("a", "b"):
        home.log_in(user, profile="my work")
    refused = home.command("identity", "rm", "op", "a", "-p", "my work")
    (hint,) = hints_in(refused.err)
    assert read_hint(hint).command == "everyauth identity rm op a -p 'my work' --yes"
    page = home.command("identity", "ls", "--count", "1", "-p", "my work")
    command = page.err.splitlines()[-1].strip()
    assert command.startswith("everyauth identity ls --count 1 -p 'my work' --next ")
    rest = home.command(*shlex.split(command)[1:])
    assert (rest.code, rest.out.split("\t")[1]) == (0, "b")
