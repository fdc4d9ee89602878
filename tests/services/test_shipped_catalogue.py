"""The shipped entries: each is valid, and its endpoints are documented or confirmed by two catalogues."""

import re
import tomllib
from datetime import date
from urllib.parse import urlsplit

import pytest

from everyauth_cli.model import Client, Service
from everyauth_cli.services.callback import with_callback
from everyauth_cli.services.catalogue import SHIPPED, Catalogue
from everyauth_cli.services.endpoints import URLS, urls_of
from everyauth_cli.services.fields import value_of
from everyauth_cli.services.keys import KEYS
from everyauth_cli.services.placeholders import TABLES, TEXTS, fill
from everyauth_cli.services.redirect_uri import redirect_uri
from everyauth_cli.services.rules import FORM_VALUES
from everyauth_cli.services.sources import SOURCES, Level, catalogues, is_link, level
from everyauth_cli.services.values import AUTHORIZE_RESERVED, TOKEN_RESERVED
from everyauth_cli.urls import PLACEHOLDER

FEWEST = 315
"""As many services as were shipped once; they do not get lost."""

NAMES = sorted(path.stem for path in SHIPPED.glob("*.toml"))

TWO_DOMAINS = {
    "google": ("google.com", "googleapis.com"),
    "hubspot": ("hubspot.com", "hubapi.com"),
    "dropbox": ("dropbox.com", "dropboxapi.com"),
    "highlevel": ("gohighlevel.com", "leadconnectorhq.com"),
    "intercom": ("intercom.com", "intercom.io"),
    "sage": ("sageone.com", "sage.com"),
    "bitrix24": ("{portal}", "bitrix.info"),
    "tiktok": ("tiktok.com", "tiktokapis.com"),
    "withings": ("withings.com", "withings.net"),
    "epic-games": ("epicgames.com", "epicgames.dev"),
    "lucid": ("lucid.app", "lucid.co"),
    "polar-flow": ("polar.com", "polarremote.com"),
    "mercado-libre": ("com.ar", "mercadolibre.com"),
}
"""Services whose two endpoints lie in different domains, and truly so: the second is where the client secret goes."""
POPULAR = 175
"""As many services as have a setup guide."""
MOST_USED, DEVICES = 55, 13
"""As many services as have the address of their API, and a device authorization endpoint."""
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
REGISTERED_BY_DOMAIN = {"strava"}
"""Services that are told the domain of a redirect URI only."""
THIRD_DOMAINS = {"stackoverflow": ("stackexchange.com",), "yandex": ("yandex.ru",)}
"""Services that revoke tokens or tell the account in yet another domain of theirs."""
PRESET_DOMAINS = {"azure": "azure.com", "microsoft-power-bi": "powerbi.com"}
"""Presets whose API lies in a domain of their own."""
LOOPBACK_URL = re.compile(r"https?://(?:localhost|127\.0\.0\.1|\[::1\])[^\s,;]*|\S*/callback\S*")

API_DOMAINS = {
    "constant-contact": "cc.email",
    "eventbrite": "eventbriteapi.com",
    "fathom": "fathom.ai",
    "harvest": "harvestapp.com",
    "microsoft": "microsoft.com",
    "stackoverflow": "stackexchange.com",
}
"""Services whose API lies in another domain of theirs than the browser and the secrets go to."""
MCP_DOMAINS = {
    "datadog": "datadoghq.eu",
    "github": "githubcopilot.com",
    "planetscale": "pscale.dev",
    "sentry": "sentry.dev",
    "todoist": "todoist.net",
}
"""Services with an MCP server in yet another domain of theirs, as a page of their own says."""
DOCS_ELSEWHERE = {
    "bitbucket": "support.atlassian.com",
    "codeberg": "forgejo.org",
    "helmholtz": "hifis.net",
    "instagram": "developers.facebook.com",
    "jupyterhub": "jupyterhub.readthedocs.io",
    "linkedin": "learn.microsoft.com",
    "netsuite": "docs.oracle.com",
    "onshape": "onshape-public.github.io",
    "pennylane": "pennylane.readme.io",
    "pipedrive": "pipedrive.readme.io",
    "quickbooks-time": "tsheetsteam.github.io",
    "threads": "developers.facebook.com",
    "triple-whale": "triplewhale.readme.io",
}
"""Services whose documentation lies at their owner's, at what they run on, or at a host of documentation."""
BASE_IN_RESPONSES = {
    "fillout": "base_url",
    "gong": "api_base_url_for_customer",
    "pipedrive": "api_domain",
    "salesforce": "instance_url",
    "teamwork": "installation.apiEndPoint",
    "wrike": "host",
    "zoho": "api_domain",
}
"""Services whose token responses have the address of the API, and the field that has it."""


