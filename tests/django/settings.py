# SPDX-License-Identifier: MIT
"""A small Django site that shares database and keys with a Kibray system. It reads the settings
that the broker reads, from the environment; everything else is as Django has it by default."""
import os
from pathlib import Path
from urllib.parse import unquote, urlsplit


def _database(url):
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": parts.hostname,
        "PORT": parts.port,
        "USER": parts.username,
        "PASSWORD": unquote(parts.password or ""),
        "NAME": parts.path.lstrip("/"),
    }


def _simple_jwt(algorithm):
    if algorithm == "HS256":
        return {}
    return {
        "ALGORITHM": algorithm,
        "SIGNING_KEY": Path(os.environ["JWT_PRIVATE_KEY_FILE"]).read_text(encoding="ascii"),
        "VERIFYING_KEY": Path(os.environ["JWT_PUBLIC_KEY_FILE"]).read_text(encoding="ascii"),
    }


SECRET_KEY = os.environ["SECRET_KEY"]
DATABASES = {"default": _database(os.environ["DATABASE_URL"])}
SIMPLE_JWT = _simple_jwt(os.environ.get("JWT_ALGORITHM", "HS256"))
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"    # as Django 4.2, whose tables kibray-broker makes
USE_TZ = True
ALLOWED_HOSTS = ["testserver"]
ROOT_URLCONF = "urls"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "rest_framework",
    "rest_framework_simplejwt",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.Argon2PasswordHasher",
]
