"""Blocked and reviewed work at whose end nobody moves: found always, seen to by itself only when that is on (H-151).

One issue per cause, not per issue that waits for it; taken back when the cause is gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from heartbeat import findings, surroundings, wakeups
from heartbeat.choices import RUN_LIVE, InvocationSource, TriggerDetail
from heartbeat.findings import Finding
from heartbeat.models import Run
from heartbeat.recovery import passes, withdrawal
from heartbeat.stranding import escalation, owners, verdicts
from heartbeat.surroundings import Picture
from heartbeat.wakeups import Call
from issues import holds, locks, stranding, trail
from issues.choices import CLOSED, IssuePriority, OriginKind
from issues.models import Issue
from issues.stranding import Origin, Word
from paperclip.companies import instance
from paperclip.companies.choices import AGENT_NOT_INVOKABLE
from paperclip.companies.instance import Experimental
from paperclip.companies.models import Agent

NAME = "recovery.graph"
KIND = OriginKind.HARNESS_LIVENESS_ESCALATION
SOURCE = "recovery.reconcile_issue_graph_liveness"


@dataclass(frozen=True)
class Pass:
    """What one pass found and did; `skipped` are findings that are not for it to see to."""

    findings: int = 0
    escalations_created: int = 0
    escalations_existing: int = 0
    escalations_closed: int = 0
    skipped_auto_recovery_disabled: int = 0
    skipped_outside_lookback: int = 0
    skipped: int = 0
    failed: int = 0


def sweep(*, now: datetime) -> Pass:
    """Look through everything that waits or is reviewed; anyone may call it, twice, side by side."""
    wanted = instance.experimental()
    figures: Counter[str] = Counter()
    causes: set[UUID] = set()
    for page in passes.pages(_sources):
        picture = surroundings.load(
            list(Issue.objects.filter(pk__in=[row[0] for row in page]).only("id")), now=now
        )
        figures["skipped"] += sum(around.hold is not None for around in _asked(picture, page))
        for finding in findings.in_picture(picture, (row[0] for row in page), now=now):
            if finding.state is None:
                continue
            figures["findings"] += 1
            causes.add(finding.leaf_id)
            figures[_see_to(finding, picture, wanted, now=now)] += 1
    figures["escalations_closed"] = _close_obsolete(causes, now=now)
    return Pass(**figures)


def _asked(picture: Picture, page: Sequence[tuple[UUID]]) -> list[surroundings.Surroundings]:
    return [picture.around[row[0]] for row in page if row[0] in picture.around]


# Looked for from the end of the line: what may be in the way is rare, what waits is not.
_SOURCES = """
WITH RECURSIVE suspect (id) AS (
  SELECT DISTINCT blocker.id
  FROM issue_relations AS link JOIN issues AS blocker ON blocker.id = link.issue_id
  LEFT JOIN agents AS agent ON agent.id = blocker.assignee_agent_id
  WHERE link.type = 'blocks' AND blocker.status <> 'done'
    AND (blocker.status IN ('cancelled', 'backlog', 'in_review') OR agent.status = ANY(%(idle)s::text[])
         OR (blocker.assignee_agent_id IS NULL AND blocker.assignee_user_id IS NULL))
), waiting (id, depth) AS (
  SELECT link.related_issue_id, 1 FROM suspect JOIN issue_relations AS link ON link.issue_id = suspect.id
  UNION
  SELECT link.related_issue_id, waiting.depth + 1
  FROM waiting JOIN issues AS middle ON middle.id = waiting.id AND middle.status <> ALL(%(closed)s::text[])
  JOIN issue_relations AS link ON link.issue_id = middle.id
  WHERE waiting.depth < %(depth)s
)
SELECT issue.id FROM issues AS issue JOIN companies AS company ON company.id = issue.company_id
WHERE issue.status <> ALL(%(closed)s::text[]) AND issue.status <> 'backlog' AND issue.hidden_at IS NULL
  AND company.status = 'active' AND issue.id > %(after)s
  AND (issue.status = 'in_review' OR issue.id IN (SELECT id FROM waiting))
  AND NOT EXISTS (SELECT FROM heartbeat_runs AS run
                  WHERE run.issue_id = issue.id AND run.status IN ('queued', 'running', 'scheduled_retry'))
