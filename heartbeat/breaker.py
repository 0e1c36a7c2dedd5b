"""Calls that go round in circles without moving anything (field notes 8 and 9): seen, stopped, and told to the board.

A circle is a number of runs in a row that brought nothing new. Of one agent, on one issue or without one: runs that
nobody asked for, and new is a deed in the log, a comment or document that says what had not been said before, a
status the issue has not had lately. Between agents that call each other on an issue: runs that no person asked for,
and words alone are nothing new. A word or change by a person starts both counts anew. Runs that were cancelled,
lost, or refused by their provider say nothing and do not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db import transaction

from heartbeat import circles, stops, wakeups
from heartbeat.choices import FailureCategory, InvocationSource, RunStatus, TriggerDetail
from heartbeat.endings import PROCESS_LOST
from heartbeat.gates import Requester
from heartbeat.models import LoopStop, Run
from heartbeat.wakeups import Call, Outcome
from issues import comments, trail, wakes
from issues.models import Issue
from paperclip.companies import activity, actors
from paperclip.companies.actors import Actor
from paperclip.companies.choices import ActorType
from paperclip.companies.models import Agent
from paperclip.core.errors import Conflict
from paperclip.governance import notices
from paperclip.governance.choices import NoticeKind

_ACTOR = actors.system("heartbeat_breaker")


def look(run: Run, *, requester: Requester, now: datetime) -> bool:
    """Stop the calls of an ended run's agent on its issue if they go in circles; whether they are stopped.

    `requester` made the request of the run. Called once at the end of a run, under the locks of its agent and issue;
    a query for each kind of circle it may be part of, none for what a person asked for.
    """
    if requester[0] == ActorType.USER or not _counts(run):
        return False
    if stops.is_automatic(requester, run.agent) and _is_alone_in_circles(run):
        agents = [run.agent]
        is_between = False
    elif run.issue_id is not None and (agents := _to_and_fro(run)):
        is_between = True
    else:
        return False
    stopped = LoopStop.objects.filter(agent=run.agent, issue=run.issue_id, closed_at__isnull=True)
    if is_between:
        stopped = stopped.filter(is_between_agents=True)
    if not stopped.exists():
        _open(run, agents, is_between=is_between, now=now)
    return True


def clear(*, stop: LoopStop, actor: Actor, now: datetime) -> Outcome:
    """Let the agent go on because a person says so: end the stop and call the agent; return what became of the call.

    Raises Conflict when the stop has ended already.
    """
    with transaction.atomic():
        agent = Agent.objects.select_for_update(no_key=True).get(pk=stop.agent_id)
        if not stops.lift(
            agent=agent, issue_id=stop.issue_id, actor=actor, reason="A person let it go on", now=now
        ):
            raise Conflict("The agent is being called again already")
        entity = ("issue", stop.issue_id) if stop.issue_id is not None else ("agent", agent.pk)
        activity.record(
            company_id=stop.company_id,
            actor=actor,
            action=f"{entity[0]}.loop_cleared",
            entity_type=entity[0],
            entity_id=str(entity[1]),
            details={"agentId": agent.pk, "loopStopId": stop.pk},
            now=now,
        )
        named = {"issueId": str(stop.issue_id)} if stop.issue_id is not None else {}
        call = Call(
            source=InvocationSource.ON_DEMAND,
            trigger_detail=TriggerDetail.MANUAL,
            reason="loop_cleared",
            payload=named,
            context={"source": "heartbeat.loop_cleared", **named},
        )
        return wakeups.enqueue(agent_id=agent.pk, company_id=stop.company_id, call=call, actor=actor, now=now)


def _counts(run: Run) -> bool:
    """Whether the end of a run says anything about its work: not when it was stopped, lost or refused upstream."""
    refused = (run.result_json or {}).get("errorFamily") == "transient_upstream"
    limited = run.failure_category == FailureCategory.RATE_LIMIT
    return not (run.status == RunStatus.CANCELLED or run.error_code == PROCESS_LOST or refused or limited)


def _is_alone_in_circles(run: Run) -> bool:
    limit = _limit(run, is_between=False)
    return circles.goes_in_circles(circles.of_agent(run, most=2 * limit), limit=limit)


def _to_and_fro(run: Run) -> list[Agent]:
    """Return who calls whom to and fro on the issue of `run`, its own agent first; nobody when something moves."""
    limit = _limit(run, is_between=True)
    steps = circles.of_issue(run, most=2 * limit)
    if not circles.goes_to_and_fro(steps, limit=limit):
        return []
    others = {step.agent_id for step in steps[:limit] if step.agent_id is not None} - {run.agent_id}
    return [run.agent, *Agent.objects.filter(pk__in=others).order_by("name", "id")]


def _limit(run: Run, *, is_between: bool) -> int:
    if is_between:
        return int(settings.LOOP_RUNS_BETWEEN_AGENTS)
    return int(settings.LOOP_RUNS if run.issue_id is not None else settings.LOOP_RUNS_WITHOUT_ISSUE)


def _open(run: Run, agents: Sequence[Agent], *, is_between: bool, now: datetime) -> None:
    runs = _limit(run, is_between=is_between)
    reason = _reason(run, agents, runs, is_between=is_between)
    stop = stops.open_for(run, agents, runs=runs, reason=reason, is_between=is_between, now=now)
    page = f"issues/issue/{run.issue_id}" if run.issue_id is not None else f"companies/agent/{run.agent_id}"
    verb = "go in circles and were" if len(agents) > 1 else "goes in circles and was"
    notices.tell(
        company_id=run.company_id,
        kind=NoticeKind.LOOP_STOPPED,
        key=str(stop.pk),
        title=f"{_names(agents)} {verb} stopped",
        body=f"{reason}.",
        path=f"/admin/{page}/change/",
        now=now,
    )
    details = {
        "agentId": run.agent_id,
        "agentIds": [agent.pk for agent in agents],
        "runId": run.pk,
        "runs": runs,
        "loopStopId": stop.pk,
    }
    if run.issue_id is None:
        activity.record(
            company_id=run.company_id,
            actor=_ACTOR,
            action="agent.loop_stopped",
            entity_type="agent",
            entity_id=run.agent_id,
            details=details,
            now=now,
        )
        return
    issue = Issue.objects.select_for_update(no_key=True).get(pk=run.issue_id)
    _say(issue, reason, is_between=is_between, now=now)
    trail.record(issue, "issue.loop_stopped", actor=_ACTOR, now=now, details=details)


def _say(issue: Issue, reason: str, *, is_between: bool, now: datetime) -> None:
    who = "Nobody but a person calls them" if is_between else "It is no longer called by itself"
    text = (
        f"**{reason}.** {who} for this issue until a person has a say: write a comment,"
        " change the issue, or let it go on from the board."
    )
    said = comments.insert(
        issue=issue,
        body=text,
        actor=_ACTOR,
        now=now,
        presentation={"kind": "system_notice", "tone": "warning", "title": "Stopped going in circles"},
    )
    comments.record(issue, said, actor=_ACTOR, now=now, reopened_from=None, trace=wakes.NO_TRACE)


def _reason(run: Run, agents: Sequence[Agent], runs: int, *, is_between: bool) -> str:
    names = _names(agents)
    if not is_between:
        where = "on this issue" if run.issue_id is not None else "by its timer"
        return f"{names} was called {runs} times in a row {where} and brought nothing new"
    if len(agents) == 1:
        return f"Other agents called {names} {runs} times in a row on this issue, and only words came of it"
    return f"{names} called each other {runs} times in a row on this issue, and only words came of it"


def _names(agents: Sequence[Agent]) -> str:
    *first, last = [agent.name for agent in agents]
    return f"{', '.join(first)} and {last}" if first else last
