"""The revocation endpoint of the sandbox, for dialects whose services have one (RFC 7009)."""

import httpx
import pytest
from peers.visitor import refused, token_form, visiting

from everyauth_cli.sandbox.grants import Registration

OTHER = {"client_id": "other", "client_secret": "other-secret"}


@pytest.fixture
def own(tmp_path):
    """A directory with the user's own entry, which has a revocation endpoint."""
    (tmp_path / "pagerduty.toml").write_text('revocation_endpoint = "https://auth.example/revoke"\n')
    return tmp_path


@pytest.fixture
def visitor(own):
    with visiting(own) as visitor:
        yield visitor


def revoke(visitor, **fields):
    return visitor.http.post("/pagerduty/revoke", data=token_form(**fields))


def revoked(visitor, **fields):
    response = revoke(visitor, **fields)
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["cache-control"] == "no-store"


def tokens_of(visitor):
    return visitor.redeem(visitor.code()).json()


def works(visitor, tokens):
    return visitor.me(tokens["access_token"]).status_code == 200


@pytest.mark.parametrize("hint", [None, "refresh_token", "access_token", "something_else"])
def test_a_refresh_token_ends_its_grant(visitor, hint):
    first = tokens_of(visitor)
    second = visitor.refresh(first["refresh_token"]).json()
    stranger = tokens_of(visitor)
    revoked(visitor, token=second["refresh_token"], token_type_hint=hint)
    assert [works(visitor, tokens) for tokens in (first, second, stranger)] == [False, False, True]
    refused(visitor.refresh(second["refresh_token"]), 400, "invalid_grant")
    assert visitor.server.counts["refresh_reuse"] == 0
    assert visitor.refresh(stranger["refresh_token"]).status_code == 200


def test_an_old_refresh_token_ends_its_grant_too(visitor):
    first = tokens_of(visitor)
    second = visitor.refresh(first["refresh_token"]).json()
    revoked(visitor, token=first["refresh_token"])
    assert not works(visitor, second)
    refused(visitor.refresh(second["refresh_token"]), 400, "invalid_grant")


@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token"])
def test_an_access_token_ends_alone(visitor, hint):
    first = tokens_of(visitor)
    second = visitor.refresh(first["refresh_token"]).json()
    revoked(visitor, token=first["access_token"], token_type_hint=hint)
    assert [works(visitor, tokens) for tokens in (first, second)] == [False, True]
    assert visitor.refresh(second["refresh_token"]).status_code == 200


def test_unknown_and_revoked_tokens_are_no_error(visitor):
    tokens = tokens_of(visitor)
    revoked(visitor, token="made-up")
    for _ in range(2):
        revoked(visitor, token=tokens["access_token"])
        revoked(visitor, token=tokens["refresh_token"])
    assert visitor.server.counts == {"authorization_code": 1, "revocation": 5}


def test_another_clients_tokens_stay(visitor):
    visitor.server._clients["other"] = Registration(**OTHER, redirect_uris=())
    tokens = tokens_of(visitor)
    revoked(visitor, token=tokens["access_token"], **OTHER)
    revoked(visitor, token=tokens["refresh_token"], **OTHER)
    assert works(visitor, tokens)
    assert visitor.refresh(tokens["refresh_token"]).status_code == 200


@pytest.mark.parametrize("changes", [{"client_secret": "wrong"}, {"client_secret": None}, {"client_id": "another"}])
def test_wrong_client(visitor, changes):
    tokens = tokens_of(visitor)
    response = revoke(visitor, token=tokens["refresh_token"], **changes)
    refused(response, 401, "invalid_client")
    assert response.headers["www-authenticate"].startswith("Basic ")
    assert works(visitor, tokens)
    assert visitor.server.counts == {"authorization_code": 1, "invalid_client": 1}


def test_client_authenticates_where_the_service_documents_it(visitor):
    tokens = tokens_of(visitor)
    auth = httpx.BasicAuth("sandbox-client", "sandbox-secret-not-a-real-secret")
    response = visitor.http.post("/pagerduty/revoke", data={"token": tokens["refresh_token"]}, auth=auth)
    refused(response, 401, "invalid_client")
    assert works(visitor, tokens)


def test_public_client(own):
    with visiting(own, client_secret=None) as visitor:
        tokens = visitor.redeem(visitor.code(), client_secret=None).json()
        revoked(visitor, token=tokens["refresh_token"], client_secret=None)
        assert not works(visitor, tokens)


@pytest.mark.parametrize("missing", ["token", "client_id"])
def test_a_missing_parameter_is_named(visitor, missing):
    response = revoke(visitor, **{"token": "a", missing: None})
    refused(response, 400, "invalid_request")
    assert missing in response.json()["error_description"]


def test_a_token_in_the_query_is_refused_and_not_logged(visitor):
    tokens = tokens_of(visitor)
    token = {"token": tokens["refresh_token"]}
    response = visitor.http.post("/pagerduty/revoke", params=token, data=token_form(**token))
    refused(response, 400, "invalid_request")
    assert visitor.lines[-1] == "POST /pagerduty/revoke -> 400 invalid_request"
    assert works(visitor, tokens)


def test_revocation_endpoint_takes_post_only(visitor):
    response = visitor.http.get("/pagerduty/revoke")
    refused(response, 405, "invalid_request")
    assert response.headers["allow"] == "POST"


def test_a_dialect_offers_it_or_not(visitor):
    assert (
        visitor.sandbox.override("pagerduty")["revocation_endpoint"] == visitor.sandbox.base_url + "/pagerduty/revoke"
    )
    with visiting() as without:
        assert "revocation_endpoint" not in without.sandbox.override("pagerduty")
        assert revoke(without, token="a").status_code == 404
