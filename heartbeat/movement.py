"""Who moves an issue next, or what is missing for it to move: one answer, one sentence, and the way to mend it.

The choice is made on what `surroundings` read, without the database. An issue that waits for others moves when the
one at the end of the line does; the first with something missing is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from heartbeat import policy, surroundings
from heartbeat.choices import RunStatus
from heartbeat.moves import Action, Kind, Movement
from heartbeat.stranding import verdicts
from heartbeat.stranding.verdicts import Kind as StepKind
from heartbeat.stranding.verdicts import Scene
from heartbeat.surroundings import Picture, Surroundings
from issues.choices import CLOSED, IssueStatus
from issues.models import Issue
from paperclip.companies.choices import AgentStatus, CompanyStatus, PauseReason
from paperclip.companies.models import Agent

# How long an issue that nobody moves waits at most for the pass that looks for such issues.
PASS_WITHIN = timedelta(minutes=1)
_WAITS = "It waits for "


def of(issue: Issue, *, now: datetime) -> Movement:
    """Return what moves `issue` next, in a fixed number of queries."""
    return of_many([issue], now=now)[issue.pk]


def of_many(issues: Sequence[Issue], *, now: datetime) -> dict[UUID, Movement]:
    """Return what moves each of `issues` next, in the same number of queries as for one."""
    if not issues:
        return {}
    return judge(surroundings.load(issues, now=now), (issue.pk for issue in issues), now=now)


def judge(picture: Picture, issue_ids: Iterable[UUID], *, now: datetime) -> dict[UUID, Movement]:
    """Return what moves each of `issue_ids` that the picture has; each issue of it is looked at once."""
    known: dict[UUID, Movement | None] = {}
    return {
        issue_id: _judge(picture, issue_id, now, known)
        for issue_id in issue_ids
        if issue_id in picture.around
    }


def _judge(picture: Picture, issue_id: UUID, now: datetime, known: dict[UUID, Movement | None]) -> Movement:
    """`known` holds what was found out before, and None for what is being looked at further up."""
    found = picture.around[issue_id]
    move = known.get(issue_id) or _own(found, picture.has_runner, now)
    if move is None:
        known[issue_id] = None
        move = _of_blockers(picture, found, now, known) if found.blockers else _without_blockers(found, now)
    known[issue_id] = move
    return move


# --- What decides at once --------------------------------------------------------------------------------


def _own(found: Surroundings, has_runner: bool, now: datetime) -> Movement | None:
    """What decides before anything the issue waits for is looked at; None when nothing does."""
    issue = found.issue
    if issue.status in CLOSED:
        return _say(found, Kind.OVER, f"It is {_status(issue)}.")
    if found.run is not None:
        return _of_run(found, has_runner, now)
    if found.hold is not None:
        where = "" if found.hold.root_issue_id == issue.pk else " above it"
        sentence = f"The board paused this part of the work{where}."
        return _say(found, Kind.HELD, sentence, action=Action.RELEASE_HOLD, hold=found.hold.hold_id)
    if issue.assignee_user is not None:
        doing = "judges it" if issue.status == IssueStatus.IN_REVIEW else "has it"
        return _say(found, Kind.PERSON, f"{issue.assignee_user.display_name} {doing}.")
    if issue.status == IssueStatus.BACKLOG:
        return _of_backlog(found)
    if issue.company.status != CompanyStatus.ACTIVE:
        sentence = f"The company is {issue.company.get_status_display().lower()}."
        return _say(found, Kind.COMPANY_STOPPED, sentence, action=Action.RESUME_COMPANY)
    if found.has_waiting_wake:
        return _say(found, Kind.WAKE, "A call waits for it and goes next.", moves_at=now + PASS_WITHIN)
    return None


def _of_run(found: Surroundings, has_runner: bool, now: datetime) -> Movement:
    run = found.run
    assert run is not None
    say = partial(_say, found, run=run.pk, agent=run.agent_id)
    name = run.agent.name
    if run.status == RunStatus.RUNNING:
        sentence = f"{name} is stopping." if run.cancel_requested_at else f"{name} is at work on it."
        return say(Kind.RUN, sentence)
    if run.status == RunStatus.SCHEDULED_RETRY:
        attempt = f", attempt {run.scheduled_retry_attempt}" if run.scheduled_retry_attempt else ""
        return say(
            Kind.RETRY,
            f"{name} tries again when it is time{attempt}.",
            moves_at=run.scheduled_retry_at,
            action=Action.RETRY_NOW,
        )
    stopped = _agent_stopped(found, run.agent)
    if stopped is not None:
        return replace(stopped, run=run.pk)
    if found.issue.company.draining_since is not None:
        sentence = f"{name} is called, and the company takes no new work now."
        return say(Kind.COMPANY_DRAINING, sentence, action=Action.TAKE_WORK)
    gate = found.gate
    if gate is not None and gate.not_before is not None and gate.not_before > now:
        sentence = f"{name} is called, and its provider account ({gate.label}) takes no calls for a while."
        return say(
            Kind.ACCOUNT_SHUT,
            sentence,
            moves_at=gate.not_before,
            action=Action.OPEN_ACCOUNT,
        )
    if not has_runner:
        sentence = f"{name} is called, and no runner is there to start it."
        return say(Kind.NO_RUNNER, sentence, action=Action.START_RUNNER)
    return say(Kind.QUEUED, f"{name} is called and starts as soon as it has room.")


def _of_backlog(found: Surroundings) -> Movement:
    if found.issue.assignee_agent is None:
        return _say(found, Kind.BACKLOG, "It is in the backlog, and nobody has it.", action=Action.ASSIGN)
    sentence = f"It is in the backlog: {found.issue.assignee_agent.name} is not called for it."
    return _say(found, Kind.BACKLOG, sentence, action=Action.START)


# --- What it waits for -----------------------------------------------------------------------------------


def _of_blockers(
    picture: Picture, found: Surroundings, now: datetime, known: dict[UUID, Movement | None]
) -> Movement:
    """The blocker that decides: the first with something missing, else the first."""
    inner = [_of_blocker(picture, found, each, now, known) for each in found.blockers]
    return next((each for each in inner if each.is_missing), inner[0])


def _of_blocker(
    picture: Picture,
    found: Surroundings,
    blocker_id: UUID,
    now: datetime,
    known: dict[UUID, Movement | None],
) -> Movement:
    blocker = picture.around[blocker_id].issue
    if blocker.status == IssueStatus.CANCELLED:
        sentence = f"It waits for {blocker.identifier}, which is cancelled."
        return _say(found, Kind.BLOCKER_CANCELLED, sentence, action=Action.DROP_BLOCKER, path=(blocker_id,))
    if blocker_id in known and known[blocker_id] is None:
        sentence = f"It waits for {blocker.identifier}, which waits for it in turn."
        return _say(found, Kind.CIRCLE, sentence, action=Action.DROP_BLOCKER, path=(blocker_id,))
    inner = _judge(picture, blocker_id, now, known)
    if inner.kind == Kind.BACKLOG:
        # Nobody promised it, and yet somebody waits for it.
        has_agent = blocker.assignee_agent_id is not None
        inner = replace(inner, kind=Kind.NEVER_CALLED if has_agent else Kind.UNASSIGNED)
    told = f"It waits for {blocker.identifier}: {inner.sentence}"
    if inner.sentence.startswith(_WAITS):
        told = f"It waits for {blocker.identifier}, which waits for {inner.sentence.removeprefix(_WAITS)}"
    return replace(inner, sentence=told, path=(blocker_id, *inner.path))


# --- What is left to move it -----------------------------------------------------------------------------


def _without_blockers(found: Surroundings, now: datetime) -> Movement:
    issue, agent = found.issue, found.issue.assignee_agent
    if found.waits.has_open_approval:
        sentence = "A question about it waits for the board's answer."
        return _say(found, Kind.APPROVAL, sentence, action=Action.ANSWER_APPROVAL)
    if found.waits.monitor_at is not None:
        sentence = "It is looked at again when its monitor is due."
        return _say(found, Kind.MONITOR, sentence, moves_at=found.waits.monitor_at)
    if issue.status == IssueStatus.IN_REVIEW:
        return _of_review(found)
    if agent is None:
        return _say(found, Kind.UNASSIGNED, "Nobody has it.", action=Action.ASSIGN)
    return (
        _agent_stopped(found, agent)
        or _budget_stopped(found)
        or _loop_stopped(found, agent)
        or _of_work(found, agent, now)
    )


def _of_review(found: Surroundings) -> Movement:
    issue = found.issue
    if surroundings.has_user_reviewer(issue):
        return _say(found, Kind.REVIEWER, "A person is asked to judge it.")
    if surroundings.reviewer_id(issue) is None:
        sentence = "It is in review, and nobody is asked to judge it."
        return _say(found, Kind.NO_REVIEWER, sentence, action=Action.ASSIGN)
    reviewer = found.reviewer
    if reviewer is None or reviewer.company_id != issue.company_id:
        sentence = "It is in review by an agent that is gone."
        return _say(found, Kind.REVIEWER_GONE, sentence, action=Action.ASSIGN)
    stopped = _agent_stopped(found, reviewer)
    if stopped is not None:
        return replace(stopped, kind=Kind.REVIEWER_GONE)
    return _say(
        found, Kind.REVIEWER, f"{reviewer.name} is asked to judge it.", action=Action.WAKE, agent=reviewer.pk
    )


def _agent_stopped(found: Surroundings, agent: Agent) -> Movement | None:
    match agent.status:
        case AgentStatus.PAUSED if agent.pause_reason == PauseReason.BUDGET:
            sentence = f"{agent.name} has used up its budget."
            return _say(found, Kind.BUDGET, sentence, action=Action.RAISE_BUDGET, agent=agent.pk)
        case AgentStatus.PAUSED:
            sentence = f"{agent.name} is paused."
            return _say(found, Kind.AGENT_PAUSED, sentence, action=Action.RESUME_AGENT, agent=agent.pk)
        case AgentStatus.PENDING_APPROVAL:
            sentence = f"{agent.name} is hired, and the board has not agreed yet."
            return _say(found, Kind.AGENT_PENDING, sentence, action=Action.APPROVE_AGENT, agent=agent.pk)
        case AgentStatus.TERMINATED:
            sentence = f"{agent.name} does not work here any more."
            return _say(found, Kind.AGENT_GONE, sentence, action=Action.ASSIGN, agent=agent.pk)
    return None


def _budget_stopped(found: Surroundings) -> Movement | None:
    if found.budget is None:
        return None
    by_hand = found.budget.scope_type == "project" and (
        found.issue.project is not None and found.issue.project.pause_reason != PauseReason.BUDGET
    )
    if by_hand:
        return _say(found, Kind.BUDGET, "Its project is paused.", action=Action.RESUME_PROJECT)
    return _say(found, Kind.BUDGET, found.budget.reason, action=Action.RAISE_BUDGET)


def _loop_stopped(found: Surroundings, agent: Agent) -> Movement | None:
    if found.loop_stop is None:
        return None
    sentence = f"{agent.name} went round in circles on it and is not called by itself any more."
    if found.loop_stop.is_between_agents:
        sentence = f"{found.loop_stop.reason}. Nobody but a person calls them now."
    return _say(found, Kind.LOOP, sentence, action=Action.LIFT_STOP, agent=agent.pk)


def _of_work(found: Surroundings, agent: Agent, now: datetime) -> Movement:
    """An agent's open issue with nothing in its way and no run: what the next pass makes of it (H-144)."""
    issue, story = found.issue, found.story
    if issue.status == IssueStatus.BLOCKED:
        sentence = f"{agent.name} says that it cannot go on, and nothing it waits for is named."
        if found.was_freed:
            sentence = "All it waited for is done; its agent is called within a minute."
            return _say(found, Kind.RECOVERY, sentence, moves_at=now + PASS_WITHIN, agent=agent.pk)
        return _say(found, Kind.BLOCKED, sentence, action=Action.ANSWER, agent=agent.pk)
    if found.waits.reason(story.last) is not None:
        return _say(found, Kind.CHILDREN, "It waits for its children, which are being worked on.")
    step = verdicts.decide_step(
        Scene(issue.status, story.last, was_called=story.was_called or _is_taken(issue)),
        is_recovery=verdicts.is_recovery(issue),
    )
    say = partial(_say, found, agent=agent.pk, run=story.run_id)
    if step.kind == StepKind.LEAVE:
        kind = Kind.CALLED_OFF if story.last is not None else Kind.NEVER_CALLED
        return say(kind, f"{step.reason}.", action=Action.WAKE)
    if found.has_queued_call and step.kind == StepKind.DISPATCH:
        return say(Kind.WAKE, f"{agent.name} was called a moment ago.")
    if found.waits_for_review and step.kind != StepKind.DISPATCH:
        sentence = f"{agent.name} left it, in its own words, for somebody to judge."
        return say(Kind.NO_REVIEWER, sentence, action=Action.ANSWER)
    if not policy.of(agent).wake_on_demand:
        return _of_timer(found, agent)
    what = "blocked and handed on" if step.kind == StepKind.ESCALATE else "taken up again"
    sentence = f"{step.reason}. It is {what} within a minute."
    return say(Kind.RECOVERY, sentence, moves_at=now + PASS_WITHIN, action=Action.WAKE)


