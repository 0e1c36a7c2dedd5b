"""A company to take along, and the doors it goes through."""

from __future__ import annotations

from typing import Any

from issues import blockers, labels, lifecycle
from issues.models import Issue, IssueLabel, Relation
from paperclip.companies import actors, agents, goals, projects
from paperclip.companies.models import Agent, Company, Goal, Project, User
from paperclip.core import clock
from paperclip.portability import exports, imports
from paperclip.portability.faults import Findings
from paperclip.portability.importing import Result
from paperclip.portability.planning import Options, Plan
from paperclip.portability.taking.desk import Wish
from routines import lifecycle as routine_lifecycle
from routines import triggers
from routines.models import Routine
from tests import factories

EVERYTHING = ("company", "agents", "projects", "issues", "skills")
SECRET = "hunter2-but-long-4711"


def full() -> tuple[Company, User]:
    """A company with something of everything that a package holds, made by its verbs."""
    place = factories.company(name="Acme Rockets", description="We build rockets.\n", brand_color="#aa00ff")
    owner = factories.user(member_of=place, is_superuser=True)
    actor, now = actors.for_user(owner), clock.now()
    # One after another: lists are by age, and a package keeps their order.
    spec = {"company_id": place.pk, "actor": actor, "now": now}
    made: dict[str, Any] = {"company": place, "actor": actor}
    mission = goals.create(
        fields={"title": "To the Moon", "level": "company", "status": "active"}, now=now, **made
    )
    goals.create(fields={"title": "A pad", "level": "team", "parent_id": mission.pk}, now=clock.now(), **made)
    boss = agents.create(
        fields={
            "name": "Ada Boss",
            "role": "ceo",
            "adapter_type": "claude_local",
            "adapter_config": {"model": "opus", "env": {"API_TOKEN": SECRET, "MODE": "prod-mode"}},
            "runtime_config": {"heartbeat": {"enabled": True, "intervalSec": 3600}},
            "instructions_bundle": {
                "files": {"AGENTS.md": "# You are the boss\n", "notes/TONE.md": "Be kind.\n"}
            },
            "desired_skills": ["paperclip"],
            "budget_monthly_cents": 5000,
        },
        **made,
        now=clock.now(),
    )
    coder = agents.create(
        fields={
            "name": "Zoë 日本",
            "role": "engineer",
            "reports_to": boss.pk,
            "capabilities": "Writes code: yes",
        },
        **made,
        now=clock.now(),
    )
    agents.create(fields={"name": "日本", "reports_to": coder.pk}, now=clock.now(), **made)
    project = projects.create(
        fields={
            "name": "Launch pad",
            "lead_agent_id": coder.pk,
            "goal_ids": [mission.pk],
            "env": {"PAD_KEY": SECRET},
            "workspace": {"repoUrl": f"https://bot:{SECRET}@git.example.com/pad.git", "setupCommand": "make"},
        },
        **made,
        now=clock.now(),
    )
    label = labels.create(company_id=place.pk, name="urgent", color="#ff0000", actor=actor, now=now)
    first = lifecycle.create(
        fields={
            "title": "Pour concrete",
            "description": f"With care. password={SECRET}\n\n---\nnot: a header\n",
            "project_id": project.pk,
            "assignee_agent_id": coder.pk,
            "label_ids": [label.pk],
            "status": "todo",
        },
        **spec,
    )
    second = lifecycle.create(
        fields={"title": "Pour concrete", "blocked_by_issue_ids": [first.pk], "priority": "high"}, **spec
    )
    lifecycle.create(fields={"title": "Let it dry", "parent_id": second.pk, "status": "done"}, **spec)
    area = {
        "name": "area",
        "label": "Where",
        "type": "text",
        "defaultValue": "hall",
        "required": True,
        "options": [],
    }
    sweep = {"title": "Sweep the {{area}}", "assignee_agent_id": coder.pk, "variables": [area]}
    routine = routine_lifecycle.create(company_id=place.pk, fields=sweep, actor=actor, now=now)
    schedule = {"kind": "schedule", "cron_expression": "0 9 * * 1", "timezone": "Europe/Berlin"}
    schedule |= {"clock_changes": "as_shown", "grace_sec": 3600}
    triggers.create(routine_id=routine.pk, fields=schedule, actor=actor, now=now)
    return place, owner


def taken(place: Company, **wish: Any) -> exports.Export:
    """The whole company as files."""
    return exports.preview(company=place, wish=Wish(**{"parts": EVERYTHING} | wish))


def planned(files: Any, company: Company | None = None, **options: Any) -> Plan:
    """What an import of files would do; a new company unless one is given."""
    chosen = {"parts": EVERYTHING, "new_name": None if company else "Copy"} | options
    return imports.plan(files, Options(company, **chosen), Findings())


def brought(files: Any, owner: User, company: Company | None = None, **options: Any) -> Result:
    """An import that was carried out."""
    plan = planned(files, company, **options)
    assert not plan.errors, plan.errors
    return imports.apply(plan=plan, actor=actors.for_user(owner), now=clock.now())


def told(place: Company) -> dict[str, Any]:
    """What a company comes to, without ids, times and what never travels."""
    named = {row.pk: row.name for row in Agent.objects.filter(company=place)}
    places = {row.pk: row.name for row in Project.objects.filter(company=place)}
    issues = list(Issue.objects.filter(company=place).order_by("issue_number"))
    numbers = {row.pk: number for number, row in enumerate(issues)}
    return {
        "company": (place.description, place.brand_color, place.budget_monthly_cents),
        "goals": [
            (row.title, row.level, row.status, row.parent.title if row.parent else None)
            for row in Goal.objects.filter(company=place)
            .order_by("created_at", "id")
            .select_related("parent")
        ],
        "agents": [
            _agent(row, named) for row in Agent.objects.filter(company=place).order_by("created_at", "id")
        ],
        "projects": [
            (row.name, row.description, row.status, row.color, named.get(row.lead_agent_id))
            for row in Project.objects.filter(company=place).order_by("created_at", "id")
        ],
        "issues": [
            (
                row.title,
                row.description,
                row.status,
                row.priority,
                places.get(row.project_id),
                named.get(row.assignee_agent_id),
                numbers.get(row.parent_id),
            )
            for row in issues
        ],
        "blockers": sorted(
            (numbers[blocked], numbers[blocker])
            for blocked, blocker in Relation.objects.filter(company=place).values_list(
                "related_issue_id", "issue_id"
            )
        ),
        "labels": sorted(
            (numbers[issue], name, color)
            for issue, name, color in IssueLabel.objects.filter(company=place).values_list(
                "issue_id", "label__name", "label__color"
            )
        ),
        "routines": [
            (
                row.title,
                row.priority,
                row.variables,
                named.get(row.assignee_agent_id),
                row.triggers.values_list("cron_expression", "timezone", "clock_changes", "grace_sec").get(),
            )
            for row in Routine.objects.filter(company=place)
        ],
    }


def _agent(row: Agent, named: dict[Any, str]) -> tuple[Any, ...]:
    config = {
        name: value
        for name, value in row.adapter_config.items()
        if name != "env" and not name.startswith("instructions")
    }
    return (
        row.name,
        row.title,
        row.role,
        row.capabilities,
        named.get(row.reports_to_id),
        row.adapter_type,
        config,
        row.runtime_config,
        row.permissions,
        row.budget_monthly_cents,
    )


__all__ = ["blockers", "brought", "full", "planned", "taken", "told"]
