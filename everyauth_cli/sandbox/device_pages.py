"""The pages of the device authorization grant, on which a user enters a code and decides (RFC 8628 section 3.3)."""

from __future__ import annotations

from collections.abc import Mapping

from everyauth_cli.model import Service
from everyauth_cli.pages.document import Frame, page_headers
from everyauth_cli.pages.form import form_page
from everyauth_cli.sandbox.device_codes import DeviceCodes
from everyauth_cli.sandbox.grants import OAuthError
from everyauth_cli.sandbox.requests import ReceivedRequest, read_body, read_parameters
from everyauth_cli.sandbox.sent_response import DEFAULT_ACCOUNT, SentResponse, authorization_error, page
from everyauth_cli.sanitize import printable
from everyauth_cli.services.rules import BodyFormat


class DevicePages:
    """The page for a code, and what it posts to itself."""

    def __init__(self, codes: DeviceCodes, service: Service) -> None:
        self._codes, self._service = codes, service

    def ask(self, request: ReceivedRequest) -> SentResponse:
        """Return the page; with a code in the query it shows the access that the code is for."""
        try:
            user_code = printable(read_parameters(request.query).get("user_code", ""), 100)
            scopes = self._codes.of_user_code(user_code).scopes if user_code else ()
        except OAuthError as error:
            return authorization_error(error)
        html = form_page(
            frame=Frame.sandbox,
            title=f"Connect a device to your {self._service.title} account?",
            text="Go on only if the device shows this code. This is a sandbox: nothing leaves this machine.",
            items=scopes,
            fields={},
            inputs=[("user_code", "Code on the device", user_code), ("user", "Sign in as", DEFAULT_ACCOUNT)],
            buttons=[("decision", "allow", "Allow"), ("decision", "deny", "Deny")],
        )
        return SentResponse(status=200, headers=page_headers([]), body=html.encode())

    def decide(self, request: ReceivedRequest) -> SentResponse:
        """Allow or deny, and say so."""
        try:
            return self._decided(read_body(request, BodyFormat.FORM))
        except OAuthError as error:
            return authorization_error(error)

    def _decided(self, form: Mapping[str, str]) -> SentResponse:
        user_code, user = form.get("user_code", ""), printable(form.get("user", ""), 100)
        match form.get("decision"):
            case "allow" if user:
                self._codes.allow(user_code, user=user)
                return page(200, "Device connected", "Go back to the device.", good=True, detail="allow")
            case "deny":
                self._codes.deny(user_code)
                return page(200, "Access denied", "The device gets no access.", detail="deny")
        raise OAuthError("invalid_request", "The form needs a code, a user, and the decision to allow or deny.")
