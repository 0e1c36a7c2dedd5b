"""Accounts of people: making one, and signing in to it with a password (C-16)."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth import authenticate, password_validation
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from paperclip.companies import throttles
from paperclip.companies.models import User
from paperclip.core.errors import Conflict, Invalid, Unauthorized

TAKEN = "There is an account with this address already; sign in to it"


def create(*, name: str, email: str, password: str | None) -> User:
    """Make an account that may open the board and sees no company yet.

    Without a password it can only be signed in to by link. Raises Invalid for an address or a password that will
    not do, Conflict when the address has an account.
    """
    address = email.strip().lower()
    try:
        validate_email(address)
    except ValidationError as error:
        raise Invalid.at("email", message="Expected an e-mail address") from error
    user = User(username=address[:150], email=address, first_name=name.strip()[:120], is_staff=True)
    if len(address) > 150:
        raise Invalid.at("email", message="Expected at most 150 characters")
    if User.objects.filter(email__iexact=address).exists():
        raise Conflict(TAKEN)
    _set_password(user, password)
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        raise Conflict(TAKEN) from error
    return user


def sign_in(
    *, name: str, password: str, address: str, now: datetime, request: HttpRequest | None = None
) -> User:
    """Return the person whose name, or address, and password these are; the caller opens the session.

    `address` is where the try comes from. Raises Unauthorized for a wrong pair, TooManyRequests for one try too
    many. Call it outside of a transaction.
    """
    login = name_of(name)
    throttles.spend(throttles.SIGN_IN_ADDRESS, address, now=now)
    throttles.spend(throttles.SIGN_IN, f"{address} {login}", now=now)
    user = authenticate(request, username=login, password=password)
    if not isinstance(user, User):
        raise Unauthorized("Invalid email or password")
    return user


def name_of(typed: str) -> str:
    """Return the sign-in name behind what somebody typed: addresses are kept in lower case."""
    name = typed.strip()
    return name.lower() if "@" in name else name


def _set_password(user: User, password: str | None) -> None:
    if password is None:
        user.set_unusable_password()
        return
    try:
        password_validation.validate_password(password, user)
    except ValidationError as error:
        raise Invalid.at("password", message=" ".join(error.messages)) from error
    user.set_password(password)