ORDER BY issue.id LIMIT %(most)s
"""
_WORDS: dict[str, Any] = {
    "idle": [status.value for status in AGENT_NOT_INVOKABLE],
    "closed": [status.value for status in CLOSED],
    "depth": surroundings.MAX_DEPTH,
    "most": passes.PAGE,
}


def _sources(after: UUID) -> Sequence[tuple[UUID]]:
    with connection.cursor() as cursor:
        cursor.execute(_SOURCES, {**_WORDS, "after": after})
        rows: list[tuple[UUID]] = cursor.fetchall()
    return rows


# --- See to one finding ----------------------------------------------------------------------------------


def _see_to(finding: Finding, picture: Picture, wanted: Experimental, *, now: datetime) -> str:
    """Do what is to be done about a finding, and return the figure it counts under."""
    if not wanted.enable_issue_graph_liveness_auto_recovery:
        return "skipped_auto_recovery_disabled"
    ids = [finding.issue.pk, finding.leaf_id, *finding.movement.path]
    changed = [picture.around[each].issue.updated_at for each in ids if each in picture.around]
    if max(changed) < now - timedelta(hours=wanted.issue_graph_liveness_auto_recovery_lookback_hours):
        return "skipped_outside_lookback"
    found = stranding.find_open(finding.issue.company_id, KIND, str(finding.leaf_id))
    if found is not None and finding.issue.pk in set(stranding.waiting_for(found.pk)):
        return "escalations_existing"
    step = partial(_escalate, finding, now=now)
    return passes.each(NAME, finding.issue.pk, step) or "failed"


def _escalate(finding: Finding, *, now: datetime) -> str:
    company_id = finding.issue.company_id
    locks.company(company_id)
    rows = Issue.objects.select_for_update(no_key=True, of=("self",)).select_related("project", "company")
    ids = {finding.issue.pk, finding.leaf_id}
    locked = {issue.pk: issue for issue in rows.filter(pk__in=ids).order_by("pk")}
    if len(locked) < len(ids):
        return "skipped"
    source, leaf = locked[finding.issue.pk], locked[finding.leaf_id]
    if verdicts.is_recovery(source) or verdicts.is_recovery(leaf):
        return "skipped"
    still = [each for each in findings.among([source], now=now) if each.incident_key == finding.incident_key]
    if not still:
        return "skipped"
    found = stranding.find_open(company_id, KIND, str(leaf.pk))
    if found is None:
        if escalation.recoveries_within_hour(company_id, now=now) >= settings.RECOVERY_ISSUES_PER_HOUR:
            return "skipped"
        owner = owners.for_leaf(leaf)
        if owner is None:
            return "skipped"
        made = _open(finding, source, leaf, owner, now=now)
        _block(source, made, finding, now=now)
        _call(owner, made, leaf, finding, now=now)
        return "escalations_created"
    _block(source, found, finding, now=now)
    return "escalations_existing"


def _open(finding: Finding, source: Issue, leaf: Issue, owner: Agent, *, now: datetime) -> Issue:
    description = "\n".join(
        [
            f"{stranding.link(source)} stands still: {_lower(finding.movement.sentence)}",
            "",
            f"What is to be mended is {stranding.link(leaf)}.",
            "",
            "- Find out whether it is still wanted, and who is to do it.",
            "- Give it to somebody who can, or take it out of the way of what waits for it.",
            "- This issue is taken back by itself when nothing stands still on its account any more.",
        ]
    )
    issue, _ = stranding.open_once(
        company_id=source.company_id,
        origin=Origin(kind=KIND, id=str(leaf.pk), fingerprint=finding.leaf_key),
        title=f"Get {leaf.identifier} out of the way: {leaf.title}"[:300],
        description=description,
        owner_id=owner.pk,
        parent=leaf,
        priority=IssuePriority.HIGH,
        actor=escalation.ACTOR,
        now=now,
    )
    told = {
        "identifier": source.identifier,
        "source": SOURCE,
        "escalationIssueId": issue.pk,
        "escalationIdentifier": issue.identifier,
        "incidentKey": finding.incident_key,
        "leafIssueId": leaf.pk,
        "state": finding.state,
    }
    action = "issue.harness_liveness_escalation_created"
    trail.record(source, action, actor=escalation.ACTOR, now=now, details=told)
    return issue


def _block(source: Issue, blocker: Issue, finding: Finding, *, now: datetime) -> None:
    """Make the issue wait for the one that sees to its cause, and say so; once."""
    change = stranding.wait_for(source, blocker, actor=escalation.ACTOR, now=now)
    if not change.added:
        return
    body = f"{finding.movement.sentence} Somebody sees to it in {stranding.link(blocker)}."
    row = {
        "type": "issue_link",
        "label": "Seen to in",
        "issueId": str(blocker.pk),
        "identifier": blocker.identifier,
    }
    stranding.say(source, Word(body, title="Stands still", facts=[row]), actor=escalation.ACTOR, now=now)
    told = {
        "identifier": source.identifier,
        "source": SOURCE,
        "blockedByIssueIds": list(change.now),
        "addedBlockedByIssueIds": list(change.added),
    }
    trail.record(source, "issue.blockers.updated", actor=escalation.ACTOR, now=now, details=told)


def _call(owner: Agent, issue: Issue, leaf: Issue, finding: Finding, *, now: datetime) -> None:
    told = {"sourceIssueId": str(finding.issue.pk), "leafIssueId": str(leaf.pk), "modelProfile": "cheap"}
    wakeups.enqueue(
        agent_id=owner.pk,
        company_id=owner.company_id,
        call=Call(
            source=InvocationSource.ASSIGNMENT,
            trigger_detail=TriggerDetail.SYSTEM,
            reason="issue_assigned",
            payload={"issueId": str(issue.pk), "mutation": "create", **told},
            context={"issueId": str(issue.pk), "source": "recovery.harness_liveness", **told},
        ),
        actor=escalation.ACTOR,
        now=now,
    )


# --- Take back what is not needed any more ---------------------------------------------------------------


def _close_obsolete(causes: set[UUID], *, now: datetime) -> int:
    rows = Issue.objects.filter(origin_kind=KIND, hidden_at__isnull=True).exclude(status__in=CLOSED)
    standing = {str(issue_id) for issue_id in causes}
    obsolete = [pk for pk, leaf in rows.values_list("pk", "origin_id") if leaf not in standing]
    return sum(passes.each(NAME, pk, partial(_close, pk, now=now)) is True for pk in obsolete)


def _close(issue_id: UUID, *, now: datetime) -> bool:
    """Take an escalation back, and call whom it alone still held up.

    Not while a run works on it or on what waits for it, nor under a pause: then nobody can say how that stands.
    """
    issue = locks.issue(issue_id, with_relations=True)
    waiting = sorted(stranding.waiting_for(issue.pk))
    if Run.objects.filter(issue_id__in=[issue.pk, *waiting], status__in=RUN_LIVE).exists():
        return False
    if holds.gates_of(waiting):
        return False
    return withdrawal.withdraw(issue, source=SOURCE, now=now)


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
