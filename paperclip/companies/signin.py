"""Signing in with a one-time link, as the first person does after `up`."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache

from paperclip.companies import tokens
from paperclip.companies.models import SignInLink, User
from paperclip.core import clock

FIRST_USERNAME = "board"
LINK_LIFE = timedelta(minutes=30)


def first_user() -> User:
    """Return the person the product is installed for, making them an instance admin on first start (C-17)."""
    user, _ = User.objects.get_or_create(
        username=FIRST_USERNAME,
        defaults={"first_name": "Board", "is_staff": True, "is_superuser": True, "email": "board@localhost"},
    )
    return user


def create_link(user: User | None = None, *, now: datetime | None = None) -> str:
    """Return an address that signs `user` (the first person when None) in once, within half an hour."""
    now = now or clock.now()
    token = secrets.token_urlsafe(32)
    SignInLink.objects.create(
        user=user or first_user(), token_hash=tokens.digest(token), created_at=now, expires_at=now + LINK_LIFE
    )
    return f"{settings.PAPERCLIP_PUBLIC_URL}/sign-in/{token}"


@never_cache
def sign_in(request: HttpRequest, token: str) -> HttpResponse:
    """Sign in the person the link was made for; a used or late link says so.

    The link works on POST only, from the page this shows on GET: previews of messengers must not use it up.
    """
    if request.method != "POST":
        return render(request, "core/sign_in.html")
    now = clock.now()
    with transaction.atomic():
        link = (
            SignInLink.objects.select_for_update()
            .select_related("user")
            .filter(token_hash=tokens.digest(token), used_at__isnull=True, expires_at__gt=now)
            .first()
        )
        if link is None or not link.user.is_active:
            return render(request, "core/sign_in.html", {"spent": True}, status=403)
        SignInLink.objects.filter(pk=link.pk).update(used_at=now)
    login(request, link.user, backend="django.contrib.auth.backends.ModelBackend")
    return redirect("/admin/")
