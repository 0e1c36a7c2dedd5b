"""Whether an agent's calls were stopped for going round in circles, and whether a person has spoken since.

A stop is of what nobody asked for: a person, and other agents, still reach the agent. Where agents called each other
to and fro it is of what they ask for too. A person always gets through. `breaker` opens the stops.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from heartbeat.models import LoopStop, Run
from issues.choices import CLOSED
from issues.trail import UNHEARD
from paperclip.companies.actors import Actor
from paperclip.companies.choices import ActorType
from paperclip.companies.models import Activity, Agent
from paperclip.governance import notices
from paperclip.governance.choices import NoticeKind

MOST = 20


def standing(
    *,
    agent: Agent,
    issue_id: UUID | None,
    requester: tuple[str | None, str | None],
    is_word: bool,
    now: datetime,
) -> LoopStop | None:
    """Return the open stop that keeps a call of the agent on the issue, or without one, from going through; or None.

    `requester` asks for it, and `is_word` says that the call carries a comment: a stop of what the agent is called
    for by itself lets others' calls and comments through, one between agents only what people ask for. A person who
    commented on the issue or changed it since has lifted the stop: it is closed here.
    """
    if requester[0] == ActorType.USER:
        return None
    stop = LoopStop.objects.filter(agent=agent, issue=issue_id, closed_at__isnull=True).first()
    if stop is None or not (stop.is_between_agents or (is_automatic(requester, agent) and not is_word)):
        return None
    if not _person_spoke(stop):
        return stop
    _close(_with_its_like(stop), by=(ActorType.USER, None), reason="A person changed the issue", now=now)
    return None


def open_for(
    run: Run, agents: Sequence[Agent], *, runs: int, reason: str, is_between: bool, now: datetime
) -> LoopStop:
    """Stop the calls of `agents` on the issue of `run`, or without one; return the stop of the run's own agent.

    A narrower stop that is open there gives way to the new one.
    """
    narrower = LoopStop.objects.filter(agent__in=agents, issue=run.issue_id, closed_at__isnull=True)
    _close(list(narrower), by=(ActorType.SYSTEM, None), reason="A wider stop took its place", now=now)
    made = LoopStop.objects.bulk_create(
        LoopStop(
            company_id=run.company_id,
            agent=agent,
            issue_id=run.issue_id,
            run=run,
            runs=runs,
            reason=reason,
            is_between_agents=is_between,
            created_at=now,
            updated_at=now,
        )
        for agent in agents
    )
    return next(stop for stop in made if stop.agent_id == run.agent_id)


def lift(*, agent: Agent, issue_id: UUID | None, actor: Actor, reason: str, now: datetime) -> bool:
    """Close the open stop of the agent on the issue because `actor` wants it to go on; whether there was one.

    With a stop between agents those of the others go too.
    """
    stop = LoopStop.objects.filter(agent=agent, issue=issue_id, closed_at__isnull=True).first()
    if stop is None:
        return False
    return bool(_close(_with_its_like(stop), by=(actor.type, actor.id), reason=reason, now=now))


def of_company(company_id: UUID) -> list[LoopStop]:
    """Return the newest open stops of a company on work that is not over, for whoever must decide about them."""
    rows = LoopStop.objects.filter(company_id=company_id, closed_at__isnull=True)
    over = Q(issue__status__in=CLOSED) | Q(issue__hidden_at__isnull=False)
    rows = rows.exclude(over).select_related("agent", "issue").defer("issue__description")
    return list(rows.order_by("-created_at", "id")[:MOST])


def is_automatic(requester: tuple[str | None, str | None], agent: Agent) -> bool:
    """Whether nobody but the product, or the agent itself, asks for a call; `requester` is an actor's type and id."""
    kind, name = requester
    return kind not in (ActorType.USER, ActorType.AGENT) or (
        kind == ActorType.AGENT and name == str(agent.pk)
    )


def _with_its_like(stop: LoopStop) -> list[LoopStop]:
    """The stop, and when it is one between agents those of the others on the issue."""
    if not stop.is_between_agents:
        return [stop]
    rows = LoopStop.objects.filter(issue=stop.issue_id, is_between_agents=True, closed_at__isnull=True)
    return list(rows.order_by("id"))


def _person_spoke(stop: LoopStop) -> bool:
    entity = ("issue", stop.issue_id) if stop.issue_id is not None else ("agent", stop.agent_id)
    since = Activity.objects.filter(
        entity_type=entity[0],
        entity_id=str(entity[1]),
        actor_type=ActorType.USER,
        created_at__gt=stop.created_at,
    )
    return since.exclude(action__in=UNHEARD).exists()


def _close(stops: list[LoopStop], *, by: tuple[str, str | None], reason: str, now: datetime) -> int:
    for stop in stops:
        notices.settle(company_id=stop.company_id, kind=NoticeKind.LOOP_STOPPED, key=str(stop.pk), now=now)
    return LoopStop.objects.filter(pk__in=[stop.pk for stop in stops], closed_at__isnull=True).update(
        closed_at=now,
        closed_by_actor_type=by[0],
        closed_by_actor_id=by[1],
        close_reason=reason,
        updated_at=now,
    )
