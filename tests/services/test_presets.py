"""Presets: products of a service, each with a name, scopes and identities of its own, and the service's client."""

import tomllib
from urllib.parse import urlsplit

import pytest
from other_names import index

from everyauth_cli.errors import ConfigurationProblem, ServiceNotFound, UsageProblem
from everyauth_cli.services.catalogue import SHIPPED, Catalogue
from everyauth_cli.services.keys import PRESET_KEYS
from everyauth_cli.services.other_names import INDEX, shipped_presets
from everyauth_cli.services.redirect_uri import callback_path
from everyauth_cli.urls import PLACEHOLDER

LINES = 'authorization_endpoint = "https://x.example/authorize"\ntoken_endpoint = "https://x.example/token"\n'
MAIL = LINES + 'scopes = ["profile"]\ndocs = "https://x.example/docs"\n[presets.example-mail]\nscopes = ["mail"]\n'
FEWEST = 40
"""As many presets as were shipped once; they do not get lost."""


@pytest.fixture
def own(tmp_path):
    """The catalogue with the user's own files, as a function of their texts by name."""

    def catalogue(**texts):
        for name, text in texts.items():
            (tmp_path / f"{name}.toml").write_text(text)
        return Catalogue(tmp_path)

    return catalogue


@pytest.fixture(params=sorted(shipped_presets()))
def preset(request):
    return Catalogue().get(request.param)


def problem(catalogue, name="example"):
    with pytest.raises(ConfigurationProblem) as caught:
        catalogue.get(name)
    assert caught.value.exit_code == 2
    return caught.value


def test_there_are_many():
    assert len(shipped_presets()) >= FEWEST


def test_the_index_of_other_names_is_what_the_entries_say():
    assert INDEX.read_text(encoding="utf-8") == index(SHIPPED), "make it anew: python tests/other_names.py"


def test_a_shipped_preset_is_a_product_of_its_service(preset):
    service = preset.preset_of
    assert shipped_presets()[preset.name] == service.name
    assert preset.registered_at == Catalogue().get(service.name) == service
    assert preset.title not in (preset.name, service.title)
    assert set(preset.scopes) - set(service.scopes)
    assert all(preset.scope_separator not in scope for scope in preset.scopes)
    assert (preset.token_endpoint, preset.setup, preset.params) == (
        service.token_endpoint,
        service.setup,
        service.params,
    )
    assert (callback_path(preset), preset.presets) == (callback_path(service), {})


def test_a_shipped_preset_says_where_its_scopes_are_from(preset):
    keys = preset.preset_of.presets[preset.name]
    assert list(keys) == [key for key in PRESET_KEYS if key in keys]
    assert {"title", "docs", "scopes", "checked"} <= keys.keys()
    assert urlsplit(preset.docs).scheme == "https"


def test_an_account_endpoint_of_a_shipped_preset_is_at_a_host_of_its_service(preset):
    def domain(url):
        return ".".join(PLACEHOLDER.sub("x", url).split("/")[2].split(".")[-2:])

    service = preset.preset_of
    known = {domain(url) for url in (service.authorization_endpoint, service.token_endpoint)}
    assert preset.account.endpoint is None or domain(preset.account.endpoint) in known


def test_a_preset_is_its_service_in_all_but_its_own_keys(own):
    catalogue = own(example=MAIL)
    service, mail = catalogue.get("example"), catalogue.get("example-mail")
    assert (mail.name, mail.title, mail.scopes) == ("example-mail", "example-mail", ("mail",))
    assert (mail.docs, mail.token_endpoint, mail.preset_of) == (service.docs, service.token_endpoint, service)
    assert (service.preset_of, service.registered_at, mail.registered_at) == (None, service, service)
    assert catalogue.names_and_presets() == sorted([*Catalogue().names_and_presets(), "example", "example-mail"])


def test_a_preset_has_the_api_of_its_own_and_no_other(own):
    api = 'api_base = "https://api.x.example"\n'
    texts = LINES + api + '[presets.mail]\napi_base = "https://mail.x.example"\n[presets.files]\nscopes = ["files"]\n'
    catalogue = own(example=texts)
    assert [catalogue.get(name).api.base for name in ("example", "mail", "files")] == [
        "https://api.x.example",
        "https://mail.x.example",
        "",
    ]


