"""A plan carried out: all of it, or nothing (C-107).

Nothing that comes in starts by itself: agents come paused, routines too, no issue calls anybody, and work that was
under way waits to be begun.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from issues import blockers, drafts, labels, locks, references, trail
from issues.fields import Fields
from issues.models import Issue, Label
from paperclip.companies import (
    activity,
    agents,
    assets,
    goals,
    instruction_changes,
    instructions,
    lifecycle,
    members,
    org,
    projects,
)
from paperclip.companies.actors import Actor
from paperclip.companies.choices import MemberRole, MemberStatus, PrincipalType
from paperclip.companies.models import Agent, Company, Goal, Grant, Member, Project
from paperclip.core.errors import Conflict, Unprocessable
from paperclip.core.storage import Incoming, Upload
from paperclip.portability import files as package_files
from paperclip.portability.choices import DONE, Action
from paperclip.portability.gathering import COMPANY_SETTINGS
from paperclip.portability.planning import Plan, Present, Step, in_order, look
from paperclip.portability.shapes import AgentPart, IssuePart, ProjectPart
from routines import lifecycle as routine_lifecycle
from routines import triggers
from routines.choices import RoutineStatus, TriggerKind
from workspaces import project_workspaces
from workspaces.inputs import ProjectWorkspaceIn

SOURCE = "company_import"

_Row = TypeVar("_Row", Agent, Project)


@dataclass
class Result:
    """What an import did. `ids` has what each slug has become, by kind."""

    company: Company
    company_action: str
    plan: Plan
    ids: dict[str, dict[str, UUID]] = field(
        default_factory=lambda: {"goals": {}, "agents": {}, "projects": {}, "issues": {}}
    )
    routine_ids: dict[str, UUID] = field(default_factory=dict)


def apply(*, plan: Plan, actor: Actor, now: datetime, people_of: Company | None = None) -> Result:
    """Carry out a plan and return what was done.

    `people_of` is the company whose active people join a new one; without it the person who imports owns it. Raises
    Unprocessable for a plan with errors, and whatever the verbs refuse; then nothing is kept, on disk neither.
    """
    if plan.errors:
        raise Unprocessable("The package cannot be imported", details={"errors": list(plan.errors)})
    importing = _Importing(plan, actor, now)
    try:
        with transaction.atomic():
            return importing.whole(people_of)
    except BaseException:
        for root in importing.written:
            shutil.rmtree(root, ignore_errors=True)
        raise


class _Importing:
    """One import, inside its transaction."""

    def __init__(self, plan: Plan, actor: Actor, now: datetime) -> None:
        self.plan, self.actor, self.now = plan, actor, now
        self.package = plan.package
        self.written: list[Path] = []  # folders of instructions, to be removed if the rows are not kept
        self.present = Present()
        self.agent_ids: dict[str, UUID] = {}
        self.label_ids: dict[str, UUID] = {}

    def whole(self, people_of: Company | None) -> Result:
        """1. the company; 2. goals and labels; 3. agents, managers first; 4. projects; 5. issues; 6. routines."""
        company = self._company(people_of)
        org.lock(company.pk)
        self.present = look(company)
        result = Result(company, _told(self.plan.company_action), self.plan)
        self.agent_ids = result.ids["agents"]
        self._goals(company, result.ids["goals"])
        self._labels(company)
        self._agents(company)
        self._own_goals(result.ids["goals"])
        self._projects(company, result.ids)
        self._issues(company, result.ids)
        self._routines(company, result)
        result.company = Company.objects.get(pk=company.pk)
        return result

    # --- The company -------------------------------------------------------------------------------------

    def _company(self, people_of: Company | None) -> Company:
        company, part = self.plan.options.company, self.package.company
        if company is None:
            company = self._found(people_of)
        elif self.plan.company_action == Action.UPDATE and part is not None:
            fields = {"description": part.description, "brand_color": part.brand_color}
            company = lifecycle.update(company=company, fields=fields, actor=self.actor, now=self.now)
        if part is not None and part.logo is not None and self.plan.company_action != "none":
            self._logo(company)
        return company

    def _found(self, people_of: Company | None) -> Company:
        part = self.package.company
        settings = part.settings if part is not None else {}
        fields: dict[str, Any] = {
            column: settings[name] for name, column in COMPANY_SETTINGS.items() if name in settings
        }
        if part is not None:
            fields |= {"description": part.description, "brand_color": part.brand_color}
        fields["name"] = self.plan.company_name
        company = lifecycle.create(fields=fields, actor=self.actor, now=self.now)
        if people_of is not None:
            self._copy_people(people_of, company)
        return company

    def _copy_people(self, source: Company, company: Company) -> None:
        """Let the active people of one company into another, each in the same place and with the same grants."""
        rows = list(
            Member.objects.filter(
                company=source, principal_type=PrincipalType.USER, status=MemberStatus.ACTIVE
            ).order_by("created_at", "id")
        )
        if not rows:
            raise Unprocessable("The company has no active people who could own the new one")
        held: dict[UUID, list[str]] = {row.principal_id: [] for row in rows}
        grants = Grant.objects.filter(
            company=source, principal_type=PrincipalType.USER, principal_id__in=list(held)
        )
        for principal_id, key in grants.values_list("principal_id", "permission_key"):
            held[principal_id].append(key)
        for row in rows:
            members.join(
                company_id=company.pk,
                principal_type=PrincipalType.USER,
                principal_id=row.principal_id,
                role=MemberRole(row.membership_role or MemberRole.VIEWER),
                grants=held[row.principal_id],
                now=self.now,
                granted_by=self.actor.user,
            )

    def _logo(self, company: Company) -> None:
        logo = self.package.company.logo if self.package.company is not None else None
        assert logo is not None
        incoming = Incoming(limit=assets.limit(company))
        try:
            incoming.write(logo.content)
            if incoming.is_too_large:
                raise Unprocessable(f"{logo.path}: is larger than {incoming.limit} bytes")
            incoming.seal()
            upload = Upload(incoming, logo.path.rpartition("/")[2], package_files.type_of(logo.path))
            asset = assets.add_image(
                company=company, upload=upload, namespace="companies", actor=self.actor, now=self.now
            )
            assets.set_logo(company=company, asset_id=asset.pk, now=self.now)
        finally:
            incoming.discard()

    # --- Goals and labels --------------------------------------------------------------------------------

    def _goals(self, company: Company, ids: dict[str, UUID]) -> None:
        steps = {step.slug: step for step in self.plan.goals}
        parts = {part.slug: part for part in self.package.goals}
        places = {slug: place for place, slug in enumerate(parts)}
        for slug in in_order(
            {part.slug: [part.parent] if part.parent else [] for part in self.package.goals}
        ):
            step, part = steps.get(slug), parts[slug]
            if step is None:
                continue
            if step.existing_id is not None:
                ids[slug] = step.existing_id
                continue
            fields = {
                "title": part.title,
                "description": part.description,
                "level": part.level,
                "status": part.status,
                "parent_id": ids.get(part.parent) if part.parent else None,
            }
            ids[slug] = goals.create(
                company=company, fields=fields, actor=self.actor, now=self._at(places[slug])
            ).pk

    def _own_goals(self, ids: Mapping[str, UUID]) -> None:
        """Say whose the new goals are, now that the agents exist."""
        made = {step.slug for step in self.plan.goals if step.action == Action.CREATE}
        for part in self.package.goals:
            owner = self._agent_id(part.owner)
            if part.slug in made and owner is not None:
                Goal.objects.filter(pk=ids[part.slug]).update(owner_agent=owner)

    def _labels(self, company: Company) -> None:
        if not self.plan.issues:
            return
        self.label_ids = dict(Label.objects.filter(company=company).values_list("name", "pk"))
        for name, color in self.package.labels.items():
            if name not in self.label_ids:
                label = labels.create(
                    company_id=company.pk, name=name, color=color, actor=self.actor, now=self.now
                )
                self.label_ids[name] = label.pk

    # --- Agents ------------------------------------------------------------------------------------------

    def _agents(self, company: Company) -> None:
        steps = {step.slug: step for step in self.plan.agents}
        parts = {part.slug: part for part in self.package.agents}
        places = {slug: place for place, slug in enumerate(parts)}
        self.agent_ids |= {
            slug: each.existing_id for slug, each in steps.items() if each.existing_id is not None
        }
        links = {part.slug: [part.reports_to] if part.reports_to else [] for part in self.package.agents}
        for slug in in_order(links):
            step = steps.get(slug)
            if step is None or step.action == Action.SKIP:
                continue
            if step.action == Action.CREATE:
                self.agent_ids[slug] = self._hire(company, parts[slug], step, self._at(places[slug])).pk
            else:
                self._replace_agent(parts[slug], step)

    def _hire(self, company: Company, part: AgentPart, step: Step, now: datetime) -> Agent:
        fields = self._agent_fields(part) | {
            "name": step.name,
            "desired_skills": list(part.skills) or None,
            "permissions": {"can_create_agents": part.can_create_agents}
            if part.can_create_agents is not None
            else {},
        }
        if part.entry_file is not None:
            fields["instructions_bundle"] = {"entry_file": part.entry_file, "files": part.files}
        agent = agents.create(company=company, fields=fields, actor=self.actor, now=now)
        if part.entry_file is not None:
            self.written.append(instructions.managed_root(agent))
        self._log(agent, "agent.created", {"name": agent.name, "role": agent.role, "source": SOURCE})
        return agents.pause(agent=agent, actor=self.actor, now=now)

    def _replace_agent(self, part: AgentPart, step: Step) -> None:
        agent = _there(Agent.objects.all(), step)
        agents.update(agent=agent, fields=self._agent_fields(part), actor=self.actor, now=self.now)
        for path, text in part.files.items():
            instruction_changes.put(
                agent=agent, path=path, content=text, clear_legacy=True, actor=self.actor, now=self.now
            )

    def _agent_fields(self, part: AgentPart) -> dict[str, Any]:
        kind, config = self.plan.adapter_of(part)
        return {
            "title": part.title,
            "role": part.role,
            "icon": part.icon,
            "capabilities": part.capabilities,
            "reports_to": self._agent_id(part.reports_to),
            "adapter_type": kind,
            "adapter_config": config,
            "runtime_config": dict(part.runtime_config),
            "budget_monthly_cents": part.budget_monthly_cents,
            "metadata": dict(part.metadata) if part.metadata else None,
        }

    def _agent_id(self, slug: str | None) -> UUID | None:
        """Return the agent a slug stands for: of the package, else one of this name in the company."""
        if slug is None:
            return None
        met = self.present.agents.get(slug)
        return self.agent_ids.get(slug) or (met[0] if met is not None else None)

    # --- Projects ----------------------------------------------------------------------------------------

    def _projects(self, company: Company, ids: dict[str, dict[str, UUID]]) -> None:
        parts = {part.slug: part for part in self.package.projects}
        places = {slug: place for place, slug in enumerate(parts)}
        for step in self.plan.projects:
            part = parts[step.slug]
            if step.existing_id is not None:
                ids["projects"][step.slug] = step.existing_id
            if step.action == Action.CREATE:
                project = self._start(company, part, step, ids["goals"], self._at(places[step.slug]))
                ids["projects"][step.slug] = project.pk
            elif step.action == Action.UPDATE:
                row = _there(Project.objects.all(), step)
                fields = self._project_fields(part, ids["goals"])
                projects.update(project=row, fields=fields, actor=self.actor, now=self.now)

    def _start(
        self, company: Company, part: ProjectPart, step: Step, goal_ids: Mapping[str, UUID], now: datetime
    ) -> Project:
        fields = self._project_fields(part, goal_ids) | {"name": step.name}
        project = projects.create(company=company, fields=fields, actor=self.actor, now=now)
        for place, values in enumerate(part.workspaces):
            project_workspaces.create(
                project=project,
                fields=ProjectWorkspaceIn.read(values),
                actor=self.actor,
                now=now + timedelta(microseconds=place),
            )
        return project

    def _project_fields(self, part: ProjectPart, goal_ids: Mapping[str, UUID]) -> dict[str, Any]:
        return {
            "description": part.description,
            "status": part.status,
            "target_date": part.target_date,
            "color": part.color,
            "lead_agent_id": self._agent_id(part.lead),
            "goal_ids": [goal_ids[slug] for slug in part.goals if slug in goal_ids],
            "execution_workspace_policy": dict(part.policy) if part.policy else None,
        }

    # --- Issues ------------------------------------------------------------------------------------------

    def _issues(self, company: Company, ids: dict[str, dict[str, UUID]]) -> None:
        steps = {step.slug: step for step in self.plan.issues}
        parts = {part.slug: part for part in self.package.issues}
        rows: dict[str, Issue] = {}
        for slug in in_order(
            {part.slug: [part.parent] if part.parent else [] for part in self.package.issues}
        ):
            step = steps.get(slug)
            if step is None:
                continue
            if step.existing_id is not None:
                ids["issues"][slug] = step.existing_id
            if step.action == Action.CREATE:
                rows[slug] = self._write(company, parts[slug], step, ids)
                ids["issues"][slug] = rows[slug].pk
            elif step.action == Action.UPDATE:
                self._replace_issue(parts[slug], step)
        if rows:
            locks.relations(company.pk)
        for slug, row in rows.items():
            waits_for = [ids["issues"][each] for each in parts[slug].blocked_by if each in ids["issues"]]
            if waits_for:
                blockers.replace(issue=row, blocker_ids=waits_for, actor=self.actor, now=self.now)

    def _write(
        self, company: Company, part: IssuePart, step: Step, ids: Mapping[str, Mapping[str, UUID]]
    ) -> Issue:
        fields: Fields = {
            "title": part.title,
            "description": part.description,
            "status": step.status or part.status,
            "priority": part.priority,
            "work_mode": part.work_mode,
            "billing_code": part.billing_code,
            "project_id": _of(ids["projects"], part.project),
            "parent_id": _of(ids["issues"], part.parent),
            "goal_id": _of(ids["goals"], part.goal),
            "assignee_agent_id": self._agent_id(part.assignee),
            "label_ids": [self.label_ids[name] for name in part.labels if name in self.label_ids],
        }
        issue, start = drafts.insert(company_id=company.pk, wanted=fields, actor=self.actor, now=self.now)
        details = drafts.start_details(issue, start, fields) | references.note_new(issue, now=self.now)
        details |= {"source": SOURCE, "assignmentWakeSkipped": True, "assignmentWakeSkipReason": SOURCE}
        trail.record(issue, "issue.created", actor=self.actor, now=self.now, details=details)
        return issue

    def _replace_issue(self, part: IssuePart, step: Step) -> None:
        assert step.existing_id is not None
        issue = locks.issue(step.existing_id)
        columns = {"description": part.description, "priority": part.priority}
        Issue.objects.filter(pk=issue.pk).update(**columns, updated_at=self.now, last_activity_at=self.now)
        wanted = [self.label_ids[name] for name in part.labels if name in self.label_ids]
        labels.replace(issue=issue, label_ids=wanted, now=self.now)
        trail.record(
            issue, "issue.updated", actor=self.actor, now=self.now, details={**columns, "source": SOURCE}
        )

    # --- Routines ----------------------------------------------------------------------------------------

    def _routines(self, company: Company, result: Result) -> None:
        parts = {part.slug: part for part in self.package.routines}
        for place, step in enumerate(self.plan.routines):
            part, now = parts[step.slug], self._at(place)
            routine = routine_lifecycle.create(
                company_id=company.pk,
                fields={
                    "title": part.title,
                    "description": part.description,
                    "priority": part.priority,
                    "status": RoutineStatus.PAUSED,
                    "concurrency_policy": part.concurrency_policy,
                    "catch_up_policy": part.catch_up_policy,
                    "variables": [dict(variable) for variable in part.variables],
                    "project_id": _of(result.ids["projects"], part.project),
                    "goal_id": _of(result.ids["goals"], part.goal),
                    "assignee_agent_id": self._agent_id(part.assignee),
                },
                actor=self.actor,
                now=now,
            )
            result.routine_ids[step.slug] = routine.pk
            for number, trigger in enumerate(part.triggers):
                triggers.create(
                    routine_id=routine.pk,
                    fields={
                        "kind": TriggerKind.SCHEDULE,
                        "cron_expression": trigger.cron_expression,
                        "timezone": trigger.timezone,
                        "label": trigger.label,
                        "enabled": trigger.enabled,
                    },
                    actor=self.actor,
                    now=now + timedelta(microseconds=number),
                )

    # --- Pieces ------------------------------------------------------------------------------------------

    def _at(self, place: int) -> datetime:
        """Return when the thing at `place` of its kind was made: lists are by age and keep the package's order."""
        return self.now + timedelta(microseconds=place)

    def _log(self, agent: Agent, action: str, details: Mapping[str, Any]) -> None:
        activity.record(
            company_id=agent.company_id,
            actor=self.actor,
            action=action,
            entity_type="agent",
            entity_id=agent.pk,
            details=details,
            now=self.now,
        )


def _of(ids: Mapping[str, UUID], slug: str | None) -> UUID | None:
    return ids.get(slug) if slug is not None else None


def _there(rows: QuerySet[_Row], step: Step) -> _Row:
    """Return the row a step is about. Raises Conflict when it has gone since the plan was made."""
    assert step.existing_id is not None
    row = rows.filter(pk=step.existing_id).first()
    if row is None:
        raise Conflict(f"{step.name} has just been removed; look at the package once more")
    return row


def _told(action: str) -> str:
    return {Action.CREATE.value: "created", Action.UPDATE.value: "updated"}.get(action, "unchanged")


def steps_done(steps: Sequence[Step], ids: Mapping[str, UUID]) -> list[dict[str, Any]]:
    """Return what became of the things of a kind, as the interface tells it."""
    return [
        {
            "slug": step.slug,
            "id": ids.get(step.slug),
            "action": DONE[Action(step.action)],
            "name": step.name,
            "reason": step.reason,
        }
        for step in steps
    ]
