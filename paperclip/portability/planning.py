"""What an import is going to do, worked out before anything is written (C-107)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from issues.choices import IssueStatus
from issues.models import Issue
from paperclip.companies import shortnames
from paperclip.companies.choices import AgentStatus
from paperclip.companies.models import Agent, Company, Goal, Project
from paperclip.core import naming
from paperclip.core.errors import Conflict
from paperclip.portability.choices import DEFAULT_PARTS, Action, Collision, Part
from paperclip.portability.shapes import AgentPart, EnvInput, Files, IssuePart, Package, RoutinePart

# Work that somebody is at is at rest in a package: nobody is at it in its new place.
_BEFORE_WORK = {IssueStatus.IN_PROGRESS: IssueStatus.TODO, IssueStatus.IN_REVIEW: IssueStatus.TODO}
_STARTS_PAUSED = "starts paused; resume it when it may work"


@dataclass(frozen=True)
class AdapterOverride:
    """Another way to run an agent than the package says."""

    adapter_type: str | None = None
    adapter_config: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Options:
    """How a package is to be imported; `company` is None for a new one. `agents` None is all of them."""

    company: Company | None
    new_name: str | None = None
    parts: Collection[str] = DEFAULT_PARTS
    agents: Collection[str] | None = None
    collision: str = Collision.RENAME
    names: Mapping[str, str] = field(default_factory=dict)
    adapters: Mapping[str, AdapterOverride] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """What becomes of one thing: `name` is what it will be called, `existing_id` what it meets, `reason` why."""

    slug: str
    action: str
    name: str
    existing_id: UUID | None = None
    reason: str | None = None
    status: str | None = None


@dataclass(frozen=True)
class Plan:
    """Everything an import does. With `errors` it cannot be carried out."""

    package: Package
    files: Files
    options: Options
    company_action: str
    company_name: str
    agents: Sequence[Step]
    projects: Sequence[Step]
    issues: Sequence[Step]
    routines: Sequence[Step]
    goals: Sequence[Step]
    env_inputs: Sequence[EnvInput]
    warnings: Sequence[str]
    errors: Sequence[str]

    @property
    def selected_agents(self) -> list[str]:
        """The slugs of the agents that are imported."""
        return [step.slug for step in self.agents if step.action != Action.SKIP]

    @property
    def needs_hiring(self) -> bool:
        """Whether agents are made or changed."""
        return bool(self.selected_agents)

    def adapter_of(self, agent: AgentPart) -> tuple[str, dict[str, Any]]:
        """Return how an agent is going to be run."""
        override = self.options.adapters.get(agent.slug)
        if override is None:
            return agent.adapter_type, dict(agent.adapter_config)
        kind = override.adapter_type or agent.adapter_type
        # A configuration belongs to its adapter: another adapter begins with what is given for it.
        base = dict(agent.adapter_config) if kind == agent.adapter_type else {}
        return kind, base | dict(override.adapter_config or {})


@dataclass(frozen=True)
class Present:
    """What the target company has by now, by the name it goes under in addresses, or by title."""

    agents: Mapping[str, tuple[UUID, str]] = field(default_factory=dict)
    projects: Mapping[str, tuple[UUID, str]] = field(default_factory=dict)
    issues: Mapping[tuple[str, UUID | None], Sequence[UUID]] = field(default_factory=dict)
    goals: Mapping[str, UUID] = field(default_factory=dict)
    prefixes: Collection[str] = ()


def look(company: Company | None) -> Present:
    """Return what is there already; nothing in a company that is yet to be made."""
    if company is None:
        return Present()
    agents = Agent.objects.filter(company=company).exclude(status=AgentStatus.TERMINATED)
    projects = Project.objects.filter(company=company)
    rows = Issue.objects.filter(company=company, hidden_at__isnull=True).order_by("issue_number")
    issues: dict[tuple[str, UUID | None], list[UUID]] = {}
    for issue_id, title, project in rows.values_list("pk", "title", "project_id"):
        issues.setdefault((title, project), []).append(issue_id)
    goals = Goal.objects.filter(company=company).order_by("-created_at", "-id")
    return Present(
        agents={naming.slug(name): (pk, name) for pk, name in agents.values_list("pk", "name")},
        projects={row.url_key: (row.pk, row.name) for row in projects.only("id", "name")},
        issues=issues,
        goals={title: pk for pk, title in goals.values_list("pk", "title")},
    )


def decide(
    package: Package,
    files: Files,
    options: Options,
    present: Present,
    *,
    errors: Iterable[str],
    warnings: Iterable[str],
) -> Plan:
    """Return what an import of `package` does to a company with `present` in it."""
    return _Deciding(package, files, options, present, list(errors), list(warnings)).whole()


class _Deciding:
    """One pass over a package: a step for each thing, and what a person should know."""

    def __init__(
        self,
        package: Package,
        files: Files,
        options: Options,
        present: Present,
        errors: list[str],
        warnings: list[str],
    ) -> None:
        self.package, self.files, self.options, self.present = package, files, options, present
        self.errors, self.warnings = errors, warnings
        self.project_ids: dict[str, UUID | None] = {}
        self.met: set[UUID] = set()

    def whole(self) -> Plan:
        """Decide about everything."""
        self._check_order()
        agents = self._agents()
        projects = self._projects()
        coming = {step.slug for step in (*agents, *projects) if step.action != Action.SKIP}
        inputs = [
            each for each in self.package.env_inputs if (each.agent_slug or each.project_slug) in coming
        ]
        action, name = self._company()
        return Plan(
            package=self.package,
            files=self.files,
            options=self.options,
            company_action=action,
            company_name=name,
            agents=agents,
            projects=projects,
            issues=self._issues({step.slug: step for step in agents}),
            routines=self._routines(),
            goals=self._goals(),
            env_inputs=inputs,
            warnings=list(dict.fromkeys(self.warnings)),
            errors=list(dict.fromkeys(self.errors)),
        )

    # --- The company -------------------------------------------------------------------------------------

    def _company(self) -> tuple[str, str]:
        company, part = self.options.company, self.package.company
        if company is None:
            name = (self.options.new_name or (part.name if part is not None else "")).strip()
            if not name:
                self.errors.append("target.newCompanyName: the package says no name, so one must be given")
            return Action.CREATE.value, name
        is_wanted = part is not None and Part.COMPANY in self.options.parts
        replaces = is_wanted and self.options.collision == Collision.REPLACE
        return (Action.UPDATE.value if replaces else "none"), company.name

    # --- Agents ------------------------------------------------------------------------------------------

    def _agents(self) -> list[Step]:
        known = {agent.slug for agent in self.package.agents}
        unknown = (set(self.options.agents or ()) | set(self.options.adapters)) - known
        self.errors += [f"agents: the package has no agent {slug[:80]!r}" for slug in sorted(unknown)]
        unnamed = set(self.options.names) - known - {project.slug for project in self.package.projects}
        self.errors += [f"nameOverrides: the package has no {slug[:80]!r}" for slug in sorted(unnamed)]
        if Part.AGENTS not in self.options.parts:
            return []
        taken = dict(self.present.agents)
        steps: list[Step] = []
        for agent in self.package.agents:
            if self.options.agents is not None and agent.slug not in self.options.agents:
                steps.append(Step(agent.slug, Action.SKIP, agent.name, reason="not selected"))
                continue
            step = self._meet(agent.slug, agent.name, taken, "agent")
            if step.action == Action.CREATE:
                taken.setdefault(naming.slug(step.name), (UUID(int=0), step.name))
            steps.append(step)
        return steps

    def _meet(self, slug: str, name: str, taken: Mapping[str, tuple[UUID, str]], what: str) -> Step:
        """Return what becomes of a thing whose name may be taken."""
        wanted = self.options.names.get(slug) or name
        key = naming.slug(wanted)
        met = taken.get(key) if key else None
        starts = _STARTS_PAUSED if what == "agent" else None
        if met is None:
            return Step(slug, Action.CREATE, wanted, reason=starts)
        is_new = met[0] == UUID(int=0)
        if self.options.collision == Collision.SKIP and not is_new:
            return Step(slug, Action.SKIP, met[1], met[0], f"{met[1]} is there already")
        if self.options.collision == Collision.REPLACE and not is_new:
            return Step(
                slug,
                Action.UPDATE,
                met[1],
                met[0],
                f"replaces what {met[1]} is set to; its environment stays",
            )
        try:
            free = shortnames.free_name(wanted, taken)
        except Conflict as refusal:
            self.errors.append(f"{what} {slug}: {refusal.message}")
            return Step(slug, Action.SKIP, wanted, reason=refusal.message)
        reason = f"{wanted} is taken; it comes as {free}"
        return Step(slug, Action.CREATE, free, reason=f"{reason}, and {starts}" if starts else reason)

    # --- Projects, goals, routines -----------------------------------------------------------------------

    def _projects(self) -> list[Step]:
        if Part.PROJECTS not in self.options.parts:
            return []
        taken = dict(self.present.projects)
        steps: list[Step] = []
        for project in self.package.projects:
            step = self._meet(project.slug, project.name, taken, "project")
            if step.action == Action.CREATE:
                taken.setdefault(naming.slug(step.name), (UUID(int=0), step.name))
            self.project_ids[project.slug] = step.existing_id
            steps.append(step)
        return steps

    def _goals(self) -> list[Step]:
        if Part.COMPANY not in self.options.parts:
            return []
        return [
            Step(goal.slug, Action.SKIP, goal.title, self.present.goals[goal.title], "is there already")
            if goal.title in self.present.goals
            else Step(goal.slug, Action.CREATE, goal.title)
            for goal in self.package.goals
        ]

    def _routines(self) -> list[Step]:
        if Part.ISSUES not in self.options.parts:
            return []
        return [
            Step(each.slug, Action.CREATE, each.title, reason="starts paused; switch it on when it may work")
            for each in self.package.routines
        ]

    # --- Issues ------------------------------------------------------------------------------------------

    def _issues(self, agents: Mapping[str, Step]) -> list[Step]:
        if Part.ISSUES not in self.options.parts:
            return []
        return [self._issue(issue, agents) for issue in self.package.issues]

    def _issue(self, issue: IssuePart, agents: Mapping[str, Step]) -> Step:
        status, reason = self._status(issue, agents)
        project_id = self.project_ids.get(issue.project) if issue.project is not None else None
        is_placed = issue.project is None or project_id is not None
        there = self.present.issues.get((issue.title, project_id), ()) if is_placed else ()
        # Of several of one title each is met once, in their order.
        met = next((issue_id for issue_id in there if issue_id not in self.met), None)
        if met is not None and self.options.collision != Collision.RENAME:
            self.met.add(met)
        if met is not None and self.options.collision == Collision.SKIP:
            return Step(issue.slug, Action.SKIP, issue.title, met, "an issue of this title is there already")
        if met is not None and self.options.collision == Collision.REPLACE:
            return Step(
                issue.slug, Action.UPDATE, issue.title, met, "replaces what the issue of this title says"
            )
        return Step(issue.slug, Action.CREATE, issue.title, None, reason, status)

    def _status(self, issue: IssuePart, agents: Mapping[str, Step]) -> tuple[str, str | None]:
        """Return the status an issue begins with: nothing that is imported gets an agent going by itself."""
        status = IssueStatus(issue.status)
        begun = _BEFORE_WORK.get(status, status)
        step = agents.get(issue.assignee) if issue.assignee is not None else None
        is_awake = step is not None and step.existing_id is not None
        if is_awake and begun in (IssueStatus.TODO, IssueStatus.BLOCKED):
            return (
                IssueStatus.BACKLOG.value,
                f"waits in the backlog, for {step.name if step else ''} is at work",
            )
        if begun != status:
            return begun.value, f"was {status.label.lower()}; nobody is at it here yet"
        return begun.value, None

    # --- Whether things fit together ---------------------------------------------------------------------

    def _check_order(self) -> None:
        agents, issues, goals = self.package.agents, self.package.issues, self.package.goals
        managers = {agent.slug: [agent.reports_to] if agent.reports_to else [] for agent in agents}
        self._check_links(managers, "agents", "reportsTo", "reports to")
        self._check_links(
            {goal.slug: [goal.parent] if goal.parent else [] for goal in goals}, "goals", "parent", "is below"
        )
        parents = {issue.slug: [issue.parent] if issue.parent else [] for issue in issues}
        self._check_links(parents, "tasks", "parent", "is below")
        self._check_links(
            {issue.slug: list(issue.blocked_by) for issue in issues}, "tasks", "blockedBy", "waits for"
        )
        known = {agent.slug for agent in agents}
        projects = {project.slug for project in self.package.projects}
        tasks: list[IssuePart | RoutinePart] = [*issues, *self.package.routines]
        for task in tasks:
            if task.assignee is not None and task.assignee not in known:
                self.warnings.append(
                    f"{task.path}: assignee: the package has no agent {task.assignee[:80]!r}"
                )
            if task.project is not None and task.project not in projects:
                self.warnings.append(
                    f"{task.path}: project: the package has no project {task.project[:80]!r}"
                )
        for label in sorted({name for issue in issues for name in issue.labels} - set(self.package.labels)):
            self.warnings.append(f"labels: {label[:48]!r} has no colour and is left out")

    def _check_links(self, links: Mapping[str, Sequence[str]], kind: str, name: str, word: str) -> None:
        for slug, others in links.items():
            self.warnings += [
                f"{kind}/{slug}: {name}: the package has no {other[:80]!r}"
                for other in others
                if other not in links
            ]
        circle = circle_in(links)
        if circle:
            self.errors.append(f"{kind}/{circle[0]}: {name}: goes in a circle: {f' {word} '.join(circle)}")


def circle_in(links: Mapping[str, Sequence[str]]) -> list[str]:
    """Return one circle among links, its first name again at the end; nothing when there is none."""
    done: set[str] = set()
    for start in links:
        path: list[str] = []
        stack: list[tuple[str, Iterable[str]]] = [(start, iter(links[start]))] if start not in done else []
        if stack:
            path.append(start)
        while stack:
            following = next(iter(stack[-1][1]), None)
            if following is None:
                done.add(stack.pop()[0])
                path.pop()
            elif following in path:
                return [*path[path.index(following) :], following]
            elif following in links and following not in done:
                path.append(following)
                stack.append((following, iter(links[following])))
    return []


def in_order(links: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the names of acyclic `links` so that each comes after those it links to, else in the order given."""
    placed: dict[str, None] = {}
    for start in links:
        stack = [start]
        while stack:
            waiting = [other for other in links[stack[-1]] if other in links and other not in placed]
            if waiting:
                stack.append(waiting[0])
            else:
                placed.setdefault(stack.pop())
    return list(placed)
