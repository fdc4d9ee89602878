"""The catalogue: the user's own files go over what is shipped, and every mistake in them is explained."""

import tomllib
from dataclasses import fields

import pytest

from everyauth_cli.errors import ConfigurationProblem, ServiceNotFound, UsageProblem
from everyauth_cli.model import Service
from everyauth_cli.services.catalogue import SHIPPED, Catalogue
from everyauth_cli.services.fields import FIELDS, PARTS
from everyauth_cli.services.summaries import ServiceSummary

SHIPPED_NAMES = sorted(path.stem for path in SHIPPED.glob("*.toml"))
URLS = {"authorization_endpoint": "https://x.example/authorize", "token_endpoint": "https://x.example/token"}
LINES = "".join(f'{name} = "{url}"\n' for name, url in URLS.items())


@pytest.fixture
def own(tmp_path):
    """The directory of the user's own files, with a function that writes one."""
    return lambda text="", name="example": (tmp_path / f"{name}.toml").write_text(text) and tmp_path


def problem(catalogue, name="example"):
    with pytest.raises(ConfigurationProblem) as caught:
        catalogue.get(name)
    assert caught.value.exit_code == 2
    return caught.value


def test_there_is_something_shipped():
    assert "pagerduty" in Catalogue().names()
    assert Catalogue().names() == SHIPPED_NAMES


def test_what_is_listed_is_what_the_entries_say():
    services = [Catalogue().get(name) for name in SHIPPED_NAMES]
    with_presets = [s for service in services for s in (service, *map(Catalogue().get, sorted(service.presets)))]
    listed = [
        ServiceSummary(
            name=s.name, title=s.title, aliases=s.aliases, own=False, preset_of=s.preset_of and s.preset_of.name
        )
        for s in with_presets
    ]
    assert Catalogue().listed() == listed


def test_every_field_of_a_service_can_be_set_and_no_other():
    at_url = {"resource", "client_of"}
    not_keys = {"name", "preset_of", "own", "own_keys", "before_callback"} | at_url
    named = {field.name for field in fields(Service)} - not_keys - PARTS.keys()
    parts = {f"{part}.{field.name}" for part, kind in PARTS.items() for field in fields(kind)}
    assert set(FIELDS.values()) == named | parts


def test_a_users_file_goes_over_the_shipped_one_key_by_key(own):
    shipped = Catalogue().get("pagerduty")
    catalogue = Catalogue(own('token_endpoint = "http://127.0.0.1:9/token"\nscopes = ["a", "b"]\n', "pagerduty"))
    mine = catalogue.get("pagerduty")
    assert (mine.token_endpoint, mine.scopes) == ("http://127.0.0.1:9/token", ("a", "b"))
    assert (mine.authorization_endpoint, mine.issuer, mine.native) == (
        shipped.authorization_endpoint,
        shipped.issuer,
        shipped.native,
    )
    assert mine.own is False


def test_a_users_own_service(own):
    service = Catalogue(own(LINES + 'aliases = ["ex"]\npkce = false\ncode_lifetime = 60\n')).get("example")
    assert (service.title, service.own, service.pkce, service.code_lifetime) == ("example", True, False, 60)
    assert (service.token_endpoint_auth_method, service.body, service.redirect.loopback_host) == (
        "client_secret_post",
        "form",
        "127.0.0.1",
    )


def test_a_service_is_found_by_its_alias(own):
    catalogue = Catalogue(own(LINES + 'aliases = ["ex", "exm"]\n'))
    assert catalogue.get("exm") == catalogue.get("example")


def test_the_users_aliases_of_a_shipped_service_take_the_place_of_its_own(own):
    catalogue = Catalogue(own('aliases = ["tweets"]\n', "x"))
    assert catalogue.get("tweets").name == "x"
    with pytest.raises(ServiceNotFound):
        catalogue.get("twitter")


@pytest.mark.parametrize("name", ["pagerduty", "twitter"])
def test_looking_a_service_up_reads_no_other(own, name):
    """By name or by a shipped alias: what is wrong in another file of the user's is not even seen."""
    assert Catalogue(own("broken [")).get(name) == Catalogue().get(name)


