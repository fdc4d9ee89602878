"""A Flask app whose users connect PagerDuty: `flask --app pagerduty_flask run --port 8000`."""

from __future__ import annotations

import os

import requests
from flask import Flask, redirect, render_template_string, request, session
from werkzeug import Response

from everyauth_cli import EveryAuth, LoginRequired, ServiceError
from everyauth_cli.web.flask import authorize

BASE_URL = os.environ.get("BASE_URL", "http://localhost:8000")
API_URL = os.environ.get("PAGERDUTY_API_URL", "https://api.pagerduty.com")
SECRET_KEY = os.environ["SECRET_KEY"]

PAGE = """<!doctype html>
<html lang="en"><meta name="viewport" content="width=device-width"><title>On call</title><h1>On call</h1>
{% if problem %}<p role="alert">{{ problem }}</p>{% endif %}
{% if not user %}
<form method="post" action="/sign-in">
<label>Your name <input name="user" required></label> <button>Sign in</button></form>
{% else %}
<p>You are signed in as {{ user }}.</p>
{% if me %}<p>PagerDuty knows you as {{ me.name }} ({{ me.email }}).</p>
{% else %}<form action="/connect/pagerduty"><button>Connect PagerDuty</button></form>{% endif %}
{% endif %}"""

auth = EveryAuth.from_env()
app = Flask(__name__)
app.config.update(
    SECRET_KEY=SECRET_KEY, SESSION_COOKIE_SAMESITE="Lax", SESSION_COOKIE_SECURE=BASE_URL.startswith("https:")
)
app.register_blueprint(
    authorize(
        "pagerduty",
        base_url=BASE_URL,
        prefix="/connect/pagerduty",
        finished_url="/finished",
        map_to_user_id=lambda _: session.get("user"),
        auth=auth,
    )
)


@app.get("/")
def home() -> str:
    return page(session.get("user"))


@app.post("/sign-in")
def sign_in() -> Response:
    """Sign a user in by name alone; a real app checks more than that."""
    session["user"] = request.form["user"]
    return redirect("/")


@app.get("/finished")
def finished() -> str | Response:
    """Show the user's name at PagerDuty, or the error of the login; `authorize` redirects here."""
    user = session.get("user")
    if user is None:
        return redirect("/")
    if error := request.args.get("error"):
        description = request.args.get("errorDescription", "")
        return page(user, problem=f"PagerDuty is not connected: {description} ({error})")
    try:
        credential = auth.get_identity("pagerduty", user)
        if credential is None:
            return redirect("/")
        headers = {"Authorization": f"Bearer {credential.access_token}"}
        response = requests.get(f"{API_URL}/users/me", headers=headers, timeout=10)
        response.raise_for_status()
        return page(user, me=response.json()["user"])
    except (LoginRequired, ServiceError, requests.RequestException) as failure:
        return page(user, problem=f"Cannot use PagerDuty: {failure}")


def page(user: str | None, **context: object) -> str:
    return render_template_string(PAGE, user=user, **context)