@pytest.fixture(params=NAMES)
def service(request):
    return Catalogue().get(request.param)


@pytest.fixture
def services():
    return [Catalogue().get(name) for name in NAMES]


def domain(service, url):
    """The registrable domain, near enough for those that are shipped: the last two labels, defaults filled in."""
    defaults = {p.name: p.text(p.default) for p in service.params if p.default}
    host = PLACEHOLDER.sub(lambda match: defaults.get(match[1], match[0]), url.split("/")[2])
    return ".".join(host.split(".")[-2:])


def domains(service):
    return domain(service, service.authorization_endpoint or service.token_endpoint), domain(
        service, service.token_endpoint
    )


def test_there_are_many():
    assert len(NAMES) >= FEWEST


def test_an_entry_is_sound(service):
    assert service.own is False
    for name in (*URLS, "docs"):
        if url := value_of(service, name):
            parts = urlsplit(PLACEHOLDER.sub("x", url))
            assert (parts.scheme, bool(parts.hostname), parts.port) == ("https", True, None)
    assert service.title == service.title.strip()
    assert not AUTHORIZE_RESERVED & service.authorization_params.keys()
    assert not TOKEN_RESERVED & service.token_params.keys()
    assert service.issuer or not service.authorization_response_iss_parameter_supported
    assert all(scope and service.scope_separator not in scope for scope in service.scopes)
    assert not (service.scopes and service.scope_required)


def test_every_setting_is_explained_and_used(service):
    texts = list(urls_of(service).values())
    texts += [text for table in TABLES for text in value_of(service, table).values()] + [*service.api.git_hosts]
    texts += [text for key in TEXTS if (text := value_of(service, key))]
    used = {name for text in texts for name in PLACEHOLDER.findall(text)} - FORM_VALUES
    assert {parameter.name for parameter in service.params} == used
    assert all(parameter.help for parameter in service.params)
    filled = fill(service, {p.name: next(iter(p.values), "acme") for p in service.params})
    left = {name for url in urls_of(filled).values() for name in PLACEHOLDER.findall(url)}
    assert left <= {param.name for param in service.params if param.callback}
    filled = with_callback(filled, {p.name: next(iter(p.values), "acme") for p in service.params})
    assert not any(PLACEHOLDER.search(url) for url in urls_of(filled).values())


def test_an_entry_says_where_it_is_from(service):
    assert level(service) is not Level.UNCONFIRMED
    assert len(service.sources) == len(set(service.sources))
    links = [source for source in service.sources if is_link(source)]
    assert list(service.sources) == [*links, *sorted(set(service.sources) - set(links))]
    assert service.docs
    assert date(2026, 1, 1) <= date.fromisoformat(service.checked) <= date.today()  # noqa: DTZ011


def plain(text):
    return re.sub(r"[^a-z0-9]", "", text.lower())


def owner(url):
    """The owner of a page: the last label but one of its host, or the account at a host of code."""
    parts = urlsplit(url)
    return plain(parts.path.split("/")[1] if parts.hostname == "github.com" else parts.hostname.split(".")[-2])


def elsewhere(service, pages):
    """The hosts of those pages that no name and no endpoint of the service speaks of."""
    words = [plain(word) for name in (service.name, service.title, *service.aliases) for word in re.split("[ -]", name)]
    names = [plain(service.name), plain(service.title), *(word for word in words if len(word) > 2)]
    own = plain(str([*urls_of(service).values(), service.params]))
    known = {page: owner(page) in own or any(n in owner(page) or owner(page) in n for n in names) for page in pages}
    return {urlsplit(page).hostname for page, is_own in known.items() if not is_own}


