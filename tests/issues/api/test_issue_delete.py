"""An issue is deleted."""

from __future__ import annotations

import pytest

from issues.models import Comment, Document, Issue
from paperclip.companies.models import Activity
from tests import factories


def delete(caller, issue):
    return caller.delete(f"/api/issues/{issue.pk}")


def test_everything_on_it_goes_with_it(cast):
    """IW-1."""
    issue = factories.issue(cast.company)
    path = f"/api/issues/{issue.pk}"
    factories.comment(issue)
    cast.as_owner.put(f"{path}/documents/plan", {"format": "markdown", "body": "x"})
    cast.as_owner.post(f"{path}/read")
    cast.as_owner.post(f"{path}/inbox-archive")
    label = cast.company.labels.create(name="l", color="#000000")
    cast.as_owner.patch(path, {"labelIds": [str(label.pk)]})
    run = factories.run(cast.engineer, issue=issue, status="succeeded")

    answer = delete(cast.as_owner, issue)

    assert (answer.status_code, answer.json()["identifier"]) == (200, issue.identifier)
    assert not Issue.objects.filter(pk=issue.pk).exists()
    assert not Comment.objects.exists()
    assert not Document.objects.exists()
    run.refresh_from_db()
    assert run.issue_id is None
    assert Activity.objects.filter(action="issue.deleted", entity_id=str(issue.pk)).exists()
    assert delete(cast.as_owner, issue).status_code == 404


def test_children_stand_in_the_way(cast):
    """IL-4."""
    parent = factories.issue(cast.company)
    child = factories.issue(cast.company, parent=parent)

    answer = delete(cast.as_owner, parent)

    assert (answer.status_code, answer.json()["details"]["childIdentifiers"]) == (409, [child.identifier])
    assert delete(cast.as_owner, child).status_code == 200
    assert delete(cast.as_owner, parent).status_code == 200


def test_whoever_only_waited_for_it_is_called(cast, calls):
    """IW-19."""
    gone, other = factories.issue(cast.company), factories.issue(cast.company)
    freed = factories.issue(cast.company, assignee_agent=cast.engineer, status="blocked")
    held = factories.issue(cast.company, assignee_agent=cast.peer, status="blocked")
    for blocker, blocked in ((gone, freed), (gone, held), (other, held)):
        factories.blocks(blocker, blocked)

    delete(cast.as_owner, gone)

    assert [(wake.reason, wake.issue_id, wake.agent_id) for wake in calls] == [
        ("issue_blockers_resolved", freed.pk, cast.engineer.id)
    ]


def test_its_run_is_stopped(cast):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress")
    run = factories.run(cast.engineer, issue=issue)

    delete(cast.as_owner, issue)

    run.refresh_from_db()
    assert run.cancel_requested_at is not None


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("as_owner", 200),
        ("as_operator", 200),
        ("as_viewer", 403),
        ("as_outsider", 404),
        ("as_foreign_agent", 404),
        ("as_nobody", 401),
    ],
)
def test_who_may_delete(cast, who, status):
    issue = factories.issue(cast.company)

    assert delete(getattr(cast, who), issue).status_code == status
    assert Issue.objects.filter(pk=issue.pk).exists() == (status != 200)


@pytest.mark.parametrize(
    ("fields", "who", "status"),
    [
        pytest.param({"created_by_agent": "peer"}, "peer", 200, id="its maker"),
        pytest.param({"assignee_agent": "peer"}, "peer", 200, id="its assignee"),
        pytest.param({}, "peer", 403, id="IW-14 anybody"),
        pytest.param({}, "ceo", 200, id="I-39 override"),
        pytest.param(
            {"assignee_agent": "engineer", "status": "in_progress"}, "peer", 409, id="IC-22 another's work"
        ),
        pytest.param({"assignee_user": "owner"}, "peer", 403, id="IW-14 a person's"),
    ],
)
def test_which_agents_may_delete(cast, fields, who, status):
    made = {name: getattr(cast, value) if hasattr(cast, value) else value for name, value in fields.items()}
    issue = factories.issue(cast.company, **made)

    assert delete(cast.as_agent(getattr(cast, who)), issue).status_code == status
