"""Routes for a web app whose users log in at services: `authorize` and `connections` for its framework.

`starlette.authorize` returns routes, `flask.authorize` a blueprint, `django.authorize` URL patterns. A GET of `prefix`
starts a login at the service, and a GET of `prefix`/callback finishes it. Then the browser is redirected to
`finished_url` with the query parameters `serviceId`, `userId` and `tenantId`, and `error` and `errorDescription` if the
login failed. They report its result and prove nothing: the app knows its user from its own session.

`base_url` is the URL where users reach the app; `base_url` + `prefix` + /callback is the redirect URI to register at
the service. `finished_url` is a path on that host, or a URL. `scope` replaces the scope of the client, and `auth`
is `EveryAuth.from_env()` by default.

The functions are given the framework's own request. `map_to_user_id` and `map_to_tenant_id` return the user and the
tenant (by default the user); for None the response is 401. `on_authorized` is also given the grant, before any of it is
stored, and discards it by returning False.

A browser that opens `prefix` at another host (`www`, 127.0.0.1 for localhost) is led to `base_url` first, since the
login's cookie would not come back there otherwise; the log has the reason. A prefetch, a script or an image begins no
login: its response is 503.

The app's session cookie must not be `SameSite=Strict`: a browser that returns from the service would not send it, and
the user would seem to be signed out.

`connections({service: prefix}, ...)` returns the connections page, at its own `prefix`: the signed-in user sees which
services are connected, the account, since when and whether the login still works, connects a service (through the
`authorize` at that `prefix`) and disconnects one, which revokes its tokens if the service can. The page reads only the
metadata of identities and sends nothing to a service otherwise; `finished_url` may be this page. `stylesheet`, a path
or a URL, replaces the page's own style sheet; the CSS classes are `notice` (`good`, `bad`), `connections`, `connection`
(`works`, `broken`, `unconnected`), `about`, `service`, `account`, `since`, `state`, `note`, `buttons`, `connect` and
`disconnect`.

Errors that only the operator can fix go to the logger `everyauth_cli.web`.
"""
