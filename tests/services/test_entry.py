"""A catalogue entry: every mistake is reported with its place, endpoints are safe, placeholders are filled in."""

import pytest

from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.services.parameters import check_param
from everyauth_cli.services.placeholders import fill
from everyauth_cli.services.rules import Parameter
from everyauth_cli.services.values import AUTHORIZE_RESERVED, TOKEN_RESERVED

LINES = 'authorization_endpoint = "https://x.example/authorize"\ntoken_endpoint = "https://x.example/token"\n'


@pytest.fixture
def own(tmp_path):
    """The directory of the user's own files, with a function that writes one."""
    return lambda text="", name="example": (tmp_path / f"{name}.toml").write_text(text) and tmp_path


def problem(catalogue, name="example"):
    with pytest.raises(ConfigurationProblem) as caught:
        catalogue.get(name)
    assert caught.value.exit_code == 2
    return caught.value


SLOW_PATTERNS = ["(a+)+", "(a|a){50}", "((a{9}){9}){9}", "a+a+a+a+b", "(a{1,9}){9}", "(a)*", "a" * 201]


@pytest.mark.parametrize(
    ("line", "says", "hint"),
    [
        ('tokn_endpoint = "https://x.example/"', "example.toml:3: unknown key tokn_endpoint", "token_endpoint"),
        ("zzz = 1", "example.toml:3: unknown key zzz", "the keys are title"),
        ('name = "other"', "unknown key name", ""),
        ("own = true", "unknown key own", ""),
        ('pkce = "yes"', "example.toml:3: pkce = 'yes': must be true or false", ""),
        ("title = 5", "example.toml:3: title = 5", ""),
        ('title = ""', "must be a string", ""),
        ('scopes = "read"', "must be a list of strings", ""),
        ("scopes = [1]", "must be a string", ""),
        ("code_lifetime = true", "must be a number of seconds", ""),
        ("code_lifetime = 0", "must be a number of seconds", ""),
        ('code_lifetime = "30"', "must be a number of seconds", ""),
        (
            'token_endpoint_auth_method = "jwt"',
            '"none", "client_secret_post", "client_secret_basic", "client_secret_basic_or_empty"',
            "",
        ),
        ('body = "xml"', '"form", "json"', ""),
        ('client_id_pattern = "[z-a]"', "is no regular expression: bad character range", ""),
        ("client_id_pattern = 'a{99999999999}'", "is no regular expression", ""),
        *[(f"client_id_pattern = '{slow}'", "must be short, of at most 3 parts", "") for slow in SLOW_PATTERNS],
        ('loopback_host = "0.0.0.0"', '"127.0.0.1", "localhost"', ""),
        ('scope_separator = ""', "must be one of", ""),
        ('revocation_endpoint = "http://x.example/revoke"', "plain http", ""),
        ('revocation_ends = "session"', '"token", "grant"', ""),
        ('checked = "yesterday"', "a date such as", ""),
        ('authorization_params = "a=b"', "must be a table of strings", ""),
        ("authorization_params = {a = 1}", "must be a string", ""),
        ('params = "x"', "must be a table", ""),
        ('params = {x = {default = "a"}}', "x needs help", ""),
        ('params = {x = {help = "a", more = "b"}}', "x needs help", ""),
        ('docs = "http://x.example/"', "plain http", ""),
        ('issuer = "issuer"', "not an https URL", ""),
        ('account_label = ["plain"]', "name a field in braces", ""),
        ('account_label = ["{sub!r}"]', "name a field in braces", ""),
        ('account_label = ["{sub} {"]', "name a field in braces", ""),
        ('account_label = ["{a..b}"]', "name a field in braces", ""),
        ('account_subject = "{sub}"', "must be a list of strings", ""),
        ('id_token_signing_alg_values_supported = ["none"]', '"RS256"', ""),
        ('account_endpoint = "http://x.example/me"', "plain http", ""),
        ('scope_covers = ["user"]', "must be a table of lists", ""),
        ('scope_covers = {user = "email"}', "must be a list of strings", ""),
        ('error_words = {a = "no_word"}', "no_word is none of access_denied, authorization_pending", ""),
        ('error_words = {"a.=b" = "invalid_grant"}', "must be a code, or a field and its value", ""),
        ('error_words = {"a=" = "invalid_grant"}', "must be a code, or a field and its value", ""),
        ('error_words = "a"', "must be a table of strings", ""),
        ('revocation_style = "code"', '"token_and_hint", "token", "type"', ""),
        ('https_redirect = "yes"', "must be true or false", ""),
        ('refresh_endpoint = "http://x.example/refresh"', "plain http", ""),
        (
            'sources = ["nanga"]',
            "example.toml:3: sources = ['nanga']: 'nanga' is neither an https URL nor a known catalogue",
            "",
        ),
        ('sources = ["nanga"]', "did you mean nango?", ""),
        ('sources = ["zzz"]', "the names are activepieces", ""),
        ('sources = ["http://x.example/"]', "neither an https URL", ""),
        ('success = "status"', "must be a field and its value", ""),
        ("success = 0", "must be a string", ""),
        ('response_at = "a..b"', "must be the path of a field", ""),
        ('request_names = {clientid = "x"}', 'is none of "client_id", "client_secret"', ""),
        ('request_names = {client_id = "code"}', "request_names.client_id = 'code': must be another name", ""),
        ('request_names = {client_id = "a b"}', "must be another name of a field", ""),
        ('request_names = {client_id = "x", code = "x"}', "and of no other field", ""),
        ('request_methods = {code = "PUT"}', """request_methods.code = 'PUT': must be one of "GET", "POST\"""", ""),
        ('request_methods = {token = "GET"}', 'must be one of "code", "long_lived", "refresh"', ""),
        ('scope_in = ["revocation"]', 'must be one of "code", "refresh"', ""),
        ('refresh_params = {a = "x{token}"}', "refresh_params.a = 'x{token}': {token} must be the whole value", ""),
        ('refresh_params = {a = "{token}{client_secret}"}', "must be the whole value", ""),
        ('refresh_params = {a = "{tokn}"}', "the placeholder {tokn} is not declared under params", ""),
        ("long_lived_params = {a = 1}", "must be a string", ""),
        ('long_lived_endpoint = "http://x.example/"', "plain http", ""),
        ('long_lived_params = {a = "{token}"}', "long_lived_params needs long_lived_endpoint", ""),
        ('revocation_authorization = "{token}"', "must be a scheme and {token} or {client_secret}", ""),
        ('revocation_authorization = "Bearer {client_id}"', "must be a scheme", ""),
        ('revocation_authorization = "Bearer\\r\\nX: {token}"', "must be a scheme", ""),
        ('code_challenge_method = "S512"', '"S256", "plain", "S256_hex"', ""),
        ('nonce = "no"', "must be true or false", ""),
        ('redirect_uri_name = "{ru}"', "the placeholder {ru} is not declared under params", ""),
        ('api_scheme = "OAuth2 x"', "must be the name of a scheme", ""),
        ('sources = ["https://me@x.example/"]', "user name", ""),
    ],
)
def test_a_mistake_in_an_entry_is_reported_with_its_line(own, line, says, hint):
    error = problem(Catalogue(own(f"{LINES}{line}\n")))
    assert says in error.message
    assert "example.toml:3" in error.message
    assert hint in (error.hint or "")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[authorization_params]\nstate = "x"', "4: authorization_params.state = 'x': state belongs to the protocol"),
        (
            '[authorization_params]\nprompt = "x"\n\nmax_age = 5',
            "6: authorization_params.max_age = 5: must be a string",
        ),
        ('authorization_params = {prompt = "x", max_age = 5}', "3: authorization_params.max_age = 5: must be a string"),
        ('authorization_params.prompt = "x"\nauthorization_params.max_age = 5', "4: authorization_params.max_age = 5"),
        ('[params.sub]\nhelp = "x"\ndefault = 5', "5: params.sub.default = 5: must be a string"),
        ('[params.sub]\nhelp = "x"\nhlep = "y"', "5: params.sub.hlep = 'y': sub needs help, and may have a default"),
        ('[params.sub]\ndefault = "x"', "3: params.sub = {'default': 'x'}: sub needs help"),
        ('[params]\nsub = {help = ""}', "4: params.sub = {'help': ''}: sub needs help"),
        ("[params]\nsub = 1", "4: params.sub = 1: sub needs help"),
    ],
)
def test_a_mistake_inside_a_table_is_reported_with_its_line(own, text, says):
    assert f"example.toml:{says}" in problem(Catalogue(own(f"{LINES}{text}\n"))).message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("pkce = true\npkce = false\n", "4: pkce is given twice"),
        ("pkce = true\npkce = false", "4: pkce is given twice"),
        ('scopes = ["a"]\nscopes = [\n  "b",\n]\n', "4: scopes is given twice"),
        (
            '[authorization_params]\na = "x"\n[authorization_params]\nb = "y"\n',
            "5: authorization_params is given twice",
        ),
        ('[params.sub]\nhelp = "x"\n[params.sub]\n', "5: params.sub is given twice"),
    ],
)
def test_a_key_that_is_given_twice_is_reported_with_its_line(own, text, says):
    error = problem(Catalogue(own(f"{LINES}{text}")))
    assert f"example.toml:{says}" in error.message
    assert error.hint == "keep one of the two"


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (key, name)
        for key, names in [("authorization", AUTHORIZE_RESERVED), ("token", TOKEN_RESERVED)]
        for name in sorted(names)
    ],
)
def test_a_parameter_of_the_protocol_cannot_be_set(own, key, name):
    error = problem(Catalogue(own(f'{LINES}{key}_params = {{{name} = "x"}}\n')))
    assert f"{name} belongs to the protocol" in error.message