def _of_timer(found: Surroundings, agent: Agent) -> Movement:
    plan = policy.of(agent)
    if plan.timer_enabled and plan.interval_seconds > 0:
        since = agent.last_heartbeat_at or agent.created_at
        at = since + timedelta(seconds=plan.interval_seconds)
        sentence = f"{agent.name} looks at it at its next heartbeat."
        return _say(found, Kind.TIMER, sentence, moves_at=at, action=Action.WAKE, agent=agent.pk)
    sentence = f"{agent.name} takes no calls, and has no timer."
    return _say(found, Kind.NO_WAKES, sentence, action=Action.ALLOW_WAKES, agent=agent.pk)


def _is_taken(issue: Issue) -> bool:
    return issue.checkout_run_id is not None or issue.execution_run_id is not None


def _status(issue: Issue) -> str:
    return str(IssueStatus(issue.status).label).lower()


def _say(
    found: Surroundings,
    kind: Kind,
    sentence: str,
    *,
    moves_at: datetime | None = None,
    run: UUID | None = None,
    agent: UUID | None = None,
    hold: UUID | None = None,
    action: Action | None = None,
    path: Iterable[UUID] = (),
) -> Movement:
    return Movement(
        kind=kind,
        sentence=sentence,
        issue_id=found.issue.pk,
        moves_at=moves_at,
        run=run,
        agent=agent,
        hold=hold,
        action=action,
        path=tuple(path),
    )
