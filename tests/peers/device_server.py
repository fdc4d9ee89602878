"""An authorization server with the device authorization grant (RFC 8628), and an MCP server, over HTTP on loopback."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from peers.mcp_server import McpServer

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
PAGE = "https://shop.example/device"
COMPLETE = f"{PAGE}?user_code="
PENDING = "authorization_pending"
WITHOUT_CODES = """\
title = "Shop"
authorization_endpoint = "{base}/authorize"
token_endpoint = "{base}/token"
"""
ENTRY = f'{WITHOUT_CODES}device_authorization_endpoint = "{{base}}/device_authorization"\n'


class DeviceServer(McpServer):
    """Grants nothing until `error` is empty: it is what a poll for a device's token gets until then.

    `refusal` is the error of the device authorization endpoint, and `codes` are the fields of its responses, whose user
    codes are WDJB-MJH1, WDJB-MJH2 and so on. `begun` are its requests.
    """

    def __init__(self) -> None:
        super().__init__()
        self.metadata["device_authorization_endpoint"] = f"{self.base}/device_authorization"
        self.error, self.refusal = PENDING, ""
        self.codes: dict[str, Any] = {"verification_uri": PAGE, "expires_in": 900, "interval": 1}
        self.begun: list[dict[str, str]] = []
        self.polls = 0

    def respond(self, method: str, path: str, query: str, body: bytes) -> tuple[int, Any, dict[str, str]]:
        form = dict(parse_qsl(body.decode())) if method == "POST" and not body.startswith(b"{") else {}
        if path == "/device_authorization":
            return self._device(form)
        if form.get("grant_type") == DEVICE_CODE:
            self.polls += 1
            if self.error:
                return 400, {"error": self.error}, {}
        return super().respond(method, path, query, body)

    def _device(self, form: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        if self.refusal:
            return 400, {"error": self.refusal}, {}
        self.begun.append(form)
        number = len(self.begun)
        code = f"WDJB-MJH{number}"
        if "verification_uri_complete" in self.codes:
            self.codes["verification_uri_complete"] = f"{PAGE}?user_code={code}"
        return 200, {"device_code": f"device-{number}", "user_code": code, **self.codes}, {}

    def entry(self, home: Path, text: str = ENTRY) -> None:
        """Write a service file that names this server `shop`."""
        path = home / "services" / "shop.toml"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(text.format(base=self.base))
        path.chmod(0o600)
