"""Clients of the HTTP libraries that everyauth signs the requests of: each returns status, page and history."""

from __future__ import annotations

import asyncio
import functools

import httpx
import httpx2
import requests


def by_httpx(auth, method, url, body=None, *, library=httpx, **more):
    with library.Client(auth=auth.httpx_auth("example"), follow_redirects=True, trust_env=False) as client:
        response = client.request(method, url, content=body, **more)
        return response.status_code, response.json(), len(response.history)


def by_httpx_async(auth, method, url, body=None, *, library=httpx, **more):
    async def run():
        signed = auth.httpx_auth("example")
        async with library.AsyncClient(auth=signed, follow_redirects=True, trust_env=False) as client:
            response = await client.request(method, url, content=body, **more)
            return response.status_code, response.json(), len(response.history)

    return asyncio.run(run())


by_httpx2 = functools.partial(by_httpx, library=httpx2)
by_httpx2_async = functools.partial(by_httpx_async, library=httpx2)
CLIENTS = {"httpx": by_httpx, "httpx async": by_httpx_async, "httpx2": by_httpx2, "httpx2 async": by_httpx2_async}


def by_requests(auth, method, url, body=None):
    with requests.Session() as session:
        session.auth, session.trust_env = auth.requests_auth("example"), False
        response = session.request(method, url, data=body, timeout=60)
        return response.status_code, response.json(), len(response.history)
