"""A company gathered into a package: what is asked for, in a fixed order, without its secrets (C-106)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from issues.choices import ORIGIN_ONE_OPEN
from issues.models import Issue, IssueLabel, Relation
from paperclip.companies import instructions, skills
from paperclip.companies.choices import BUNDLE_ADAPTERS, AgentStatus
from paperclip.companies.models import Agent, Asset, Company, CompanyLogo, Goal, Project
from paperclip.core import naming, storage
from paperclip.core.errors import Refusal, Unprocessable
from paperclip.portability import secrecy, writing
from paperclip.portability.choices import DEFAULT_PARTS, InputKind, Part
from paperclip.portability.secrecy import Scrubber
from paperclip.portability.shapes import (
    AgentPart,
    CompanyPart,
    EnvInput,
    GoalPart,
    IssuePart,
    Logo,
    Package,
    ProjectPart,
    RoutinePart,
    SkillPart,
    TriggerPart,
)
from routines.choices import RoutineStatus, TriggerKind
from routines.models import Routine, Trigger
from workspaces import project_workspaces
from workspaces.models import ProjectWorkspace

MAX_ISSUES = 5_000

_LOGO_SUFFIXES = {
    "image/png": "png", "image/jpeg": "jpg", "image/jpg": "jpg", "image/gif": "gif", "image/webp": "webp",
    "image/svg+xml": "svg",
}  # fmt: skip
_LOGO_MAX_BYTES = 2 * 1024 * 1024
# Columns of a company that a new one takes over, as a package spells them.
COMPANY_SETTINGS = {
    "budgetMonthlyCents": "budget_monthly_cents",
    "attachmentMaxBytes": "attachment_max_bytes",
    "maxConcurrentRuns": "max_concurrent_runs",
    "requireBoardApprovalForNewAgents": "require_board_approval_for_new_agents",
}
WORKSPACE_COLUMNS = (
    "name", "source_type", "cwd", "repo_url", "repo_ref", "default_ref", "visibility", "setup_command",
    "cleanup_command", "remote_provider", "remote_workspace_ref", "is_primary",
)  # fmt: skip


@dataclass(frozen=True)
class Wish:
    """What is to be exported. Lists name things by slug, id or, for issues, identifier; empty means all of them."""

    parts: Collection[str] = DEFAULT_PARTS
    agents: Sequence[str] = ()
    projects: Sequence[str] = ()
    issues: Sequence[str] = ()
    project_issues: Sequence[str] = ()
    skills: Sequence[str] = ()
    selected_files: Sequence[str] = ()
    expand_skills: bool = False
    sidebar: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Gathered:
    """A package, and what a person should know of what is not in it."""

    package: Package
    warnings: Sequence[str]


def gather(company: Company, wish: Wish) -> Gathered:
    """Return the package a wish comes to. Raises Unprocessable for more issues than a package takes."""
    values, warnings = secrecy.known_values(company.pk)
    return _Gathering(company, wish, Scrubber(values), list(warnings)).whole()


class _Gathering:
    """One pass over a company; what later steps name things by is collected by the earlier ones."""

    def __init__(self, company: Company, wish: Wish, scrub: Scrubber, warnings: list[str]) -> None:
        self.company, self.wish, self.scrub, self.warnings = company, wish, scrub, warnings
        self.inputs: list[EnvInput] = []
        self.goal_slugs: dict[UUID, str] = {}
        self.agent_slugs: dict[UUID, str] = {}
        self.project_slugs: dict[UUID, str] = {}
        self.labels: dict[str, str] = {}
        self.task_slugs: set[str] = set()

    def whole(self) -> Gathered:
        """Gather in the order in which things name each other."""
        agents = self._chosen_agents()
        projects = self._chosen_projects()
        goals = self._goals() if Part.COMPANY in self.wish.parts else ()
        agent_parts = tuple(self._agent(agent) for agent in agents)
        project_parts = self._projects(projects)
        package = Package(
            company=self._company() if Part.COMPANY in self.wish.parts else None,
            goals=goals,
            agents=agent_parts,
            projects=project_parts,
            issues=self._issues()
            if self._wants(Part.ISSUES, self.wish.issues, self.wish.project_issues)
            else (),
            routines=self._routines() if Part.ISSUES in self.wish.parts else (),
            labels=dict(sorted(self.labels.items())),
            skills=self._skills(agent_parts),
            env_inputs=tuple(self.inputs),
            sidebar=self._sidebar(),
        )
        return Gathered(package, list(dict.fromkeys(self.warnings)))

    def _wants(self, part: Part, *named: Sequence[str]) -> bool:
        return part in self.wish.parts or any(named)

    # --- Company and goals -------------------------------------------------------------------------------

    def _company(self) -> CompanyPart:
        settings = {name: getattr(self.company, column) for name, column in COMPANY_SETTINGS.items()}
        return CompanyPart(
            name=self._text(self.company.name, "COMPANY.md: name") or self.company.issue_prefix,
            description=self._text(self.company.description, "COMPANY.md"),
            brand_color=self.company.brand_color,
            settings={name: value for name, value in settings.items() if value is not None},
            logo=self._logo(),
        )

    def _logo(self) -> Logo | None:
        asset_id = CompanyLogo.objects.filter(company=self.company).values_list("asset_id", flat=True).first()
        asset = Asset.objects.filter(pk=asset_id).first() if asset_id is not None else None
        suffix = _LOGO_SUFFIXES.get(asset.content_type) if asset is not None else None
        if asset is None or suffix is None:
            return None
        if asset.byte_size > _LOGO_MAX_BYTES:
            self.warnings.append(f"The logo is larger than {_LOGO_MAX_BYTES} bytes and is left out")
            return None
        with storage.open_file(asset.sha256) as file:
            content = file.read()
        return Logo(f"images/company-logo.{suffix}", content, asset.content_type)

    def _goals(self) -> tuple[GoalPart, ...]:
        rows = list(Goal.objects.filter(company=self.company).order_by("created_at", "id"))
        titles = {row.pk: self._text(row.title, f"goal {row.title[:40]}") for row in rows}
        self.goal_slugs = slugs(((row.pk, titles[row.pk] or "") for row in rows), "goal")
        return tuple(
            GoalPart(
                slug=self.goal_slugs[row.pk],
                title=titles[row.pk] or "",
                description=self._text(row.description, f"goal {self.goal_slugs[row.pk]}"),
                level=row.level,
                status=row.status,
                parent=self.goal_slugs.get(row.parent_id) if row.parent_id else None,
                owner=self.agent_slugs.get(row.owner_agent_id) if row.owner_agent_id else None,
            )
            for row in rows
        )

    # --- Agents ------------------------------------------------------------------------------------------

    def _chosen_agents(self) -> list[Agent]:
        if not self._wants(Part.AGENTS, self.wish.agents):
            return []
        rows = Agent.objects.filter(company=self.company).exclude(status=AgentStatus.TERMINATED)
        agents = list(rows.order_by("created_at", "id"))
        waiting = [agent for agent in agents if agent.status == AgentStatus.PENDING_APPROVAL]
        for agent in waiting:
            self.warnings.append(f"{self.scrub.text(agent.name)} awaits the board's approval and is left out")
        agents = [agent for agent in agents if agent.status != AgentStatus.PENDING_APPROVAL]
        known = slugs(((agent.pk, self.scrub.text(agent.name)) for agent in agents), "agent")
        chosen = self._named(agents, known, self.wish.agents, "agent")
        self.agent_slugs = {agent.pk: known[agent.pk] for agent in chosen}
        return chosen

    def _agent(self, agent: Agent) -> AgentPart:
        slug = self.agent_slugs[agent.pk]
        path = writing.agent_path(slug)
        if agent.reports_to_id is not None and agent.reports_to_id not in self.agent_slugs:
            self.warnings.append(f"agents/{slug}: the manager is not in the package")
        config, runtime = self._configs(agent, slug)
        entry, files = self._instructions(agent, slug, config)
        return AgentPart(
            slug=slug,
            name=self._text(agent.name, f"{path}: name") or slug,
            path=path,
            title=self._text(agent.title, f"{path}: title"),
            role=agent.role,
            icon=agent.icon,
            capabilities=self._text(agent.capabilities, f"agents/{slug}: capabilities"),
            reports_to=self.agent_slugs.get(agent.reports_to_id) if agent.reports_to_id else None,
            skills=tuple(self.scrub.text(name) for name in skills.wanted(agent.adapter_config)),
            adapter_type=agent.adapter_type,
            adapter_config=config,
            runtime_config=runtime,
            can_create_agents=agent.can_create_agents,
            budget_monthly_cents=agent.budget_monthly_cents,
            metadata=self._config(agent.metadata, f"agents/{slug}: metadata") if agent.metadata else None,
            entry_file=entry,
            files=files,
        )

    def _configs(self, agent: Agent, slug: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the adapter's and the runtime configuration without environment; note the variables."""
        runtime = dict(agent.runtime_config)
        profile = secrecy.profile_config(runtime)
        if profile:
            cheap = {
                **runtime["modelProfiles"]["cheap"],
                "adapterConfig": _without(profile, secrecy.NOT_CARRIED),
            }
            runtime["modelProfiles"] = {**runtime["modelProfiles"], "cheap": cheap}
        kinds = secrecy.environment(profile.get("env")) | secrecy.environment(agent.adapter_config.get("env"))
        self._ask(kinds, agent_slug=slug)
        config = _without(agent.adapter_config, secrecy.NOT_CARRIED)
        for name, value in config.items():
            if isinstance(value, str) and value.startswith("/"):
                self.warnings.append(f"agents/{slug}: adapterConfig.{name} is a path of this host")
        return (
            self._config(config, f"agents/{slug}: adapterConfig"),
            self._config(runtime, f"agents/{slug}: runtimeConfig"),
        )

    def _instructions(
        self, agent: Agent, slug: str, config: dict[str, Any]
    ) -> tuple[str | None, Mapping[str, str]]:
        """Return the entry file and the texts of an agent's instructions; an old prompt template becomes one."""
        if instructions.root_of(agent) is not None:
            return self._bundle(agent, slug)
        template = next(
            (config[key] for key in instructions.LEGACY_KEYS if isinstance(config.get(key), str)), None
        )
        if template and agent.adapter_type in BUNDLE_ADAPTERS:
            for key in instructions.LEGACY_KEYS:
                config.pop(key, None)
            self.warnings.append(f"agents/{slug}: its prompt template has become its instructions")
            return instructions.DEFAULT_ENTRY, {instructions.DEFAULT_ENTRY: template}
        if agent.adapter_config.get(instructions.PATH_KEY):
            self.warnings.append(
                f"agents/{slug}: its instructions are a single file of this host and are left out"
            )
        return None, {}

    def _bundle(self, agent: Agent, slug: str) -> tuple[str | None, Mapping[str, str]]:
        entry, texts = instructions.entry_of(agent), dict[str, str]()
        for file in instructions.bundle(agent).files:
            place = f"agents/{slug}/{file.path}"
            if file.path == writing.AGENT_FILE != entry:
                self.warnings.append(
                    f"{place} is left out: the entry file {entry} takes its place in the package"
                )
                continue
            try:
                content = instructions.read(agent, file.path).content or ""
            except Refusal as refusal:
                self.warnings.append(f"{place} is left out: {refusal.message}")
                continue
            texts[file.path] = self._text(content, place) or ""
        if entry not in texts:
            self.warnings.append(f"agents/{slug}: the entry file {entry} cannot be read")
        return entry, {entry: "", **texts}

    # --- Projects ----------------------------------------------------------------------------------------

    def _chosen_projects(self) -> list[Project]:
        if not self._wants(Part.PROJECTS, self.wish.projects, self.wish.project_issues):
            return []
        rows = Project.objects.filter(company=self.company, archived_at__isnull=True)
        projects = list(rows.order_by("created_at", "id").prefetch_related("goal_links"))
        known = slugs(((project.pk, self.scrub.text(project.name)) for project in projects), "project")
        is_everything = Part.PROJECTS in self.wish.parts and not self.wish.projects
        wanted = () if is_everything else [*self.wish.projects, *self.wish.project_issues]
        chosen = self._named(projects, known, wanted, "project")
        self.project_slugs = {project.pk: known[project.pk] for project in chosen}
        return chosen

    def _projects(self, projects: Sequence[Project]) -> tuple[ProjectPart, ...]:
        workspaces = project_workspaces.of_projects([project.pk for project in projects])
        return tuple(self._project(project, workspaces[project.pk]) for project in projects)

    def _project(self, project: Project, workspaces: Sequence[ProjectWorkspace]) -> ProjectPart:
        slug = self.project_slugs[project.pk]
        path = writing.project_path(slug)
        self._ask(secrecy.environment(project.env), project_slug=slug)
        links = [link.goal_id for link in project.goal_links.all()]
        policy = project.execution_workspace_policy
        return ProjectPart(
            slug=slug,
            name=self._text(project.name, f"{path}: name") or slug,
            path=path,
            description=self._text(project.description, path),
            status=project.status,
            target_date=project.target_date.isoformat() if project.target_date else None,
            color=project.color,
            lead=self.agent_slugs.get(project.lead_agent_id) if project.lead_agent_id else None,
            goals=tuple(self.goal_slugs[goal_id] for goal_id in links if goal_id in self.goal_slugs),
            policy=self._config(policy, f"projects/{slug}: executionWorkspacePolicy") if policy else None,
            workspaces=tuple(self._workspace(workspace, slug) for workspace in workspaces),
        )

    def _workspace(self, workspace: ProjectWorkspace, slug: str) -> dict[str, Any]:
        values = {naming.camel(column): getattr(workspace, column) for column in WORKSPACE_COLUMNS}
        values["repoUrl"] = secrecy.without_credentials(workspace.repo_url)
        if values["repoUrl"] != workspace.repo_url:
            self.warnings.append(f"projects/{slug}: the password in the repository's address is left out")
        if workspace.cwd:
            self.warnings.append(f"projects/{slug}: its folder is a path of this host")
        said = {name: value for name, value in values.items() if value not in (None, "", False)}
        return self._config(said, f"projects/{slug}: workspace")

    # --- Issues and routines -----------------------------------------------------------------------------

    def _issues(self) -> tuple[IssuePart, ...]:
        rows = self._chosen_issues()
        titles = {row.pk: self._text(row.title, f"issue {row.identifier}: title") or "" for row in rows}
        known = slugs(((row.pk, titles[row.pk]) for row in rows), "task")
        self.task_slugs = set(known.values())
        ids = list(known)
        blockers = _grouped(
            Relation.objects.filter(related_issue_id__in=ids, issue_id__in=ids, type="blocks")
            .order_by("issue__issue_number")
            .values_list("related_issue_id", "issue_id")
        )
        labels = _grouped(
            IssueLabel.objects.filter(issue_id__in=ids)
            .order_by("label__name")
            .values_list("issue_id", "label__name")
        )
        colors = (
            IssueLabel.objects.filter(issue_id__in=ids).values_list("label__name", "label__color").distinct()
        )
        self.labels = {self.scrub.text(name): color for name, color in colors}
        in_hands = sum(row.assignee_user_id is not None for row in rows)
        if in_hands:
            self.warnings.append(f"{in_hands} of the issues are in people's hands; a package names no people")
        stages = sum(row.execution_policy is not None for row in rows)
        if stages:
            self.warnings.append(f"{stages} of the issues have review stages or monitors, which stay behind")
        return tuple(
            IssuePart(
                slug=known[row.pk],
                title=titles[row.pk],
                path=writing.task_path(known[row.pk]),
                description=self._text(row.description, writing.task_path(known[row.pk])),
                status=row.status,
                priority=row.priority,
                work_mode=row.work_mode,
                project=self.project_slugs.get(row.project_id) if row.project_id else None,
                parent=known.get(row.parent_id) if row.parent_id else None,
                goal=self.goal_slugs.get(row.goal_id) if row.goal_id else None,
                assignee=self.agent_slugs.get(row.assignee_agent_id) if row.assignee_agent_id else None,
                blocked_by=tuple(known[blocker] for blocker in blockers.get(row.pk, ())),
                labels=tuple(self.scrub.text(name) for name in labels.get(row.pk, ())),
                billing_code=self._text(row.billing_code, f"issue {row.identifier}: billingCode"),
            )
            for row in rows
        )

    def _chosen_issues(self) -> list[Issue]:
        """Return the visible issues that people and agents made; what recovery made is about this company's runs."""
        rows = Issue.objects.filter(company=self.company, hidden_at__isnull=True)
        rows = rows.exclude(origin_kind__in=ORIGIN_ONE_OPEN).order_by("issue_number")
        named = {name.strip().lower() for name in self.wish.issues}
        if not named and not self.wish.project_issues:
            return self._bounded(list(rows.filter(company=self.company)[: MAX_ISSUES + 1]))
        projects = self._of_projects(self.wish.project_issues)
        found = [
            row
            for row in rows.iterator()
            if row.project_id in projects
            or not named.isdisjoint((str(row.pk), row.identifier.lower(), naming.slug(row.title)))
        ]
        if not found:
            self.warnings.append("None of the issues that were asked for exists")
        return self._bounded(found)

    def _bounded(self, rows: list[Issue]) -> list[Issue]:
        if len(rows) > MAX_ISSUES:
            raise Unprocessable(
                f"A package takes at most {MAX_ISSUES} issues; name issues, or projects whose issues are wanted"
            )
        return rows

    def _of_projects(self, wanted: Sequence[str]) -> set[UUID]:
        names = {name.strip().lower() for name in wanted}
        return {pk for pk, slug in self.project_slugs.items() if slug in names or str(pk) in names}

    def _routines(self) -> tuple[RoutinePart, ...]:
        if self.wish.issues or self.wish.project_issues:
            return ()
        rows = Routine.objects.filter(company=self.company).exclude(status=RoutineStatus.ARCHIVED)
        routines = list(rows.order_by("created_at", "id"))
        titles = {row.pk: self._text(row.title, f"routine {row.pk}: title") or "" for row in routines}
        known = slugs(((row.pk, titles[row.pk]) for row in routines), "routine", taken=self.task_slugs)
        triggers: dict[UUID, list[Trigger]] = {}
        for trigger in Trigger.objects.filter(company=self.company).order_by("created_at", "id"):
            triggers.setdefault(trigger.routine_id, []).append(trigger)
        return tuple(
            self._routine(row, known[row.pk], titles[row.pk], triggers.get(row.pk, [])) for row in routines
        )

    def _variable(self, variable: Mapping[str, Any], path: str) -> dict[str, Any]:
        """Return what is declared of a variable; one whose default stays behind is asked for no more."""
        said = self._config(variable, f"{path}: variables")
        return said if "defaultValue" in said else {**said, "required": False}

    def _routine(self, row: Routine, slug: str, title: str, triggers: Iterable[Trigger]) -> RoutinePart:
        path = writing.task_path(slug)
        triggers = list(triggers)
        if any(trigger.kind != TriggerKind.SCHEDULE for trigger in triggers):
            self.warnings.append(
                f"{path}: triggers that are no schedules stay behind, for others hold their keys"
            )
        return RoutinePart(
            slug=slug,
            title=title,
            path=path,
            description=self._text(row.description, path),
            priority=row.priority,
            project=self.project_slugs.get(row.project_id) if row.project_id else None,
            goal=self.goal_slugs.get(row.goal_id) if row.goal_id else None,
            assignee=self.agent_slugs.get(row.assignee_agent_id) if row.assignee_agent_id else None,
            concurrency_policy=row.concurrency_policy,
            catch_up_policy=row.catch_up_policy,
            variables=tuple(self._variable(variable, path) for variable in row.variables),
            triggers=tuple(
                TriggerPart(
                    trigger.cron_expression or "",
                    trigger.timezone or "",
                    self._text(trigger.label, f"{path}: trigger"),
                    trigger.enabled,
                )
                for trigger in triggers
                if trigger.kind == TriggerKind.SCHEDULE
            ),
        )

    # --- Skills and order --------------------------------------------------------------------------------

    def _skills(self, agents: Sequence[AgentPart]) -> tuple[SkillPart, ...]:
        if not self._wants(Part.SKILLS, self.wish.skills) and not self.wish.expand_skills:
            return ()
        wanted = {name for agent in agents for name in agent.skills}
        named = {name.strip().lower() for name in self.wish.skills}
        found = [
            skill
            for skill in skills.catalogue()
            if (skill.key.lower() in named or skill.name.lower() in named if named else True)
            and (Part.SKILLS in self.wish.parts or skill.key in wanted or named)
        ]
        return tuple(
            SkillPart(
                slug=naming.slug(skill.name),
                key=skill.key,
                name=skill.name,
                path=writing.skill_path(naming.slug(skill.name)),
                description=skill.description,
                text=skill.path.read_text() if self.wish.expand_skills else "",
            )
            for skill in found
        )

    def _sidebar(self) -> dict[str, tuple[str, ...]]:
        known = {"agents": self.agent_slugs, "projects": self.project_slugs}
        ordered: dict[str, tuple[str, ...]] = {}
        for kind, by_id in known.items():
            names = {str(pk): slug for pk, slug in by_id.items()} | {slug: slug for slug in by_id.values()}
            asked = (names[name] for name in self.wish.sidebar.get(kind, ()) if name in names)
            ordered[kind] = tuple(dict.fromkeys(asked))
        return {kind: slugs for kind, slugs in ordered.items() if slugs}

    # --- Pieces ------------------------------------------------------------------------------------------

    def _named(
        self, rows: Sequence[Any], known: Mapping[UUID, str], wanted: Sequence[str], what: str
    ) -> list[Any]:
        if not wanted:
            return list(rows)
        names = {name.strip().lower() for name in wanted}
        chosen = [row for row in rows if not names.isdisjoint((known[row.pk], str(row.pk), row.url_key))]
        found = {name for row in chosen for name in (known[row.pk], str(row.pk), row.url_key)}
        self.warnings += [f"There is no {what} {name[:80]!r}" for name in sorted(names - found)]
        return chosen

    def _ask(
        self, kinds: Mapping[str, str], *, agent_slug: str | None = None, project_slug: str | None = None
    ) -> None:
        for key, kind in sorted(kinds.items()):
            if self.scrub.text(key) == key:
                self.inputs.append(EnvInput(key, InputKind(kind).value, agent_slug, project_slug))

    def _text(self, value: str | None, where: str) -> str | None:
        if not value:
            return None
        clean = self.scrub.text(value)
        if clean != value:
            self.warnings.append(f"{self.scrub.text(where)}: what looks like a secret was taken out")
        return clean

    def _config(self, value: Mapping[str, Any], where: str) -> dict[str, Any]:
        clean, left_out = self.scrub.config(value)
        self.warnings += [f"{where}.{name} was left out: it looks like a secret" for name in left_out]
        return clean


def slugs(rows: Iterable[tuple[UUID, str]], kind: str, *, taken: Collection[str] = ()) -> dict[UUID, str]:
    """Return a slug for each row, by id: of its name, else of its kind; a number keeps those alike apart."""
    used, found = set(taken), dict[UUID, str]()
    for row_id, name in rows:
        base = naming.slug(name)[:80].strip("-") or kind
        slug, number = base, 1
        while slug in used:
            number += 1
            slug = f"{base}-{number}"
        used.add(slug)
        found[row_id] = slug
    return found


def _without(config: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name not in keys}


def _grouped(pairs: Iterable[tuple[UUID, Any]]) -> dict[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found
