"""A store's URL as it may be shown: without a password, and what is not understood by its scheme alone."""

from __future__ import annotations

import pytest
from peers.stores import SEALING_KEY, keyring_of

from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.store.opening import open_store
from everyauth_cli.store.shown_url import has_secret, shown_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://host/db", "postgresql://host/db"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("postgresql://me:hidden@host/db", "postgresql://me@host/db"),
        ("postgresql://me:hid:den@host/db", "postgresql://me@host/db"),
        ("postgresql://me:hid?den@host/db", "postgresql://me@host/db"),
        ("postgresql://me:hid%40%2Fden@host/db", "postgresql://me@host/db"),
        ("postgresql://:hidden@host/db", "postgresql://host/db"),
        ("postgresql://me:hidden@[::1]:5432,b.example:1/db", "postgresql://me@[::1]:5432,b.example:1/db"),
        ("postgresql://me:hidden@%2Fvar%2Frun/db", "postgresql://me@%2Fvar%2Frun/db"),
        ("postgresql:///db?host=/run/pg", "postgresql:///db?host=/run/pg"),
        ("postgresql://host:5432/db?user=me@corp", "postgresql://host:5432/db?user=me@corp"),
        ("postgresql://host/db?password=hidden&user=me", "postgresql://host/db?user=me"),
        ("postgresql://host/db?PASSWORD=hidden", "postgresql://host/db"),
        ("postgresql://host/db?%70assword=hidden", "postgresql://host/db"),
        ("postgresql://host/db?sslpassword=hidden&sslmode=require", "postgresql://host/db?sslmode=require"),
        ("postgresql://host/db?passwort=hidden", "postgresql://host/db"),
        ("postgresql://me:hidden@host/db?options=hidden", "postgresql://me@host/db"),
        ("sqlite:///srv/a%20b.db", "sqlite:///srv/a%20b.db"),
        ("sqlite://", "sqlite://"),
        ("keyring:", "keyring:"),
    ],
)
def test_a_password_is_taken_out_of_what_is_shown(url, shown):
    assert shown_url(url) == shown
    assert has_secret(url) == (url != shown)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql+psycopg://me:hidden@host/db", "postgresql+psycopg:..."),
        ("postgresqll://me:hidden@host/db", "postgresqll:..."),
        ("POSTGRESQL://me:hidden@host/db", "POSTGRESQL:..."),
        (" postgresql://me:hidden@host/db", "postgresql:..."),
        ("postgresql:/me:hidden@host/db", "postgresql:..."),
        ("postgresql://me:hid/hidden@host/db", "postgresql:..."),
        ("postgresql://me:hid@hidden@host/db", "postgresql:..."),
        ("postgresql://me:12/hidden@host/db", "postgresql:..."),
        ("postgresql://me:12/3?hidden@host/db", "postgresql:..."),
        ("postgresql://me:12/3?x=hidden@host/db", "postgresql:..."),
        ("postgresql://me:hidden@host:port/db", "postgresql:..."),
        ("postgresql://me:hidden@[::1/db", "postgresql:..."),
        ("postgresql://host/db?hidden", "postgresql:..."),
        ("postgresql://host/db#hidden", "postgresql:..."),
        ("postgresql://me:hidden@host/db\n", "postgresql:..."),
        ("mysql://me:hidden@host/db", "mysql:..."),
        ("sqlite:///srv/x.db?key=hidden", "sqlite:..."),
        ("sqlite:///srv/x.db#hidden", "sqlite:..."),
        ("sqlite://me:hidden@host/db", "sqlite:..."),
        ("sqlite:///x\0hidden", "sqlite:..."),
        ("keyring:hidden", "keyring:..."),
        ("host=db user=me password=hidden", "..."),
        ("me hidden:x", "..."),
        ("hidden", "..."),
        ("", "..."),
    ],
)
def test_what_is_not_understood_is_shown_by_its_scheme_alone_and_opens_nothing(url, shown, tmp_path):
    assert shown_url(url) == shown
    with pytest.raises(ConfigurationProblem) as caught:
        open_store(url, data_dir=tmp_path, keyring=keyring_of(tmp_path), sealing_key=SEALING_KEY)
    assert "hidden" not in f"{caught.value.message} {caught.value.hint}"
