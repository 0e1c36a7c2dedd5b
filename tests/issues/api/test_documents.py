"""Documents of issues and their versions."""

from __future__ import annotations

from uuid import uuid4

import pytest

from issues.models import Document, DocumentRevision
from paperclip.companies.models import Activity
from tests import factories
from tests.issues import log

DOCUMENT_KEYS = {
    "id",
    "companyId",
    "issueId",
    "key",
    "title",
    "format",
    "body",
    "latestRevisionId",
    "latestRevisionNumber",
    "createdByAgentId",
    "createdByUserId",
    "updatedByAgentId",
    "updatedByUserId",
    "createdAt",
    "updatedAt",
}
REVISION_KEYS = {
    "id",
    "companyId",
    "documentId",
    "issueId",
    "key",
    "revisionNumber",
    "title",
    "format",
    "body",
    "changeSummary",
    "createdByAgentId",
    "createdByUserId",
    "createdAt",
}


@pytest.fixture
def issue(cast):
    return factories.issue(cast.company)


def path(issue, key="plan"):
    return f"/api/issues/{issue.pk}/documents/{key}"


def put(caller, issue, body="text", key="plan", **more):
    return caller.put(path(issue, key), {"format": "markdown", "body": body, **more})


def revise(cast, issue, count):
    """Write `count` revisions and return the answers."""
    rows = [put(cast.as_owner, issue, "1", title="First").json()]
    for number in range(2, count + 1):
        base = rows[-1]["latestRevisionId"]
        rows.append(
            put(cast.as_owner, issue, str(number), baseRevisionId=base, changeSummary=f"to {number}").json()
        )
    return rows


# --- Writing ---------------------------------------------------------------------------------------------


def test_first_write_makes_the_document(cast, issue):
    """I-18, I-19, I-133."""
    answer = put(cast.as_owner, issue, "one\\ntwo", title="Plan")

    assert answer.status_code == 201
    row = answer.json()
    assert set(row) == DOCUMENT_KEYS
    assert (row["key"], row["title"], row["body"], row["latestRevisionNumber"]) == (
        "plan",
        "Plan",
        "one\ntwo",
        1,
    )
    assert row["createdByUserId"] == row["updatedByUserId"] == str(cast.owner.id)
    assert log.details(issue, "issue.document_created") == {
        "key": "plan",
        "documentId": row["id"],
        "title": "Plan",
        "format": "markdown",
        "revisionNumber": 1,
    }


def test_writes_name_the_revision_they_were_made_from(cast, issue):
    """IC-100."""
    first = put(cast.as_owner, issue, "1").json()

    for base, error in (
        ({}, "Document update requires baseRevisionId"),
        ({"baseRevisionId": str(uuid4())}, "Document was updated by someone else"),
    ):
        answer = put(cast.as_owner, issue, "2", **base)
        assert (answer.status_code, answer.json()["error"]) == (409, error)
        assert answer.json()["details"]["currentRevisionId"] == first["latestRevisionId"]

    second = put(cast.as_owner, issue, "2", baseRevisionId=first["latestRevisionId"])
    assert (second.status_code, second.json()["latestRevisionNumber"]) == (200, 2)
    assert put(cast.as_owner, issue, "3", baseRevisionId=first["latestRevisionId"]).status_code == 409
    assert DocumentRevision.objects.count() == 2


def test_base_of_a_document_that_is_not_there(cast, issue):
    answer = put(cast.as_owner, issue, baseRevisionId=str(uuid4()))

    assert (answer.status_code, answer.json()["details"]) == (409, {"key": "plan"})
    assert not Document.objects.exists()


def test_title_stays_until_it_is_sent(cast, issue):
    """IW-42."""
    rows = revise(cast, issue, 2)
    assert rows[1]["title"] == "First"

    cleared = put(cast.as_owner, issue, "3", baseRevisionId=rows[1]["latestRevisionId"], title=None).json()
    assert cleared["title"] is None


