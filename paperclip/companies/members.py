"""Membership and grants: who belongs to a company, and what each of them may do (C-32 to C-35)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from paperclip.companies import activity, ranks, signals
from paperclip.companies.actors import Actor
from paperclip.companies.choices import (
    ROLE_GRANTS,
    MemberRole,
    MemberStatus,
    Permission,
    PrincipalType,
)
from paperclip.companies.models import Company, Grant, Member, User
from paperclip.core.errors import Conflict, Forbidden

LAST_OWNER = "Cannot remove the last active owner"
_KEPT = object()


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
    """Make somebody an active member with the given grants; a repeat changes nothing.

    Whoever was archived comes back with this role and these grants.
    """
    member, made = Member.objects.get_or_create(
        company_id=company_id,
        principal_type=principal_type,
        principal_id=principal_id,
        defaults={"membership_role": role, "created_at": now, "updated_at": now},
    )
    if not made and member.status == MemberStatus.ARCHIVED:
        member.status, member.membership_role, member.updated_at = MemberStatus.ACTIVE, role, now
        member.save(update_fields=["status", "membership_role", "updated_at"])
    for key in grants:
        _grant(member, key, scope=None, granted_by=granted_by, now=now)
    return member


def join_with_role(
    *, company_id: UUID, user: User, role: MemberRole, granted_by: User | None, now: datetime
) -> Member:
    """Make a person a member with everything the role stands for (C-27)."""
    return join(
        company_id=company_id,
        principal_type=PrincipalType.USER,
        principal_id=user.id,
        role=role,
        grants=ROLE_GRANTS[role],
        now=now,
        granted_by=granted_by,
    )


def join_as_owner(*, company_id: UUID, user: User, now: datetime) -> Member:
    """Make a person the owner of a company, with everything the role stands for (C-27, CW-19)."""
    return join_with_role(company_id=company_id, user=user, role=MemberRole.OWNER, granted_by=user, now=now)


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


def add_grants(*, member: Member, keys: Sequence[str], actor: Actor, now: datetime) -> None:
    """Let a member do more. Raises Forbidden for what the actor does not hold (C-35)."""
    ranks.require_held(actor, member, keys)
    for key in keys:
        _grant(member, key, scope=None, granted_by=actor.user, now=now)


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
    without an active owner, Forbidden for what is above the actor's own place (C-35).
    """
    with transaction.atomic():
        row = _locked(member)
        ranks.require_not_above(actor, row)
        was_owner = _is_active_owner(row)
        if role is not _KEPT:
            ranks.require_role_within_reach(actor, row.company_id, role)  # type: ignore[arg-type]
            row.membership_role = role  # type: ignore[assignment]
        row.status = status or row.status
        if was_owner and not _is_active_owner(row) and not _other_owners(row):
            raise Conflict(LAST_OWNER)
        if grants is not None:
            ranks.require_held(actor, row, [grant["permission_key"] for grant in grants])
        row.updated_at = now
        row.save(update_fields=["membership_role", "status", "updated_at"])
        if grants is not None:
            _replace_grants(row, grants, granted_by=actor.user, now=now)
        _log(row, action, actor, now, _details(row, grants))
        return row


def archive(
    *,
    member: Member,
    actor: Actor,
    now: datetime,
    assignee_agent_id: UUID | None = None,
    assignee_user_id: UUID | None = None,
) -> tuple[Member, int]:
    """Let a person go: their open issues pass to the one named, or to nobody, and their grants end (C-34).

    Returns the membership and how many issues moved. Raises Conflict for the last active owner, Forbidden with
    the reason for others who stay (C-35), and what handing an issue to the one named raises.
    """
    with transaction.atomic():
        row = _locked(member)
        if _is_active_owner(row) and not _other_owners(row):
            raise Conflict(LAST_OWNER)
        user = User.objects.filter(pk=row.principal_id).first()
        reason = ranks.reason_to_keep(row, user, actor, own_rank=ranks.of_actor(actor, row.company_id))
        if reason is not None:
            raise Forbidden(reason)
        moved = _hand_over(row, assignee_agent_id, assignee_user_id, actor, now)
        _leave(row, now)
        _log(row, "company_member.archived", actor, now, {"reassignedIssueCount": moved})
        return row, moved


def set_companies(*, user: User, company_ids: Iterable[UUID], actor: Actor, now: datetime) -> None:
    """Make a person a member of exactly these companies (C-39); places they keep stay as they are.

    New places are an operator's. Raises Conflict when a company would lose its last active owner.
    """
    wanted = set(company_ids)
    with transaction.atomic():
        places = Member.objects.filter(principal_type=PrincipalType.USER, principal_id=user.id)
        held = {row.company_id: row for row in places.exclude(status=MemberStatus.ARCHIVED)}
        # In one order, so that two admins at it do not wait for each other.
        for company_id in sorted(wanted ^ set(held)):
            if company_id in held:
                _withdraw(held[company_id], actor, now)
            else:
                joined = join_with_role(
                    company_id=company_id,
                    user=user,
                    role=MemberRole.OPERATOR,
                    granted_by=actor.user,
                    now=now,
                )
                _log(joined, "company_member.added", actor, now, _details(joined, None))


def _withdraw(member: Member, actor: Actor, now: datetime) -> None:
    row = _locked(member)
    if _is_active_owner(row) and not _other_owners(row):
        raise Conflict(LAST_OWNER)
    moved = _hand_over(row, None, None, actor, now)
    _leave(row, now)
    _log(row, "company_member.archived", actor, now, {"reassignedIssueCount": moved})


def _leave(row: Member, now: datetime) -> None:
    row.status, row.updated_at = MemberStatus.ARCHIVED, now
    row.save(update_fields=["status", "updated_at"])
    Grant.objects.filter(
        company_id=row.company_id, principal_type=row.principal_type, principal_id=row.principal_id
    ).delete()


def _hand_over(row: Member, agent_id: UUID | None, user_id: UUID | None, actor: Actor, now: datetime) -> int:
    answers = signals.member_leaves.send(
        sender=Member,
        member=row,
        assignee_agent_id=agent_id,
        assignee_user_id=user_id,
        actor=actor,
        now=now,
    )
    return sum(int(moved or 0) for _, moved in answers)


def _locked(member: Member) -> Member:
    # Two owners who demote each other must not both succeed: owners are counted under the company's lock.
    Company.objects.select_for_update(no_key=True).only("id").get(pk=member.company_id)
    return Member.objects.select_for_update().get(pk=member.pk)


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


def _log(member: Member, action: str, actor: Actor, now: datetime, details: Mapping[str, Any]) -> None:
    activity.record(
        company_id=member.company_id,
        actor=actor,
        action=action,
        entity_type="company_membership",
        entity_id=member.id,
        details=details,
        now=now,
    )
