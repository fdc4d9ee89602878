"""Logins of a web app's users, and a page of what they have connected: `authorize` and `connections` for its framework.

`starlette.authorize` gives routes, `flask.authorize` a blueprint, `django.authorize` URL patterns. A GET of `prefix`
begins a login at the service and one of `prefix`/callback ends it; then the browser goes to `finished_url`, with
`serviceId`, `userId` and `tenantId` or with `error` and `errorDescription` in its query. These say what became of the
login; who the user is, the app knows from its own session.

`base_url` is where users reach the app; with `prefix` it makes the redirect URI to register at the service:
`base_url` + `prefix` + /callback. `finished_url` is a path on that host, or a URL. `scope` is asked for in the place
of the client's, and `auth` is `EveryAuth.from_env()` unless it is given.

The functions are given the framework's own request. `map_to_user_id` and `map_to_tenant_id` name the user and the
tenant (the user, unless it is given); None is nobody, who is answered 401. `on_authorized` is given the grant too,
before any of it is stored, and has it dropped by returning False.

The app's session cookie must not be `SameSite=Strict`: a browser that comes back from the service would not send it,
and so be nobody.

`connections({service: prefix}, ...)` gives the page at its own `prefix` where the signed-in user sees what is
connected, as whom, since when and whether it still works, connects (by the `authorize` of that `prefix`) and
disconnects, which revokes at the service where that can be. It reads public halves alone and asks no service;
`finished_url` may be this very page. With `stylesheet`, a path or a URL, that sheet takes the place of the page's own;
the classes to dress are `notice` (`good`, `bad`), `connections`, `connection` (`works`, `broken`, `unconnected`),
`about`, `service`, `account`, `since`, `state`, `note`, `buttons`, `connect` and `disconnect`.

What only the operator can mend is told to the logger `everyauth_cli.web`.
"""
