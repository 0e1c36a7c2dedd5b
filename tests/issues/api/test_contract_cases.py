"""Cases of the contract that belong to no single endpoint (I-1, I-7, I-10, I-24, I-41, IC-31, IW-4, IW-15)."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from issues.models import Issue
from tests import factories


@pytest.mark.parametrize(
    ("status", "taken"),
    [
        pytest.param("failed", True, id="IC-31 terminal"),
        pytest.param("running", False, id="IC-31 live"),
        pytest.param(None, True, id="IC-31 none"),
    ],
)
def test_lock_of_a_run_that_is_over_holds_nobody_back(cast, status, taken):
    """I-41"""
    other = factories.run(cast.peer, status=status) if status else None
    issue = factories.issue(cast.company, status="todo", assignee_agent=cast.engineer, execution_run=other)
    run = factories.run(cast.engineer)
    answer = cast.as_agent(cast.engineer, run_id=run.pk).post(
        f"/api/issues/{issue.pk}/checkout", {"agentId": str(cast.engineer.pk), "expectedStatuses": ["todo"]}
    )
    issue.refresh_from_db()
    assert answer.status_code == (200 if taken else 409)
    assert issue.execution_run_id == (run.pk if taken else other.pk)


@pytest.mark.parametrize(
    "kind",
    [
        "stale_active_run_evaluation",
        "harness_liveness_escalation",
        "issue_productivity_review",
        "stranded_issue_recovery",
    ],
)
def test_one_open_recovery_issue_per_origin(cast, kind):
    """I-10: closed and hidden ones do not count."""
    fields = {"origin_kind": kind, "origin_id": "x"}
    first = factories.issue(cast.company, **fields)
    with pytest.raises(IntegrityError), transaction.atomic():
        factories.issue(cast.company, **fields)
    factories.issue(cast.elsewhere, **fields)
    Issue.objects.filter(pk=first.pk).update(status="done")
    factories.issue(cast.company, **fields)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b'{"title":', 400, id="IW-4 broken JSON"),
        pytest.param(b'{"title":"' + b"x" * 10_500_000 + b'"}', 413, id="I-7 too large"),
        pytest.param(b"[]", 400, id="I-1 no object"),
    ],
)
def test_body_that_cannot_be_read_makes_nothing(cast, body, status):
    answer = cast.as_owner.generic(
        "POST", f"/api/companies/{cast.company.pk}/issues", body, content_type="application/json"
    )
    assert (answer.status_code, Issue.objects.count()) == (status, 0)
    assert isinstance(answer.json()["error"], str)