def test_documentation_is_the_services_own(service):
    entry = tomllib.loads((SHIPPED / f"{service.name}.toml").read_text(encoding="utf-8"))
    pages = [entry["docs"], *(preset["docs"] for preset in entry.get("presets", {}).values())]
    assert elsewhere(service, pages) == {*filter(None, [DOCS_ELSEWHERE.get(service.name)])}


def test_a_source_is_a_page_or_a_catalogue_that_is_listed(service):
    for source in service.sources:
        assert source in catalogues() or (source.startswith("https://") and urlsplit(source).path.strip("/"))


def test_a_setup_guide_is_made_of_whole_sentences(service):
    assert all(line[0].isupper() and line.endswith(".") for line in (*service.setup, *service.expect))


def test_a_setup_guide_has_a_place_for_our_redirect_uri(service):
    guide = " ".join(service.setup)
    is_needed = service.authorization_endpoint is not None and service.name not in REGISTERED_BY_DOMAIN
    assert not guide or not is_needed or "redirect URI" in guide
    assert not guide or not service.redirect.any_port or "any port" in guide or service.name in {"google", "microsoft"}


def test_a_setup_guide_names_no_redirect_uri_but_ours(service):
    ours = redirect_uri(service, Client(service=service.name, client_id="id"))
    named = LOOPBACK_URL.findall(" ".join((*service.setup, *service.expect)))
    assert all(ours.startswith(uri.rstrip(".")) for uri in named)


def test_popular_services_have_a_setup_guide(services):
    assert sum(bool(service.setup) for service in services) >= POPULAR


def test_a_client_secret_goes_to_the_domain_that_the_browser_went_to(service):
    browser, token = domains(service)
    assert browser == token or TWO_DOMAINS.get(service.name) == (browser, token)
    for url in (service.refresh_endpoint, service.revocation.endpoint):
        assert url is None or domain(service, url) in (browser, token, *THIRD_DOMAINS.get(service.name, ()))


def known_domains(service):
    return {*domains(service), *THIRD_DOMAINS.get(service.name, ()), API_DOMAINS.get(service.name)}


def test_every_url_is_at_a_domain_of_the_service(service):
    known, presets = known_domains(service), [Catalogue().get(name) for name in service.presets]
    for each in (service, *presets):
        assert {key: url for key, url in urls_of(each).items() if domain(each, url) not in known} == {}
    bases = {preset.name: domain(preset, preset.api.base) for preset in presets if preset.api.base}
    assert {base for name, base in bases.items() if base != PRESET_DOMAINS.get(name)} <= known


def test_an_mcp_host_is_the_services_own_and_so_is_the_page_that_names_it(service):
    assert elsewhere(service, service.mcp_hosts.values()) == set()
    others = {domain(service, f"https://{name}") for name in service.mcp_hosts} - known_domains(service)
    assert others == {*filter(None, [MCP_DOMAINS.get(service.name)])}


def test_a_token_is_used_at_the_domains_of_the_service(service):
    known = known_domains(service)
    base = service.api.base
    if field := BASE_IN_RESPONSES.get(service.name):
        assert base.removeprefix("https://").startswith(f"{{{field}}}")
    elif base:
        assert domain(service, base) in known
        assert set(PLACEHOLDER.findall(base)) <= {parameter.name for parameter in service.params}
    assert all(domain(service, f"https://{name}") in known for name in service.api.git_hosts)
    assert bool(service.api.git_hosts) == bool(service.api.git_username)


def test_the_grant_types_of_an_entry_agree_with_its_endpoints(service):
    grants = service.grant_types_supported
    assert not grants or (grants[0] == "authorization_code") == (service.authorization_endpoint is not None)
    assert len(grants) == len(set(grants))
    assert service.device_authorization_endpoint is None or not grants or DEVICE_CODE in grants


