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


# Those that read a folder of instructions by themselves, and those that can be given skills.
BUNDLE_ADAPTERS = ("claude_local", "codex_local", "gemini_local", "opencode_local", "pi_local", "cursor")
SKILL_ADAPTERS = (*BUNDLE_ADAPTERS, "acpx_local")


class BundleMode(models.TextChoices):
    MANAGED = "managed"  # a folder of the product's own
    EXTERNAL = "external"  # a folder of the host that a person names


class SkillSync(models.TextChoices):
    ADD = "add"
    REMOVE = "remove"
    REPLACE = "replace"


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


class InviteType(models.TextChoices):
    COMPANY_JOIN = "company_join"
    BOOTSTRAP = "bootstrap_ceo"  # makes whoever follows it an instance admin


class JoinType(models.TextChoices):
    HUMAN = "human"
    AGENT = "agent"
    BOTH = "both"  # of invites only: whoever comes first


class JoinStatus(models.TextChoices):
    PENDING = "pending_approval"
    APPROVED = "approved"
    REJECTED = "rejected"


class InviteState(models.TextChoices):
    ACTIVE = "active"
    REVOKED = "revoked"
    ACCEPTED = "accepted"
    EXPIRED = "expired"


class CliAccess(models.TextChoices):
    BOARD = "board"
    INSTANCE_ADMIN = "instance_admin_required"


class ChallengeState(models.TextChoices):
    PENDING = "pending"
    APPROVED = "approved"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


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


# C-35: who stands above whom. A role that is not said counts as the lowest.
ROLE_RANKS: dict[str | None, int] = {
    MemberRole.OWNER: 4,
    MemberRole.ADMIN: 3,
    MemberRole.OPERATOR: 2,
    MemberRole.MEMBER: 2,
    MemberRole.VIEWER: 1,
    None: 1,
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


class SecretProvider(models.TextChoices):
    """Where the value of a secret lies (C-101)."""

    LOCAL = "local_encrypted", "Here, encrypted"
    AWS = "aws_secrets_manager", "AWS Secrets Manager"
    GCP = "gcp_secret_manager", "Google Secret Manager"
    VAULT = "vault", "HashiCorp Vault"


class SecretStatus(models.TextChoices):
    ACTIVE = "active"
    DISABLED = "disabled"  # switched off for a while: runs that need it fail
    ARCHIVED = "archived"  # put away; runs that still need it fail
    DELETED = "deleted"  # its values are destroyed; the row stays for the record


class SecretMode(models.TextChoices):
    MANAGED = "paperclip_managed"  # the value is kept here
    EXTERNAL = "external_reference"  # the value is fetched from where it lies


class SecretVersionStatus(models.TextChoices):
    CURRENT = "current"
    PREVIOUS = "previous"
    DISABLED = "disabled"
    DESTROYED = "destroyed"
    FAILED = "failed"


class SecretTarget(models.TextChoices):
    """What a secret can be bound to (C-101)."""

    AGENT = "agent"
    PROJECT = "project"
    ENVIRONMENT = "environment"
    ROUTINE = "routine"
    PLUGIN = "plugin"
    ISSUE = "issue"
    RUN = "run"
    SYSTEM = "system"


class SecretKeyStatus(models.TextChoices):
    CURRENT = "current"  # what is sealed now is sealed with it
    RETIRING = "retiring"  # what it sealed is being sealed anew
    RETIRED = "retired"  # nothing is sealed with it any more


class AccessOutcome(models.TextChoices):
    SUCCESS = "success"
    FAILURE = "failure"


class ProviderConfigStatus(models.TextChoices):
    READY = "ready"
    WARNING = "warning"  # its last health check failed
    DISABLED = "disabled"
