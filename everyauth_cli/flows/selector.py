"""Selects identities by user, tenant, tags or id, and makes the cursor of a listing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeGuard

from everyauth_cli.errors import UsageProblem
from everyauth_cli.model import DEFAULT_USER, Identity, RecordKey
from everyauth_cli.oauth import base64url
from everyauth_cli.store.identities import IdentitySummary, identity_query
from everyauth_cli.store.records import Query, key_matches

Who = str | Mapping[str, str]
"""A user, whatever the name looks like, or tags, of which `userId` and `tenantId` are the user and the tenant."""

BOTH = "a user or tags and identity_id are given; give one of them"
OWN_TAGS = {"userId": "user", "tenantId": "tenant"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Matches an identity by each part that is not empty."""

    user: str = ""
    tenant: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    identity_id: str = ""

    def __post_init__(self) -> None:
        check_texts(self.user, self.tenant, self.identity_id, *self.tags, *self.tags.values())

    def __str__(self) -> str:
        if not (self.tenant or self.tags):
            return self.identity_id or self.user
        named = {"id": self.identity_id, "userId": self.user, "tenantId": self.tenant}
        pairs = {**{name: value for name, value in named.items() if value}, **self.tags}
        return ", ".join(f"{name}={value}" for name, value in pairs.items())

    def query(self, profile: str, service: str) -> Query:
        """Return the query that a store finds these identities by."""
        return identity_query(
            profile, service, user=self.user, tenant=self.tenant, tags=self.tags, identity_id=self.identity_id
        )

    def matches(self, identity: Identity | IdentitySummary) -> bool:
        """Return whether the tags and the id are these, whatever the store's index says."""
        return self.identity_id in ("", identity.id) and self.tags.items() <= identity.tags.items()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A part of a listing; `next` is the cursor of the part that follows, None at the end."""

    items: list[Identity]
    next: str | None


def read_who(who: Who, *, tenant: str = "", identity_id: str | None = None) -> Selector:
    """Make the selector of a user, tags or an id. Raises `UsageProblem` where it would match any identity."""
    if identity_id is not None:
        check_texts(identity_id)
        if not identity_id or who != DEFAULT_USER:
            raise UsageProblem("the id is empty; it would match any" if not identity_id else BOTH)
        return Selector(identity_id=identity_id, tenant=tenant)
    if not isinstance(who, Mapping):
        check_named(who)
        return Selector(user=who, tenant=tenant)
    if tenant:
        if who.get("tenantId", tenant) != tenant:
            raise UsageProblem(f'the tenant is "{tenant}" and, in the tags, "{who["tenantId"]}"; give one')
        who = {**who, "tenantId": tenant}
    if not who:
        raise UsageProblem("there is no tag to match; all would", hint='give a tag, such as {"userId": USER}')
    return read_tags(who)


def is_plain_user(who: Who) -> TypeGuard[str]:
    """Return whether it is a user in ASCII, which is always valid."""
    return is_text(who) and who != "" and who.isascii()


def read_tags(tags: Mapping[str, str]) -> Selector:
    """Make the selector of tags. Raises `UsageProblem` for an empty user or tenant, which would match any."""
    for name in OWN_TAGS:
        if not tags.get(name, name):
            raise UsageProblem(f"{name} is empty; it would match any", hint=f"give {name} a value, or leave it out")
    own = {part: tags[name] for name, part in OWN_TAGS.items() if name in tags}
    return Selector(**own, tags={name: value for name, value in tags.items() if name not in OWN_TAGS})


def is_text(value: object) -> TypeGuard[str]:
    """Return whether a value is a str; one that a framework evaluates late has every method of a str, and is none."""
    return issubclass(type(value), str)


def check_texts(*values: object) -> None:
    """Refuse values that no store can hold and no identity has: numbers, and texts that are not Unicode."""
    for value in values:
        if not is_text(value):
            hint = "pass str() of it, which is the same for the same user at all times"
            raise UsageProblem(f"{value!r} is not a str, as users, tenants, ids and tags are", hint=hint)
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise UsageProblem(f"{value!r} is not Unicode text", hint="check how it was decoded")


def check_named(who: str) -> None:
    """Refuse an empty user, such as that of a variable that is not set: it would match any."""
    check_texts(who)
    if not who:
        raise UsageProblem("the user is empty; it would match any", hint="give a user, or identity_id=...")


def cursor_behind(identity: Identity | IdentitySummary) -> str:
    """Return the cursor of the identities that follow this one in the order, which may be deleted meanwhile."""
    place = json.dumps([identity.service, identity.tenant, identity.user])
    return base64url.encode(place.encode())


def read_cursor(cursor: str, query: RecordKey) -> RecordKey:
    """Return the key of a cursor. Raises `UsageProblem` for a cursor that did not come from a listing of `query`."""
    try:
        place = json.loads(base64url.decode(cursor))
        json.dumps(place, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise _bad_cursor() from None
    match place:
        case [str(service), str(tenant), str(user)]:
            pass
        case _:
            raise _bad_cursor()
    after = RecordKey(profile=query.profile, kind=query.kind, service=service, tenant=tenant, user=user)
    if not key_matches(after, query):
        raise _bad_cursor()
    return after


def _bad_cursor() -> UsageProblem:
    return UsageProblem(
        "the cursor does not belong to this listing", hint="pass on `next` of the page before, or none to begin"
    )
