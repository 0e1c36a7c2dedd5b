"""Membership and grants: who belongs to a company, and what each of them may do (C-32 to C-35)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from paperclip.companies import activity, auth
from paperclip.companies.actors import Actor
from paperclip.companies.choices import (
    ROLE_GRANTS,
    AgentRole,
    MemberRole,
    MemberStatus,
    Permission,
    PrincipalType,
)
from paperclip.companies.models import Agent, Company, Grant, Member, User
from paperclip.core.errors import Conflict

_KEPT = object()


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


def join(
    *,
    company_id: UUID,
    principal_type: PrincipalType,
    principal_id: UUID,
    role: MemberRole,
    grants: Iterable[str],
    now: datetime,
    granted_by: User | None = None,
) -> Member:
    """Make somebody an active member with the given grants; a repeat changes nothing."""
    member, _ = Member.objects.get_or_create(
        company_id=company_id,
        principal_type=principal_type,
        principal_id=principal_id,
        defaults={"membership_role": role, "created_at": now, "updated_at": now},
    )
    for key in grants:
        _grant(member, key, scope=None, granted_by=granted_by, now=now)
    return member


def join_as_owner(*, company_id: UUID, user: User, now: datetime) -> Member:
    """Make a person the owner of a company, with everything the role stands for (C-27, CW-19)."""
    return join(
        company_id=company_id,
        principal_type=PrincipalType.USER,
        principal_id=user.id,
        role=MemberRole.OWNER,
        grants=ROLE_GRANTS[MemberRole.OWNER],
        now=now,
        granted_by=user,
    )


def set_agent_grant(
    *, company_id: UUID, agent_id: UUID, key: Permission, held: bool, granted_by: User | None, now: datetime
) -> None:
    """Give an agent one permission, or take it away."""
    principal = {"company_id": company_id, "principal_type": PrincipalType.AGENT, "principal_id": agent_id}
    if not held:
        Grant.objects.filter(**principal, permission_key=key).delete()
        return
    Grant.objects.get_or_create(
        **principal,
        permission_key=key,
        defaults={"granted_by_user": granted_by, "created_at": now, "updated_at": now},
    )


def update(
    *,
    member: Member,
    actor: Actor,
    now: datetime,
    role: str | None | object = _KEPT,
    status: str | None = None,
    grants: Sequence[Mapping[str, Any]] | None = None,
    action: str = "company_member.updated",
) -> Member:
    """Change a person's role or status, and replace their grants when `grants` is given.

    `grants` holds `permission_key` and `scope` of each. Raises Conflict when the company would be left
    without an active owner (C-35).
    """
    with transaction.atomic():
        # Two owners who demote each other must not both succeed: owners are counted under the company's lock.
        Company.objects.select_for_update(no_key=True).only("id").get(pk=member.company_id)
        row = Member.objects.select_for_update().get(pk=member.pk)
        was_owner = _is_active_owner(row)
        if role is not _KEPT:
            row.membership_role = role  # type: ignore[assignment]
        row.status = status or row.status
        if was_owner and not _is_active_owner(row) and not _other_owners(row):
            raise Conflict("Cannot remove the last active owner")
        row.updated_at = now
        row.save(update_fields=["membership_role", "status", "updated_at"])
        if grants is not None:
            _replace_grants(row, grants, granted_by=actor.user, now=now)
        activity.record(
            company_id=row.company_id,
            actor=actor,
            action=action,
            entity_type="company_membership",
            entity_id=row.id,
            details=_details(row, grants),
            now=now,
        )
        return row


def people(company: Company, *, viewer: Actor) -> list[Person]:
    """Return the people of a company, last changed first, archived ones left out (C-34)."""
    rows = list(
        Member.objects.filter(company=company, principal_type=PrincipalType.USER)
        .exclude(status=MemberStatus.ARCHIVED)
        .order_by("-updated_at", "id")
    )
    ids = [row.principal_id for row in rows]
    users = User.objects.in_bulk(ids)
    grants: dict[UUID, list[Grant]] = {}
    held = Grant.objects.filter(company=company, principal_type=PrincipalType.USER, principal_id__in=ids)
    for grant in held.order_by("permission_key"):
        grants.setdefault(grant.principal_id, []).append(grant)
    return [
        Person(
            row,
            users.get(row.principal_id),
            grants.get(row.principal_id, []),
            _removal(row, users, viewer),
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


def _grant(member: Member, key: str, *, scope: Any, granted_by: User | None, now: datetime) -> None:
    Grant.objects.get_or_create(
        company_id=member.company_id,
        principal_type=member.principal_type,
        principal_id=member.principal_id,
        permission_key=key,
        defaults={"scope": scope, "granted_by_user": granted_by, "created_at": now, "updated_at": now},
    )


def _replace_grants(
    member: Member, grants: Sequence[Mapping[str, Any]], *, granted_by: User | None, now: datetime
) -> None:
    Grant.objects.filter(
        company_id=member.company_id, principal_type=member.principal_type, principal_id=member.principal_id
    ).delete()
    for grant in grants:
        _grant(member, grant["permission_key"], scope=grant.get("scope"), granted_by=granted_by, now=now)


def _details(member: Member, grants: Sequence[Mapping[str, Any]] | None) -> dict[str, Any]:
    details: dict[str, Any] = {"membershipRole": member.membership_role, "status": member.status}
    if grants is not None:
        details["grants"] = [str(grant["permission_key"]) for grant in grants]
    return details


def _is_active_owner(member: Member) -> bool:
    return member.status == MemberStatus.ACTIVE and member.membership_role == MemberRole.OWNER


def _other_owners(member: Member) -> bool:
    return (
        Member.objects.filter(
            company_id=member.company_id,
            principal_type=PrincipalType.USER,
            status=MemberStatus.ACTIVE,
            membership_role=MemberRole.OWNER,
        )
        .exclude(pk=member.pk)
        .exists()
    )


def _removal(member: Member, users: Mapping[UUID, User], viewer: Actor) -> Removal:
    reason = _keep_reason(member, users, viewer)
    return Removal(reason is None, reason)


def _keep_reason(member: Member, users: Mapping[UUID, User], viewer: Actor) -> str | None:
    """Why a person cannot be archived by this viewer, or None when they can (C-35)."""
    user = users.get(member.principal_id)
    if member.principal_id == viewer.user_id:
        return "You cannot remove yourself"
    if user is not None and user.is_superuser:
        return "Instance admins cannot be removed"
    if member.membership_role == MemberRole.OWNER:
        return "Owners cannot be removed"
    if member.membership_role == MemberRole.ADMIN:
        return "Admins cannot be removed"
    return None
