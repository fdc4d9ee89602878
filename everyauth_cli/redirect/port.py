"""The port of the redirect URI: binds it, or finds out why that cannot be done and which login has it now."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Callable
from typing import TypeVar

from everyauth_cli.errors import ConfigurationProblem, PortInUse, UsageProblem
from everyauth_cli.loopback.client import ask
from everyauth_cli.loopback.server import LoopbackServer
from everyauth_cli.loopback.socket_table import owner_of

IPV4 = "127.0.0.1"
IPV6 = "::1"
WELL_KNOWN = "/.well-known/everyauth-login"
ASK_SECONDS = 1.0
SERVICE = re.compile(r"[a-z0-9][!-~]{0,499}")
NOT_PERMITTED = (errno.EACCES, errno.EPERM)

S = TypeVar("S", bound=LoopbackServer)


def bind(make: Callable[[tuple[str, int]], S], host: str, port: int, *, another_port: str) -> list[S]:
    """Return a server on 127.0.0.1, and for the host `localhost` one more on ::1 if the machine has IPv6.

    `another_port` is the command that sets another port, empty where the port was registered.
    Raises `PortInUse`, `ConfigurationProblem`.
    """
    try:
        servers = [make((IPV4, port))]
    except OSError as error:
        raise _problem(error, IPV4, port, another_port=another_port) from None
    if host == "localhost":
        bound = servers[0].server_address[1]
        try:
            servers.append(make((IPV6, bound)))
        except OSError as error:
            # Without IPv6 no browser connects there; another program that listens there would be sent the code.
            if error.errno != errno.EADDRINUSE:
                return servers
            servers[0].server_close()
            raise _problem(error, IPV6, bound, another_port=another_port) from None
    return servers


def greeting(service: str) -> str:
    """Return the response at `WELL_KNOWN`, by which a login that wants the same port knows this one."""
    return json.dumps({"everyauth": "login", "service": service})


def login_at(port: int) -> str | None:
    """Return the service of the login that has a port, if one has."""
    for host in (IPV4, IPV6):
        try:
            response = ask(host, port, WELL_KNOWN, seconds=ASK_SECONDS)
            if response["everyauth"] == "login" and SERVICE.fullmatch(response["service"]):
                return str(response["service"])
        except (OSError, ValueError, LookupError, TypeError):
            continue
    return None


def _or_another(advice: str, another_port: str) -> str:
    return f"{advice}, or use another port: {another_port}" if another_port else advice


def _problem(error: OSError, host: str, port: int, *, another_port: str) -> UsageProblem:
    if error.errno == errno.EADDRINUSE:
        return PortInUse(
            f"port {port} of the redirect URI is in use{owner_of(host, port)}",
            # A login that was suspended does not answer, so it is not waited for.
            hint=_or_another("end that program (another login may be waiting, suspended)", another_port),
        )
    if error.errno in NOT_PERMITTED:
        return ConfigurationProblem(
            f"this user may not listen on port {port} of the redirect URI ({error.strerror})",
            hint=f"use a port over 1024: {another_port}" if another_port else None,
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return ConfigurationProblem(
            f"this machine has no address {host}, at which the login would wait for the browser",
            hint="bring up the loopback interface: ip link set lo up",
        )
    return PortInUse(
        f"port {port} of the redirect URI cannot be used ({error.strerror})",
        hint=_or_another("free the port", another_port),
    )
