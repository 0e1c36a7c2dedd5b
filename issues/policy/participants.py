"""Whether those a policy names exist and can be asked (IW-30)."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from issues.policy.shapes import AGENT, USER, Policy, Principal
from paperclip.companies.choices import AGENT_UNASSIGNABLE, MemberStatus, PrincipalType
from paperclip.companies.models import Agent, Member
from paperclip.core.errors import Unprocessable


def require_known(company_id: UUID, policy: Policy | None, before: Policy | None) -> None:
    """Raise Unprocessable for a participant that the company has not, or that has left.

    Those of the policy `before` are not asked about: a policy that is sent back may name somebody who left since.
    """
    known = set(before.principals) if before is not None else set()
    new = [each for each in policy.principals if each not in known] if policy is not None else []
    missing = [each for each in new if each in gone(company_id, new)] if new else []
    if missing:
        details = {"participants": [each.told() for each in missing]}
        raise Unprocessable("Execution policy names participants the company does not have", details=details)


def gone(company_id: UUID, principals: Collection[Principal]) -> frozenset[Principal]:
    """Return those of `principals` who cannot be given work; a paused agent can."""
    agents = [each.id for each in principals if each.type == AGENT]
    people = [each.id for each in principals if each.type == USER]
    here: set[tuple[str, str]] = set()
    if agents:
        rows = Agent.objects.filter(company_id=company_id, pk__in=agents)
        ids = rows.exclude(status__in=AGENT_UNASSIGNABLE).values_list("pk", flat=True)
        here |= {(AGENT, str(agent_id)) for agent_id in ids}
    if people:
        members = Member.objects.filter(
            company_id=company_id,
            principal_type=PrincipalType.USER,
            status=MemberStatus.ACTIVE,
            principal_id__in=people,
        )
        here |= {(USER, str(user_id)) for user_id in members.values_list("principal_id", flat=True)}
    return frozenset(each for each in principals if (each.type, each.id) not in here)
