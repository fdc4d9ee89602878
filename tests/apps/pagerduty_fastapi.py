"""A FastAPI app whose users connect PagerDuty: `uvicorn pagerduty_fastapi:app`."""

from __future__ import annotations

import os
from typing import Annotated

import httpx
from fastapi import APIRouter, FastAPI, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment
from starlette.middleware.sessions import SessionMiddleware

from everyauth_cli import EveryAuth, LoginRequired, ServiceError
from everyauth_cli.web.starlette import authorize

BASE_URL = os.environ.get("BASE_URL", "http://localhost:8000")
API_URL = os.environ.get("PAGERDUTY_API_URL", "https://api.pagerduty.com")
SECRET_KEY = os.environ["SECRET_KEY"]

PAGE = Environment(autoescape=True).from_string("""<!doctype html>
<html lang="en"><meta name="viewport" content="width=device-width"><title>On call</title><h1>On call</h1>
{% if problem %}<p role="alert">{{ problem }}</p>{% endif %}
{% if not user %}
<form method="post" action="/sign-in">
<label>Your name <input name="user" required></label> <button>Sign in</button></form>
{% else %}
<p>You are signed in as {{ user }}.</p>
{% if me %}<p>PagerDuty knows you as {{ me.name }} ({{ me.email }}).</p>
{% else %}<form action="/connect/pagerduty"><button>Connect PagerDuty</button></form>{% endif %}
{% endif %}""")

auth = EveryAuth.from_env()
app = FastAPI()
app.add_middleware(SessionMiddleware, secret_key=SECRET_KEY, https_only=BASE_URL.startswith("https:"))
app.include_router(
    APIRouter(
        routes=authorize(
            "pagerduty",
            base_url=BASE_URL,
            prefix="/connect/pagerduty",
            finished_url="/finished",
            map_to_user_id=lambda request: request.session.get("user"),
            auth=auth,
        )
    )
)


@app.get("/")
def home(request: Request) -> Response:
    return page(request.session.get("user"))


@app.post("/sign-in")
def sign_in(request: Request, user: Annotated[str, Form()]) -> Response:
    """Sign a user in by name alone; a real app checks more than that."""
    request.session["user"] = user
    return RedirectResponse("/", status_code=303)


@app.get("/finished")
async def finished(request: Request, error: str = "", errorDescription: str = "") -> Response:  # noqa: N803
    """Show the user's name at PagerDuty, or the error of the login; `authorize` redirects here."""
    user = request.session.get("user")
    if user is None:
        return RedirectResponse("/")
    if error:
        return page(user, problem=f"PagerDuty is not connected: {errorDescription} ({error})")
    try:
        credential = await auth.aget_identity("pagerduty", user)
        if credential is None:
            return RedirectResponse("/")
        headers = {"Authorization": f"Bearer {credential.access_token}"}
        async with httpx.AsyncClient(base_url=API_URL, headers=headers) as pagerduty:
            response = await pagerduty.get("/users/me")
        return page(user, me=response.raise_for_status().json()["user"])
    except (LoginRequired, ServiceError, httpx.HTTPError) as failure:
        return page(user, problem=f"Cannot use PagerDuty: {failure}")


def page(user: str | None, **context: object) -> Response:
    return HTMLResponse(PAGE.render(user=user, **context))