def test_the_parameters_that_carry_a_login_are_reserved():
    assert {"state", "redirect_uri", "code_challenge", "code_challenge_method", "client_id"} <= AUTHORIZE_RESERVED
    assert {"code", "code_verifier", "refresh_token", "client_secret", "grant_type"} <= TOKEN_RESERVED


def test_an_endpoint_must_be_there(own):
    assert (
        "token_endpoint is missing"
        in problem(Catalogue(own('authorization_endpoint = "https://x.example/"\n'))).message
    )


@pytest.mark.parametrize(
    ("url", "reason"),
    [("http://x.example/token", "plain http"), ("https://me@x.example/", "user name"), ("https://[::1/", "Invalid")],
)
def test_an_endpoint_that_is_not_safe_is_refused(own, url, reason):
    text = f'authorization_endpoint = "https://x.example/"\ntoken_endpoint = "{url}"\n'
    assert reason in problem(Catalogue(own(text))).message


PLACEHOLDERS = """\
authorization_endpoint = "https://{sub}.x.example/authorize"
token_endpoint = "https://{sub}.{region}.example/token"
revocation_endpoint = "https://{sub}.{region}.example/revoke"
[params]
sub = {help = "your subdomain"}
region = {help = "where", default = "eu"}
"""


def test_placeholders_are_filled_from_settings_and_defaults(own):
    service = Catalogue(own(PLACEHOLDERS)).get("example")
    assert service.params == (
        Parameter(name="sub", help="your subdomain"),
        Parameter(name="region", help="where", default="eu"),
    )
    filled = fill(service, {"sub": "acme", "unknown": "x"})
    assert (filled.authorization_endpoint, filled.token_endpoint, filled.revocation.endpoint) == (
        "https://acme.x.example/authorize",
        "https://acme.eu.example/token",
        "https://acme.eu.example/revoke",
    )
    assert fill(service, {"sub": "a", "region": "us"}).token_endpoint == "https://a.us.example/token"


