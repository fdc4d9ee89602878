"""A Django app whose users connect PagerDuty: `python pagerduty_django.py runserver --noreload`."""

from __future__ import annotations

import os
import sys
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template import engines
from django.template.backends.django import Template
from django.urls import path
from django.views.decorators.http import require_POST

from everyauth_cli import EveryAuth, LoginRequired, ServiceError
from everyauth_cli.web.django import authorize

BASE_URL = os.environ.get("BASE_URL", "http://localhost:8000")
API_URL = os.environ.get("PAGERDUTY_API_URL", "https://api.pagerduty.com")
SECRET_KEY = os.environ["SECRET_KEY"]

PAGE = """<!doctype html>
<html lang="en"><meta name="viewport" content="width=device-width"><title>On call</title><h1>On call</h1>
{% if problem %}<p role="alert">{{ problem }}</p>{% endif %}
{% if not user %}
<form method="post" action="/sign-in">{% csrf_token %}
<label>Your name <input name="user" required></label> <button>Sign in</button></form>
{% else %}
<p>You are signed in as {{ user }}.</p>
{% if me %}<p>PagerDuty knows you as {{ me.name }} ({{ me.email }}).</p>
{% else %}<form action="/connect/pagerduty"><button>Connect PagerDuty</button></form>{% endif %}
{% endif %}"""

settings.configure(
    SECRET_KEY=SECRET_KEY,
    ALLOWED_HOSTS=[urlsplit(BASE_URL).hostname],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.csrf.CsrfViewMiddleware"],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    SESSION_COOKIE_SECURE=BASE_URL.startswith("https:"),
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
)
auth = EveryAuth.from_env()


def home(request: HttpRequest) -> HttpResponse:
    return page(request)


def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign a user in by name alone; a real app checks more than that."""
    request.session["user"] = request.POST["user"]
    return redirect("/")


def finished(request: HttpRequest) -> HttpResponse:
    """Show the user's name at PagerDuty, or the error of the login; `authorize` redirects here."""
    user = request.session.get("user")
    if user is None:
        return redirect("/")
    if error := request.GET.get("error"):
        description = request.GET.get("errorDescription", "")
        return page(request, problem=f"PagerDuty is not connected: {description} ({error})")
    try:
        credential = auth.get_identity("pagerduty", user)
        if credential is None:
            return redirect("/")
        headers = {"Authorization": f"Bearer {credential.access_token}"}
        response = httpx.get(f"{API_URL}/users/me", headers=headers)
        return page(request, me=response.raise_for_status().json()["user"])
    except (LoginRequired, ServiceError, httpx.HTTPError) as failure:
        return page(request, problem=f"Cannot use PagerDuty: {failure}")


def page(request: HttpRequest, **context: object) -> HttpResponse:
    template: Template = engines["django"].from_string(PAGE)
    return HttpResponse(template.render({"user": request.session.get("user"), **context}, request))


urlpatterns = [
    path("", home),
    path("sign-in", require_POST(sign_in)),
    path("finished", finished),
    *authorize(
        "pagerduty",
        base_url=BASE_URL,
        prefix="/connect/pagerduty",
        finished_url="/finished",
        map_to_user_id=lambda request: request.session.get("user"),
        auth=auth,
    ),
]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
