"""Many stranded issues taken up again at once: what most of them need, at a fraction of the cost of one by one.

The questions are those that are asked of one issue (see `stranded`); they are read for all at once. Whatever is locked
by somebody else, or is out of the ordinary, is handed back to be looked at by itself.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from heartbeat import followups, gates, surroundings
from heartbeat.choices import RUN_LIVE
from heartbeat.models import LoopStop, Run
from heartbeat.retries import requeue
from heartbeat.retries.decisions import Decision, Requeue
from heartbeat.stranding import attempts, lasts, refusals, verdicts, waits
from heartbeat.stranding.lasts import Story
from heartbeat.stranding.verdicts import Kind, Scene, Step
from issues import holds
from issues.choices import IssueStatus, OriginKind
from issues.models import Issue
from paperclip.companies.models import Agent

SIZE = 100
_OPEN_WORK = (IssueStatus.TODO, IssueStatus.IN_PROGRESS)


@dataclass(frozen=True)
class Done:
    """What was done, by figure, and what is left to be looked at one by one."""

    figures: Counter[str]
    rest: Sequence[UUID]


def take_up(issue_ids: Sequence[UUID], *, now: datetime) -> Done:
    """Queue the follow-up of the last run of each of `issue_ids` that just needs one; in the caller's transaction."""
    issues = _locked(issue_ids)
    stories = lasts.of_many(issue.pk for issue in issues)
    steps = {issue.pk: _step(issue, stories[issue.pk]) for issue in issues}
    plain = [issue for issue in issues if steps[issue.pk].kind == Kind.REQUEUE]
    free = _free(plain, stories, steps, now=now)
    runs = Run.objects.in_bulk([stories[issue.pk].run_id for issue in free])
    decided: list[tuple[Run, Step, Decision, Requeue]] = []
    for issue in free:
        run = runs[stories[issue.pk].run_id]
        assert issue.assignee_agent is not None
        run.agent = issue.assignee_agent
        decision = attempts.decision(run, steps[issue.pk])
        assert decision.requeue is not None
        decided.append((run, steps[issue.pk], decision, decision.requeue))
    requeue.make_many([(run, spec) for run, _, _, spec in decided], now=now)
    _write((run, decision) for run, _, decision, _ in decided)
    taken = {run.issue_id for run, _, _, _ in decided}
    return Done(
        figures=Counter(step.counter for _, step, _, _ in decided),
        rest=[issue_id for issue_id in issue_ids if issue_id not in taken],
    )


def _locked(issue_ids: Sequence[UUID]) -> list[Issue]:
    """Lock those of the issues, after their agents, that can be had and are still stranded work."""
    free = Agent.objects.select_for_update(no_key=True, of=("self",), skip_locked=True)
    agents = free.select_related("company").filter(assigned_issues__in=issue_ids).order_by("pk")
    by_id = {agent.pk: agent for agent in agents}
    rows = Issue.objects.select_for_update(no_key=True, of=("self",), skip_locked=True)
    issues = list(
        rows.select_related("project")
        .filter(pk__in=issue_ids, status__in=_OPEN_WORK, assignee_agent__in=by_id, hidden_at__isnull=True)
        .exclude(origin_kind=OriginKind.ROUTINE_EXECUTION)
        .order_by("pk")
    )
    live = Run.objects.filter(issue__in=issues, status__in=RUN_LIVE)
    busy = set(live.values_list("issue_id", flat=True))
    for issue in issues:
        assert issue.assignee_agent_id is not None
        issue.assignee_agent = by_id[issue.assignee_agent_id]
    return [issue for issue in issues if issue.pk not in busy]


def _step(issue: Issue, story: Story) -> Step:
    is_recovery = verdicts.is_recovery(issue)
    return verdicts.decide_step(Scene(issue.status, story.last, story.was_called), is_recovery=is_recovery)


def _free(
    issues: Sequence[Issue], stories: dict[UUID, Story], steps: dict[UUID, Step], *, now: datetime
) -> list[Issue]:
    """Those of the issues that wait for nothing and that no gate refuses."""
    ids = [issue.pk for issue in issues]
    waiting = waits.of_many(issues, now=now)
    held = holds.gates_of(ids)
    stops = set(
        LoopStop.objects.filter(issue__in=ids, closed_at__isnull=True).values_list("issue_id", flat=True)
    )
    in_review = surroundings.waiting_for_review(issues, stories)
    facts = refusals.facts_of_many(issues, steps)
    return [
        issue
        for issue in issues
        if waiting[issue.pk].reason(stories[issue.pk].last) is None
        and issue.pk not in held
        and issue.pk not in stops
        and issue.pk not in in_review
        and (gates.at_enqueue(facts[issue.pk]) or gates.at_claim(facts[issue.pk])) is None
    ]


def _write(made: Iterable[tuple[Run, Decision]]) -> None:
    """Say on each run what follows it; the same words in one statement."""
    alike: dict[tuple[Any, ...], list[UUID]] = defaultdict(list)
    for run, decision in made:
        alike[tuple(followups.columns(decision).items())].append(run.pk)
    for columns, run_ids in alike.items():
        Run.objects.filter(pk__in=run_ids).update(**dict(columns))
