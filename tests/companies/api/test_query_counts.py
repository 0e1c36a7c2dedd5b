"""Lists ask the database as often for thirty rows as for three."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from paperclip.companies.models import ProjectGoal
from paperclip.core import clock
from tests import factories

# Questions for a list of any length, credentials and company included. Change on purpose only.
KNOWN = {
    "companies": 5,
    "companies/stats": 4,
    "companies/{c}/agents": 5,
    "companies/{c}/org": 4,
    "companies/{c}/agent-configurations": 4,
    "companies/{c}/projects": 7,
    "companies/{c}/goals": 4,
    "companies/{c}/activity": 4,
    "companies/{c}/members": 6,
    "companies/{c}/user-directory": 5,
    "companies/{c}/approvals": 4,
    "companies/{c}/costs/by-agent": 4,
    "board-api-keys": 3,
    "agents/{a}": 7,
    "agents/{a}/keys": 4,
    "agents/{a}/config-revisions": 4,
}


def fill(cast, number: int) -> None:
    company = cast.company
    for _ in range(number):
        member_elsewhere = factories.company()
        factories.member(member_elsewhere, cast.owner)
        person = factories.user(member_of=company)
        agent = factories.agent(company, reports_to=cast.manager)
        agent.cost_events.create(
            company=company, provider="p", biller="p", model="m", cost_cents=5, occurred_at=clock.now()
        )
        factories.agent_key(cast.engineer)
        factories.board_token(cast.owner)
        goal = factories.goal(company)
        project = factories.project(company, env={"A": {"type": "plain", "value": "x"}})
        ProjectGoal.objects.create(project=project, goal=goal)
        company.approvals.create(type="request_board_approval", requested_by_user=person)
        cast.as_owner.patch(f"/api/agents/{cast.engineer.id}", {"title": str(person.id)})
        cast.as_owner.patch(f"/api/agents/{agent.id}", {"title": "x"})


@pytest.mark.parametrize("template", KNOWN)
def test_questions_are_as_many_as_known(cast, template):
    path = "/api/" + template.format(c=cast.company.id, a=cast.engineer.id)

    def questions() -> list[str]:
        assert cast.as_owner.get(path).status_code == 200
        with CaptureQueriesContext(connection) as seen:
            assert cast.as_owner.get(path).status_code == 200
        return [question["sql"] for question in seen]

    fill(cast, 3)
    few = questions()
    fill(cast, 27)
    many = questions()
    assert len(many) == len(few), "\n".join(many)
    assert len(many) == KNOWN[template], "\n".join(many)
