"""Invites: a link that lets one person or one agent ask to join a company (C-36).

A token has 128 bits, is shown once, is kept as a hash, lasts 72 hours and is good for one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from paperclip.companies import activity, invite_defaults, ranks, rights, tokens
from paperclip.companies.actors import Actor
from paperclip.companies.choices import InviteState, InviteType, JoinType, Permission
from paperclip.companies.models import Company, Invite, User
from paperclip.core.errors import Conflict, Forbidden, NotFound

LIFE = timedelta(hours=72)
NOT_FOUND = "Invite not found"


def create(
    *,
    company: Company,
    fields: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    action: str = "invite.created",
) -> tuple[Invite, str]:
    """Invite somebody and return the invite with its token, which nobody can read again.

    `fields`: `allowed_join_types`, `human_role`, `defaults_payload`, `agent_message`. Raises Forbidden without
    `users:invite`, or for a role above the caller's own.
    """
    rights.require_permission(actor, company.id, Permission.USERS_INVITE)
    if fields.get("human_role") is not None:
        ranks.require_role_within_reach(actor, company.id, fields["human_role"])
    return _insert(company, fields, actor, now, action)


def create_for_agent(
    *, company: Company, message: str | None, actor: Actor, now: datetime
) -> tuple[Invite, str]:
    """Invite an agent that runs elsewhere. Raises Forbidden unless a CEO or a person who may invite asks (C-36)."""
    if actor.is_agent and not rights.is_ceo(actor):
        raise Forbidden("Only CEO agents can invite agents")
    if not actor.is_agent:
        rights.require_permission(actor, company.id, Permission.USERS_INVITE)
    fields = {"allowed_join_types": JoinType.AGENT, "agent_message": message}
    return _insert(company, fields, actor, now, "invite.openclaw_prompt_created")


def create_bootstrap(*, now: datetime) -> tuple[Invite, str]:
    """Make the invite whose follower becomes instance admin; only whoever has the machine can (C-37, K-13)."""
    token = tokens.new_invite_token()
    invite = Invite.objects.create(
        invite_type=InviteType.BOOTSTRAP,
        allowed_join_types=JoinType.HUMAN,
        token_hash=tokens.digest(token),
        expires_at=now + timedelta(days=1),
        created_at=now,
        updated_at=now,
    )
    return invite, token


def revoke(*, invite: Invite, actor: Actor, now: datetime) -> Invite:
    """End an invite; ending it again changes nothing. Raises Conflict once somebody has followed it."""
    with transaction.atomic():
        row = Invite.objects.select_for_update().get(pk=invite.pk)
        if row.accepted_at is not None:
            raise Conflict("Invite already consumed")
        if row.revoked_at is None:
            row.revoked_at = row.updated_at = now
            row.save(update_fields=["revoked_at", "updated_at"])
            _log(row, "invite.revoked", actor, now)
        return row


def accept_bootstrap(*, invite: Invite, user: User, now: datetime) -> Invite:
    """Make a person instance admin by a bootstrap invite (C-37). Raises NotFound when it is no longer good."""
    with transaction.atomic():
        row = consume(invite, now=now)
        User.objects.filter(pk=user.pk).update(is_superuser=True, is_staff=True)
        return row


def consume(invite: Invite, *, now: datetime) -> Invite:
    """Use an invite up; of two at once, one gets it. Raises NotFound when it is no longer good."""
    good = Invite.objects.filter(
        pk=invite.pk, revoked_at__isnull=True, accepted_at__isnull=True, expires_at__gt=now
    )
    if not good.update(accepted_at=now, updated_at=now):
        raise NotFound(NOT_FOUND)
    invite.accepted_at = invite.updated_at = now
    return invite


def find(token: str, *, now: datetime) -> Invite:
    """Return the invite of a token, followed or not. Raises NotFound when it is revoked, expired or unknown."""
    rows = Invite.objects.select_related("company", "invited_by_user", "invited_by_agent")
    invite = rows.filter(token_hash=tokens.digest(token), revoked_at__isnull=True).first()
    if invite is None or (invite.accepted_at is None and invite.expires_at <= now):
        raise NotFound(NOT_FOUND)
    return invite


def state(invite: Invite, *, now: datetime) -> InviteState:
    """Return what has become of an invite."""
    if invite.revoked_at is not None:
        return InviteState.REVOKED
    if invite.accepted_at is not None:
        return InviteState.ACCEPTED
    return InviteState.EXPIRED if invite.expires_at <= now else InviteState.ACTIVE


def in_state(rows: QuerySet[Invite], wanted: str, *, now: datetime) -> QuerySet[Invite]:
    """Return those of `rows` that are in a state."""
    open_rows = Q(revoked_at__isnull=True, accepted_at__isnull=True)
    conditions = {
        InviteState.REVOKED: Q(revoked_at__isnull=False),
        InviteState.ACCEPTED: Q(accepted_at__isnull=False),
        InviteState.EXPIRED: open_rows & Q(expires_at__lte=now),
        InviteState.ACTIVE: open_rows & Q(expires_at__gt=now),
    }
    return rows.filter(conditions[InviteState(wanted)])


def bootstrap_is_open(now: datetime) -> bool:
    """Whether somebody could still become instance admin by a bootstrap invite (C-22)."""
    rows = Invite.objects.filter(invite_type=InviteType.BOOTSTRAP)
    return in_state(rows, InviteState.ACTIVE, now=now).exists()


def _insert(
    company: Company, fields: Mapping[str, Any], actor: Actor, now: datetime, action: str
) -> tuple[Invite, str]:
    invite_defaults.check(fields.get("defaults_payload"))
    token = tokens.new_invite_token()
    with transaction.atomic():
        invite = Invite.objects.create(
            company=company,
            token_hash=tokens.digest(token),
            allowed_join_types=fields.get("allowed_join_types") or JoinType.BOTH,
            human_role=fields.get("human_role"),
            defaults_payload=fields.get("defaults_payload"),
            agent_message=fields.get("agent_message"),
            expires_at=now + LIFE,
            invited_by_user=actor.user,
            invited_by_agent=actor.agent,
            created_at=now,
            updated_at=now,
        )
        _log(invite, action, actor, now)
        return invite, token


def _log(invite: Invite, action: str, actor: Actor, now: datetime) -> None:
    if invite.company_id is None:
        return
    activity.record(
        company_id=invite.company_id,
        actor=actor,
        action=action,
        entity_type="invite",
        entity_id=invite.id,
        details={
            "allowedJoinTypes": invite.allowed_join_types,
            "humanRole": invite.human_role,
            "expiresAt": invite.expires_at,
        },
        now=now,
    )


def company_id_of(invite: Invite) -> UUID:
    """Return the company an invite leads to. Raises NotFound for one that leads to the installation."""
    if invite.company_id is None:
        raise NotFound(NOT_FOUND)
    return invite.company_id
