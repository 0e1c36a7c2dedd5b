"""New issues: number, place, assignee and first status, checked and stored (I-29 to I-60)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Max

from issues import assignment, blockers, fields, labels, locks, placement, statuses, tree, workspace_links
from issues.choices import MAX_REQUEST_DEPTH, IssueStatus
from issues.fields import Fields
from issues.models import Issue
from issues.policy import flow
from paperclip.companies.actors import Actor
from paperclip.companies.models import Company


def insert(
    *, company_id: UUID, wanted: Fields, actor: Actor, now: datetime
) -> tuple[Issue, statuses.Default]:
    """Store a new issue and return it with the choice of its first status. Wakes nobody, logs nothing.

    Raises Forbidden, NotFound, Conflict or Unprocessable, naming what does not fit.
    """
    fields.require_allowed(wanted, actor)
    agent_id, user_id = assignment.of_new(company_id, wanted)
    assigned = agent_id is not None or user_id is not None
    start = statuses.decide_default(wanted.get("status"), assigned=assigned)
    statuses.require_assignee(start.status, agent_id=agent_id, user_id=user_id)
    project_id, parent_id = wanted.get("project_id"), wanted.get("parent_id")
    parent = tree.require_parent(company_id, parent_id) if parent_id is not None else None
    if project_id is not None:
        placement.require_project(company_id, project_id)
    label_ids = labels.wanted_set(company_id, wanted.get("label_ids") or ())
    watched = flow.of_new(
        company_id, wanted, status=start.status, hands=(agent_id, user_id), actor=actor, now=now
    )
    if assigned:
        assignment.require_may_assign(actor, company_id)
    source = _source(company_id, wanted, parent)
    number, identifier = next_number(company_id)
    if wanted.get("blocked_by_issue_ids"):
        locks.relations(company_id)
    issue = Issue(
        company_id=company_id,
        project_id=project_id,
        project_workspace_id=_workspace(company_id, wanted, project_id, source),
        goal_id=_goal(company_id, wanted, project_id),
        parent_id=parent_id,
        assignee_agent_id=agent_id,
        assignee_user_id=user_id,
        request_depth=min(wanted.get("request_depth") or 0, MAX_REQUEST_DEPTH),
        created_by_agent_id=actor.agent_id,
        created_by_user_id=actor.user_id,
        issue_number=number,
        identifier=identifier,
        created_at=now,
        updated_at=now,
        last_activity_at=now,
        **fields.plain(wanted),
        **statuses.stamps(start.status, now=now),
        **workspace_links.of_new(company_id, wanted, project_id=project_id, source=source),
        **watched,
    )
    blocker_ids = blockers.wanted_set(issue, wanted.get("blocked_by_issue_ids") or ())
    if start.status == IssueStatus.IN_PROGRESS:
        blockers.require_done(blocker_ids)
    issue.save(force_insert=True)
    blockers.replace(issue=issue, blocker_ids=blocker_ids, actor=actor, now=now)
    if label_ids:
        labels.replace(issue=issue, label_ids=label_ids, now=now)
    return issue, start


def below(parent: Issue, wanted: Fields, criteria: Sequence[str]) -> Fields:
    """Return what a child of `parent` is made of: what is wanted, and what it inherits (I-55)."""
    child: Fields = {**wanted, "parent_id": parent.pk}
    child["request_depth"] = tree.depth_below(parent, wanted.get("request_depth") or 0)
    child["description"] = with_criteria(wanted.get("description"), criteria)
    if wanted.get("project_id") is None:
        child["project_id"] = parent.project_id
    if wanted.get("goal_id") is None and parent.goal_id is not None:
        child["goal_id"] = parent.goal_id
    return child


def with_criteria(description: str | None, criteria: Sequence[str]) -> str | None:
    """Return the description with the acceptance criteria as a list at its end."""
    if not criteria:
        return description
    listed = "## Acceptance Criteria\n\n" + "\n".join(f"- {criterion}" for criterion in criteria)
    return f"{description.rstrip()}\n\n{listed}" if description and description.strip() else listed


def next_number(company_id: UUID) -> tuple[int, str]:
    """Draw the company's next issue number; draws wait for each other on the company row (I-48)."""
    return next_numbers(company_id, 1)[0]


def next_numbers(company_id: UUID, count: int) -> list[tuple[int, str]]:
    """Draw as many numbers as are wanted, in one go."""
    company = (
        Company.objects.select_for_update(no_key=True)
        .only("issue_counter", "issue_prefix")
        .get(pk=company_id)
    )
    highest = (
        Issue.objects.filter(company_id=company_id).aggregate(highest=Max("issue_number"))["highest"] or 0
    )
    first = max(company.issue_counter, highest) + 1
    Company.objects.filter(pk=company_id).update(issue_counter=first + count - 1)
    return [(number, f"{company.issue_prefix}-{number}") for number in range(first, first + count)]


def start_details(issue: Issue, start: statuses.Default, wanted: Fields) -> dict[str, Any]:
    """Return what the log says about how a new issue starts (I-29, I-92)."""
    skipped = assignment.reason_to_wake_nobody(issue)
    details: dict[str, Any] = {
        "title": issue.title,
        "identifier": issue.identifier,
        "status": issue.status,
        "statusDefaulted": start.defaulted,
        "statusDefaultReason": start.reason,
        "assignmentWakeSkipped": skipped is not None,
        "assignmentWakeSkipReason": skipped,
    }
    if wanted.get("blocked_by_issue_ids"):
        details["blockedByIssueIds"] = wanted["blocked_by_issue_ids"]
    return details


def _source(company_id: UUID, wanted: Fields, parent: Issue | None) -> Issue | None:
    """Return the issue whose workspace a new one inherits (I-56)."""
    source_id = wanted.get("inherit_execution_workspace_from_issue_id")
    return tree.require_parent(company_id, source_id) if source_id is not None else parent


def _workspace(
    company_id: UUID, wanted: Fields, project_id: UUID | None, source: Issue | None
) -> UUID | None:
    """I-56, I-58: what was asked for, else what the source has, else the project's own."""
    asked = wanted.get("project_workspace_id")
    if asked is not None:
        placement.require_workspace(company_id, asked, project_id=project_id)
        return asked
    if (
        source is not None
        and source.project_workspace_id is not None
        and project_id in (None, source.project_id)
    ):
        return source.project_workspace_id
    return placement.default_workspace(project_id) if project_id is not None else None


def _goal(company_id: UUID, wanted: Fields, project_id: UUID | None) -> UUID | None:
    asked = wanted.get("goal_id")
    if asked is None:
        return placement.fallback_goal(company_id, project_id)
    placement.require_goal(company_id, asked)
    return asked
