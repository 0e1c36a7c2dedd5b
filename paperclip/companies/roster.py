"""Reading who belongs to a company, and what each of them may do (C-34)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from paperclip.companies import auth, ranks
from paperclip.companies.actors import Actor
from paperclip.companies.choices import AgentRole, MemberStatus, Permission, PrincipalType
from paperclip.companies.models import Agent, Company, Grant, Member, User


@dataclass(frozen=True)
class Removal:
    """Whether somebody may be archived, and if not, why."""

    can_archive: bool
    reason: str | None


@dataclass(frozen=True)
class Person:
    """One person of a company, with what the member list shows of them."""

    member: Member
    user: User | None
    grants: Sequence[Grant]
    removal: Removal


@dataclass(frozen=True)
class Access:
    """What an agent may do, and where that comes from."""

    can_assign_tasks: bool
    task_assign_source: str
    membership: Member | None
    grants: Sequence[Grant]


def people(company: Company, *, viewer: Actor) -> list[Person]:
    """Return the people of a company, last changed first, archived ones left out (C-34)."""
    rows = Member.objects.filter(company=company, principal_type=PrincipalType.USER)
    rows = rows.exclude(status=MemberStatus.ARCHIVED).order_by("-updated_at", "id")
    return described(list(rows), viewer=viewer)


def described(rows: Sequence[Member], *, viewer: Actor) -> list[Person]:
    """Return memberships of people of one company with who they are, in two queries and the viewer's own."""
    if not rows:
        return []
    company_id = rows[0].company_id
    ids = [row.principal_id for row in rows]
    users = User.objects.in_bulk(ids)
    held = Grant.objects.filter(
        company_id=company_id, principal_type=PrincipalType.USER, principal_id__in=ids
    ).order_by("permission_key")
    grants: dict[UUID, list[Grant]] = {}
    for grant in held:
        grants.setdefault(grant.principal_id, []).append(grant)
    own_rank = ranks.of_actor(viewer, company_id)
    return [
        Person(
            member=row,
            user=users.get(row.principal_id),
            grants=grants.get(row.principal_id, []),
            removal=_removal(row, users.get(row.principal_id), viewer, own_rank),
        )
        for row in rows
    ]


def directory(company: Company) -> list[User]:
    """Return the active people of a company by name (C-34)."""
    ids = Member.objects.filter(
        company=company, principal_type=PrincipalType.USER, status=MemberStatus.ACTIVE
    ).values_list("principal_id", flat=True)
    return sorted(User.objects.filter(pk__in=list(ids)), key=lambda user: user.display_name.lower())


def access_of(actor: Actor, company_id: UUID) -> dict[str, Any]:
    """Return what the caller may do about members (C-34)."""
    membership = actor.memberships.get(company_id)

    def may(key: Permission) -> bool:
        return auth.has_permission(actor, company_id, key)

    return {
        "currentUserRole": membership.role if membership else None,
        "canManageMembers": may(Permission.USERS_MANAGE_PERMISSIONS),
        "canInviteUsers": may(Permission.USERS_INVITE),
        "canApproveJoinRequests": may(Permission.JOINS_APPROVE),
    }


def agent_access(agent: Agent) -> Access:
    """Return what an agent may do and where that comes from (C-40)."""
    principal = {
        "company_id": agent.company_id,
        "principal_type": PrincipalType.AGENT,
        "principal_id": agent.id,
    }
    membership = Member.objects.filter(**principal).first()
    grants = list(Grant.objects.filter(**principal).order_by("permission_key"))
    is_active = membership is not None and membership.status == MemberStatus.ACTIVE
    if agent.role == AgentRole.CEO:
        source = "ceo_role"
    elif agent.can_create_agents:
        source = "agent_creator"
    elif is_active and any(grant.permission_key == Permission.TASKS_ASSIGN for grant in grants):
        source = "explicit_grant"
    else:
        source = "none"
    return Access(source != "none", source, membership, grants)


def _removal(member: Member, user: User | None, viewer: Actor, own_rank: int) -> Removal:
    reason = ranks.reason_to_keep(member, user, viewer, own_rank=own_rank)
    return Removal(reason is None, reason)