def test_a_placeholder_without_a_value_is_an_error_with_the_command(own):
    with pytest.raises(ConfigurationProblem) as caught:
        fill(Catalogue(own(PLACEHOLDERS)).get("example"), {})
    assert caught.value.hint == "everyauth service set example --param sub=..."


def test_a_placeholder_must_be_declared(own):
    text = PLACEHOLDERS.replace('region = {help = "where", default = "eu"}\n', "")
    assert "{region} is not declared" in problem(Catalogue(own(text))).message
    text = f'{LINES}revocation_endpoint = "https://{{sub}}.example/revoke"\n'
    assert "{sub} is not declared" in problem(Catalogue(own(text))).message


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('refresh_endpoint = "https://x.example/{client_id}/t"', "refresh_endpoint"),
        ('revocation_endpoint = "https://{client_id}.x.example/t"', "revocation_endpoint"),
        ('account_endpoint = "https://x.example/?id={client_id}"', "account_endpoint"),
        ('issuer = "https://x.example/{client_id}"', "issuer"),
        ('jwks_uri = "https://x.example/{client_id}"', "jwks_uri"),
        ('scopes = ["read", "api://{client_id}"]', "scopes"),
        ('authorization_params = {app = "{client_id}"}', "authorization_params.app"),
        ('token_params = {app = "{client_id}"}', "token_params.app"),
        ('native_from_client = {secret = "{client_secret}"}', "native_from_client.secret"),
        ('params.host = {help = "a host", default = "{client_id}"}', "params.host.default"),
    ],
)
def test_a_placeholder_that_nothing_fills_is_reported_with_its_place(own, line, key):
    found = problem(Catalogue(own(f"{LINES}{line}\n")))
    assert f"example.toml:3: {key} = " in found.message
    assert "the placeholder {client_" in found.message


