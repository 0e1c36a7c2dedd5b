"""Whether an agent's automatic calls were stopped for going round in circles, and whether a person has spoken since.

Only what nobody asked for is stopped: a person, and other agents, still reach the agent. `breaker` opens the stops.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from heartbeat.models import LoopStop
from issues.trail import UNHEARD
from paperclip.companies.actors import Actor
from paperclip.companies.choices import ActorType
from paperclip.companies.models import Activity, Agent
from paperclip.governance import notices
from paperclip.governance.choices import NoticeKind


def standing(*, agent: Agent, issue_id: UUID | None, now: datetime) -> LoopStop | None:
    """Return the open stop of the agent on the issue, or of its calls without one; None when it may be called.

    A person who commented on the issue or changed it since has lifted the stop: it is closed here.
    """
    stop = LoopStop.objects.filter(agent=agent, issue=issue_id, closed_at__isnull=True).first()
    if stop is None or not _person_spoke(stop):
        return stop
    _close([stop], by=(ActorType.USER, None), reason="A person changed the issue", now=now)
    return None


def lift(*, agent: Agent, issue_id: UUID | None, actor: Actor, reason: str, now: datetime) -> bool:
    """Close the open stop of the agent on the issue because `actor` wants it to go on; whether there was one."""
    found = LoopStop.objects.filter(agent=agent, issue=issue_id, closed_at__isnull=True)
    return bool(_close(list(found), by=(actor.type, actor.id), reason=reason, now=now))


def of_company(company_id: UUID) -> list[LoopStop]:
    """Return the open stops of a company, oldest first, for whoever must decide about them."""
    rows = LoopStop.objects.filter(company_id=company_id, closed_at__isnull=True)
    return list(rows.select_related("agent", "issue").order_by("created_at"))


def is_automatic(requester: tuple[str | None, str | None], agent: Agent) -> bool:
    """Whether nobody but the product, or the agent itself, asks for a call; `requester` is an actor's type and id."""
    kind, name = requester
    return kind not in (ActorType.USER, ActorType.AGENT) or (
        kind == ActorType.AGENT and name == str(agent.pk)
    )


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
