"""Signing in and out with an address and a password (C-16)."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import login, logout
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies import accounts, auth, throttles
from paperclip.companies.api.base import OpenView
from paperclip.companies.api.members import UserOut
from paperclip.companies.models import User
from paperclip.core.api.fields import Text
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import Output
from paperclip.core.api.schema import operation
from paperclip.core.errors import Forbidden

_BACKEND = "django.contrib.auth.backends.ModelBackend"


class SignInInput(Input):
    """An address and a password."""

    email = Text(min_length=1, max_length=254)
    password = Text(min_length=1, max_length=256)


class SignUpInput(SignInInput):
    """An account to make."""

    name = Text(min_length=1, max_length=120, trim_whitespace=True)


class SignedInOut(Output):
    """Who is signed in; the session is in the cookie."""

    user = UserOut()


class SignedOutOut(Output):
    """Nobody is signed in any more."""

    success = serializers.BooleanField()


class _SigningView(OpenView):
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a page of another site that would sign its visitor in or out."""
        super().initial(request, *args, **kwargs)
        auth.require_no_foreign_page(request)


class SignIn(_SigningView):
    """Opening a session."""

    @operation("Sign in with a password [C-16]", reads=SignInInput, answers=SignedInOut, refuses=(401, 429))
    def post(self, request: Request) -> Response:
        fields = SignInInput.read(request.data)
        user = accounts.sign_in(
            name=fields["email"],
            password=fields["password"],
            address=self.address,
            now=self.now,
            request=request._request,
        )
        return _open(request, user)


class SignUp(_SigningView):
    """Making an account without an invitation, where the installation allows it."""

    @operation("Make an account [C-16]", reads=SignUpInput, answers=SignedInOut, refuses=(429,))
    def post(self, request: Request) -> Response:
        if settings.SIGN_UP_CLOSED:
            raise Forbidden("Sign-up is closed; ask for an invite")
        throttles.spend(throttles.SIGN_UP, self.address, now=self.now)
        return _open(request, accounts.create(**SignUpInput.read(request.data)))


class SignOut(_SigningView):
    """Closing a session."""

    @operation("Sign out [C-16]", answers=SignedOutOut)
    def post(self, request: Request) -> Response:
        logout(request._request)
        return Response({"success": True})


def _open(request: Request, user: User) -> Response:
    login(request._request, user, backend=_BACKEND)
    return Response({"user": UserOut.render(user)})
