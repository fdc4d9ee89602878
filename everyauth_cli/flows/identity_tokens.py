"""Identity tokens that the platform of a job has signed for it (workload identity): where each is read from."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from everyauth_cli.errors import ConfigurationProblem, ServiceUnreadable, UsageProblem
from everyauth_cli.model import ACCEPT_JSON, Request, Response, Secret
from everyauth_cli.oauth.grant import GIVEN
from everyauth_cli.oauth.presented import IdentityToken
from everyauth_cli.oauth.response_body import read_object
from everyauth_cli.settings import variable
from everyauth_cli.store.whole_files import read_whole
from everyauth_cli.urls import check_url, host

GITHUB, GITLAB, FILE, ENV = "github", "gitlab", "file:", "env:"
SOURCES = "github, gitlab, file:PATH or env:NAME"
GITHUB_URL, GITHUB_BEARER = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
"""The variables of a job on GitHub Actions, or on Forgejo Actions, that has the permission `id-token: write`.

https://docs.github.com/en/actions/reference/security/oidc#methods-for-requesting-the-oidc-token
"""
GITLAB_VARIABLE = "EVERYAUTH_ID_TOKEN"
"""A job on GitLab names the variable itself, under `id_tokens` (https://docs.gitlab.com/ci/yaml/#id_tokens)."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
WORD = re.compile(r"[A-Za-z:_-]{1,30}")
TOKEN = re.compile(r"[\x21-\x7e]+")


def given_token(token: IdentityToken) -> Secret[str] | None:
    """Return the identity token that was given itself. Raises `ConfigurationProblem` for what is none."""
    return None if token.given is None else check_identity_token(token.given, "what was given")


def source_of(token: IdentityToken) -> str:
    """Return where the identity token of a login comes from; empty where there is none. Raises `UsageProblem`."""
    if token.given is not None:
        return GIVEN
    return check_source(token.source) if token.source else ""


def check_source(text: str) -> str:
    """Return the name of a source as it is remembered: with the whole path of a file. Raises `UsageProblem`."""
    if text.startswith(FILE) and text != FILE:
        # A refresh may run in another directory.
        return FILE + str(Path(text.removeprefix(FILE)).expanduser().absolute())
    if text in (GITHUB, GITLAB) or (text.startswith(ENV) and NAME.fullmatch(text.removeprefix(ENV))):
        return text
    # It may be the token itself.
    shown = text if WORD.fullmatch(text) else "what was given"
    raise UsageProblem(f"{shown} is no place where an identity token is read from", hint=f"give {SOURCES}")


def check_identity_token(text: Secret[str], where: str) -> Secret[str]:
    """Return an identity token without the white space around it. Raises `ConfigurationProblem` for none."""
    token = Secret(text.reveal().removeprefix("\ufeff").strip())
    if not TOKEN.fullmatch(token.reveal()):
        problem = "holds no identity token: it has white space inside" if token else "is empty"
        raise ConfigurationProblem(f"{where} {problem}; nothing was sent")
    return token


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityTokens:
    """Reads the identity token of this job anew for each request, since it lives for minutes."""

    send: Callable[[Request], Response]

    def read(self, source: str, *, audience: str) -> Secret[str]:
        """Return the token from a source; only GitHub Actions issues one for the `audience`.

        Raises `ConfigurationProblem` where there is none, `ServiceUnreachable` and `ServiceUnreadable`.
        """
        if source == GITHUB:
            return self._requested(audience)
        if source == GITLAB:
            return _of_variable(
                GITLAB_VARIABLE, hint=f'in .gitlab-ci.yml: id_tokens: {{{GITLAB_VARIABLE}: {{aud: "{audience}"}}}}'
            )
        if source.startswith(ENV):
            name = source.removeprefix(ENV)
            return _of_variable(name, hint=f"export {name}, or read the token from another place: {SOURCES}")
        return _of_file(check_source(source).removeprefix(FILE))

    def _requested(self, audience: str) -> Secret[str]:
        url, bearer = variable(GITHUB_URL).reveal(), variable(GITHUB_BEARER)
        if not url or not bearer:
            raise ConfigurationProblem(
                f"{GITHUB_URL} and {GITHUB_BEARER} are not set, so this job can request no identity token",
                hint="give the job the permission: permissions: {id-token: write}",
            )
        try:
            check_url(url)
        except ValueError as error:
            raise ConfigurationProblem(f"{GITHUB_URL} is no URL to send a token to: {error}") from None
        url += ("&" if "?" in url else "?") + f"audience={quote(audience, safe='')}"
        response = self.send(Request(url=url, method="GET", bearer=bearer, headers=ACCEPT_JSON))
        fields = Secret(read_object(response.body.reveal(), response.content_type) or {})
        if not response.is_success or not isinstance(fields.reveal().get("value"), str):
            raise ServiceUnreadable(
                f"{host(url)} answered with status {response.status} and no identity token", status=response.status
            )
        return check_identity_token(Secret(fields.reveal()["value"]), f"the response of {host(url)}")


def _of_variable(name: str, *, hint: str) -> Secret[str]:
    found = variable(name)
    if not found:
        raise ConfigurationProblem(f"{name} is not set, so there is no identity token to present", hint=hint)
    return check_identity_token(found, name)


def _of_file(path: str) -> Secret[str]:
    try:
        return check_identity_token(Secret(read_whole(path).decode()), path)
    except UnicodeDecodeError:
        raise ConfigurationProblem(f"{path} is not text, so no identity token") from None
    except OSError as error:
        raise ConfigurationProblem(
            f"cannot read the identity token in {path}: {error.strerror}", hint=f"give {SOURCES}"
        ) from None
