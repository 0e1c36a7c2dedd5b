"""Words of the companies floor, with their groups beside them."""

from __future__ import annotations

from django.db import models


class CompanyStatus(models.TextChoices):
    ACTIVE = "active"
    PAUSED = "paused"
    ARCHIVED = "archived"


class PauseReason(models.TextChoices):
    MANUAL = "manual"
    BUDGET = "budget"
    SYSTEM = "system"


class AgentStatus(models.TextChoices):
    ACTIVE = "active"  # ready, as the interface spells it for agents set so by hand
    IDLE = "idle"  # ready, nothing running
    RUNNING = "running"  # at least one run is live
    ERROR = "error"  # ready, its last run failed
    PAUSED = "paused"  # a person or a budget stopped it
    PENDING_APPROVAL = "pending_approval"  # hired, the board has not agreed yet
    TERMINATED = "terminated"  # gone for good; kept for the record


AGENT_NOT_INVOKABLE = (AgentStatus.PAUSED, AgentStatus.PENDING_APPROVAL, AgentStatus.TERMINATED)  # H-1
AGENT_UNASSIGNABLE = (AgentStatus.PENDING_APPROVAL, AgentStatus.TERMINATED)  # I-34
AGENT_READY = (AgentStatus.ACTIVE, AgentStatus.IDLE, AgentStatus.RUNNING, AgentStatus.ERROR)


class AgentRole(models.TextChoices):
    CEO = "ceo"
    CTO = "cto"
    CMO = "cmo"
    CFO = "cfo"
    SECURITY = "security"
    ENGINEER = "engineer"
    DESIGNER = "designer"
    PM = "pm"
    QA = "qa"
    DEVOPS = "devops"
    RESEARCHER = "researcher"
    GENERAL = "general"


AGENT_ICONS = (
    "bot",
    "cpu",
    "brain",
    "zap",
    "rocket",
    "code",
    "terminal",
    "shield",
    "eye",
    "search",
    "wrench",
    "hammer",
    "lightbulb",
    "sparkles",
    "star",
    "heart",
    "flame",
    "bug",
    "cog",
    "database",
    "globe",
    "lock",
    "mail",
    "message-square",
    "file-code",
    "git-branch",
    "package",
    "puzzle",
    "target",
    "wand",
    "atom",
    "circuit-board",
    "radar",
    "swords",
    "telescope",
    "microscope",
    "crown",
    "gem",
    "hexagon",
    "pentagon",
    "fingerprint",
)


# C-40: the adapter types the interface knows. Which of them can run here is for the run engine to say.
ADAPTER_TYPES = (
    "process", "http", "acpx_local", "claude_local", "codex_local", "cursor_cloud", "gemini_local", "opencode_local",
    "pi_local", "cursor", "openclaw_gateway",
)  # fmt: skip


class PrincipalType(models.TextChoices):
    USER = "user"
    AGENT = "agent"


class MemberStatus(models.TextChoices):
    PENDING = "pending"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    ARCHIVED = "archived"


class MemberRole(models.TextChoices):
    OWNER = "owner"
    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"
    MEMBER = "member"


class Permission(models.TextChoices):
    AGENTS_CREATE = "agents:create"
    ENVIRONMENTS_MANAGE = "environments:manage"
    USERS_INVITE = "users:invite"
    USERS_MANAGE_PERMISSIONS = "users:manage_permissions"
    TASKS_ASSIGN = "tasks:assign"
    TASKS_ASSIGN_SCOPE = "tasks:assign_scope"
    TASKS_MANAGE_ACTIVE_CHECKOUTS = "tasks:manage_active_checkouts"
    JOINS_APPROVE = "joins:approve"


# C-27: what a person is granted on joining with a role.
ROLE_GRANTS: dict[str, tuple[str, ...]] = {
    MemberRole.OWNER: (
        Permission.AGENTS_CREATE,
        Permission.USERS_INVITE,
        Permission.USERS_MANAGE_PERMISSIONS,
        Permission.TASKS_ASSIGN,
        Permission.JOINS_APPROVE,
    ),
    MemberRole.ADMIN: (
        Permission.AGENTS_CREATE,
        Permission.USERS_INVITE,
        Permission.TASKS_ASSIGN,
        Permission.JOINS_APPROVE,
    ),
    MemberRole.OPERATOR: (Permission.TASKS_ASSIGN,),
    MemberRole.MEMBER: (Permission.TASKS_ASSIGN,),
    MemberRole.VIEWER: (),
}


class ProjectStatus(models.TextChoices):
    BACKLOG = "backlog"
    PLANNED = "planned"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


PROJECT_COLORS = (
    "#6366f1", "#8b5cf6", "#ec4899", "#ef4444", "#f97316", "#eab308", "#22c55e", "#14b8a6", "#06b6d4", "#3b82f6"
)  # fmt: skip


class GoalLevel(models.TextChoices):
    COMPANY = "company"
    TEAM = "team"
    AGENT = "agent"
    TASK = "task"


class GoalStatus(models.TextChoices):
    PLANNED = "planned"
    ACTIVE = "active"
    ACHIEVED = "achieved"
    CANCELLED = "cancelled"


class ActorType(models.TextChoices):
    AGENT = "agent"
    USER = "user"
    SYSTEM = "system"
    PLUGIN = "plugin"


class RevisionSource(models.TextChoices):
    PATCH = "patch"
    ROLLBACK = "rollback"
    SKILL_SYNC = "skill-sync"
    INSTRUCTIONS_PATH_PATCH = "instructions_path_patch"
    INSTRUCTIONS_BUNDLE_PATCH = "instructions_bundle_patch"
    INSTRUCTIONS_BUNDLE_FILE_PUT = "instructions_bundle_file_put"