@pytest.mark.parametrize(
    ("key", "stored"),
    [
        pytest.param("PLAN", "plan", id="IC-102 lower-cased"),
        pytest.param("%20plan%20", "plan", id="I-132 trimmed"),
        pytest.param("a-b_9", "a-b_9", id="I-132 all letters"),
        pytest.param("x" * 64, "x" * 64, id="I-132 longest"),
        pytest.param("Plan%20X", None, id="IC-102 space"),
        pytest.param("-plan", None, id="I-132 first letter"),
        pytest.param("x" * 65, None, id="I-132 too long"),
        pytest.param("plän", None, id="I-132 ascii only"),
    ],
)
def test_keys(cast, issue, key, stored):
    answer = put(cast.as_owner, issue, key=key)

    if stored is None:
        assert (answer.status_code, answer.json()["error"]) == (400, "Invalid document key")
        assert cast.as_owner.get(path(issue, key)).status_code == 400
    else:
        assert (answer.status_code, answer.json()["key"]) == (201, stored)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"format": "html"}, id="I-133 format"),
        pytest.param({"format": None}, id="I-133 format is required"),
        pytest.param({"body": "x" * 524_289}, id="I-133 too long"),
        pytest.param({"body": None}, id="I-133 body is text"),
        pytest.param({"title": "x" * 201}, id="I-133 title"),
        pytest.param({"changeSummary": "x" * 501}, id="I-133 summary"),
        pytest.param({"baseRevisionId": "1"}, id="I-133 base is an id"),
    ],
)
def test_bad_bodies(cast, issue, body):
    answer = cast.as_owner.put(path(issue), {"format": "markdown", "body": "x"} | body)

    assert answer.status_code == 400
    assert not Document.objects.exists()


def test_empty_and_longest_bodies_are_fine(cast, issue):
    assert put(cast.as_owner, issue, "").status_code == 201
    assert put(cast.as_owner, issue, "x" * 524_288, key="long").status_code == 201


def test_agent_writes_from_its_run(cast):
    """IC-26."""
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress")
    run = factories.run(cast.engineer, issue=issue)
    issue.__class__.objects.filter(pk=issue.pk).update(checkout_run=run)

    assert put(cast.as_agent(cast.engineer, run_id=run.pk), issue).status_code == 201
    assert DocumentRevision.objects.get().created_by_run_id == run.pk
    assert put(cast.as_agent(cast.engineer), issue, key="other").status_code == 401
    assert put(cast.as_agent(cast.peer), issue, key="other").status_code == 409


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("as_owner", 201),
        ("as_operator", 201),
        ("as_viewer", 403),
        ("as_outsider", 404),
        ("as_foreign_agent", 404),
        ("as_nobody", 401),
    ],
)
def test_who_may_write(cast, issue, who, status):
    assert put(getattr(cast, who), issue).status_code == status
    assert Document.objects.exists() == (status == 201)


def test_system_document_is_not_the_agents(cast, issue):
    """IW-43."""
    assert put(cast.as_agent(cast.engineer), issue, key="continuation-summary").status_code == 403
    assert put(cast.as_owner, issue, key="continuation-summary").status_code == 201


# --- Reading ---------------------------------------------------------------------------------------------


def test_list_is_by_key_and_leaves_out_the_systems(cast, issue):
    """IC-103."""
    for key in ("zeta", "alpha", "continuation-summary"):
        put(cast.as_owner, issue, key=key)
    listed = f"/api/issues/{issue.pk}/documents"

    assert [row["key"] for row in cast.as_owner.get(listed).json()] == ["alpha", "zeta"]
    shown = cast.as_owner.get(f"{listed}?includeSystem=true").json()
    assert [row["key"] for row in shown] == ["alpha", "continuation-summary", "zeta"]
    assert set(shown[0]) == DOCUMENT_KEYS
    assert cast.as_owner.get(path(issue, "continuation-summary")).status_code == 200
    summaries = cast.as_owner.get(f"/api/issues/{issue.pk}").json()["documentSummaries"]
    assert [summary["key"] for summary in summaries] == ["alpha", "zeta"]


def test_unknown_document(cast, issue):
    answer = cast.as_owner.get(path(issue, "nope"))

    assert (answer.status_code, answer.json()["error"]) == (404, "Document not found")
    assert cast.as_owner.get(path(issue, "nope") + "/revisions").json() == []


