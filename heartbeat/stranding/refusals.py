"""Why an issue may not be taken up again just now: asked of the one list of gates, as a wake and as a claim.

Both, for a run that the claim would drop again must not be made, or passes would go on making it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from heartbeat import gates
from heartbeat.choices import CONTINUES_WORK, InvocationSource
from heartbeat.context import WakeContext
from heartbeat.gates import Facts, Refused
from heartbeat.models import Run
from heartbeat.stranding.verdicts import Step
from issues import blockers
from issues.models import Issue
from paperclip.companies.models import Agent
from paperclip.governance import policies


def of(*, issue: Issue, agent: Agent, run: Run | None, step: Step, now: datetime) -> Refused | None:
    """Return why `agent` may not be called for `issue` after `run`, None when it may.

    `agent` carries its company, `issue` its project and is locked.
    """
    context = _context(issue, step)
    facts = gates.look(
        agent=agent, context=context, source=InvocationSource.AUTOMATION, issue=issue, run=run, now=now
    )
    return gates.at_enqueue(facts) or gates.at_claim(facts)


def facts_of_many(issues: Sequence[Issue], steps: Mapping[UUID, Step]) -> dict[UUID, Facts]:
    """Return what the gates look at for each of `issues`, in two queries; pauses, stops and reviews are the caller's.

    `assignee_agent`, with its company, and `project` are read.
    """
    ready = blockers.readiness_of(issue.pk for issue in issues)
    spent = policies.spent_scopes({issue.company_id for issue in issues}) if issues else frozenset()
    found: dict[UUID, Facts] = {}
    for issue in issues:
        agent = issue.assignee_agent
        assert agent is not None
        found[issue.pk] = Facts(
            agent=agent,
            company=agent.company,
            context=_context(issue, steps[issue.pk]),
            source=InvocationSource.AUTOMATION,
            issue=issue,
            project=issue.project,
            unresolved_blockers=ready[issue.pk].unresolved_blocker_issue_ids,
            spent=spent,
        )
    return found


def _context(issue: Issue, step: Step) -> WakeContext:
    return WakeContext(
        wake_reason=step.wake_reason or CONTINUES_WORK,
        issue_id=str(issue.pk),
        more={"retryReason": step.retry_reason or CONTINUES_WORK},
    )
