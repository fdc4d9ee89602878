"""An authorization server that is made with Authlib, as people make their own: it grants at once, in memory."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin, TokenMixin, grants
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from flask import Flask, jsonify, request
from werkzeug.serving import make_server

ANN = {"sub": "7", "name": "Ann", "email": "ann@example.test"}


@dataclass
class RegisteredClient(ClientMixin):
    """A client that authenticates by one method at the token endpoint, and by another one when it revokes."""

    client_id: str
    client_secret: str
    methods: Mapping[str, str]

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        return None

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri.startswith("http://127.0.0.1:")

    def check_client_secret(self, client_secret: str) -> bool:
        return secrets.compare_digest(client_secret.encode(), self.client_secret.encode())

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == self.methods[endpoint]

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in ("authorization_code", "refresh_token")


@dataclass
class Code(AuthorizationCodeMixin):
    """An authorization code, bound to its redirect URI and challenge."""

    code: str
    redirect_uri: str
    scope: str
    code_challenge: str
    code_challenge_method: str

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope


@dataclass
class Issued(TokenMixin):
    """A pair of tokens."""

    fields: Mapping[str, Any]
    client: RegisteredClient
    is_revoked: bool = False

    def check_client(self, client: RegisteredClient) -> bool:
        return client is self.client

    def get_scope(self) -> str:
        return str(self.fields["scope"])

    def get_expires_in(self) -> int:
        return int(self.fields["expires_in"])

    def is_expired(self) -> bool:
        return False

    def get_user(self) -> str:
        return ANN["sub"]

    def get_client(self) -> RegisteredClient:
        return self.client


@dataclass
class Kept:
    """All that the server keeps."""

    client: RegisteredClient
    codes: dict[str, Code] = field(default_factory=dict)
    issued: list[Issued] = field(default_factory=list)

    def with_token(self, token: str) -> Issued | None:
        living = (issued for issued in self.issued if not issued.is_revoked)
        return next((i for i in living if token in (i.fields["access_token"], i.fields.get("refresh_token"))), None)


def _code_grant(kept: Kept) -> type:
    class CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

        def save_authorization_code(self, code: str, request: Any) -> None:
            data = request.payload.data
            kept.codes[code] = Code(
                code=code,
                redirect_uri=data["redirect_uri"],
                scope=data.get("scope", ""),
                code_challenge=data["code_challenge"],
                code_challenge_method=data["code_challenge_method"],
            )

        def query_authorization_code(self, code: str, client: RegisteredClient) -> Code | None:
            return kept.codes.get(code)

        def delete_authorization_code(self, code: Code) -> None:
            del kept.codes[code.code]

        def authenticate_user(self, code: Code) -> str:
            return ANN["sub"]

    return CodeGrant


def _refresh_grant(kept: Kept) -> type:
    class RefreshGrant(grants.RefreshTokenGrant):  # type: ignore[misc]
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")
        INCLUDE_NEW_REFRESH_TOKEN = True

        def authenticate_refresh_token(self, token: str) -> Issued | None:
            return kept.with_token(token)

        def authenticate_user(self, issued: Issued) -> str:
            return issued.get_user()

        def revoke_old_credential(self, issued: Issued) -> None:
            issued.is_revoked = True

    return RefreshGrant


def _revocation(kept: Kept) -> type:
    class Revocation(RevocationEndpoint):  # type: ignore[misc]
        CLIENT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

        def query_token(self, token: str, hint: str | None) -> Issued | None:
            return kept.with_token(token)

        def revoke_token(self, issued: Issued, request: Any) -> None:
            issued.is_revoked = True

    return Revocation


def _app(kept: Kept) -> Flask:
    app = Flask(__name__)
    app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
    server = AuthorizationServer(
        app,
        query_client=lambda client_id: kept.client if client_id == kept.client.client_id else None,
        save_token=lambda token, request: kept.issued.append(Issued(dict(token), request.client)),
    )
    server.register_grant(_code_grant(kept), [CodeChallenge(required=True)])
    server.register_grant(_refresh_grant(kept))
    server.register_endpoint(_revocation(kept))

    @app.get("/authorize")
    def authorize() -> Any:
        return server.create_authorization_response(grant=server.get_consent_grant(end_user="7"), grant_user="7")

    @app.post("/token")
    def token() -> Any:
        return server.create_token_response()

    @app.post("/revoke")
    def revoke() -> Any:
        return server.create_endpoint_response(RevocationEndpoint.ENDPOINT_NAME)

    @app.get("/me")
    def me() -> Any:
        issued = kept.with_token(request.headers["Authorization"].removeprefix("Bearer "))
        return jsonify(ANN) if issued else ("", 401)

    return app


@contextmanager
def authlib_server(client: RegisteredClient) -> Iterator[str]:
    """Run the server with this client, and give its URL."""
    server = make_server("127.0.0.1", 0, _app(Kept(client)), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