def test_the_client_id_fills_a_field_of_the_credential_and_whatever_declares_it(own):
    text = f'{LINES}native_from_client = {{app = "{{client_id}}"}}\n'
    assert Catalogue(own(text)).get("example").native_from_client == {"app": "{client_id}"}
    text = f'{LINES}refresh_endpoint = "https://x.example/{{client_id}}"\nparams.client_id = {{help = "once more"}}\n'
    assert fill(Catalogue(own(text)).get("example"), {"client_id": "a"}).refresh_endpoint == "https://x.example/a"


def test_an_entry_without_revocation_has_none_when_it_is_filled(own):
    text = PLACEHOLDERS.replace('revocation_endpoint = "https://{sub}.{region}.example/revoke"\n', "")
    assert fill(Catalogue(own(text)).get("example"), {"sub": "acme"}).revocation.endpoint is None


@pytest.mark.parametrize("value", ["acme", "a-b", "acme.eu", "A1"])
def test_host_labels_fill_a_placeholder(own, value):
    check_param(Catalogue(own(PLACEHOLDERS)).get("example"), "sub", value)


WHOLE = """authorization_endpoint = "https://{host}/realms/{realm}/authorize"
token_endpoint = "https://{host}/realms/{realm}/token"
params.host = {help = "the host"}
params.realm = {help = "the realm"}
"""


@pytest.mark.parametrize(("name", "value"), [("host", "x.example:8443"), ("realm", "my_realm"), ("realm", "a.b~c")])
def test_a_port_fits_at_the_end_of_a_host_and_a_segment_in_a_path(own, name, value):
    check_param(Catalogue(own(WHOLE)).get("example"), name, value)


@pytest.mark.parametrize("value", ["", "..", ".", ".a", "a/b", "a?b", "a#b", "a b", "a%2fb"])
def test_what_leads_elsewhere_is_no_segment(own, value):
    with pytest.raises(ConfigurationProblem, match="cannot be part of a path"):
        check_param(Catalogue(own(WHOLE)).get("example"), "realm", value)


def test_a_port_in_the_middle_of_a_host_is_none(own):
    with pytest.raises(ConfigurationProblem, match="host name"):
        check_param(Catalogue(own(PLACEHOLDERS)).get("example"), "sub", "evil.example:443")


@pytest.mark.parametrize(
    "value",
    ["", "a b", "a\n", "a/b", "evil.example/", "evil.example/x?", "a@b", "a?b", "a#b", "-a", "a-", ".a", "a.", "a..b"],
)
def test_what_is_no_host_label_fills_no_placeholder(own, value):
    with pytest.raises(ConfigurationProblem, match="host name"):
        check_param(Catalogue(own(PLACEHOLDERS)).get("example"), "sub", value)


@pytest.mark.parametrize("value", ["ä", "a:port", "a:", "{x}", "a\\b", "%2f", "a_b", "a\x00", "[::1]"])
def test_nothing_else_fills_a_placeholder(own, value):
    with pytest.raises(ConfigurationProblem, match="host name"):
        check_param(Catalogue(own(PLACEHOLDERS)).get("example"), "sub", value)


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("sub", "https://acme.x.example/", "acme"),
        ("sub", "https://acme.x.example", "acme"),
        ("sub", "acme.x.example", "acme"),
        ("sub", "acme.eu.x.example", "acme.eu"),
        ("region", "https://acme.us.example/token", "us"),
    ],
)
def test_a_whole_address_in_place_of_a_part_is_an_error_with_the_part(own, name, value, meant):
    with pytest.raises(ConfigurationProblem, match="whole host name, of which") as caught:
        check_param(Catalogue(own(PLACEHOLDERS)).get("example"), name, value)
    assert caught.value.hint == f"did you mean {meant}? everyauth service set example --param {name}={meant}"


def test_a_setting_that_the_service_does_not_have_is_an_error(own):
    with pytest.raises(ConfigurationProblem, match="it has sub, region"):
        check_param(Catalogue(own(PLACEHOLDERS)).get("example"), "tenant", "x")
    with pytest.raises(ConfigurationProblem, match="it has sub, region") as caught:
        check_param(Catalogue(own(PLACEHOLDERS)).get("example"), "regoin", "x")
    assert caught.value.hint == "did you mean region? everyauth service set example --param region=..."
    with pytest.raises(ConfigurationProblem, match="it has none"):
        check_param(Catalogue().get("pagerduty"), "tenant", "x")
