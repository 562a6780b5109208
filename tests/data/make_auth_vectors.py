#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes jwt.json, django_password.json and django_session.json beside itself, with the real
Django, SimpleJWT and PyJWT. The vectors are in the repository; this is run only to change them:

    pip install django djangorestframework-simplejwt argon2-cffi cryptography
    python tests/data/make_auth_vectors.py

"want" is the name of an error of common/err.h, or a list where several are right.
"""
import base64
import datetime
import hashlib
import hmac
import json
import os
import zlib
from unittest import mock

from django.conf import settings

SECRET = "vector-secret-key-of-more-than-32-bytes-0123456789"
settings.configure(
    SECRET_KEY=SECRET,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework"],
    USE_TZ=True,
)
import django

django.setup()

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.contrib.auth.hashers import (
    Argon2PasswordHasher,
    PBKDF2PasswordHasher,
    make_password,
)
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase
from django.core import signing
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

NOW = 1700000000
JTI = "0123456789abcdef0123456789abcdef"
ID_MAX = 2**53 - 1


def write(name, vectors):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    with open(path, "w") as f:
        json.dump(vectors, f, indent=1)
        f.write("\n")


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def other(char):
    return "A" if char != "A" else "B"


def replaced(text, at, char):
    at %= len(text)
    return text[:at] + char + text[at + 1 :]


# --- tokens ---------------------------------------------------------------------------------


def pem_pair(key, encryption=serialization.NoEncryption()):
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


def simple_jwt(cls, user_id):
    token = cls()
    start = datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc)
    token.set_iat(at_time=start)
    token.set_exp(from_time=start, lifetime=datetime.timedelta(hours=1))
    token["user_id"] = user_id
    token["jti"] = JTI
    return str(token)


def claims(**changes):
    """Those of an access token, changed; a claim of None is left out."""
    all_claims = dict(
        token_type="access", exp=NOW + 3600, iat=NOW, jti=JTI, user_id=7
    )
    all_claims.update(changes)
    return {k: v for k, v in all_claims.items() if v is not None}


def signed(alg="HS256", key=SECRET, **changes):
    return jwt.encode(claims(**changes), key, algorithm=alg)


def assembled(header, payload, key=SECRET, signature=None):
    """A token that no library would write."""
    text = base64url(header.encode()) + "." + base64url(payload.encode())
    if signature is None:
        signature = base64url(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest())
    return text + "." + signature


def token_of_length(length):
    for size in range(5600, 6400):
        for name in ("x", "xy", "xyz"):
            token = signed(**{name: "a" * size})
            if len(token) == length:
                return token
    raise AssertionError("no padding gives this length")


def make_tokens():
    private, public = pem_pair(rsa.generate_private_key(65537, 2048))
    hs256 = '{"typ":"JWT","alg":"HS256"}'
    payload = json.dumps(claims())
    cases = []

    def case(name, token, want="ok", alg="HS256", type="access", user_id=7, jti=JTI):
        cases.append(
            dict(name=name, token=token, want=want, alg=alg, type=type, user_id=user_id, jti=jti)
        )

    access, refresh = simple_jwt(AccessToken, "7"), simple_jwt(RefreshToken, "7")
    case("SimpleJWT access, user_id as string", access)
    case("SimpleJWT access, user_id as integer", simple_jwt(AccessToken, 7))
    case("SimpleJWT refresh", refresh, type="refresh")
    case("refresh wanted, access given", access, "wrong_type", type="refresh")
    case("access wanted, refresh given", refresh, "wrong_type")
    case("any wanted, refresh given", refresh, type="any")
    case("RS256", signed("RS256", private), alg="RS256")

    case("RS256 token, HS256 configured", signed("RS256", private), "denied")
    case("HS256 token, RS256 configured", signed(), "denied", alg="RS256")
    case("HS256 with the public key as secret", assembled(hs256, payload, public), "denied",
         alg="RS256")
    case("RS256 in the header, HMAC as signature",
         assembled('{"typ":"JWT","alg":"RS256"}', payload), "denied")
    case("HS384", signed("HS384"), "denied")
    case("HS512", signed("HS512"), "denied")
    none = '{"typ":"JWT","alg":"none"}'
    case("alg none, no signature", assembled(none, payload, signature=""), "syntax")
    case("alg none, some signature", assembled(none, payload, signature="AAAA"), "denied")
    case("alg NONE, signed", assembled('{"typ":"JWT","alg":"NONE"}', payload), "denied")
    case("no alg", assembled('{"typ":"JWT"}', payload), "denied")
    case("header is no object", assembled("[]", payload), "denied")
    case("payload is no object", assembled(hs256, "[1]"), ["denied", "missing"])
    case("payload is no JSON", assembled(hs256, "{"), "denied")
    case("another secret", signed(key=SECRET + "x"), "denied")

    case("expired", signed(exp=NOW - 1), "timeout")
    case("expires now", signed(exp=NOW), "timeout")
    case("expires in a second", signed(exp=NOW + 1))
    case("alg in lower case", assembled('{"typ":"JWT","alg":"hs256"}', payload), "denied")
    case("an extension that must be understood",
         assembled('{"typ":"JWT","alg":"HS256","crit":["x"],"x":1}', payload), "denied")
    case("not valid yet", signed(nbf=NOW + 1), "out_of_range")
    case("valid from now on", signed(nbf=NOW))
    case("issued in the future", signed(iat=NOW + 1), "out_of_range")
    case("no iat", signed(iat=None))
    for name in ("exp", "jti", "token_type", "user_id"):
        case("no " + name, signed(**{name: None}), "missing")
    case("exp is a string", assembled(hs256, json.dumps(claims(exp=str(NOW + 3600)))),
         "out_of_range")
    case("exp is a fraction", signed(exp=NOW + 3600.5), "out_of_range")
    case("exp is negative", assembled(hs256, json.dumps(claims(exp=-1))), "out_of_range")
    case("exp is the largest integer", signed(exp=2**63 - 1), "out_of_range")
    case("token_type is sliding", signed(token_type="sliding"), "wrong_type")
    case("token_type is a number", signed(token_type=1), "missing")
    for bad in (0, -1, ID_MAX + 1, "0", "-1", "+7", " 7", "07", "7.0", "", str(ID_MAX + 1),
                "9" * 20, True, 7.0, [7]):
        case("user_id is " + json.dumps(bad), signed(user_id=bad), "out_of_range")
    case("user_id is the largest", signed(user_id=ID_MAX), user_id=ID_MAX)
    case("user_id is the largest, as string", signed(user_id=str(ID_MAX)), user_id=ID_MAX)
    uuid = "01234567-89ab-cdef-0123-456789abcdef"
    case("jti is a UUID with dashes", signed(jti=uuid), jti=uuid)
    case("jti of 64", signed(jti="a" * 64), jti="a" * 64)
    case("jti of 65", signed(jti="a" * 65), "out_of_range")
    case("jti is empty", signed(jti=""), "out_of_range")
    case("jti with a quote", signed(jti='a"b'), "out_of_range")
    case("jti is a number", assembled(hs256, json.dumps(claims(jti=5))), "out_of_range")

    good = signed()
    case("three dots", good + ".", "syntax")
    case("white space after", good + " ", "syntax")
    case("padding", good + "=", "syntax")
    case("no signature", good.rsplit(".", 1)[0], "syntax")
    case("empty", "", "syntax")
    case("only dots", "..", "syntax")
    case("two dots in a row", good.replace(".", "..", 1), "syntax")
    case("8192 bytes", token_of_length(8192))
    case("8193 bytes", token_of_length(8192) + "A", "over_limit")
    return dict(
        wall_ms=NOW * 1000,
        secret=SECRET,
        private_pem=private,
        public_pem=public,
        encrypted_private_pem=pem_pair(
            serialization.load_pem_private_key(private.encode(), None),
            serialization.BestAvailableEncryption(b"x"),
        )[0],
        short_public_pem=pem_pair(rsa.generate_private_key(65537, 1024))[1],
        ec_public_pem=pem_pair(ec.generate_private_key(ec.SECP256R1()))[1],
        cases=cases,
    )


# --- passwords ------------------------------------------------------------------------------

PASSWORD = "correct horse"


class CheapArgon2(Argon2PasswordHasher):
    time_cost = 1
    memory_cost = 64
    parallelism = 1


def pbkdf2(password, iterations=10, salt="saltsalt"):
    return PBKDF2PasswordHasher().encode(password, salt, iterations=iterations)


def make_passwords():
    cases = []

    def case(name, hash, want="ok", password=PASSWORD):
        cases.append(dict(name=name, password=password, hash=hash, want=want))

    default = pbkdf2(PASSWORD, 600000, "abcdefghijklmnopqrstuv")
    case("600 000 iterations", default)
    case("wrong password", default, "denied", "correct horsf")
    case("empty password", pbkdf2(""), password="")
    long = "x" * 100
    case("longer than a block of SHA-256", pbkdf2(long), password=long)
    case("not ASCII", pbkdf2("pässwörd 🔑"), password="pässwörd 🔑")

    once = pbkdf2(PASSWORD, 1)
    case("one iteration", once)
    case("empty password is wrong", once, "denied", "")
    case("hash cut by one", once[:-1], "syntax")
    case("hash one longer", once + "=", "syntax")
    case("hash tampered", replaced(once, -5, other(once[-5])), "denied")
    case("salt tampered", once.replace("saltsalt", "saltsald"), "denied")
    case("no salt", once.replace("saltsalt", ""), "syntax")
    case("nothing after the salt", "pbkdf2_sha256$1$saltsalt", "syntax")
    for count, want in (("", "syntax"), ("0", "syntax"), ("-1", "syntax"), ("1x", "syntax"),
                        ("10000001", "over_limit"), (str(2**64 + 1), "over_limit")):
        case("iterations are '%s'" % count, once.replace("$1$", "$%s$" % count), want)
    case("only the name", "pbkdf2_sha256$", "syntax")

    argon2 = CheapArgon2().encode(PASSWORD, "saltsaltsalt")
    case("argon2", argon2)
    case("argon2, Django's default", Argon2PasswordHasher().encode(PASSWORD, "saltsaltsalt"))
    case("argon2, wrong password", argon2, "denied", "correct horsf")
    case("argon2, empty password", CheapArgon2().encode("", "saltsaltsalt"), password="")
    case("argon2, cut by one", argon2[:-1], ["syntax", "denied"])
    case("argon2, nothing after the salt", argon2.rsplit("$", 1)[0], "syntax")
    for was, now, want in (
        ("m=64", "m=1048577", "over_limit"),
        ("m=64", "m=99999999999999999999", "over_limit"),
        ("m=64", "m=0", "syntax"),
        ("t=1", "t=33", "over_limit"),
        ("p=1", "p=65", "over_limit"),
        ("t=1,p=1", "p=1,t=1", "syntax"),
        ("argon2id", "argon2i", "syntax"),
        ("v=19", "v=16", "syntax"),
    ):
        case("argon2, %s for %s" % (now, was), argon2.replace(was, now), want)

    case("unusable", make_password(None), "denied")
    case("unusable, only the mark, which is the password, too", "!", "denied", "!")
    case("no hash", "", "denied", "")
    case("another kind", "pbkdf2_sha1$1$s$" + "a" * 28, "syntax")
    case("plain text", PASSWORD, "syntax")
    return dict(cases=cases)


# --- sessions -------------------------------------------------------------------------------

SESSION_SALT = "django.contrib.sessions.SessionStore"


class SessionStore(SessionBase):
    """Django derives the salt from this name."""


def session_data(content, compress=True, key=None, salt=SESSION_SALT):
    with mock.patch("time.time", lambda: NOW):
        return signing.dumps(content, key=key, salt=salt, compress=compress)


def sign(value):
    with mock.patch("time.time", lambda: NOW):
        return signing.TimestampSigner(salt=SESSION_SALT).sign(value)


def deflated(text):
    return sign("." + base64url(zlib.compress(text.encode())))


def make_sessions():
    password_hash = pbkdf2(PASSWORD)
    auth_hash = User(password=password_hash).get_session_auth_hash()
    login = {
        "_auth_user_id": "7",
        "_auth_user_backend": "django.contrib.auth.backends.ModelBackend",
        "_auth_user_hash": auth_hash,
    }
    with mock.patch("time.time", lambda: NOW):
        encoded = SessionStore().encode(login)
    cases = []

    def case(name, data, want="ok", user_id=7):
        cases.append(dict(name=name, data=data, want=want, user_id=user_id))

    case("as Django stores it", encoded)
    case("not compressed", session_data(login, False))
    much = dict(login, cart=["item %d" % i for i in range(2000)])
    case("with much else", session_data(much))
    case("with much else, not compressed", session_data(much, False))
    case("text that is not ASCII", session_data(dict(login, note="héllo 🔑\0")))
    case("values of all types", session_data(dict(login, a=None, b=[1, {"c": 1.5}], d=True)))
    case("the largest id", session_data(dict(login, _auth_user_id=str(ID_MAX))), user_id=ID_MAX)

    case("another secret", session_data(login, key="other"), "denied")
    case("another salt", session_data(login, salt="x"), "denied")
    time_end = encoded.rindex(":") - 1
    case("value tampered", replaced(encoded, 5, other(encoded[5])), "denied")
    case("time tampered", replaced(encoded, time_end, other(encoded[time_end])), "denied")
    case("signature tampered", replaced(encoded, -2, other(encoded[-2])), "denied")
    case("signature cut by one", encoded[:-1], "denied")
    case("signature one longer", encoded + "A", "denied")
    case("no signature", encoded[: time_end + 2], "denied")
    case("empty", "", "syntax")
    case("no colon", "abc", "syntax")
    case("only colons", "::", "denied")

    case("nobody is logged in", session_data({}), "missing")
    case("no hash", session_data({"_auth_user_id": "7"}), "missing")
    case("no id", session_data({"_auth_user_hash": auth_hash}), "missing")
    case("id is a number", session_data(dict(login, _auth_user_id=7)), "missing")
    for bad in ("0", "-7", "07", "x", "", str(ID_MAX + 1)):
        case("id is '%s'" % bad, session_data(dict(login, _auth_user_id=bad)), "out_of_range")
    case("hash one short", session_data(dict(login, _auth_user_hash=auth_hash[:-1])),
         "out_of_range")
    case("hash one longer", session_data(dict(login, _auth_user_hash=auth_hash + "0")),
         "out_of_range")

    case("an array", session_data([1]), "syntax")
    case("a string", session_data("x"), "syntax")
    case("signed without time", signing.Signer(salt=SESSION_SALT).sign("abc"), "syntax")
    case("signed, not JSON", sign(base64url(b"nope")), "syntax")
    case("signed, not base64", sign("!!!"), "syntax")
    case("signed, empty", sign(""), "syntax")
    case("signed, only the mark of deflation", sign("."), "syntax")
    case("signed, not deflated", sign("." + base64url(b"{}")), "syntax")
    cut = zlib.compress(json.dumps(login).encode())[:-6]
    case("signed, deflated, cut", sign("." + base64url(cut)), "syntax")
    case("nested too deep", deflated("[" * 100000), "syntax")
    text = json.dumps(login)[:-1] + ',"a":"%s"}'
    room = 1024 * 1024 - len(text % "")
    case("inflates to the limit", deflated(text % ("a" * room)))
    case("inflates to one byte more", deflated(text % ("a" * (room + 1))), "over_limit")
    return dict(
        secret=SECRET,
        wall_ms=NOW * 1000 + 999,
        password_hash=password_hash,
        auth_hash=auth_hash,
        encoded=encoded,
        cases=cases,
    )


if __name__ == "__main__":
    write("jwt.json", make_tokens())
    write("django_password.json", make_passwords())
    write("django_session.json", make_sessions())
