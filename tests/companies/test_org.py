"""The tree of who reports to whom stays a tree, whoever moves in it at the same time."""

from __future__ import annotations

import random
import threading

import pytest
from django.db import connection

from paperclip.companies import actors, agents, org
from paperclip.companies.models import Agent
from paperclip.core import clock
from paperclip.core.errors import Refusal, Unprocessable
from tests import cast as standing
from tests import factories


def has_circle(company) -> bool:
    managers = dict(Agent.objects.filter(company=company).values_list("id", "reports_to_id"))
    for start in managers:
        seen, above = set(), start
        while above is not None:
            if above in seen:
                return True
            seen.add(above)
            above = managers[above]
    return False


@pytest.mark.django_db(transaction=True)
def test_two_moves_at_once_make_no_circle():
    """Each move is fine alone; together they would be a circle, and exactly one goes through."""
    cast = standing.make()
    for _ in range(8):
        one, two = factories.agent(cast.company), factories.agent(cast.company)
        statuses = []
        start = threading.Barrier(2)

        def move(agent, under, start=start, statuses=statuses):
            start.wait()
            answer = cast.as_owner.patch(f"/api/agents/{agent.id}", {"reportsTo": str(under.id)})
            statuses.append(answer.status_code)
            connection.close()

        threads = [threading.Thread(target=move, args=pair) for pair in ((one, two), (two, one))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [200, 422]
        assert not has_circle(cast.company)


@pytest.mark.django_db(transaction=True)
def test_many_movers_make_no_circle():
    cast = standing.make()
    team = [factories.agent(cast.company) for _ in range(6)]
    refused: list[int] = []
    finished: list[int] = []

    def move_about(seed):
        chance = random.Random(seed)
        for _ in range(12):
            agent, under = chance.sample(team, 2)
            try:
                agents.update(
                    agent=agent,
                    fields={"reports_to": under.id},
                    actor=actors.for_user(cast.owner),
                    now=clock.now(),
                )
            except Unprocessable:
                refused.append(seed)
        finished.append(seed)
        connection.close()

    threads = [threading.Thread(target=move_about, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(finished) == [0, 1, 2, 3]
    assert refused, "moves that would make a circle were among them"
    assert not has_circle(cast.company)


@pytest.mark.django_db(transaction=True)
def test_agents_made_at_once_get_names_of_their_own():
    cast = standing.make()
    names = []

    def make():
        answer = cast.as_owner.post(f"/api/companies/{cast.company.id}/agents", {"name": "Twin"})
        names.append(answer.json()["urlKey"])
        connection.close()

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(names) == ["twin", *(f"twin-{number}" for number in range(2, 9))]


def test_tree_has_a_depth(cast):
    """Every answer that nests the tree stays within what can be written."""
    manager = cast.ceo
    actor = actors.for_user(cast.owner)
    for _ in range(org.MAX_DEPTH - 1):
        manager = factories.agent(cast.company, reports_to=manager)
    with pytest.raises(Unprocessable, match="cannot be longer than 100"):
        agents.create(
            company=cast.company, fields={"name": "x", "reports_to": manager.id}, actor=actor, now=clock.now()
        )
    top = factories.agent(cast.company)
    with pytest.raises(Unprocessable, match="cannot be longer than 100"):
        agents.update(agent=cast.ceo, fields={"reports_to": top.id}, actor=actor, now=clock.now())
    assert cast.as_owner.get(f"/api/companies/{cast.company.id}/org").status_code == 200


def test_chain_ends_even_in_a_circle_that_should_not_be(cast):
    """Rows written past the rules must not hang a reader."""
    Agent.objects.filter(pk=cast.ceo.pk).update(reports_to=cast.peer)
    assert len(org.chain_of_command(Agent.objects.get(pk=cast.peer.pk))) <= org.MAX_CHAIN
    assert cast.as_owner.get(f"/api/companies/{cast.company.id}/org").status_code == 200
    with pytest.raises(Refusal):
        agents.update(
            agent=cast.manager,
            fields={"reports_to": cast.engineer.id},
            actor=actors.for_user(cast.owner),
            now=clock.now(),
        )
