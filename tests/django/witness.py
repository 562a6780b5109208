# SPDX-License-Identifier: MIT
"""Does with Django what a test asks for: one JSON object a line on standard input, its answer as
one line on standard output, {"value": …} or {"error": "…"}. Driven by tests/e2e/lib/django.mjs.

    {"do": "create_user", "username": "eve", "password": "x"}  ->  {"value": {"id": 7, …}}"""
import json
import os
import sys
import traceback
from datetime import timedelta

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
django.setup()

# pylint: disable=wrong-import-position  # these need django.setup()
from django.conf import settings
from django.contrib import auth
from django.contrib.auth.hashers import PBKDF2PasswordHasher, get_hasher
from django.test import Client, override_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

User = auth.get_user_model()


def pbkdf2_iterations():
    return PBKDF2PasswordHasher.iterations


def create_user(username, password=None, hasher="pbkdf2_sha256", **fields):
    wanted = type(get_hasher(hasher))
    with override_settings(PASSWORD_HASHERS=[f"{wanted.__module__}.{wanted.__name__}", *settings.PASSWORD_HASHERS]):
        user = User.objects.create_user(username, password=password, **fields)
    return {"id": user.pk, "hash": user.password}


def authenticate(username, password):
    user = auth.authenticate(username=username, password=password)
    return user and user.get_username()


def set_password(username, password):
    user = User.objects.get(username=username)
    user.set_password(password)
    user.save()


def deactivate(username):
    user = User.objects.get(username=username)
    user.is_active = False
    user.save()


def login(username, secret_key=settings.SECRET_KEY, auth_hash=None):
    """The key of a new session. Another auth_hash is signed like the right one."""
    client = Client()
    with override_settings(SECRET_KEY=secret_key):
        client.force_login(User.objects.get(username=username))
        session = client.session
        if auth_hash is not None:
            session[auth.HASH_SESSION_KEY] = auth_hash
            session.save()
    return session.session_key


def token(username, kind, lifetime_s):
    made = {"access": AccessToken, "refresh": RefreshToken}[kind].for_user(User.objects.get(username=username))
    made.set_exp(lifetime=timedelta(seconds=lifetime_s))
    return str(made)


def request(method, path, body=None, session=None, bearer=None):
    """A request through the site's middleware and views."""
    client = Client()
    headers = {}
    if session is not None:
        client.cookies[settings.SESSION_COOKIE_NAME] = session
    if bearer is not None:
        headers["HTTP_AUTHORIZATION"] = f"Bearer {bearer}"
    response = client.generic(method, path, json.dumps(body), content_type="application/json", **headers)
    cookie = response.cookies.get(settings.SESSION_COOKIE_NAME)
    return {"status": response.status_code, "body": response.json(), "session": cookie and cookie.value}


COMMANDS = {f.__name__: f for f in (
    pbkdf2_iterations, create_user, authenticate, set_password, deactivate, login, token, request,
)}


def answer(line):
    asked = json.loads(line)
    try:
        return {"value": COMMANDS[asked.pop("do")](**asked)}
    except Exception:  # pylint: disable=broad-exception-caught  # whatever it is, the test hears of it
        return {"error": traceback.format_exc()}


def main():
    out, sys.stdout = sys.stdout, sys.stderr    # what a library prints is no answer
    for line in sys.stdin:
        print(json.dumps(answer(line)), file=out, flush=True)


if __name__ == "__main__":
    main()
