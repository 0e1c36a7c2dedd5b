"""Those who came by an invite: they ask, the board lets them in or not, and an agent claims its key (C-37, C-38)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from paperclip.companies import (
    activity,
    actors,
    agents,
    invite_defaults,
    invites,
    keys,
    members,
    ranks,
    tokens,
)
from paperclip.companies.actors import Actor
from paperclip.companies.choices import (
    AGENT_UNASSIGNABLE,
    AgentRole,
    InviteType,
    JoinStatus,
    JoinType,
    MemberRole,
    MemberStatus,
    PrincipalType,
)
from paperclip.companies.models import Agent, AgentApiKey, Company, Invite, JoinRequest, Member, User
from paperclip.core.errors import BadRequest, Conflict, Forbidden, NotFound

CLAIM_LIFE = timedelta(days=7)
ALREADY_IN = "You already belong to this company"
NOT_PENDING = "Join request is not pending"
DEFAULT_ROLE = MemberRole.OPERATOR
_CLAIMER = actors.system("join-claim")


def ask_as_person(*, invite: Invite, user: User, address: str | None, now: datetime) -> JoinRequest:
    """Let a person ask to join by an invite; asking again with the same invite changes nothing.

    Raises BadRequest for an invite that is for agents, Conflict for a member, NotFound when the invite is no
    longer good.
    """
    company_id = _company_id(invite, JoinType.HUMAN)
    earlier = JoinRequest.objects.filter(invite=invite, requesting_user=user).first()
    if earlier is not None:
        return _replayed(earlier, actors.for_user(user), now)
    if is_member(company_id, user):
        raise Conflict(ALREADY_IN)
    with transaction.atomic():
        request = JoinRequest.objects.create(
            company_id=company_id,
            invite=invites.consume(invite, now=now),
            request_type=JoinType.HUMAN,
            requesting_user=user,
            request_email=user.email or user.username,
            request_ip=address,
            created_at=now,
            updated_at=now,
        )
        _log(request, "join.requested", actors.for_user(user), now)
        return request


def ask_as_agent(
    *, invite: Invite, fields: Mapping[str, Any], address: str | None, now: datetime
) -> tuple[JoinRequest, str]:
    """Let an agent ask to join by an invite; return the request and the secret that claims its key later.

    `fields`: `agent_name`, `adapter_type`, `capabilities`, `agent_defaults_payload`. Raises BadRequest for an
    invite that is for people, NotFound when it is no longer good.
    """
    company_id = _company_id(invite, JoinType.AGENT)
    secret = tokens.new_claim_secret()
    with transaction.atomic():
        request = JoinRequest.objects.create(
            company_id=company_id,
            invite=invites.consume(invite, now=now),
            request_type=JoinType.AGENT,
            agent_name=fields["agent_name"],
            adapter_type=fields.get("adapter_type"),
            capabilities=fields.get("capabilities"),
            agent_defaults_payload=fields.get("agent_defaults_payload"),
            request_ip=address,
            claim_secret_hash=tokens.digest(secret),
            claim_secret_expires_at=now + CLAIM_LIFE,
            created_at=now,
            updated_at=now,
        )
        _log(request, "join.requested", actors.system("invite"), now)
        return request, secret


def approve(*, request: JoinRequest, actor: Actor, now: datetime) -> JoinRequest:
    """Let somebody in: a person with the role of their invite, an agent as a new agent under the CEO (C-38).

    Raises Conflict when the request is settled, or the company has no CEO for an agent to report to; Forbidden
    for a role above the caller's own; and what taking on an agent raises.
    """
    with transaction.atomic():
        company = Company.objects.select_for_update(no_key=True).get(pk=request.company_id)
        row = _locked_pending(request)
        if row.requesting_user is not None:
            _let_in(row, row.requesting_user, actor, now)
        else:
            row.created_agent = _take_on(row, company, actor, now)
        row.status, row.approved_at, row.approved_by_user = JoinStatus.APPROVED, now, actor.user
        row.updated_at = now
        row.save()
        _log(row, "join.approved", actor, now)
        return row


def reject(*, request: JoinRequest, actor: Actor, now: datetime) -> JoinRequest:
    """Turn somebody away. Raises Conflict when the request is settled."""
    with transaction.atomic():
        row = _locked_pending(request)
        row.status, row.rejected_at, row.rejected_by_user = JoinStatus.REJECTED, now, actor.user
        row.updated_at = now
        row.save()
        _log(row, "join.rejected", actor, now)
        return row


def claim_key(*, request_id: UUID | None, secret: str, now: datetime) -> tuple[AgentApiKey, str]:
    """Give an agent that was let in its API key, once, for the secret it got when it asked (C-38).

    Raises NotFound for no such request, Forbidden for a wrong secret, Conflict when the request is not
    approved, the secret is used or has expired, or the agent may not act.
    """
    with transaction.atomic():
        rows = JoinRequest.objects.select_for_update(of=("self",)).select_related("created_agent")
        row = rows.filter(pk=request_id, request_type=JoinType.AGENT).first() if request_id else None
        if row is None or row.claim_secret_hash is None:
            raise NotFound("Join request not found")
        if not hmac.compare_digest(row.claim_secret_hash, tokens.digest(secret)):
            raise Forbidden("Invalid claim secret")
        if row.claim_secret_expires_at is None or row.claim_secret_expires_at <= now:
            raise Conflict("Claim secret has expired")
        if row.claim_secret_consumed_at is not None:
            raise Conflict("Claim secret was already used")
        if row.status != JoinStatus.APPROVED or row.created_agent is None:
            raise Conflict("Join request must be approved before the key is claimed")
        JoinRequest.objects.filter(pk=row.pk).update(claim_secret_consumed_at=now, updated_at=now)
        return keys.create(
            agent=row.created_agent,
            name="initial-join-key",
            actor=_CLAIMER,
            now=now,
            action="agent_api_key.claimed",
        )


def pending_count(company_id: UUID, now: datetime) -> int:
    """Return how many wait to be let in; `now` plays no part (C-99)."""
    return JoinRequest.objects.filter(company_id=company_id, status=JoinStatus.PENDING).count()


def dismissed_count(company_id: UUID, dismissed: Mapping[UUID, datetime]) -> int:
    """Return how many of the waiting requests were dismissed after they last changed (C-99)."""
    rows = JoinRequest.objects.filter(company_id=company_id, status=JoinStatus.PENDING, pk__in=dismissed)
    return sum(changed <= dismissed[pk] for pk, changed in rows.values_list("pk", "updated_at"))


def is_member(company_id: UUID, user: User) -> bool:
    """Whether a person has a place in the company, suspended or not."""
    places = Member.objects.filter(
        company_id=company_id, principal_type=PrincipalType.USER, principal_id=user.id
    )
    return places.exclude(status=MemberStatus.ARCHIVED).exists()


def _company_id(invite: Invite, kind: JoinType) -> UUID:
    if invite.invite_type == InviteType.BOOTSTRAP:
        raise BadRequest("This invite is for the first instance admin")
    if invite.allowed_join_types not in (kind, JoinType.BOTH):
        raise BadRequest(f"Invite does not allow {kind.value} joins")
    return invites.company_id_of(invite)


def _replayed(request: JoinRequest, actor: Actor, now: datetime) -> JoinRequest:
    if is_member(request.company_id, request.requesting_user):  # type: ignore[arg-type]  # looked up by it
        raise Conflict(ALREADY_IN)
    if request.status == JoinStatus.REJECTED:
        raise NotFound(invites.NOT_FOUND)
    _log(request, "join.request_replayed", actor, now)
    return request


def _locked_pending(request: JoinRequest) -> JoinRequest:
    rows = JoinRequest.objects.select_for_update(of=("self",)).select_related("invite", "requesting_user")
    row = rows.get(pk=request.pk)
    if row.status != JoinStatus.PENDING:
        raise Conflict(NOT_PENDING)
    return row


def _let_in(row: JoinRequest, user: User, actor: Actor, now: datetime) -> None:
    role = MemberRole(row.invite.human_role or DEFAULT_ROLE)
    ranks.require_role_within_reach(actor, row.company_id, role)
    member = members.join_with_role(
        company_id=row.company_id, user=user, role=role, granted_by=actor.user, now=now
    )
    more = invite_defaults.of_person(row.invite.defaults_payload).grants
    members.add_grants(member=member, keys=more, actor=actor, now=now)


def _take_on(row: JoinRequest, company: Company, actor: Actor, now: datetime) -> Agent:
    chief = (
        Agent.objects.filter(company=company, role=AgentRole.CEO)
        .exclude(status__in=AGENT_UNASSIGNABLE)
        .order_by("reports_to_id", "created_at")
    )
    # The root CEO: the one who reports to nobody, should there be several.
    head = next((one for one in chief if one.reports_to_id is None), chief.first())
    if head is None:
        raise Conflict("Join request cannot be approved because this company has no active CEO")
    defaults = invite_defaults.of_agent(row.invite.defaults_payload)
    kind = row.adapter_type or defaults.adapter_type
    # A configuration belongs to its adapter: of another one nothing is taken over.
    base = defaults.adapter_config if defaults.adapter_type in (None, kind) else {}
    fields: dict[str, Any] = {
        "name": row.agent_name,
        "role": AgentRole.GENERAL,
        "reports_to": head.pk,
        "capabilities": row.capabilities or defaults.capabilities,
        "adapter_type": kind,
        "adapter_config": {**base, **(row.agent_defaults_payload or {})},
    }
    agent = agents.create(company=company, fields=fields, actor=actor, now=now)
    member = Member.objects.get(company=company, principal_type=PrincipalType.AGENT, principal_id=agent.pk)
    members.add_grants(member=member, keys=defaults.grants, actor=actor, now=now)
    activity.record(
        company_id=company.id,
        actor=actor,
        action="agent.created",
        entity_type="agent",
        entity_id=agent.id,
        details={"name": agent.name, "role": agent.role, "joinRequestId": row.id},
        now=now,
    )
    return agent


def _log(request: JoinRequest, action: str, actor: Actor, now: datetime) -> None:
    activity.record(
        company_id=request.company_id,
        actor=actor,
        action=action,
        entity_type="join_request",
        entity_id=request.id,
        details={
            "requestType": request.request_type,
            "name": request.agent_name or request.request_email,
            "createdAgentId": request.created_agent_id,
        },
        now=now,
    )
