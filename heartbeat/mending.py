"""What a person does about an issue that stands still, by one press: the deed behind the action of a movement.

Every deed is a verb of the part it concerns; here is only which one. What the person saw may have changed since:
then nothing is done, and the answer says how things stand now.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from heartbeat import breaker, movement, providers, wakeups
from heartbeat.models import LoopStop, ProviderGate
from heartbeat.moves import Action, Movement
from heartbeat.retries import retry_now
from issues import lifecycle, tree_control
from issues.choices import IssueStatus
from issues.models import Issue, Relation, TreeHold
from paperclip.companies import agents
from paperclip.companies import lifecycle as company_lifecycle
from paperclip.companies.actors import Actor
from paperclip.companies.choices import CompanyStatus
from paperclip.companies.models import Agent
from paperclip.core.errors import Conflict


def mend(*, issue_id: UUID, action: str, actor: Actor, now: datetime) -> str:
    """Do what `action` says about the issue and return a sentence on what came of it.

    Raises Conflict when the action no longer is what the issue needs, and what its verb refuses.
    """
    issue = Issue.objects.select_related("company", "project", "assignee_agent", "assignee_user").get(
        pk=issue_id
    )
    move = movement.of(issue, now=now)
    deed = _DEEDS.get(move.action) if move.action == action else None
    if deed is None:
        raise Conflict(f"That is not what it needs now. {move.sentence}")
    return deed(issue, move, actor, now)


def is_a_deed(action: Action) -> bool:
    """Whether a press does it; any other action leads to the page where a person decides."""
    return action in _DEEDS


def _start(issue: Issue, move: Movement, actor: Actor, now: datetime) -> str:
    lifecycle.update(issue_id=move.issue_id, fields={"status": IssueStatus.TODO}, actor=actor, now=now)
    return "It is to do now."


def _wake(issue: Issue, move: Movement, actor: Actor, now: datetime) -> str:
    agent = _agent(move.agent or issue.assignee_agent_id)
    outcome = wakeups.enqueue(
        agent_id=agent.pk,
        company_id=agent.company_id,
        call=wakeups.manual(payload={"issueId": str(move.issue_id)}),
        actor=actor,
        now=now,
    )
    if outcome.refused is not None:
        raise Conflict(outcome.refused.message)
    return f"{agent.name} is called."


def _retry(issue: Issue, move: Movement, actor: Actor, now: datetime) -> str:
    return f"{retry_now.issue(issue_id=move.issue_id, actor=actor, now=now).message}."


def _release_hold(issue: Issue, move: Movement, actor: Actor, now: datetime) -> str:
    assert move.hold is not None
    root_id = TreeHold.objects.values_list("root_issue_id", flat=True).get(pk=move.hold)
    tree_control.release(hold_id=move.hold, root_id=root_id, actor=actor, now=now)
    return "The work goes on."


def _resume_company(issue: Issue, move: Movement, actor: Actor, now: datetime) -> str:
    fields = {"status": CompanyStatus.ACTIVE}
    company_lifecycle.update(company=issue.company, fields=fields, actor=actor, now=now)
    return f"{issue.company.name} works again."


def _take_work(issue: Issue, move: Movement, actor: Actor, now: datetime) -> str:
    company_lifecycle.undrain(company=issue.company, actor=actor, now=now)
    return f"{issue.company.name} takes up work again."


def _resume_agent(issue: Issue, move: Movement, actor: Actor, now: datetime) -> str:
    agent = agents.resume(agent=_agent(move.agent), actor=actor, now=now)
    return f"{agent.name} works again."


def _lift_stop(issue: Issue, move: Movement, actor: Actor, now: datetime) -> str:
    stop = LoopStop.objects.filter(
        agent=_agent(move.agent), issue_id=move.issue_id, closed_at__isnull=True
    ).first()
    if stop is None:
        raise Conflict("The agent is being called again already")
    outcome = breaker.clear(stop=stop, actor=actor, now=now)
    return outcome.refused.message if outcome.refused is not None else "The agent goes on with it."


def _open_account(issue: Issue, move: Movement, actor: Actor, now: datetime) -> str:
    agent = _agent(move.agent)
    gate = ProviderGate.objects.filter(company_id=agent.company_id, key=providers.key_of(agent)).first()
    if gate is None:
        raise Conflict("The account takes calls already")
    providers.open_by_hand(gate=gate, actor=actor, now=now)
    return f"{gate.label} is called again."


def _drop_blocker(issue: Issue, move: Movement, actor: Actor, now: datetime) -> str:
    """Let the last issue of the line no longer wait for the one that will never be done."""
    waiting_id, dropped = [issue.pk, *move.path][-2:]
    links = Relation.objects.filter(related_issue_id=waiting_id, type="blocks").order_by("created_at", "id")
    kept = [blocker for blocker in links.values_list("issue_id", flat=True) if blocker != dropped]
    lifecycle.update(issue_id=waiting_id, fields={"blocked_by_issue_ids": kept}, actor=actor, now=now)
    return "It no longer waits for it."


def _agent(agent_id: UUID | None) -> Agent:
    assert agent_id is not None, "a movement with this action names its agent"
    return Agent.objects.get(pk=agent_id)


_DEEDS: dict[Action, Callable[[Issue, Movement, Actor, datetime], str]] = {
    Action.START: _start,
    Action.WAKE: _wake,
    Action.RETRY_NOW: _retry,
    Action.RELEASE_HOLD: _release_hold,
    Action.RESUME_COMPANY: _resume_company,
    Action.TAKE_WORK: _take_work,
    Action.RESUME_AGENT: _resume_agent,
    Action.LIFT_STOP: _lift_stop,
    Action.OPEN_ACCOUNT: _open_account,
    Action.DROP_BLOCKER: _drop_blocker,
}
