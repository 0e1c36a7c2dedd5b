"""What stands against a run."""

from __future__ import annotations

import pytest

from paperclip.core import clock
from paperclip.governance import budgets
from tests import factories

COMPANY_BUDGET = "Company is paused because its budget hard-stop was reached."
COMPANY_HAND = "Company is paused and cannot start new work."
AGENT_BUDGET = "Agent is paused because its budget hard-stop was reached."
PROJECT_BUDGET = "Project is paused because its budget hard-stop was reached."


@pytest.mark.parametrize(
    ("company", "agent", "project", "scope", "reason"),
    [
        pytest.param({}, {}, {}, None, None, id="C-90 nothing"),
        pytest.param(
            {"status": "paused", "pause_reason": "budget"},
            {},
            {},
            "company",
            COMPANY_BUDGET,
            id="B-79 budget",
        ),
        pytest.param(
            {"status": "paused", "pause_reason": "manual"}, {}, {}, "company", COMPANY_HAND, id="B-79 hand"
        ),
        pytest.param(
            {"status": "archived"},
            {},
            {},
            "company",
            "Company is archived and cannot start new work.",
            id="CW-34",
        ),
        pytest.param(
            {}, {"status": "paused", "pause_reason": "budget"}, {}, "agent", AGENT_BUDGET, id="C-90 agent"
        ),
        pytest.param(
            {}, {"status": "paused", "pause_reason": "manual"}, {}, None, None, id="C-90 agent by hand"
        ),
        pytest.param({}, {}, {"paused_at": clock.now()}, "project", PROJECT_BUDGET, id="C-90 project"),
        pytest.param(
            {"status": "paused", "pause_reason": "manual"},
            {"status": "paused", "pause_reason": "budget"},
            {"paused_at": clock.now()},
            "company",
            COMPANY_HAND,
            id="C-90 first match wins",
        ),
    ],
)
def test_block(cast, company, agent, project, scope, reason):
    for row, fields in ((cast.company, company), (cast.peer, agent)):
        for name, value in fields.items():
            setattr(row, name, value)
    place = factories.project(cast.company, **project)
    found = budgets.invocation_block(company=cast.company, agent=cast.peer, project=place)
    if scope is None:
        assert found is None
        return
    ids = {"company": cast.company.id, "agent": cast.peer.id, "project": place.id}
    assert found == budgets.Block(scope, ids[scope], reason)


def test_work_without_a_project_may_run(cast):
    assert budgets.invocation_block(company=cast.company, agent=cast.peer) is None
