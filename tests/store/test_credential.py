"""The credential that `get_identity` returns: the original's shape, and no refresh token anywhere in it."""

import copy
import json
import pickle

import pytest

from everyauth_cli.model import Account, RecordKey, Secret
from everyauth_cli.store.credential import Credential
from everyauth_cli.store.records import Record

HIDDEN = "s3cret-value"
KEY = RecordKey(profile="default", kind="identity", service="pagerduty", tenant="user-123", user="user-123")
NATIVE = {
    "scope": "openid write",
    "id_token": f"ey.{HIDDEN}",
    "timestamp": 1,
    "expires_at": 1000,
    "access_token": HIDDEN,
}


def record(**changes):
    metadata = {"id": "idn-1", "tags": {"plan": "gold"}, "account": {"subject": "1", "label": "ann@example.org"}}
    secret = {
        "access_token": HIDDEN,
        "refresh_token": "the-refresh-token",
        "issued_at": 1,
        "expires_at": 1000,
        "native": {"scope": "openid write", "id_token": f"ey.{HIDDEN}"},
    }
    metadata, secret = ({name: changes.get(name, part[name]) for name in part} for part in (metadata, secret))
    return Record(metadata, Secret(secret), "1")


@pytest.fixture
def credential():
    return Credential(KEY, record())


def test_a_credential_does_not_show_its_token(credential):
    assert HIDDEN not in repr(credential) + str(credential) + f"{credential}"
    assert "idn-1" in repr(credential)


def test_a_credential_as_json_has_the_shape_of_the_original(credential):
    assert json.loads(json.dumps(credential.as_json())) == {
        "accessToken": HIDDEN,
        "native": NATIVE,
        "everyauth": {
            "serviceId": "pagerduty",
            "identityId": "idn-1",
            "tags": {"userId": "user-123", "tenantId": "user-123", "plan": "gold"},
            "account": {"subject": "1", "label": "ann@example.org"},
        },
    }
    assert list(credential.as_json()) == ["accessToken", "native", "everyauth"]
    assert (credential.access_token, credential.native) == (HIDDEN, NATIVE)
    assert (credential.service_id, credential.identity_id) == ("pagerduty", "idn-1")
    assert credential.account == Account(subject="1", label="ann@example.org")


def test_what_is_not_known_is_none():
    credential = Credential(KEY, record(account=None, expires_at=None))
    assert (credential.account, credential.expires_at) == (None, None)
    assert credential.as_json()["everyauth"]["account"] is None
    assert "expires_at" not in credential.native


def test_no_refresh_token_is_in_it(credential):
    for what in (pickle.dumps(credential), json.dumps(credential.as_json()).encode()):
        assert b"the-refresh-token" not in what


def test_a_credential_cannot_be_changed_through_what_it_shows(credential):
    credential.as_json()["native"]["scope"] = "all"
    credential.as_json()["everyauth"]["tags"]["userId"] = "other"
    assert credential.native["scope"] == "openid write"
    assert credential.tags["userId"] == "user-123"
    with pytest.raises(AttributeError):
        credential.access_token = "another"


def test_credentials_that_show_the_same_are_equal(credential):
    assert credential == copy.deepcopy(credential) == pickle.loads(pickle.dumps(credential))
    assert credential != Credential(KEY, record(id="idn-2"))
    assert credential != HIDDEN


def test_an_expiry_after_the_last_year_of_datetime_is_none():
    assert Credential(KEY, record(expires_at=10**18)).expires_at is None
