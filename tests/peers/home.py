"""The command in a home with a made-up service `op`, and identities that are stored without a browser."""

from __future__ import annotations

import json

from peers.sandbox import SEALED
from peers.terminal import COLUMNS, terminal
from peers.token_server import HOUR, AuthorizationServer

from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.model import Secret
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.settings import read_settings
from everyauth_cli.store.from_settings import store_of
from everyauth_cli.store.identities import identity_key, identity_query, list_keys, read_identity


class Home:
    """The command in a home with the service `op`, and the library over the same home."""

    def __init__(self, command) -> None:
        plain = command.environment
        command.environment = lambda extra=None: plain({**SEALED, **(extra or {})})
        self.command = command
        self.server = AuthorizationServer()

    def entry(self, **keys: object) -> None:
        """Write the catalogue entry of `op`."""
        path = self.command.home / "services" / "op.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        urls = {"authorization_endpoint": "https://op.example/auth", "token_endpoint": "https://op.example/token"}
        path.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in {**urls, **keys}.items()))

    def auth(self, profile: str = "default", *, hours_ago: int = 0) -> EveryAuth:
        settings = read_settings(self.command.environment())
        return EveryAuth(
            store=store_of(settings),
            catalogue=Catalogue(settings.services_dir),
            send=self.server,
            profile=profile,
            clock=lambda: now_ms() - hours_ago * HOUR,
        )

    def log_in(
        self,
        user: str = "me",
        *,
        account: str = "alice",
        tenant: str = "",
        profile: str = "default",
        hours_ago: int = 0,
    ) -> None:
        """Log in at an authorization server that is called as a function, maybe so long ago that the token expired."""
        auth = self.auth(profile, hours_ago=hours_ago)
        auth.clients.set(auth.catalogue.get("op"), client_id="web-post", client_secret=Secret("s"))
        pending = auth.begin("op", redirect_uri="http://127.0.0.1/callback/op", user=user, tenant=tenant)
        query = [("code", f"code-{account}"), ("state", pending.state.reveal())]
        auth.keep(auth.redeem(pending, query))

    def __call__(self, line: str, **more):
        return self.command(*line.split()[1:], **more)

    def good(self, line: str, **more) -> str:
        done = self(line, **more)
        assert done.code == 0, done
        return done.out

    def bad(self, line: str, code: int, *says: str) -> str:
        done = self(line)
        assert (done.code, done.out) == (code, ""), done
        assert "Traceback" not in done.err
        assert not [text for text in says if text not in done.err], done.err
        return done.err

    def users(self) -> list[str]:
        """The users that have an identity, in any profile."""
        return [key.user for key in list_keys(self.auth().store, identity_query("", "op"))]

    def tokens(self) -> tuple[str, str]:
        """The access token and the refresh token of `me`."""
        stored = read_identity(self.auth().store, identity_key("default", "op", user="me"))
        return stored.token.access_token.reveal(), stored.token.refresh_token.reveal()

    def at_a_terminal(self, line: str, *, columns: int = COLUMNS):
        environment = self.command.environment({"TERM": "dumb"})
        return terminal([*self.command.argv, *line.split()[1:]], environment, columns=columns)
