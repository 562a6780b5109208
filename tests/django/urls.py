# SPDX-License-Identifier: MIT
"""The site's pages: who somebody is by session and by token, login, logout, SimpleJWT's views."""
import json

from django.contrib.auth import authenticate, login, logout
from django.http import JsonResponse
from django.urls import path
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView, TokenVerifyView


def log_in(request):
    user = authenticate(request, **json.loads(request.body))
    if user is None:
        return JsonResponse({}, status=401)
    login(request, user)
    return JsonResponse({"username": user.get_username()})


def log_out(request):
    logout(request)
    return JsonResponse({})


def by_session(request):
    if not request.user.is_authenticated:
        return JsonResponse({}, status=401)
    return JsonResponse({"username": request.user.get_username()})


class ByToken(APIView):
    authentication_classes = [JWTAuthentication]
    permission_classes = [IsAuthenticated]

    def get(self, request):
        return Response({"username": request.user.get_username()})


urlpatterns = [
    path("login/", log_in),
    path("logout/", log_out),
    path("by-session/", by_session),
    path("by-token/", ByToken.as_view()),
    path("api/token/", TokenObtainPairView.as_view()),
    path("api/token/refresh/", TokenRefreshView.as_view()),
    path("api/token/verify/", TokenVerifyView.as_view()),
]
