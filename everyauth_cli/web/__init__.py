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
services are connected, what the app uses each for, the account, the permissions and since when, connects a service
(through the `authorize` at that `prefix`) and disconnects one, after a question that says what ends; that revokes its
tokens if the service can. The page reads only the metadata of identities and sends nothing to a service otherwise, so
it says "Connected" of a login that nothing is known against. `finished_url` may be this page.

`connect([service, ...], ...)` returns both for several services: the page at `prefix`, and each login at
`prefix`/SERVICE, whose redirect URI is `base_url` + `prefix`/SERVICE/callback. `scopes` may map a service to its
`scope`.

`sign_in_url`, a path or a URL, is where a user signs in to the app: the pages for one who is not signed in link to it.

`page`, a `ConnectionsPage`, has the app's choices: title, purposes, texts (`TEXTS` has the names), colours, a style
sheet added to ours, and a template of the app's around the list. `stylesheet`, a path or a URL, replaces our style
sheet. `authorize` takes both too, for the pages that end a login. The CSS classes are `connections` around all,
`notice` (`good`, `bad`), `list`, `connection` (`connected`, `not_connected`, `login_required`, `no_longer_works`),
`icon`, `about`, `service`, `purpose`, `account`, `state`, `scopes`, `buttons`, `connect` and `disconnect`; in the
question `ends`, `confirm` and `cancel`.

    def template(request, part):  # Flask; in Django: render_to_string("connections.html", {"part": part}, request)
        return render_template("connections.html", part=part)

    connect([...], page=ConnectionsPage(template=template), ...)

    <head>... {{ part.head }}</head>
    <h1>{{ part.title }}</h1>
    {{ part.html }}

A front end that draws the page by itself sends `Accept: application/json`. A GET of `prefix` then returns `title`,
`csrfToken`, `notice` (null, or `good` and `text`) and `connections`, each with `serviceId`, `title`, `purpose`, `icon`
(`letters`, `color`, `textColor`), `state` (as the CSS class), `account`, `connectedAt` (RFC 3339), `scopes` (`name`,
`scope`) and `actions` (`connect`, `disconnect`). It posts `csrf_token` and `service`, as a form or as JSON, to
`prefix`/connect, which returns the `url` to navigate to; or to `prefix`/disconnect, which returns a question (`title`,
`ends`), and with `confirmed` disconnects and redirects to the list. A problem is 401, 403 or 503 with `error`
(`sign_in`, `reload`, `unavailable`), `title`, `text` and perhaps `url`.

Errors that only the operator can fix go to the logger `everyauth_cli.web`.
"""

from everyauth_cli.pages.look import ConnectionsPage
from everyauth_cli.pages.texts import TEXTS

__all__ = ["TEXTS", "ConnectionsPage"]