def test_what_hands_tokens_out_is_known_of_the_most_used(services):
    known = {service.name: service.api for service in services}
    assert known["github"].token_variables == ("GH_TOKEN", "GITHUB_TOKEN")
    assert (known["gitlab"].git_hosts, known["gitlab"].git_username) == (("{host}",), "oauth2")
    assert known["notion"].headers.keys() == {"Notion-Version"}
    assert known["twitch"].headers == {"Client-Id": "{client_id}"}
    assert sum(bool(service.api.base) for service in services) >= MOST_USED
    assert sum(bool(service.device_authorization_endpoint) for service in services) >= DEVICES
    # Each is read as the environment of another service's tools would be, so that none may be in two entries.
    variables = [name for api in known.values() for name in api.token_variables]
    assert len(variables) == len(set(variables))


def test_the_pairs_of_domains_are_all_needed(services):
    assert {s.name for s in services if len(set(domains(s))) > 1} == TWO_DOMAINS.keys()


def test_the_keys_are_in_one_order_and_none_repeats_a_default(service):
    entry = tomllib.loads((SHIPPED / f"{service.name}.toml").read_text(encoding="utf-8"))
    assert list(entry) == [key for key in KEYS if key in entry]
    bare = Service(name="x", title="x", token_endpoint="x")
    repeated = {key for key in entry.keys() - {"params"} if value_of(service, key) == value_of(bare, key)}
    assert not repeated


def test_a_copy_of_an_entry_that_moved_is_valid_as_a_users_file(tmp_path, services):
    moved = [service.name for service in services if service.moved_from]
    assert "trakt" in moved
    for name in moved:
        (tmp_path / f"{name}.toml").write_text(Catalogue().source(name))
        copy = Catalogue(tmp_path).get(name)
        assert urls_of(copy) == urls_of(Catalogue().get(name))


def test_no_two_authorization_servers_name_the_same_issuer(services):
    """RFC 9207 section 4; an issuer with a placeholder is another one wherever it is filled in."""
    of = [(service.issuer, service.authorization_endpoint, service.token_endpoint) for service in services]
    servers = {server for server in of if server[0] and not PLACEHOLDER.search(server[0])}
    assert len({issuer for issuer, _, _ in servers}) == len(servers) > 20


def test_names_and_aliases_are_unique(services):
    taken = [word for service in services for word in (service.name, *service.aliases)]
    taken += [word for s in services for name, own in s.presets.items() for word in (name, *own.get("aliases", ()))]
    assert len(taken) == len(set(taken))
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]*", word) for word in taken)


def test_an_alias_leads_to_its_service(services):
    aliases = {alias: service.name for service in services for alias in service.aliases}
    assert aliases["sfdc"] == "salesforce"
    assert all(Catalogue().get(alias).name == name for alias, name in aliases.items())


def test_every_catalogue_that_is_listed_is_named_and_can_be_found(services):
    named = {source for service in services for source in service.sources if not is_link(source)}
    assert named == catalogues().keys()
    assert list(catalogues()) == sorted(catalogues())
    for source in catalogues().values():
        assert urlsplit(source.url).hostname == "github.com"
        assert source.title
        assert date(2020, 1, 1) < source.last_commit < date(2026, 12, 1)
        assert source.same_as is None or source.same_as in catalogues()
    assert SOURCES.parent == SHIPPED.parent


@pytest.mark.parametrize(
    ("sources", "is_level"),
    [
        ([], Level.UNCONFIRMED),
        (["nango"], Level.UNCONFIRMED),
        (["nango", "nango"], Level.UNCONFIRMED),
        (["grant", "aspnet-contrib", "arctic"], Level.UNCONFIRMED),
        (["nango", "grant"], Level.AGREED),
        (["allauth", "authjs"], Level.AGREED),
        (["https://example.com/docs"], Level.DOCUMENTATION),
        (["grant", "https://example.com/docs"], Level.DOCUMENTATION),
    ],
)
def test_the_level_is_computed_from_the_sources(sources, is_level):
    service = Service(name="x", title="x", authorization_endpoint="x", token_endpoint="x", sources=tuple(sources))
    assert level(service) is is_level
