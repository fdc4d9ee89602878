"""Logins of a web app's users: `authorize(service, ...)` for its framework, over `begin`, `exchange` and `keep`.

`starlette.authorize` gives routes, `flask.authorize` a blueprint, `django.authorize` URL patterns. A GET of `prefix`
begins a login at the service and one of `prefix`/callback ends it, then the browser goes to `finished_url`, with
`serviceId`, `userId` and `tenantId` or with `error` and `errorDescription` in its query. These say what became of the
login; who the user is the app knows from its own session.

`base_url` is where users reach the app; with `prefix` it makes the redirect URI to register at the service:
`base_url` + `prefix` + /callback. `finished_url` is a path there, or a URL. The functions are given the framework's own
request: `map_to_user_id` and `map_to_tenant_id` name the user and the tenant (the user, unless it is given), None for
nobody, who is answered 401; `on_authorized` is given the grant too, before any of it is stored, and drops it by
returning False. `scope` is asked for in the place of the client's. `auth` is `EveryAuth.from_env()` unless it is given.
"""
