"""Token exchanges in a `World`: two more services, and what they were sent."""

from peers.token_server import TOKEN_EXCHANGE, World

from everyauth_cli.model import Secret

API = 'authorization_endpoint = "https://api.example/authorize"\ntoken_endpoint = "https://api.example/token"\n'


def exchange_world(directory):
    """Return a world with the services `api` and `other` too, where a token of `example` can be exchanged."""
    world = World(directory)
    for name in ("api", "other"):
        world.entry(name, API.replace("api", name))
    world.auth = world.another(world.store)
    for name in ("api", "other"):
        service = world.auth.catalogue.get(name)
        world.auth.clients.set(service, client_id="api-id", client_secret=Secret("api-secret"))
    return world


def exchanged(world, name="api", *, subject="example", **about):
    return world.auth.keep(world.auth.exchange(name, subject=subject, **about))


def token(world, name="api", who="me", **demand):
    return world.auth.get_identity(name, who, **demand).access_token


def exchanges(world):
    return [request for request in world.server.requests if request.fields["grant_type"] == TOKEN_EXCHANGE]


def presented(world):
    return [request.fields["subject_token"].reveal() for request in exchanges(world)]
