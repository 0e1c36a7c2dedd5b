"""Who stands above whom among the people of a company (C-35).

Holding `users:manage_permissions` is not enough to climb by it: nobody changes somebody above themselves, gives a
role above their own, or grants what they do not hold.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from paperclip.companies import auth
from paperclip.companies.actors import Actor
from paperclip.companies.choices import ROLE_RANKS, MemberRole, MemberStatus, PrincipalType
from paperclip.companies.models import Grant, Member, User
from paperclip.core.errors import Forbidden

_ABOVE_ALL = max(ROLE_RANKS.values()) + 1


def of_role(role: str | None) -> int:
    """Return how high a role stands; higher numbers stand above lower ones."""
    return ROLE_RANKS[role]


def of_actor(actor: Actor, company_id: UUID) -> int:
    """Return how high the caller stands in a company: an instance admin, and the product itself, above all."""
    if actor.is_instance_admin or actor.system_name is not None:
        return _ABOVE_ALL
    if actor.user is not None:
        membership = actor.memberships.get(company_id)
        return of_role(membership.role) if membership is not None and membership.is_active else 0
    if actor.agent is None:
        return 0
    place = Member.objects.filter(
        company_id=company_id,
        principal_type=PrincipalType.AGENT,
        principal_id=actor.agent.id,
        status=MemberStatus.ACTIVE,
    ).first()
    return of_role(place.membership_role) if place is not None else 0


def require_role_within_reach(actor: Actor, company_id: UUID, role: str | None) -> None:
    """Raise Forbidden for a role above the caller's own."""
    if of_role(role) > of_actor(actor, company_id):
        raise Forbidden("You cannot give a role above your own")


def require_not_above(actor: Actor, member: Member) -> None:
    """Raise Forbidden when the member stands above the caller."""
    if of_role(member.membership_role) > of_actor(actor, member.company_id):
        raise Forbidden("You cannot change somebody above your own role")


def require_held(actor: Actor, member: Member, keys: Collection[str]) -> None:
    """Raise Forbidden for a permission the caller does not hold and would give; what the member has stays free."""
    if actor.is_instance_admin or actor.system_name is not None:
        return
    kept = Grant.objects.filter(
        company_id=member.company_id, principal_type=member.principal_type, principal_id=member.principal_id
    ).values_list("permission_key", flat=True)
    for key in sorted(set(keys) - set(kept)):
        if not auth.has_permission(actor, member.company_id, key):
            raise Forbidden(f"You cannot grant what you do not hold: {key}")


def reason_to_keep(member: Member, user: User | None, actor: Actor, *, own_rank: int) -> str | None:
    """Return why the caller, who stands at `own_rank`, cannot archive a person, or None when they can (C-35)."""
    if member.principal_id == actor.user_id:
        return "You cannot remove yourself"
    if user is not None and user.is_superuser:
        return "Instance admins cannot be removed"
    if member.membership_role == MemberRole.OWNER:
        return "Owners cannot be removed"
    if member.membership_role == MemberRole.ADMIN:
        return "Admins cannot be removed"
    if of_role(member.membership_role) >= own_rank:
        return "You can only remove people below your own role"
    return None
