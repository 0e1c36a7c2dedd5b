"""Keys of agents and of people: shown once, kept as a hash, revoked at will (C-10, C-59, K-13)."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from paperclip.companies import activity, actors, tokens
from paperclip.companies.actors import Actor
from paperclip.companies.choices import AgentStatus
from paperclip.companies.models import Agent, AgentApiKey, BoardApiToken, User
from paperclip.core.errors import Conflict, NotFound

BOARD_TOKEN_LIFE = timedelta(days=30)
_NO_KEYS = {
    AgentStatus.PENDING_APPROVAL: "Cannot create keys for pending approval agents",
    AgentStatus.TERMINATED: "Cannot create keys for terminated agents",
}


def create(
    *, agent: Agent, name: str, actor: Actor, now: datetime, action: str = "agent.key_created"
) -> tuple[AgentApiKey, str]:
    """Make a key for an agent and return it with its token, which nobody can read again (C-59).

    `action` is how it is told in the log. Raises Conflict for agents that may not act.
    """
    token = tokens.new_agent_token()
    with transaction.atomic():
        # Under the row's lock, or a key could be made while the agent is being let go and its keys revoked.
        row = Agent.objects.select_for_update(no_key=True).only("id", "status").get(pk=agent.pk)
        refusal = _NO_KEYS.get(AgentStatus(row.status))
        if refusal:
            raise Conflict(refusal)
        key = AgentApiKey.objects.create(
            company_id=agent.company_id,
            agent_id=agent.pk,
            name=name,
            key_hash=tokens.digest(token),
            created_at=now,
        )
        _log(key, action, actor, now)
        return key, token


def revoke(*, agent: Agent, key_id: UUID | None, actor: Actor, now: datetime) -> AgentApiKey:
    """End a key of `agent`; ending it again changes nothing.

    Raises NotFound for a key of another agent (B-14).
    """
    with transaction.atomic():
        key = (
            AgentApiKey.objects.select_for_update().filter(pk=key_id, agent_id=agent.pk).first()
            if key_id
            else None
        )
        if key is None:
            raise NotFound("Key not found")
        if AgentApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=now):
            key.revoked_at = now
            _log(key, "agent.key_revoked", actor, now)
        return key


def create_board_token(
    *, user: User, name: str, actor: Actor, now: datetime, expires_at: datetime | None
) -> tuple[BoardApiToken, str]:
    """Make a board token for a person and return it with its text, which nobody can read again.

    `expires_at` None means it never ends.
    """
    token = tokens.new_board_token()
    digest = tokens.digest(token)
    row = admit_board_token(
        user=user, name=name, key_hash=digest, actor=actor, now=now, expires_at=expires_at
    )
    return row, token


def admit_board_token(
    *, user: User, name: str, key_hash: str, actor: Actor, now: datetime, expires_at: datetime | None
) -> BoardApiToken:
    """Make a token that somebody already holds, known by its hash, act for a person from now on (C-21)."""
    with transaction.atomic():
        row = BoardApiToken.objects.create(
            user=user, name=name, key_hash=key_hash, created_at=now, expires_at=expires_at
        )
        _log_board_token(row, "board_api_key.created", actor, now)
        return row


def revoke_board_token(*, user: User, token_id: UUID | None, actor: Actor, now: datetime) -> BoardApiToken:
    """End a board token of `user`; ending it again changes nothing. Raises NotFound for another person's."""
    with transaction.atomic():
        rows = BoardApiToken.objects.select_for_update()
        row = rows.filter(pk=token_id, user=user).first() if token_id else None
        if row is None:
            raise NotFound("Key not found")
        if BoardApiToken.objects.filter(pk=row.pk, revoked_at__isnull=True).update(revoked_at=now):
            row.revoked_at = now
            _log_board_token(row, "board_api_key.revoked", actor, now)
        return row


def _log(key: AgentApiKey, action: str, actor: Actor, now: datetime) -> None:
    activity.record(
        company_id=key.company_id,
        actor=actor,
        action=action,
        entity_type="agent",
        entity_id=key.agent_id,
        details={"keyId": key.id, "name": key.name},
        now=now,
    )


def _log_board_token(row: BoardApiToken, action: str, actor: Actor, now: datetime) -> None:
    """Write one row for each company the token reaches (C-21)."""
    for company_id in actors.for_user(row.user).company_ids:
        activity.record(
            company_id=company_id,
            actor=actor,
            action=action,
            entity_type="user",
            entity_id=row.user_id,
            details={"keyId": row.id, "name": row.name},
            now=now,
        )
