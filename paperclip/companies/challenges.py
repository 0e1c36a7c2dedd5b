"""A command line that asks a person to act in their name: it shows a link, the person agrees on the board (C-21).

The token that will act is made when the question is put and works only once it is answered.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from paperclip.companies import keys, tokens
from paperclip.companies.actors import Actor
from paperclip.companies.choices import ChallengeState, CliAccess
from paperclip.companies.models import CliChallenge, Company
from paperclip.core.errors import Conflict, Forbidden, NotFound, Unauthorized

LIFE = timedelta(minutes=10)
NOT_FOUND = "CLI auth challenge not found"


@dataclass(frozen=True)
class Asked:
    """A question that was put, with both secrets, which nobody can read again."""

    challenge: CliChallenge
    token: str
    board_token: str


@dataclass(frozen=True)
class Pass:
    """How many lapsed questions were forgotten."""

    challenges: int


def create(*, fields: Mapping[str, Any], now: datetime) -> Asked:
    """Put a question. `fields`: `command`, `client_name`, `requested_access`, `requested_company_id`.

    Raises NotFound for a company there is not.
    """
    company_id = fields.get("requested_company_id")
    if company_id is not None and not Company.objects.filter(pk=company_id).exists():
        raise NotFound("Company not found")
    token, board_token = tokens.new_challenge_token(), tokens.new_board_token()
    challenge = CliChallenge.objects.create(
        secret_hash=tokens.digest(token),
        key_hash=tokens.digest(board_token),
        command=fields["command"],
        client_name=fields.get("client_name"),
        requested_access=fields.get("requested_access") or CliAccess.BOARD,
        requested_company_id=company_id,
        expires_at=now + LIFE,
        created_at=now,
        updated_at=now,
    )
    return Asked(challenge, token, board_token)


def find(challenge_id: UUID | None, token: str) -> CliChallenge:
    """Return the question that `token` belongs to. Raises NotFound for any other (B-111)."""
    rows = CliChallenge.objects.select_related("requested_company", "approved_by_user")
    challenge = rows.filter(pk=challenge_id).first() if challenge_id else None
    if challenge is None or not hmac.compare_digest(challenge.secret_hash, tokens.digest(token)):
        raise NotFound(NOT_FOUND)
    return challenge


def state(challenge: CliChallenge, *, now: datetime) -> ChallengeState:
    """Return what has become of a question."""
    if challenge.cancelled_at is not None:
        return ChallengeState.CANCELLED
    if challenge.approved_at is not None:
        return ChallengeState.APPROVED
    return ChallengeState.EXPIRED if challenge.expires_at <= now else ChallengeState.PENDING


def reason_against(challenge: CliChallenge, actor: Actor) -> str | None:
    """Return why this person may not agree, or None when they may."""
    if challenge.requested_access == CliAccess.INSTANCE_ADMIN and not actor.is_instance_admin:
        return "Instance admin required"
    company_id = challenge.requested_company_id
    if company_id is not None and company_id not in actor.memberships and not actor.is_instance_admin:
        return "User does not have access to this company"
    return None


def approve(*, challenge: CliChallenge, actor: Actor, now: datetime) -> CliChallenge:
    """Let the command line act for the person who calls, for 30 days; agreeing again changes nothing.

    Raises Unauthorized for anybody but a person, Forbidden for what they could not do themselves, Conflict when
    the question was withdrawn or answered by somebody else, or has lapsed.
    """
    if actor.user is None:
        raise Unauthorized("Sign in before approving CLI access")
    reason = reason_against(challenge, actor)
    if reason is not None:
        raise Forbidden(reason)
    with transaction.atomic():
        row = _locked(challenge)
        if row.approved_at is not None and row.approved_by_user_id == actor.user.id:
            return row
        _require_open(row, now)
        row.board_token = keys.admit_board_token(
            user=actor.user,
            name=f"{row.client_name or 'command line'}: {row.command}"[:200],
            key_hash=row.key_hash,
            actor=actor,
            now=now,
            expires_at=now + keys.BOARD_TOKEN_LIFE,
        )
        row.approved_by_user, row.approved_at, row.updated_at = actor.user, now, now
        row.save()
        return row


def cancel(*, challenge: CliChallenge, now: datetime) -> tuple[CliChallenge, bool]:
    """Withdraw a question; returns it and whether it is withdrawn. One that was answered stays answered."""
    with transaction.atomic():
        row = _locked(challenge)
        if state(row, now=now) == ChallengeState.PENDING:
            row.cancelled_at = row.updated_at = now
            row.save(update_fields=["cancelled_at", "updated_at"])
        return row, row.cancelled_at is not None


def _locked(challenge: CliChallenge) -> CliChallenge:
    rows = CliChallenge.objects.select_for_update(of=("self",)).select_related("board_token")
    return rows.get(pk=challenge.pk)


def _require_open(row: CliChallenge, now: datetime) -> None:
    found = state(row, now=now)
    if found != ChallengeState.PENDING:
        raise Conflict(f"CLI auth challenge is {found.value}")


def prune(*, now: datetime) -> Pass:
    """Forget questions that lapsed more than a day ago."""
    deleted, _ = CliChallenge.objects.filter(expires_at__lt=now - timedelta(days=1)).delete()
    return Pass(deleted)
