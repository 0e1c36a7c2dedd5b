"""The log of an issue."""

from __future__ import annotations

import pytest

from tests import factories


def test_newest_first(cast):
    """I-156, I-209."""
    issue = factories.issue(cast.company)
    cast.as_owner.patch(f"/api/issues/{issue.pk}", {"title": "New"})
    cast.as_owner.post(f"/api/issues/{issue.pk}/comments", {"body": "x"})
    cast.as_owner.patch(f"/api/issues/{factories.issue(cast.company).pk}", {"title": "Another"})

    rows = cast.as_owner.get(f"/api/issues/{issue.identifier}/activity").json()

    assert [row["action"] for row in rows] == ["issue.comment_added", "issue.updated"]
    assert rows[1]["details"]["title"] == "New"
    assert {row["entityId"] for row in rows} == {str(issue.pk)}
    assert {
        name: rows[0][name]
        for name in ("companyId", "actorType", "actorId", "agentId", "runId", "entityType")
    } == {
        "companyId": str(cast.company.pk),
        "actorType": "user",
        "actorId": str(cast.owner.pk),
        "agentId": None,
        "runId": None,
        "entityType": "issue",
    }
    assert len(cast.as_owner.get(f"/api/issues/{issue.pk}/activity?limit=1").json()) == 1


def test_piece_by_piece(cast):
    """IW-35: the log goes on behind an entry, whatever is written meanwhile."""
    issue = factories.issue(cast.company)
    path = f"/api/issues/{issue.pk}/activity"
    for number in range(5):
        cast.as_owner.patch(f"/api/issues/{issue.pk}", {"title": f"{number}"})

    seen, after = [], ""
    while rows := cast.as_owner.get(f"{path}?limit=2{after}").json():
        seen += [row["details"]["title"] for row in rows]
        after = f"&after={rows[-1]['id']}"
        cast.as_owner.patch(f"/api/issues/{issue.pk}", {"title": "later"})

    assert seen == ["4", "3", "2", "1", "0"]
    for anchor in (factories.NO_SUCH_ID, "nonsense"):
        assert cast.as_owner.get(f"{path}?after={anchor}").json() == []


def test_long_texts_are_cut_in_the_log(cast):
    issue = factories.issue(cast.company)
    cast.as_owner.patch(f"/api/issues/{issue.pk}", {"description": "x" * 100_000})

    (row,) = cast.as_owner.get(f"/api/issues/{issue.pk}/activity").json()

    assert len(row["details"]["description"]) < 2100


def test_secrets_are_not_logged(cast):
    issue = factories.issue(cast.company)
    overrides = {"adapterConfig": {"env": {"OPENAI_API_KEY": "sk-live-abcdef"}}}
    cast.as_owner.patch(f"/api/issues/{issue.pk}", {"assigneeAdapterOverrides": overrides})

    assert "sk-live-abcdef" not in cast.as_owner.get(f"/api/issues/{issue.pk}/activity").content.decode()


@pytest.mark.parametrize(
    ("who", "status"),
    [("as_viewer", 200), ("as_outsider", 404), ("as_foreign_agent", 404), ("as_nobody", 401)],
)
def test_who_may_read(cast, who, status):
    issue = factories.issue(cast.company)

    assert getattr(cast, who).get(f"/api/issues/{issue.pk}/activity").status_code == status
