"""Who acts: the caller of a request, or the system itself. Every doer is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from paperclip.companies.choices import ActorType, MemberRole, MemberStatus
from paperclip.companies.models import Agent, Member, User


@dataclass(frozen=True)
class Membership:
    """A person's place in one company."""

    company_id: UUID
    status: str
    role: str | None

    @property
    def is_active(self) -> bool:
        """Whether the person may act in the company at all."""
        return self.status == MemberStatus.ACTIVE

    @property
    def may_write(self) -> bool:
        """Whether the person may change anything in the company (C-24)."""
        return self.is_active and self.role != MemberRole.VIEWER


@dataclass(frozen=True)
class Actor:
    """The acting party (C-15). Exactly one of `user`, `agent` and `system_name` is set; none of them is nobody."""

    user: User | None = None
    agent: Agent | None = None
    system_name: str | None = None
    run_id: UUID | None = None
    source: str = "none"
    key_id: UUID | None = None
    memberships: dict[UUID, Membership] = field(default_factory=dict)

    @property
    def is_board(self) -> bool:
        """Whether a person acts."""
        return self.user is not None

    @property
    def is_agent(self) -> bool:
        """Whether an agent acts."""
        return self.agent is not None

    @property
    def is_nobody(self) -> bool:
        """Whether the caller is unknown."""
        return self.user is None and self.agent is None and self.system_name is None

    @property
    def is_instance_admin(self) -> bool:
        """Whether a person with every permission acts (C-23)."""
        return self.user is not None and self.user.is_superuser

    @property
    def company_ids(self) -> frozenset[UUID]:
        """The companies whose rows the actor may see."""
        if self.agent is not None:
            return frozenset([self.agent.company_id])
        return frozenset(self.memberships)

    @property
    def type(self) -> str:
        """How the actor is written to activity and wakeup rows."""
        if self.agent is not None:
            return ActorType.AGENT
        return ActorType.USER if self.user is not None else ActorType.SYSTEM

    @property
    def id(self) -> str:
        """The id written beside `type`."""
        if self.agent is not None:
            return str(self.agent.id)
        return str(self.user.id) if self.user is not None else self.system_name or "nobody"

    @property
    def agent_id(self) -> UUID | None:
        """The acting agent's id."""
        return self.agent.id if self.agent is not None else None

    @property
    def user_id(self) -> UUID | None:
        """The acting person's id."""
        return self.user.id if self.user is not None else None


NOBODY = Actor()


def system(name: str) -> Actor:
    """Return the actor for what the product does on its own, such as `heartbeat_scheduler`."""
    return Actor(system_name=name, source="system")


def for_agent(
    agent: Agent, *, run_id: UUID | None = None, source: str = "agent_key", key_id: UUID | None = None
) -> Actor:
    """Return the actor for `agent`, acting from `run_id` when it acts from a run."""
    return Actor(agent=agent, run_id=run_id, source=source, key_id=key_id)


def for_user(
    user: User, *, source: str = "session", run_id: UUID | None = None, key_id: UUID | None = None
) -> Actor:
    """Return the actor for a person, with every company they are a member of."""
    rows = Member.objects.filter(principal_type="user", principal_id=user.id).exclude(
        status=MemberStatus.ARCHIVED
    )
    memberships = {
        row.company_id: Membership(row.company_id, row.status, row.membership_role) for row in rows
    }
    return Actor(user=user, source=source, run_id=run_id, key_id=key_id, memberships=memberships)
