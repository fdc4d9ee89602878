"""Reads the settings: directories, `config.toml`, and the environment, of which it is the only reader but for a few."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.model import DEFAULT_PROFILE, Secret
from everyauth_cli.os_keyring import bus_addresses, namespace_of
from everyauth_cli.private_files import check_owners, write_privately
from everyauth_cli.store.whole_files import parse_toml, read_whole

DEFAULT_STORE = "keyring:"
CLIENT_VARIABLE = re.compile(r"EVERYAUTH_([A-Z0-9_]+)_CLIENT_(ID|SECRET)")
CONFIG_KEYS = ("store", "sealing_key", "alert_command", "alert_webhook", "left_store")
# The last two may hold a database's password.
SECRET_VARIABLES = ("EVERYAUTH_KEY", "EVERYAUTH_KEY_FILE", "EVERYAUTH_STORE", "PGPASSWORD")
PROXIES = {f"{name}_proxy": name for name in ("http", "https", "all", "no")}
CA_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""The first that is set replaces the certificates that TLS trusts: OpenSSL's, and those of requests and curl."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings found at start: directories, choices in `config.toml`, and the environment, which overrides them.

    `sealing_key` is what `config.toml` remembers: a file's path or "keyring"; `key` and `key_file` come from the
    environment and go first. `left_store` is the URL of a store that was left with records in it. `alert_command` is an
    argv; of it and `alert_webhook` at most one is set, and the URL of a webhook is a secret, because who has it can
    post there. `warning` says what others may change here. `namespace` keeps apart, in one OS keyring, what belongs to
    different directories.
    """

    config_dir: Path
    data_dir: Path
    warning: str | None = None
    namespace: str = ""
    profile: str = DEFAULT_PROFILE
    store_url: str = DEFAULT_STORE
    store_from: str = "the default"
    sealing_key: str | None = None
    left_store: str | None = None
    alert_command: tuple[str, ...] = ()
    alert_webhook: Secret[str] | None = None
    key: Secret[str] | None = None
    key_file: Path | None = None
    client_ids: Mapping[str, str] = field(default_factory=dict)
    client_secrets: Mapping[str, Secret[str]] = field(default_factory=dict)
    bus_address: str | None = None
    keyring_backend: str | None = None
    local_display: bool = False

    @property
    def config_file(self) -> Path:
        return self.config_dir / "config.toml"

    @property
    def services_dir(self) -> Path:
        return self.config_dir / "services"

    @property
    def log_dir(self) -> Path:
        return self.data_dir / "log"

    def client_override(self, name: str) -> tuple[str | None, Secret[str] | None]:
        """The client id and secret that the environment gives for the service of that name, each on its own."""
        name = name.upper().replace("-", "_")
        return self.client_ids.get(name), self.client_secrets.get(name)


class CaSetting(NamedTuple):
    """A file or directory of trusted certificates, and the variable that names it."""

    variable: str
    path: str


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process.

    Raises `ConfigurationProblem` when `config.toml` cannot be read or understood, and for what is not UTF-8.
    """
    environ = os.environ if environ is None else environ
    for name, value in environ.items():
        if name.startswith("EVERYAUTH_"):
            _check_text(value, name)
    config_dir, data_dir = _directories(environ)
    for directory in (config_dir, data_dir):
        _check_text(str(directory), "the name of the home directory")
    warning = _check_owners(environ, config_dir / "config.toml", data_dir)
    config = _read_config(config_dir / "config.toml")
    settings = Settings(
        config_dir=config_dir,
        data_dir=data_dir,
        warning=warning,
        namespace=namespace_of(str(data_dir), usual=_usual_data_dir()),
        profile=environ.get("EVERYAUTH_PROFILE") or DEFAULT_PROFILE,
        sealing_key=config.get("sealing_key"),
        left_store=config.get("left_store"),
        alert_command=tuple(config.get("alert_command", ())),
        alert_webhook=Secret(config["alert_webhook"]) if "alert_webhook" in config else None,
        key=Secret(environ["EVERYAUTH_KEY"]) if environ.get("EVERYAUTH_KEY") else None,
        key_file=Path(environ["EVERYAUTH_KEY_FILE"]) if environ.get("EVERYAUTH_KEY_FILE") else None,
        client_ids={name: value for name, kind, value in _client_variables(environ) if kind == "ID"},
        client_secrets={name: Secret(value) for name, kind, value in _client_variables(environ) if kind == "SECRET"},
        bus_address=bus_addresses(environ) if sys.platform == "linux" else environ.get("DBUS_SESSION_BUS_ADDRESS"),
        keyring_backend=environ.get("PYTHON_KEYRING_BACKEND") or None,
        local_display=has_display(environ) and not environ.get("SSH_CONNECTION"),
    )
    if environ.get("EVERYAUTH_STORE"):
        return replace(settings, store_url=environ["EVERYAUTH_STORE"], store_from="EVERYAUTH_STORE")
    if "store" in config:
        return replace(settings, store_url=config["store"], store_from=str(settings.config_file))
    return settings


def ca_setting(environ: Mapping[str, str] | None = None) -> CaSetting | None:
    """Return the trusted certificates that the environment names; None for the usual ones."""
    environ = os.environ if environ is None else environ
    return next((CaSetting(name, environ[name]) for name in CA_VARIABLES if environ.get(name)), None)


def variable(name: str) -> Secret[str]:
    """Return the value of an environment variable that holds a secret, as it is now; empty if it is not set."""
    return Secret(os.environ.get(name, ""))


def proxy_variables(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the proxies that the environment names for `http`, `https` and `all`, and the hosts for which it has `no`.

    A variable in lower case counts before one in any other, as for Python's own `urllib`. To a CGI program `HTTP_PROXY`
    is a header of the request (RFC 3875 section 4.1.18), so only the lower case counts there.
    """
    environ = os.environ if environ is None else environ
    # In ASCII lower case comes last, so that it counts.
    variables = sorted(variable for variable in environ if variable.lower() in PROXIES)
    found = {PROXIES[variable.lower()]: environ[variable] for variable in variables}
    if "REQUEST_METHOD" in environ:
        found["http"] = environ.get("http_proxy", "")
    return {name: value for name, value in found.items() if value}


