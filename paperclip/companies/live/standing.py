"""May this caller listen, and may it still? Asked when a stream opens, and again while it is open."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from rest_framework.request import Request

from paperclip.companies import auth, tokens
from paperclip.companies.actors import Actor
from paperclip.companies.models import User
from paperclip.core.errors import Forbidden, Refusal, Unauthorized


@dataclass(frozen=True)
class Credential:
    """What a caller showed: a token or, in a browser, a session. Kept in memory while the stream is open."""

    token: str = ""
    session_key: str = ""


def credential_of(request: HttpRequest) -> Credential:
    """Return what the request shows: in its headers, or an agent's key in the address (K-46).

    Raises Unauthorized for another token in the address.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return Credential(token=token.strip())
    in_address = request.GET.get("token", "")
    if not in_address:
        return Credential(session_key=request.session.session_key or "")
    if not in_address.startswith(tokens.AGENT_PREFIX) or in_address.startswith(tokens.BOARD_PREFIX):
        raise Unauthorized("Only an agent's API key may stand in the address")
    return Credential(token=in_address)


def admit(actor: Actor, company_id: UUID | None) -> None:
    """Let the company's agents in, its active members, and who runs the installation (K-46).

    Raises Unauthorized or Forbidden.
    """
    auth.admit(actor, company_id, method="GET")
    membership = actor.memberships.get(company_id) if company_id is not None else None
    if actor.is_board and not actor.is_instance_admin and not (membership and membership.is_active):
        raise Forbidden("User does not have active company access")


def caller_by(credential: Credential) -> tuple[User | AnonymousUser, Actor]:
    """Return who shows the credential, as if it came with a request. Raises Unauthorized when it does not verify."""
    request = HttpRequest()
    request.method = "GET"
    if credential.token:
        request.META["HTTP_AUTHORIZATION"] = f"Bearer {credential.token}"
    else:
        request.session = import_module(settings.SESSION_ENGINE).SessionStore(credential.session_key)
        request.user = get_user(request)
    return auth.ActorAuthentication().authenticate(Request(request))


def holds(credential: Credential, company_id: UUID) -> bool:
    """Return whether the credential, shown anew, would still open a stream of the company."""
    try:
        _, actor = caller_by(credential)
        admit(actor, company_id)
    except Refusal:
        return False
    return True
