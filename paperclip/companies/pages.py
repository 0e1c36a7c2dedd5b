"""The pages outside of the board's frame: following an invite, and answering a command line (C-21, C-37)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from paperclip.companies import accounts, actors, challenges, invite_texts, invites, joins, throttles
from paperclip.companies.choices import ChallengeState, CliAccess, InviteType, JoinStatus, JoinType
from paperclip.companies.models import Invite, JoinRequest, User
from paperclip.core import clock, forms, hosts
from paperclip.core.errors import Conflict, Invalid, NotFound, Refusal, TooManyRequests

_BACKEND = "django.contrib.auth.backends.ModelBackend"
_GONE = "This invite no longer works"


@never_cache
@require_http_methods(["GET", "POST"])
def invite(request: HttpRequest, token: str) -> HttpResponse:
    """Let a person follow an invite: as who they are signed in as, or with an account they make here."""
    now = clock.now()
    limit = throttles.INVITE_ACCEPT if request.method == "POST" else throttles.INVITE_LOOK
    try:
        throttles.spend(limit, hosts.client_address(request), now=now)
        found = invites.find(token, now=now)
    except (NotFound, TooManyRequests) as refusal:
        gone = {"title": _GONE if isinstance(refusal, NotFound) else refusal.message, "state": "gone"}
        return render(request, "companies/invite.html", gone, status=refusal.status)
    if request.method != "POST":
        return _show_invite(request, found, token)
    try:
        person = _signed_in(request) or _new_account(request, found, now)
        return _follow(request, found, person, now)
    except Refusal as refusal:
        return _show_invite(request, found, token, refusal=refusal)


@never_cache
@require_http_methods(["GET", "POST"])
def cli_auth(request: HttpRequest, challenge_id: UUID) -> HttpResponse:
    """Ask a signed-in person whether a command line may act in their name, and take the answer."""
    now = clock.now()
    person = _signed_in(request)
    if person is None:
        return redirect_to_login(request.get_full_path(), "admin:login")
    token = request.POST.get("token", "") or request.GET.get("token", "")
    actor = actors.for_user(person)
    try:
        throttles.spend(throttles.CHALLENGE_LOOK, hosts.client_address(request), now=now)
        challenge = challenges.find(challenge_id, token)
        if request.method == "POST" and request.POST.get("answer") == "yes":
            challenge = challenges.approve(challenge=challenge, actor=actor, now=now)
        elif request.method == "POST":
            challenge, _ = challenges.cancel(challenge=challenge, now=now)
    except Refusal as refusal:
        titled = {"title": refusal.message, "state": "gone"}
        return render(request, "companies/cli_auth.html", titled, status=refusal.status)
    state = challenges.state(challenge, now=now)
    company = challenge.requested_company
    context = {
        "title": _CLI_TITLES[state],
        "state": state.value,
        "client": challenge.client_name or "A command line",
        "command": challenge.command,
        "company": company.name if company is not None and company.id in actor.company_ids else "",
        "wants_admin": challenge.requested_access == CliAccess.INSTANCE_ADMIN,
        "reason": challenges.reason_against(challenge, actor),
        "person": person,
        "token": token,
    }
    return render(request, "companies/cli_auth.html", context)


_CLI_TITLES = {
    ChallengeState.PENDING: "Let a command line in?",
    ChallengeState.APPROVED: "The command line is let in",
    ChallengeState.CANCELLED: "The command line is not let in",
    ChallengeState.EXPIRED: "This question has lapsed",
}


def _signed_in(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) and request.user.is_active else None


def _new_account(request: HttpRequest, found: Invite, now: datetime) -> User:
    """Make an account for whoever holds an invite that is still good for a person."""
    if found.allowed_join_types == JoinType.AGENT or found.accepted_at is not None:
        raise Conflict(_GONE)
    name = request.POST.get("name", "").strip()
    if not name:
        raise Invalid.at("name", message="Say your name")
    throttles.spend(throttles.SIGN_UP, hosts.client_address(request), now=now)
    return accounts.create(
        name=name,
        email=request.POST.get("email", ""),
        password=request.POST.get("password", "")[:256] or None,
    )


def _follow(request: HttpRequest, found: Invite, person: User, now: datetime) -> HttpResponse:
    if found.invite_type == InviteType.BOOTSTRAP:
        invites.accept_bootstrap(invite=found, user=person, now=now)
    else:
        joins.ask_as_person(invite=found, user=person, address=hosts.client_address(request), now=now)
    if request.user != person:
        login(request, person, backend=_BACKEND)
    return redirect("/admin/" if found.invite_type == InviteType.BOOTSTRAP else request.path)


def _show_invite(
    request: HttpRequest, found: Invite, token: str, *, refusal: Refusal | None = None
) -> HttpResponse:
    person = _signed_in(request)
    company = found.company.name if found.company is not None else "this installation"
    state = _invite_state(found, person)
    titles = {
        "gone": _GONE,
        "asked": f"You have asked to join {company}",
        "in": f"Welcome to {company}",
        "agents": f"An agent is invited to {company}",
    }
    context: dict[str, Any] = {
        "title": titles.get(state, f"Join {company}"),
        "state": state,
        "company": company,
        "inviter": found.invited_by_user,
        "role": "",
        "person": person,
        "typed": request.POST,
        "verb": "Take over" if found.invite_type == InviteType.BOOTSTRAP else "Ask to join",
        "errors": [forms.sentence(refusal)] if refusal is not None else [],
        "onboarding": settings.PAPERCLIP_PUBLIC_URL + invite_texts.onboarding_path(token),
    }
    if found.invite_type != InviteType.BOOTSTRAP:
        context["role"] = found.human_role or joins.DEFAULT_ROLE
    gone_status = 404 if state == "gone" else 200
    status = refusal.status if refusal is not None else gone_status
    return render(request, "companies/invite.html", context, status=status)


def _invite_state(found: Invite, person: User | None) -> str:
    if found.allowed_join_types == JoinType.AGENT:
        return "agents" if found.accepted_at is None else "gone"
    if person is not None and found.company_id is not None and joins.is_member(found.company_id, person):
        return "in"
    if found.accepted_at is None:
        return "open"
    mine = JoinRequest.objects.filter(invite=found, requesting_user=person) if person is not None else None
    asked = mine.first() if mine is not None else None
    return "asked" if asked is not None and asked.status == JoinStatus.PENDING else "gone"
