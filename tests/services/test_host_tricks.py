"""Values for placeholders, and origins that a service moved from: neither leads secrets anywhere else."""

from dataclasses import replace

import pytest

from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.services.keys import KEYS
from everyauth_cli.services.parameters import check_param
from everyauth_cli.services.placeholders import fill

LINES = 'authorization_endpoint = "https://x.example/authorize"\ntoken_endpoint = "https://x.example/token"\n'
PLACEHOLDERS = """\
authorization_endpoint = "https://{sub}.x.example/authorize"
token_endpoint = "https://{sub}.{region}.example/token"
revocation_endpoint = "https://{sub}.{region}.example/revoke"
[params]
sub = {help = "your subdomain"}
region = {help = "where", default = "eu"}
"""


@pytest.fixture
def own(tmp_path):
    """The directory of the user's own files, with a function that writes one."""
    return lambda text="", name="example": (tmp_path / f"{name}.toml").write_text(text) and tmp_path


def problem(catalogue, name="example"):
    with pytest.raises(ConfigurationProblem) as caught:
        catalogue.get(name)
    return caught.value


TRICKS = [
    *("evil.example/", "evil.example/.x", "evil.example#", "evil.example?", "evil.example\\", "me@evil.example", "@"),
    *("evil.example:443/", "a:1", "a:", "[::1]", "::1", "%65vil", "%2f", "a%2eevil.example%2f", "evil\u3002example"),
    *("evil\uff0fx", "\u2024", "a.", ".a", "a..b", "-a", "", " ", "a b", "a\tb", "a\nb", "a\0b", "\udcff", "{sub}"),
]


@pytest.mark.parametrize("value", TRICKS)
def test_a_parameter_does_not_lead_elsewhere_whether_typed_stored_or_a_default(own, value):
    service = Catalogue(own(PLACEHOLDERS)).get("example")
    with pytest.raises(ConfigurationProblem):
        check_param(service, "sub", value)
    with pytest.raises(ConfigurationProblem):
        fill(service, {"sub": value})
    with pytest.raises(ConfigurationProblem):
        fill(replace(service, params=(replace(service.params[0], default=value), service.params[1])), {})


@pytest.mark.parametrize("value", ["../x", "a/../b", "a?b", "a#b", "a%2fb", "..", ".", "", "a b", "\u2024", "a\\b"])
def test_a_parameter_in_a_path_stays_in_its_segment(own, value):
    service = Catalogue(own(PLACEHOLDERS.replace("{sub}.", "").replace("/token", "/{sub}/token"))).get("example")
    assert fill(service, {"sub": "a"}).token_endpoint == "https://eu.example/a/token"
    with pytest.raises(ConfigurationProblem):
        fill(service, {"sub": value})


def test_a_default_that_does_not_fit_is_reported_with_its_line(own):
    error = problem(Catalogue(own(PLACEHOLDERS.replace('"eu"', '"evil.example/"'))))
    assert "example.toml:6: params.region.default: region='evil.example/' cannot be part of a host" in error.message


@pytest.mark.parametrize("before", ["", LINES])
def test_only_a_shipped_entry_says_where_it_moved_from(own, before):
    name = "example" if before else "pagerduty"
    error = problem(Catalogue(own(f'{before}moved_from = ["https://old.example"]\n', name)), name)
    line = before.count("\n") + 1
    assert f"{name}.toml:{line}: moved_from is for the entries that everyauth ships" in error.message
    assert error.hint.endswith(f"everyauth service set {name} --client-secret -")


@pytest.mark.parametrize(
    "url",
    ["https://old.example/", "https://old.example/token", "https://Old.example", "old.example", "http://old.example"],
)
def test_where_it_moved_from_is_an_origin(url):
    with pytest.raises(ValueError, match=r"is not an origin|not an https URL|plain http"):
        KEYS["moved_from"].reader.read([url])
