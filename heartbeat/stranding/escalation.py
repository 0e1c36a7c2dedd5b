"""Work that did not get going again is blocked in the open and handed to somebody (H-146 to H-149).

Recovery is first of all a state of the issue itself: blocked, with one word of why. An issue for somebody to see to it
comes on top: one per source, a bounded number per company and hour, and never for an issue that is itself such a one.
None of the texts carries what a failed run said (H-148).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from heartbeat import wakeups
from heartbeat.choices import InvocationSource, TriggerDetail
from heartbeat.models import Run
from heartbeat.stranding import owners, verdicts
from heartbeat.stranding.verdicts import Step
from heartbeat.wakeups import Call
from issues import handoffs, stranding
from issues.choices import ORIGIN_ONE_OPEN, OriginKind
from issues.models import Issue
from issues.stranding import Origin, Word
from paperclip.companies import actors
from paperclip.companies.models import Agent
from paperclip.governance import notices
from paperclip.governance.choices import NoticeKind

ACTOR = actors.system("heartbeat_recovery")
_HOUR = timedelta(hours=1)
_WITHHELD = "What the run said is withheld here; it is on the run's own page."


@dataclass(frozen=True)
class Escalated:
    """What came of it: the issue somebody is to work on, None when there is none, and who."""

    recovery: Issue | None = None
    owner: Agent | None = None


def escalate(issue: Issue, run: Run | None, step: Step, *, now: datetime) -> Escalated | None:
    """Block the locked `issue` after its last `run` and hand it to somebody; None when it is no open work any more.

    The caller holds company, relations and issue, in this order or without having waited.
    """
    if verdicts.is_recovery(issue):
        return _in_place(issue, run, now=now)
    owner = owners.for_stranded(
        company=issue.company,
        assignee_id=issue.assignee_agent_id,
        creator_id=issue.created_by_agent_id,
        project=issue.project,
    )
    has_room = recoveries_within_hour(issue.company_id, now=now) < settings.RECOVERY_ISSUES_PER_HOUR
    recovery, is_new = None, False
    if owner is not None and has_room:
        recovery, is_new = _recovery_issue(issue, run, step, owner, now=now)
        if not stranding.may_wait_for(issue, recovery):
            recovery = None
    word = _word(issue, run, step, recovery=recovery, owner=owner, has_room=has_room)
    asked = handoffs.carried(issue.pk) if step.cause == verdicts.MISSING_STATE else None
    blocked = stranding.block(
        issue,
        on=recovery,
        word=word,
        action="issue.updated" if step.cause != verdicts.MISSING_STATE else handoffs.ESCALATED,
        details={
            **(asked or {}),
            "source": "recovery.reconcile_stranded_assigned_issue",
            "recoveryCause": step.cause,
            "latestRunId": run.pk if run is not None else None,
        },
        actor=ACTOR,
        now=now,
    )
    if not blocked:
        return None
    if recovery is not None and owner is not None and is_new:
        _call(owner, recovery, issue, run, step, now=now)
    _tell(issue, word.body, now=now)
    return Escalated(recovery, owner if recovery is not None else None)


def recoveries_within_hour(company_id: UUID, *, now: datetime) -> int:
    """Return how many issues were made in the last hour to get other work of the company going."""
    rows = Issue.objects.filter(company_id=company_id, origin_kind__in=ORIGIN_ONE_OPEN)
    return rows.filter(created_at__gt=now - _HOUR).count()


def settle_notice(company_id: UUID | None, key: str, *, now: datetime) -> None:
    """Close the notice that an issue, named by `key`, is stuck, for it no longer is."""
    notices.settle(company_id=company_id, kind=NoticeKind.ISSUE_STUCK, key=key, now=now)


def _in_place(issue: Issue, run: Run | None, *, now: datetime) -> Escalated | None:
    """Block work on getting other work going where it is; more of the same would not help (H-149)."""
    body = (
        f"This issue was made to get other work going, and its own run did not succeed, so it is blocked. {_WITHHELD}"
        " A person has to look: give it to somebody else, or close it and the issue it is about can go on."
    )
    word = Word(
        body,
        tone="danger",
        title="Recovery is stuck",
        facts=_facts(issue, run, None),
        run_id=run.pk if run is not None else None,
    )
    details = {"source": "recovery.reconcile_stranded_recovery_issue", "latestRunId": run.pk if run else None}
    if not stranding.block(
        issue, on=None, word=word, action="issue.updated", details=details, actor=ACTOR, now=now
    ):
        return None
    _tell(issue, body, now=now)
    return Escalated()


def _recovery_issue(
    issue: Issue, run: Run | None, step: Step, owner: Agent, *, now: datetime
) -> tuple[Issue, bool]:
    kind = OriginKind.STRANDED_ISSUE_RECOVERY
    last = str(run.pk) if run is not None else "none"
    origin = Origin(
        kind=kind,
        id=str(issue.pk),
        fingerprint=f"{kind}:{issue.company_id}:{issue.pk}:{step.cause}:{last}",
        run_id=run.pk if run is not None else None,
    )
    agent = issue.assignee_agent.name if issue.assignee_agent is not None else "nobody"
    was = issue.get_status_display().lower()
    description = "\n".join(
        [
            f"{stranding.link(issue)} came to a halt while it was {was}, with {agent} as its agent: "
            f"{step.reason[:1].lower()}{step.reason[1:]}. It is blocked until this issue is done.",
            "",
            _WITHHELD,
            "",
            "What is asked for:",
            "",
            "- Look at the issue and its last run, and find out what is in the way.",
            "- Mend it, give the issue to another agent, split it, or cancel it.",
            "- Then mark this issue done. The blocked issue's agent is called by itself.",
        ]
    )
    return stranding.open_once(
        company_id=issue.company_id,
        origin=origin,
        title=f"Get {issue.identifier} going again: {issue.title}"[:300],
        description=description,
        owner_id=owner.pk,
        parent=issue,
        priority=issue.priority,
        actor=ACTOR,
        now=now,
    )


def _word(
    issue: Issue, run: Run | None, step: Step, *, recovery: Issue | None, owner: Agent | None, has_room: bool
) -> Word:
    """What the thread is told: why it stopped, and who sees to it (H-146, H-147)."""
    why = f"{step.reason}. The issue is not started again by itself and is blocked. {_WITHHELD}"
    if recovery is not None and owner is not None:
        what = f"{owner.name} is asked to see to it in {stranding.link(recovery)}."
    elif owner is None:
        what = "No agent may be asked to see to it now, so a person has to look."
    elif not has_room:
        what = (
            f"{settings.RECOVERY_ISSUES_PER_HOUR} issues of this kind were made within the hour already, so none is"
            " made for it; a person has to look."
        )
    else:
        what = "A person has to look."
    handed_off = step.cause == verdicts.MISSING_STATE
    return Word(
        f"{why} {what}",
        tone="danger" if handed_off else "warning",
        title="Left without a next step" if handed_off else "Stopped",
        facts=_facts(issue, run, recovery),
        run_id=run.pk if run is not None else None,
    )


def _facts(issue: Issue, run: Run | None, recovery: Issue | None) -> list[dict[str, Any]]:
    facts: list[dict[str, Any]] = []
    if issue.assignee_agent is not None:
        agent = issue.assignee_agent
        facts.append({"type": "agent_link", "label": "Agent", "agentId": str(agent.pk), "name": agent.name})
    if run is not None:
        facts.append({"type": "run_link", "label": "Last run", "runId": str(run.pk)})
    if recovery is not None:
        row = {"issueId": str(recovery.pk), "identifier": recovery.identifier, "title": recovery.title}
        facts.append({"type": "issue_link", "label": "Seen to in", **row})
    return facts


def _call(owner: Agent, recovery: Issue, issue: Issue, run: Run | None, step: Step, *, now: datetime) -> None:
    told = {
        "sourceIssueId": str(issue.pk),
        "strandedRunId": str(run.pk) if run is not None else None,
        "recoveryCause": step.cause,
        "modelProfile": "cheap",
    }
    wakeups.enqueue(
        agent_id=owner.pk,
        company_id=owner.company_id,
        call=Call(
            source=InvocationSource.ASSIGNMENT,
            trigger_detail=TriggerDetail.SYSTEM,
            reason="issue_assigned",
            payload={"issueId": str(recovery.pk), "mutation": "create", **told},
            context={"issueId": str(recovery.pk), "source": "recovery.stranded_issue", **told},
        ),
        actor=ACTOR,
        now=now,
    )


def _tell(issue: Issue, body: str, *, now: datetime) -> None:
    notices.tell(
        company_id=issue.company_id,
        kind=NoticeKind.ISSUE_STUCK,
        key=str(issue.pk),
        title=f"{issue.identifier} is stuck: {issue.title}",
        body=body,
        path=f"/admin/issues/issue/{issue.pk}/change/",
        now=now,
    )
