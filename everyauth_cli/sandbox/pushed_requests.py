"""Pushed authorization requests at the sandbox (RFC 9126): each reference is good once, and for a minute."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Mapping

from everyauth_cli.sandbox.grants import OAuthError, Registration
from everyauth_cli.sandbox.responses import EndpointResponse

PREFIX = "urn:ietf:params:oauth:request_uri:"
"""The beginning of a reference (section 2.2)."""
LIFETIME = 60
"""Seconds."""


class PushedRequests:
    """The requests that clients have pushed; `clock` gives milliseconds since the epoch. Any thread may call it."""

    def __init__(self, *, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: dict[str, tuple[int, Mapping[str, str]]] = {}

    def add(self, client: Registration, parameters: Mapping[str, str]) -> EndpointResponse:
        """Keep the parameters of a client's request, and return the response (section 2.2). Raises `OAuthError`."""
        if parameters.get("client_id") != client.client_id or "request_uri" in parameters:
            raise OAuthError("invalid_request", "The parameters include the client_id, and no request_uri.")
        request_uri, now = PREFIX + secrets.token_urlsafe(24), self._clock()
        with self._lock:
            self._waiting = {name: pushed for name, pushed in self._waiting.items() if now < pushed[0]}
            self._waiting[request_uri] = (now + LIFETIME * 1000, parameters)
        body = json.dumps({"request_uri": request_uri, "expires_in": LIFETIME}).encode()
        return EndpointResponse(status=201, content_type="application/json", body=body)

    def take(self, query: Mapping[str, str], *, required: bool) -> Mapping[str, str]:
        """Return the parameters of an authorization request: those that it refers to, or else its own.

        Raises `OAuthError` for a reference that is not good any more or is another client's, and where it must be one.
        """
        if "request_uri" not in query:
            if required:
                raise OAuthError("invalid_request", "This service takes pushed authorization requests only.")
            return query
        with self._lock:
            expires_at, parameters = self._waiting.pop(query["request_uri"], (0, {}))
        if self._clock() >= expires_at or parameters["client_id"] != query.get("client_id"):
            raise OAuthError("invalid_request", "This request_uri is not valid: it was used, or it has expired.")
        return parameters
