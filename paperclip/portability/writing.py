"""A package written to its files: Markdown for what people read, one sidecar for the rest (C-106).

The same package gives the same bytes. What has its default is not said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from paperclip.portability import markup
from paperclip.portability.shapes import (
    AgentPart,
    CompanyPart,
    EnvInput,
    File,
    GoalPart,
    IssuePart,
    Package,
    ProjectPart,
    RoutinePart,
    SkillPart,
)

COMPANY_FILE = "COMPANY.md"
SIDECAR = ".paperclip.yaml"
README = "README.md"
SCHEMA = "paperclip/v1"
AGENT_FILE, PROJECT_FILE, TASK_FILE, SKILL_FILE = "AGENTS.md", "PROJECT.md", "TASK.md", "SKILL.md"


def agent_path(slug: str) -> str:
    """Return where the file of an agent stands."""
    return f"agents/{slug}/{AGENT_FILE}"


def project_path(slug: str) -> str:
    """Return where the file of a project stands."""
    return f"projects/{slug}/{PROJECT_FILE}"


def task_path(slug: str) -> str:
    """Return where the file of an issue or of a routine stands."""
    return f"tasks/{slug}/{TASK_FILE}"


def skill_path(slug: str) -> str:
    """Return where the file of a skill stands."""
    return f"skills/{slug}/{SKILL_FILE}"


def files_of(package: Package) -> dict[str, File]:
    """Return the files of a package, sorted by path."""
    files: dict[str, File] = {SIDECAR: markup.dump(_sidecar(package)), README: _readme(package)}
    if package.company is not None:
        files[COMPANY_FILE] = _company(package.company)
        if package.company.logo is not None:
            files[package.company.logo.path] = package.company.logo.content
    for agent in package.agents:
        files |= _agent(agent)
    files |= {project.path: _project(project) for project in package.projects}
    files |= {issue.path: _issue(issue) for issue in package.issues}
    files |= {routine.path: _routine(routine) for routine in package.routines}
    files |= {skill.path: _skill(skill) for skill in package.skills}
    return dict(sorted(files.items()))


# --- Markdown --------------------------------------------------------------------------------------------


def _company(company: CompanyPart) -> str:
    return markup.joined({"name": company.name}, company.description or "")


def _agent(agent: AgentPart) -> dict[str, str]:
    head = _said(name=agent.name, title=agent.title, reportsTo=agent.reports_to, skills=list(agent.skills))
    folder = agent.path.rpartition("/")[0]
    body = agent.files.get(agent.entry_file, "") if agent.entry_file is not None else ""
    others = {f"{folder}/{name}": text for name, text in agent.files.items() if name != agent.entry_file}
    return others | {agent.path: markup.joined(head, body)}


def _project(project: ProjectPart) -> str:
    return markup.joined(_said(name=project.name, lead=project.lead), project.description or "")


def _issue(issue: IssuePart) -> str:
    head = _said(
        name=issue.title,
        project=issue.project,
        assignee=issue.assignee,
        parent=issue.parent,
        blockedBy=list(issue.blocked_by),
    )
    return markup.joined(head, issue.description or "")


def _routine(routine: RoutinePart) -> str:
    head = _said(name=routine.title, project=routine.project, assignee=routine.assignee, recurring=True)
    return markup.joined(head, routine.description or "")


def _skill(skill: SkillPart) -> str:
    if skill.text:
        return skill.text
    head = _said(name=skill.name, description=skill.description, key=skill.key)
    return markup.joined(head, "The text of this skill comes with Paperclip; the package only names it.\n")


def _readme(package: Package) -> str:
    name = package.company.name if package.company is not None else "A part of a company"
    counts = [
        _counted(len(package.agents), "agent"),
        _counted(len(package.projects), "project"),
        _counted(len(package.issues), "issue"),
        _counted(len(package.routines), "routine"),
    ]
    lines = [
        f"# {name}",
        "",
        f"A Paperclip package: {', '.join(count for count in counts if count) or 'no agents yet'}.",
        "",
        "Import it with `manage.py import_company <this folder> --dry-run --new NAME`, or on the board.",
        "Nothing in it is a secret: the environment variables below are named, and have to be given anew.",
        "",
    ]
    lines += [f"- `{each.key}` ({each.kind}) for {each.owner}" for each in package.env_inputs] or ["- none"]
    lines += [""]
    if package.agents:
        lines += ["| agent | reports to | role |", "|---|---|---|"]
        lines += [f"| `{each.slug}` | {each.reports_to or ''} | {each.role} |" for each in package.agents] + [
            ""
        ]
    return "\n".join(lines)


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}" if count else ""


# --- The sidecar -----------------------------------------------------------------------------------------


def _sidecar(package: Package) -> dict[str, Any]:
    inputs = package.env_inputs
    return _said(
        schema=SCHEMA,
        company=_company_extras(package.company) if package.company is not None else None,
        labels=dict(package.labels),
        goals={goal.slug: _goal(goal) for goal in package.goals},
        agents={agent.slug: _agent_extras(agent, inputs) for agent in package.agents},
        projects={project.slug: _project_extras(project, inputs) for project in package.projects},
        tasks={issue.slug: _issue_extras(issue) for issue in package.issues},
        routines={routine.slug: _routine_extras(routine) for routine in package.routines},
        sidebar={kind: list(slugs) for kind, slugs in package.sidebar.items() if slugs},
    )


def _company_extras(company: CompanyPart) -> dict[str, Any]:
    logo = company.logo.path if company.logo is not None else None
    return _said(brandColor=company.brand_color, logo=logo, settings=dict(company.settings))


def _goal(goal: GoalPart) -> dict[str, Any]:
    return _said(
        title=goal.title,
        description=goal.description,
        level=goal.level,
        status=goal.status,
        parent=goal.parent,
        owner=goal.owner,
    )


def _agent_extras(agent: AgentPart, inputs: Iterable[EnvInput]) -> dict[str, Any]:
    instructions = {"entryFile": agent.entry_file} if agent.entry_file is not None else None
    return _said(
        role=agent.role,
        icon=agent.icon,
        capabilities=agent.capabilities,
        adapter={"type": agent.adapter_type, "config": dict(agent.adapter_config)},
        runtime=dict(agent.runtime_config),
        permissions=_said(canCreateAgents=agent.can_create_agents),
        budgetMonthlyCents=agent.budget_monthly_cents or None,
        metadata=dict(agent.metadata) if agent.metadata else None,
        instructions=instructions,
        inputs=_inputs([each for each in inputs if each.agent_slug == agent.slug]),
    )


def _project_extras(project: ProjectPart, inputs: Iterable[EnvInput]) -> dict[str, Any]:
    return _said(
        status=project.status,
        targetDate=project.target_date,
        color=project.color,
        goals=list(project.goals),
        executionWorkspacePolicy=dict(project.policy) if project.policy else None,
        workspaces=[dict(workspace) for workspace in project.workspaces],
        inputs=_inputs([each for each in inputs if each.project_slug == project.slug]),
    )


def _issue_extras(issue: IssuePart) -> dict[str, Any]:
    return _said(
        status=issue.status,
        priority=issue.priority,
        workMode=issue.work_mode if issue.work_mode != "standard" else None,
        goal=issue.goal,
        labels=list(issue.labels),
        billingCode=issue.billing_code,
    )


def _routine_extras(routine: RoutinePart) -> dict[str, Any]:
    return _said(
        priority=routine.priority,
        goal=routine.goal,
        concurrencyPolicy=routine.concurrency_policy,
        catchUpPolicy=routine.catch_up_policy,
        variables=[_said(**variable) for variable in routine.variables],
        triggers=[
            _said(
                kind="schedule",
                cronExpression=trigger.cron_expression,
                timezone=trigger.timezone,
                label=trigger.label,
                enabled=trigger.enabled,
                clockChanges=trigger.clock_changes if trigger.clock_changes != "once" else None,
                graceSec=trigger.grace_sec,
            )
            for trigger in routine.triggers
        ],
    )


def _inputs(inputs: list[EnvInput]) -> dict[str, Any] | None:
    return {"env": {each.key: {"kind": each.kind} for each in inputs}} if inputs else None


def _said(**values: Any) -> dict[str, Any]:
    """Return what is worth saying: no nulls, and no empty lists or objects."""
    return {name: value for name, value in values.items() if value is not None and value not in ([], {}, "")}


def manifest_of(package: Package) -> Mapping[str, Any]:
    """Return a package as the interface shows it: what there is, and which inputs it asks for."""
    company = package.company
    return {
        "schema": SCHEMA,
        "company": None
        if company is None
        else {
            "path": COMPANY_FILE,
            "name": company.name,
            "description": company.description,
            "brandColor": company.brand_color,
            "logoPath": company.logo.path if company.logo is not None else None,
            **company.settings,
        },
        "goals": [{"slug": goal.slug, "title": goal.title, "parent": goal.parent} for goal in package.goals],
        "agents": [_agent_told(agent) for agent in package.agents],
        "projects": [_project_told(project) for project in package.projects],
        "issues": [_issue_told(issue) for issue in package.issues]
        + [_routine_told(each) for each in package.routines],
        "skills": [
            {
                "slug": each.slug,
                "key": each.key,
                "name": each.name,
                "path": each.path,
                "description": each.description,
            }
            for each in package.skills
        ],
        "envInputs": inputs_told(package.env_inputs),
        "sidebar": {"agents": [], "projects": []}
        | {kind: list(slugs) for kind, slugs in package.sidebar.items()},
    }


def inputs_told(inputs: Iterable[EnvInput]) -> list[dict[str, Any]]:
    """Return the inputs a package asks for, as the interface shows them."""
    return [
        {
            "key": each.key,
            "kind": each.kind,
            "description": None,
            "requirement": "required" if each.kind == "secret" else "optional",
            "defaultValue": None,
            "portability": "portable",
            "agentSlug": each.agent_slug,
            "projectSlug": each.project_slug,
        }
        for each in inputs
    ]


def _agent_told(agent: AgentPart) -> dict[str, Any]:
    return {
        "slug": agent.slug,
        "name": agent.name,
        "path": agent.path,
        "role": agent.role,
        "title": agent.title,
        "icon": agent.icon,
        "capabilities": agent.capabilities,
        "reportsToSlug": agent.reports_to,
        "skills": list(agent.skills),
        "adapterType": agent.adapter_type,
        "adapterConfig": dict(agent.adapter_config),
        "runtimeConfig": dict(agent.runtime_config),
        "permissions": {"canCreateAgents": bool(agent.can_create_agents)},
        "budgetMonthlyCents": agent.budget_monthly_cents,
        "metadata": agent.metadata,
    }


def _project_told(project: ProjectPart) -> dict[str, Any]:
    return {
        "slug": project.slug,
        "name": project.name,
        "path": project.path,
        "description": project.description,
        "status": project.status,
        "targetDate": project.target_date,
        "color": project.color,
        "leadAgentSlug": project.lead,
        "workspaces": [dict(workspace) for workspace in project.workspaces],
    }


def _issue_told(issue: IssuePart) -> dict[str, Any]:
    return {
        "slug": issue.slug,
        "title": issue.title,
        "path": issue.path,
        "status": issue.status,
        "priority": issue.priority,
        "projectSlug": issue.project,
        "parentSlug": issue.parent,
        "assigneeAgentSlug": issue.assignee,
        "blockedBySlugs": list(issue.blocked_by),
        "labels": list(issue.labels),
        "recurring": False,
    }


def _routine_told(routine: RoutinePart) -> dict[str, Any]:
    return {
        "slug": routine.slug,
        "title": routine.title,
        "path": routine.path,
        "status": "paused",
        "priority": routine.priority,
        "projectSlug": routine.project,
        "parentSlug": None,
        "assigneeAgentSlug": routine.assignee,
        "blockedBySlugs": [],
        "labels": [],
        "recurring": True,
    }