@pytest.mark.parametrize("name", ["pagerdut", "PagerDuty", "pager-duty", "pageduty"])
def test_an_unknown_service_is_an_error_with_near_names(name):
    with pytest.raises(ServiceNotFound) as caught:
        Catalogue().get(name)
    assert caught.value.exit_code == 3
    assert "did you mean pagerduty?" in caught.value.message


@pytest.mark.parametrize(
    "name", ["zzz", "", "../pagerduty", "catalogue/../pagerduty", "a" * 200, "x\x1b[1m", ".", "a.toml"]
)
def test_what_is_near_nothing_and_what_is_no_name_are_not_found(name):
    with pytest.raises(ServiceNotFound) as caught:
        Catalogue().get(name)
    assert "\x1b" not in caught.value.message
    assert caught.value.hint


def test_added_and_removed(tmp_path):
    catalogue = Catalogue(tmp_path / "not yet" / "services")
    path = catalogue.add("example", {**URLS, "scopes": ["a"]})
    assert path == catalogue.own_path("example")
    assert tomllib.loads(path.read_text()) == {**URLS, "scopes": ["a"]}
    assert catalogue.get("example").scopes == ("a",)
    assert "example" in catalogue.names()
    catalogue.remove("example")
    catalogue.remove("example")
    assert "example" not in catalogue.names()


@pytest.mark.parametrize(
    ("name", "entry", "kind"),
    [
        ("pagerduty", URLS, UsageProblem),
        ("example", URLS, UsageProblem),
        ("Ex ample", URLS, ConfigurationProblem),
        ("../up", URLS, ConfigurationProblem),
        ("fresh", {**URLS, "tokn": "x"}, ConfigurationProblem),
        ("fresh", {**URLS, "token_endpoint": "http://x.example/"}, ConfigurationProblem),
        ("fresh", {"token_endpoint": "https://x.example/"}, ConfigurationProblem),
    ],
)
def test_what_cannot_be_added_writes_nothing(own, name, entry, kind):
    directory = own(LINES)
    with pytest.raises(kind):
        Catalogue(directory).add(name, entry)
    assert [path.name for path in directory.iterdir()] == ["example.toml"]
    assert (directory / "example.toml").read_text() == LINES


@pytest.mark.parametrize("content", [b"authorization_endpoint = ", b"\xff\xfe", b"[[["])
def test_a_file_that_is_not_toml_is_an_error(tmp_path, content):
    (tmp_path / "example.toml").write_bytes(content)
    error = problem(Catalogue(tmp_path))
    assert f"{tmp_path / 'example.toml'} is not TOML" in error.message
    assert error.hint


def test_a_directory_that_cannot_be_read_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    catalogue = Catalogue(tmp_path / "file")
    for call in (catalogue.names, lambda: catalogue.get("pagerduty")):
        with pytest.raises(ConfigurationProblem, match="cannot read"):
            call()
    with pytest.raises(ConfigurationProblem):
        catalogue.add("example", URLS)


def test_a_directory_in_place_of_a_file_is_an_error(tmp_path):
    (tmp_path / "example.toml").mkdir()
    assert "cannot read" in problem(Catalogue(tmp_path)).message


def test_a_missing_directory_is_none_at_all(tmp_path):
    assert Catalogue(tmp_path / "missing").names() == SHIPPED_NAMES


def test_files_that_are_no_entries_are_passed_over(own):
    for name in (".hidden", "UPPER", "spa ce"):
        directory = own("broken [", name)
    (directory / "README").write_text("broken [")
    assert Catalogue(directory).names() == SHIPPED_NAMES


def test_a_file_that_was_changed_or_removed_meanwhile_is_read_again(own):
    catalogue = Catalogue(own(LINES + "code_lifetime = 60\n"))
    assert catalogue.get("example").code_lifetime == 60
    own(LINES + "code_lifetime = 61\n")
    assert catalogue.get("example").code_lifetime == 61
    catalogue.own_path("example").unlink()
    with pytest.raises(ServiceNotFound):
        catalogue.get("example")
    own("code_lifetime = 62\n", "pagerduty")
    assert catalogue.get("pagerduty").code_lifetime == 62
    catalogue.own_path("pagerduty").write_text("code_lifetime = -1\n")
    problem(catalogue, "pagerduty")