@pytest.mark.parametrize(
    ("who", "status"),
    [("as_viewer", 200), ("as_outsider", 404), ("as_foreign_agent", 404), ("as_nobody", 401)],
)
def test_who_may_read(cast, issue, who, status):
    put(cast.as_owner, issue)

    for address in (path(issue), f"/api/issues/{issue.pk}/documents", path(issue) + "/revisions"):
        assert getattr(cast, who).get(address).status_code == status


# --- Revisions -------------------------------------------------------------------------------------------


def test_revisions_newest_first(cast, issue):
    """I-19, I-134."""
    revise(cast, issue, 3)

    rows = cast.as_owner.get(path(issue) + "/revisions").json()

    assert [(row["revisionNumber"], row["body"], row["changeSummary"]) for row in rows] == [
        (3, "3", "to 3"),
        (2, "2", "to 2"),
        (1, "1", None),
    ]
    assert set(rows[0]) == REVISION_KEYS


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        pytest.param("limit=2", [4, 3], id="IW-35 newest"),
        pytest.param("limit=2&after={3}", [2, 1], id="IW-35 behind the third"),
        pytest.param("after={1}", [], id="IW-35 behind the last"),
        pytest.param("after=nonsense", [], id="IW-35 malformed"),
        pytest.param("limit=0", [4, 3, 2, 1], id="IW-35 zero is no limit"),
    ],
)
def test_revisions_piece_by_piece(cast, issue, query, numbers):
    ids = [row["latestRevisionId"] for row in revise(cast, issue, 4)]
    rows = cast.as_owner.get(f"{path(issue)}/revisions?{query.format('', *ids)}").json()
    assert [row["revisionNumber"] for row in rows] == numbers


def test_restore_appends_the_older_text(cast, issue):
    """I-134, IC-101."""
    first, second = revise(cast, issue, 2)

    def restore(revision):
        return cast.as_owner.post(f"{path(issue)}/revisions/{revision}/restore")

    latest = restore(second["latestRevisionId"])
    assert (latest.status_code, latest.json()["details"]["currentRevisionId"]) == (
        409,
        second["latestRevisionId"],
    )
    assert restore(uuid4()).status_code == 404
    assert restore("nonsense").status_code == 404

    answer = restore(first["latestRevisionId"])
    assert answer.status_code == 200
    assert (answer.json()["body"], answer.json()["title"], answer.json()["latestRevisionNumber"]) == (
        "1",
        "First",
        3,
    )
    newest = cast.as_owner.get(path(issue) + "/revisions").json()[0]
    assert newest["changeSummary"] == "Restored from revision 1"
    told = log.details(issue, "issue.document_restored")
    assert (told["restoredFromRevisionId"], told["restoredFromRevisionNumber"]) == (
        first["latestRevisionId"],
        1,
    )


def test_revision_of_another_document_is_not_restored(cast, issue):
    other = put(cast.as_owner, issue, key="other").json()
    put(cast.as_owner, issue)

    assert (
        cast.as_owner.post(f"{path(issue)}/revisions/{other['latestRevisionId']}/restore").status_code == 404
    )


# --- Deleting --------------------------------------------------------------------------------------------


def test_board_deletes_with_all_revisions(cast, issue):
    """I-134."""
    revise(cast, issue, 2)

    answer = cast.as_owner.delete(path(issue))

    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    assert not DocumentRevision.objects.exists()
    assert Activity.objects.filter(action="issue.document_deleted").exists()
    assert cast.as_owner.delete(path(issue)).status_code == 404
    assert put(cast.as_owner, issue).json()["latestRevisionNumber"] == 1


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("as_operator", 200),
        ("as_viewer", 403),
        ("as_outsider", 404),
        ("as_foreign_agent", 403),
        ("as_nobody", 403),
    ],
)
def test_who_may_delete(cast, issue, who, status):
    put(cast.as_owner, issue)

    assert getattr(cast, who).delete(path(issue)).status_code == status


def test_agents_may_not_delete(cast, issue):
    put(cast.as_owner, issue)

    assert cast.as_agent(cast.ceo).delete(path(issue)).status_code == 403
