"""The certificates that TLS trusts: those that a variable names, else the system's and certifi's together."""

from __future__ import annotations

import functools
import os
import re
import ssl
import sys
import threading
from pathlib import Path

import certifi

from everyauth_cli.errors import ServiceUnreachable
from everyauth_cli.settings import CaSetting

SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Arch, Alpine, Gentoo
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # macOS, the BSDs
)
BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")
"""The names by which OpenSSL finds certificates in a directory."""

_making: dict[int, threading.Lock] = {}
"""By process: held by the one thread that makes the context, while others wait for it."""


def tls_context(setting: CaSetting | None) -> ssl.SSLContext:
    """Return the process's context for TLS, made at its first use, as reading all root certificates is slow.

    Raises `ServiceUnreachable` when the setting names no certificates.
    """
    with _making.setdefault(os.getpid(), threading.Lock()):
        return _made_context(setting)


@functools.lru_cache(maxsize=1)
def _made_context(setting: CaSetting | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A file may name an intermediate authority alone, as for curl.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if setting is None:
        _trust_usual(context)
    else:
        _trust_named(context, setting)
    return context


def _trust_usual(context: ssl.SSLContext) -> None:
    paths = ssl.get_default_verify_paths()
    if sys.platform == "win32":
        context.load_default_certs()
    elif Path(paths.openssl_capath).is_dir():
        context.load_verify_locations(capath=paths.openssl_capath)
    system = next((path for path in (paths.openssl_cafile, *SYSTEM_BUNDLES) if Path(path).is_file()), None)
    # Most certificates are in both, and to load one takes longer than to compare two.
    both = {block: None for path in (certifi.where(), system) if path for block in _blocks(path)}
    try:
        context.load_verify_locations(cadata="".join(f"{BEGIN}{block}{END}\n" for block in both))
    except ssl.SSLError:
        context.load_verify_locations(cafile=certifi.where())


def _blocks(path: str) -> list[str]:
    try:
        text = Path(path).read_text(encoding="ascii", errors="replace")
    except OSError:
        return []
    return [part.partition(END)[0] for part in text.split(BEGIN)[1:]]


def _trust_named(context: ssl.SSLContext, setting: CaSetting) -> None:
    for place in map(Path, setting.path.split(os.pathsep) if setting.variable == "SSL_CERT_DIR" else [setting.path]):
        try:
            if place.is_dir():
                _trust_directory(context, place)
            elif place.exists() and not place.is_file():
                raise _untrusted(setting, f"{place} is no file")
            else:
                context.load_verify_locations(cafile=place)
        except ssl.SSLError:
            raise _untrusted(setting, f"{place} holds no certificate in PEM form") from None
        except OSError as error:
            raise _untrusted(setting, f"{place} cannot be read ({error.strerror})") from None


def _trust_directory(context: ssl.SSLContext, place: Path) -> None:
    files = sorted(place.iterdir())
    if any(HASHED.fullmatch(file.name) for file in files):
        context.load_verify_locations(capath=place)
        return
    blocks = [block for file in files if file.is_file() for block in _blocks(str(file))]
    context.load_verify_locations(cadata="".join(f"{BEGIN}{block}{END}\n" for block in blocks) or " ")


def _untrusted(setting: CaSetting, reason: str) -> ServiceUnreachable:
    message = f"the trusted certificates that {setting.variable} names cannot be used: {reason}"
    return ServiceUnreachable(message, hint=f"correct {setting.variable}, or unset it to trust the system's")
