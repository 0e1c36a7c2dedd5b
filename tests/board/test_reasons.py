"""The sentence beside every state: what moves an issue next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from heartbeat.models import Run
from issues.models import Issue
from paperclip.board import reasons
from paperclip.board.reasons import Blocker, Facts
from paperclip.core import clock
from tests import factories
from tests.board import scene as scenes

NOW = datetime(2026, 1, 31, 8, 15, tzinfo=UTC)


def run(status: str, **fields) -> Run:
    return Run(status=status, **fields)


OPEN_BLOCKER = Blocker("PAP-12", "todo", None)
LIVE_BLOCKER = Blocker("PAP-13", "in_progress", "Frontend", is_live=True, owner_status="running")


@pytest.mark.parametrize(
    ("facts", "text", "needs_person"),
    [
        pytest.param(Facts("done", "Ada"), "", False, id="finished work needs no word"),
        pytest.param(Facts("cancelled"), "", False, id="cancelled work needs no word"),
        pytest.param(Facts("backlog"), "", False, id="the backlog waits for nobody"),
        pytest.param(Facts("todo"), "Nobody owns it", True, id="unowned"),
        pytest.param(
            Facts("todo", "Ada", "idle"), "Waits for Ada's next heartbeat", False, id="waits for its agent"
        ),
        pytest.param(Facts("todo", "Ada", "paused"), "Ada is paused", True, id="paused owner"),
        pytest.param(
            Facts("todo", "Ada", "pending_approval"),
            "Ada is waiting for approval",
            True,
            id="owner not hired yet",
        ),
        pytest.param(Facts("todo", user_name="Board"), "Waits for Board", True, id="a person's"),
        pytest.param(Facts("in_review", "Ada"), "Waits for a person to judge it", True, id="in review"),
        pytest.param(
            Facts("in_progress", "Ada", live_run=run("running", started_at=NOW - timedelta(minutes=3))),
            "Ada has been at work for 3 min",
            False,
            id="a run is live",
        ),
        pytest.param(
            Facts("in_progress", "Ada", live_run=run("queued")),
            "Ada starts as soon as a runner is free",
            False,
            id="queued",
        ),
        pytest.param(
            Facts(
                "in_progress",
                "Ada",
                live_run=run(
                    "scheduled_retry",
                    scheduled_retry_at=NOW + timedelta(minutes=8, seconds=5),
                    scheduled_retry_attempt=2,
                    scheduled_retry_reason="upstream overloaded (529)",
                ),
            ),
            "Retry 2 of 4 in 8 min: upstream overloaded (529)",
            False,
            id="retry is due",
        ),
        pytest.param(
            Facts(
                "in_progress",
                "Ada",
                "error",
                last_run=run("failed", error="boom\ntrace", followup_reason="none"),
            ),
            "Ada's last run failed: boom",
            True,
            id="the last run failed",
        ),
        pytest.param(
            Facts("in_progress", "Ada", "idle", last_run=run("succeeded")),
            "No run is live; Ada's next heartbeat goes on with it",
            False,
            id="between two runs",
        ),
        pytest.param(
            Facts("blocked", blockers=[OPEN_BLOCKER]),
            "Blocked by PAP-12, which nobody owns",
            True,
            id="stuck",
        ),
        pytest.param(
            Facts("blocked", blockers=[LIVE_BLOCKER]),
            "Blocked by PAP-13, which Frontend is working on",
            False,
            id="moving",
        ),
        pytest.param(
            Facts("blocked", blockers=[LIVE_BLOCKER, OPEN_BLOCKER]),
            "Blocked by PAP-12, which nobody owns, and 1 more",
            True,
            id="the stuck blocker is named first",
        ),
        pytest.param(
            Facts("blocked", blockers=[LIVE_BLOCKER, Blocker("PAP-14", "todo", "Ada", owner_status="idle")]),
            "Blocked by PAP-13, PAP-14",
            False,
            id="several that move",
        ),
        pytest.param(
            Facts("blocked", blockers=[Blocker("PAP-12", "cancelled", "Ada")]),
            "Blocked by PAP-12, which was cancelled",
            True,
            id="a cancelled blocker never ends by itself",
        ),
        pytest.param(
            Facts("blocked", blockers=[Blocker("PAP-12", "todo", "Ada", owner_status="paused")]),
            "Blocked by PAP-12, whose owner Ada is paused",
            True,
            id="the blocker's owner is paused",
        ),
        pytest.param(
            Facts("blocked", blockers=[Blocker("PAP-12", "done", "Ada")]),
            "Every blocker is done; set it to do again",
            True,
            id="nothing blocks it any more",
        ),
        pytest.param(
            Facts("blocked"),
            "Blocked without a named blocker; the last comment says why",
            True,
            id="no blocker named",
        ),
    ],
)
def test_reason(facts, text, needs_person):
    reason = reasons.decide_reason(facts, now=NOW)
    assert (reason.text, reason.needs_person) == (text, needs_person)


def test_many_issues_cost_as_many_queries_as_one(scene):
    scenes.build(factories.company(), scene.owner, size=3)
    rows = list(Issue.objects.select_related("assignee_agent", "assignee_user"))
    with CaptureQueriesContext(connection) as queries:
        found = reasons.of(rows, now=clock.now())
    assert found.keys() == {row.pk for row in rows}
    assert len(queries) <= 5


def test_reasons_of_a_real_company(scene):
    rows = Issue.objects.filter(company=scene.company).select_related("assignee_agent", "assignee_user")
    said = {row.title: reason.text for row in rows for reason in [reasons.of([row], now=clock.now())[row.pk]]}
    assert said["Test ratio per package"] == "Blocked by NWA-7, which nobody owns"
    assert said["Decide which coverage tool we trust"] == "Nobody owns it"
    assert said["Audit this repository"] == "Lead starts as soon as a runner is free"
    assert said["Measure churn from git history"].startswith("Backend has been at work for ")
    assert said["Rename the billing tables"].startswith("Retry 2 of 4 in ")


def test_a_parent_waits_for_its_open_children_and_needs_nobody():
    reason = reasons.decide_reason(reasons.Facts(status="blocked", open_children=2), now=clock.now())
    assert (reason.text, reason.needs_person) == ("Waits for 2 open children", False)
