"""A package as values: what its files say, read or about to be written.

Things name each other by slug. A slug is unique among the things of its kind and stands in the path of its file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# A file is a text, or bytes where it is none.
File = str | bytes
Files = Mapping[str, File]


# Columns of a company that a new one takes over, as a package spells them.
COMPANY_SETTINGS = {
    "budgetMonthlyCents": "budget_monthly_cents",
    "attachmentMaxBytes": "attachment_max_bytes",
    "maxConcurrentRuns": "max_concurrent_runs",
    "requireBoardApprovalForNewAgents": "require_board_approval_for_new_agents",
}


@dataclass(frozen=True)
class EnvInput:
    """An environment variable that has to be given anew: the package names it and never says its value."""

    key: str
    kind: str
    agent_slug: str | None = None
    project_slug: str | None = None

    @property
    def owner(self) -> str:
        """Whom it belongs to, as people read it."""
        return f"agent {self.agent_slug}" if self.agent_slug is not None else f"project {self.project_slug}"


@dataclass(frozen=True)
class Logo:
    """The company's picture."""

    path: str
    content: bytes
    content_type: str


@dataclass(frozen=True)
class CompanyPart:
    """The company itself; `settings` are columns that a new company takes over."""

    name: str
    description: str | None = None
    brand_color: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    logo: Logo | None = None


@dataclass(frozen=True)
class GoalPart:
    slug: str
    title: str
    description: str | None = None
    level: str = "task"
    status: str = "planned"
    parent: str | None = None
    owner: str | None = None


@dataclass(frozen=True)
class AgentPart:
    """`entry_file` is None for an agent without instructions of its own; `files` has them by path."""

    slug: str
    name: str
    path: str
    title: str | None = None
    role: str = "general"
    icon: str | None = None
    capabilities: str | None = None
    reports_to: str | None = None
    skills: tuple[str, ...] = ()
    adapter_type: str = "process"
    adapter_config: Mapping[str, Any] = field(default_factory=dict)
    runtime_config: Mapping[str, Any] = field(default_factory=dict)
    can_create_agents: bool | None = None
    budget_monthly_cents: int = 0
    metadata: Mapping[str, Any] | None = None
    entry_file: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ProjectPart:
    slug: str
    name: str
    path: str
    description: str | None = None
    status: str = "backlog"
    target_date: str | None = None
    color: str | None = None
    lead: str | None = None
    goals: tuple[str, ...] = ()
    policy: Mapping[str, Any] | None = None
    workspaces: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class IssuePart:
    slug: str
    title: str
    path: str
    description: str | None = None
    status: str = "backlog"
    priority: str = "medium"
    work_mode: str = "standard"
    project: str | None = None
    parent: str | None = None
    goal: str | None = None
    assignee: str | None = None
    blocked_by: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    billing_code: str | None = None


@dataclass(frozen=True)
class TriggerPart:
    cron_expression: str
    timezone: str
    label: str | None = None
    enabled: bool = True
    clock_changes: str = "once"
    grace_sec: int | None = None


@dataclass(frozen=True)
class RoutinePart:
    slug: str
    title: str
    path: str
    description: str | None = None
    priority: str = "medium"
    project: str | None = None
    goal: str | None = None
    assignee: str | None = None
    concurrency_policy: str = "coalesce_if_active"
    catch_up_policy: str = "skip_missed"
    variables: tuple[Mapping[str, Any], ...] = ()
    triggers: tuple[TriggerPart, ...] = ()


@dataclass(frozen=True)
class SkillPart:
    """A skill the package names; `text` is what its file says."""

    slug: str
    key: str
    name: str
    path: str
    description: str = ""
    text: str = ""


@dataclass(frozen=True)
class Package:
    """Everything a package holds, in the order in which it is to be made."""

    company: CompanyPart | None = None
    goals: tuple[GoalPart, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    agents: tuple[AgentPart, ...] = ()
    projects: tuple[ProjectPart, ...] = ()
    issues: tuple[IssuePart, ...] = ()
    routines: tuple[RoutinePart, ...] = ()
    skills: tuple[SkillPart, ...] = ()
    env_inputs: tuple[EnvInput, ...] = ()
    sidebar: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