def test_an_alias_of_a_preset_leads_to_it(own):
    catalogue = own(example=MAIL + 'aliases = ["exmail"]\n')
    assert catalogue.get("exmail") == catalogue.get("example-mail")
    assert Catalogue().get("google-mail") == Catalogue().get("gmail")


def test_a_users_file_changes_keys_of_a_shipped_preset_and_adds_another(own):
    shipped = Catalogue().get("gmail")
    text = '[presets.gmail]\nscopes = ["a"]\n[presets.gmail-settings]\nscopes = ["b"]\n'
    catalogue = own(google='scopes = ["c"]\n' + text)
    assert (catalogue.get("gmail").scopes, catalogue.get("gmail").title) == (("a",), shipped.title)
    assert catalogue.get("gmail-settings").scopes == ("b",)
    assert catalogue.get("google-drive").scopes == Catalogue().get("google-drive").scopes
    assert catalogue.get("google").scopes == ("c",)
    assert "gmail-settings" in tomllib.loads(catalogue.source("google"))["presets"]


def test_a_key_that_a_users_file_has_inside_a_preset_is_that_presets_own(own):
    """Host pinning trusts a new URL of the catalogue, and none of a user's file."""
    catalogue = own(google='[presets.gmail]\naccount_endpoint = "https://other.example/me"\n')
    assert "account_endpoint" in catalogue.get("gmail").own_keys
    assert "account_endpoint" not in catalogue.get("google").own_keys | catalogue.get("google-drive").own_keys


def test_a_users_own_service_goes_before_a_preset_of_that_name(own):
    assert own(gmail=LINES).get("gmail").preset_of is None


def test_a_file_that_is_named_after_a_preset_says_where_its_keys_belong(own):
    error = problem(own(gmail='scopes = ["a"]\n'), "gmail")
    assert "gmail is no service of its own, but a name of google" in error.message
    assert "[presets.gmail]" in error.hint
    assert "google.toml" in error.hint


def test_no_service_is_added_under_a_name_of_another(tmp_path):
    entry = tomllib.loads(LINES)
    for name, owner in (("gmail", "google"), ("sfdc", "salesforce")):
        with pytest.raises(UsageProblem, match=f"{name} is already a name of {owner}"):
            Catalogue(tmp_path).add(name, entry)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('scops = ["a"]', "presets.example-mail: the key scops is unknown"),
        (
            'token_endpoint = "https://y.example/token"',
            "the key token_endpoint is a key of the service, not of a preset",
        ),
        ('scopes = "a"', "scopes = 'a': must be a list of strings"),
        ('account_endpoint = "http://x.example/me"', "plain http would show secrets to the network"),
        ('account_endpoint = "https://{region}.x.example/me"', "the placeholder {region} is not declared under params"),
        ('aliases = ["example"]', "example is a name of example or another preset too"),
        ('aliases = ["example-mail"]', "example-mail is a name of example or another preset too"),
    ],
)
def test_a_mistake_in_a_preset_is_explained_with_its_line(own, tmp_path, text, says):
    lines = LINES + f"[presets.example-mail]\n{text}\n"
    catalogue = own(example=lines)
    error = problem(catalogue, "example-mail" if "placeholder" in says else "example")
    assert says in error.message
    line = 3 if "aliases" in text else 4
    assert f"{tmp_path}/example.toml:{line}: " in error.message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("presets = 1", "presets = 1: must be a table of tables"),
        ("presets.mail = 1", "presets.mail = 1: must be a table"),
        ("[presets.Mail]", "'Mail' cannot be a preset's name"),
        ("[presets.example]", "example is a name of example or another preset too"),
        ("[presets.slack]", "slack is a name of the service slack already"),
        ("[presets.gmail]", "gmail is a name of the service google already"),
    ],
)
def test_a_name_that_no_preset_can_have(own, tmp_path, text, says):
    error = problem(own(example=f"{LINES}{text}\n"))
    assert says in error.message
    assert f"{tmp_path}/example.toml:3: " in error.message


@pytest.mark.parametrize(
    ("name", "near"), [("gmial", "gmail"), ("Google Drive", "google-drive"), ("googledrive", "google-drive")]
)
def test_an_unknown_name_that_is_like_a_preset_suggests_it(name, near):
    with pytest.raises(ServiceNotFound, match=f"did you mean {near}"):
        Catalogue().get(name)
