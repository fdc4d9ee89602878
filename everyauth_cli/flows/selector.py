"""How identities are named by who asks for them, and the cursor of a listing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeGuard

from everyauth_cli.errors import UsageProblem
from everyauth_cli.model import ID_PREFIX, Identity, RecordKey
from everyauth_cli.oauth import base64url
from everyauth_cli.store.identity_record import KIND, IdentitySummary
from everyauth_cli.store.records import key_matches

Who = str | Mapping[str, str]
"""A user, an identity's id (`idn-...`), or tags, of which `userId` and `tenantId` are the user and the tenant."""

OWN_TAGS = {"userId": "user", "tenantId": "tenant"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """What an identity has to match: each part that is not empty."""

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

    def key(self, profile: str, service: str) -> RecordKey:
        """What a store is asked for; it matches more than is wanted where there are tags or an id."""
        return RecordKey(profile=profile, kind=KIND, service=service, tenant=self.tenant, user=self.user)

    def matches(self, identity: Identity | IdentitySummary) -> bool:
        """Whether the tags and the id, which a store cannot look for, are as wanted."""
        return self.identity_id in ("", identity.id) and self.tags.items() <= identity.tags.items()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A part of a listing; `next` is the cursor of the part that follows, None at the end."""

    items: list[Identity]
    next: str | None


def read_who(who: Who, *, tenant: str = "") -> Selector:
    """Whom an app means. Raises `UsageProblem` where that could be anybody."""
    if not isinstance(who, Mapping):
        check_named(who)
        return (
            Selector(identity_id=who, tenant=tenant) if who.startswith(ID_PREFIX) else Selector(user=who, tenant=tenant)
        )
    if tenant:
        if who.get("tenantId", tenant) != tenant:
            raise UsageProblem(f"the tenant is {tenant} and, in the tags, {who['tenantId']}; name one")
        who = {**who, "tenantId": tenant}
    if not who:
        raise UsageProblem("there is no tag to match; all would", hint='name a tag, such as {"userId": USER}')
    return read_tags(who)


def is_plain_user(who: Who) -> TypeGuard[str]:
    """Whether it is a user in plain letters, with whom nothing can be wrong."""
    return isinstance(who, str) and who != "" and who.isascii() and not who.startswith(ID_PREFIX)


def read_tags(tags: Mapping[str, str]) -> Selector:
    """What tags have to be matched. Raises `UsageProblem` for a user or tenant that is empty: it would match any."""
    for name in OWN_TAGS:
        if not tags.get(name, name):
            raise UsageProblem(f"{name} is empty; it would match any", hint=f"give {name} a value, or leave it out")
    own = {part: tags[name] for name, part in OWN_TAGS.items() if name in tags}
    return Selector(**own, tags={name: value for name, value in tags.items() if name not in OWN_TAGS})


def check_texts(*values: object) -> None:
    """Refuse what no store can hold, and what would match nobody: numbers, and texts that are no Unicode."""
    for value in values:
        if not isinstance(value, str):
            raise UsageProblem(f"{value!r} is no str, as users, tenants, ids and tags are")
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise UsageProblem(f"{value!r} is no Unicode text", hint="check how it was decoded")


def check_named(who: str) -> None:
    """Refuse an empty user: that would be anybody, and a variable that is not set means nobody."""
    check_texts(who)
    if not who:
        raise UsageProblem("the user is empty; it would match anybody", hint="name a user, or an idn- id")


def cursor_behind(identity: Identity) -> str:
    """The cursor for what comes after an identity; it says where in the order, so that the identity may be deleted."""
    place = json.dumps([identity.service, identity.tenant, identity.user])
    return base64url.encode(place.encode())


def read_cursor(cursor: str, wanted: RecordKey) -> RecordKey:
    """The key that a cursor stands for. Raises `UsageProblem` for one that a listing of these did not give."""
    try:
        place = json.loads(base64url.decode(cursor))
    except ValueError:
        raise _bad_cursor() from None
    match place:
        case [str(service), str(tenant), str(user)]:
            pass
        case _:
            raise _bad_cursor()
    after = RecordKey(profile=wanted.profile, kind=wanted.kind, service=service, tenant=tenant, user=user)
    if not key_matches(after, wanted):
        raise _bad_cursor()
    return after


def _bad_cursor() -> UsageProblem:
    return UsageProblem(
        "the cursor is not one that this listing gave", hint="pass on `next` of the page before, or none to begin"
    )