def _check_owners(environ: Mapping[str, str], *paths: Path) -> str | None:
    """Check what the settings are read from; return a warning unless the user trusts the directory.

    Raises `ConfigurationProblem`.
    """
    trusted = [
        Path(path).resolve() for path in environ.get("EVERYAUTH_TRUST_DIRECTORIES", "").split(os.pathsep) if path
    ]
    for path in paths:
        weak = check_owners(path)
        inside = [Path(weak.part), path.resolve()] if weak else []
        if weak and not any(each.is_relative_to(directory) for each in inside for directory in trusted):
            return (
                f"{weak.part} {weak.reason}; if it should be so: EVERYAUTH_TRUST_DIRECTORIES={shlex.quote(weak.part)}"
            )
    return None


def child_environment() -> dict[str, str]:
    """This process's environment without the secrets in it, for a process that it starts."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in SECRET_VARIABLES and not CLIENT_VARIABLE.fullmatch(name)
    }


def remember(settings: Settings, **choices: str | list[str] | None) -> None:
    """Write choices into `config.toml`; None takes one out.

    Raises `ConfigurationProblem` when the file cannot be written.
    """
    import tomli_w

    config = {**_read_config(settings.config_file), **choices}
    text = tomli_w.dumps({name: value for name, value in config.items() if value is not None})
    write_privately(settings.config_file, text)


def _directories(environ: Mapping[str, str]) -> tuple[Path, Path]:
    """The directories for configuration and data: `EVERYAUTH_HOME` for both, else the platform's own.

    Raises `ConfigurationProblem` where there is neither.
    """
    try:
        if environ.get("EVERYAUTH_HOME"):
            home = Path(environ["EVERYAUTH_HOME"]).expanduser().absolute()
            return home, home
        import platformdirs

        directories = platformdirs.PlatformDirs("everyauth", appauthor=False)
        found = directories.user_config_path, directories.user_data_path
    except RuntimeError:
        raise _homeless(environ.get("HOME")) from None
    if environ.get("HOME") == "" or not all(directory.is_absolute() for directory in found):
        raise _homeless(environ.get("HOME"))
    return found


def _check_text(text: str, what: str) -> None:
    # Python keeps other bytes as lone surrogates, which no database or TOML file takes.
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigurationProblem(
            f"{what} has bytes that are not UTF-8", hint="EVERYAUTH_HOME=/path/to/a/directory names another directory"
        ) from None


def _homeless(home: str | None) -> ConfigurationProblem:
    reason = "HOME is no absolute path" if home else "HOME is empty"
    if home is None:
        reason = "HOME is not set, and this user has no entry in the passwd database"
    return ConfigurationProblem(
        f"there is no home directory: {reason}",
        hint="EVERYAUTH_HOME=/path/to/a/directory names one for everyauth",
    )


def _usual_data_dir(platform: str = sys.platform) -> str | None:
    """The data directory of a user who has chosen none, where there is a home."""
    if platform != "linux":
        import platformdirs

        return str(platformdirs.PlatformDirs("everyauth", appauthor=False).user_data_path)
    try:
        usual = Path("~/.local/share/everyauth").expanduser()
    except RuntimeError:
        return None
    return str(usual) if usual.is_absolute() else None


def _read_config(path: Path) -> dict[str, Any]:
    try:
        text = read_whole(path)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigurationProblem(f"cannot read {path}: {error.strerror}", hint="make it readable for you") from None
    except ValueError as error:
        raise ConfigurationProblem(f"cannot read {str(path)!r}: {error}") from None
    try:
        config = parse_toml(text)
    except ValueError as error:
        raise ConfigurationProblem(
            f"{path} is not TOML: {error}", hint="correct it, or move it away and choose again: everyauth store use URL"
        ) from None
    for name, value in config.items():
        _check_choice(path, name, value)
    if {"alert_command", "alert_webhook"} <= config.keys():
        raise ConfigurationProblem(
            f"{path}: alert_command and alert_webhook are both set", hint="take one of them out: alerts go one way"
        )
    return config


def _check_choice(path: Path, name: str, value: object) -> None:
    if name not in CONFIG_KEYS:
        raise ConfigurationProblem(f"{path}: unknown key {name}", hint=f"the keys are {', '.join(CONFIG_KEYS)}")
    if name == "alert_command":
        if not isinstance(value, list) or not value or not all(isinstance(word, str) for word in value):
            raise ConfigurationProblem(f"{path}: {name} must be a list of texts, the command first")
    elif not isinstance(value, str):
        raise ConfigurationProblem(f"{path}: {name} must be a text")
    if any("\0" in text for text in value):
        raise ConfigurationProblem(f"{path}: {name} holds a null character")


def _client_variables(environ: Mapping[str, str]) -> list[tuple[str, str, str]]:
    matches = ((CLIENT_VARIABLE.fullmatch(name), value) for name, value in environ.items())
    return [(match[1], match[2], value) for match, value in matches if match and value]


def has_display(environ: Mapping[str, str]) -> bool:
    """Return whether a window can be opened, as far as the environment says."""
    return sys.platform in ("darwin", "win32") or bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))
