"""References between issues, kept with every change of a text."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from issues import lifecycle
from issues.models import Comment, Issue, ReferenceMention
from paperclip.companies import actors
from paperclip.companies.models import Activity
from paperclip.core import clock
from tests import factories
from tests.issues import log

RELATED = ("addedReferencedIssues", "removedReferencedIssues", "currentReferencedIssues")


@pytest.fixture
def peers(cast):
    """Three issues to be named."""
    return [factories.issue(cast.company, title=f"Peer {number}") for number in range(3)]


def create(cast, title="An issue", description=None, **fields):
    body = {"title": title, "description": description, **fields}
    answer = cast.as_owner.post(f"/api/companies/{cast.company.pk}/issues", body)
    assert answer.status_code == 201, answer.json()
    return answer.json()


def read(cast, issue):
    return cast.as_owner.get(f"/api/issues/{_id(issue)}").json()


def outbound(cast, issue):
    """What the issue names: identifier to the labels of the places."""
    items = read(cast, issue)["relatedWork"]["outbound"]
    return {item["issue"]["identifier"]: [source["label"] for source in item["sources"]] for item in items}


def inbound(cast, issue):
    return [item["issue"]["identifier"] for item in read(cast, issue)["relatedWork"]["inbound"]]


def told(issue, action):
    """What the one row of `action` says of references, by identifier."""
    details = log.details(_id(issue), action)
    return {name: [row["identifier"] for row in details[name]] for name in RELATED if name in details}


def _id(issue):
    return issue["id"] if isinstance(issue, dict) else str(issue.pk)


def patch(cast, issue, **body):
    answer = cast.as_owner.patch(f"/api/issues/{_id(issue)}", body)
    assert answer.status_code == 200, answer.json()
    return answer.json()


# --- On an issue's own texts -----------------------------------------------------------------------------


def test_title_and_description_of_a_new_issue(cast, peers):
    """I-26, IC-115."""
    first, second, _ = peers
    path = f"/issues/{second.identifier.lower()}"

    made = create(cast, f"After {first.identifier}", f"see {path}, and itself: {{}}")
    number = made["identifier"]
    patch(cast, made, description=f"see {path}, and itself: {number}")

    assert outbound(cast, made) == {first.identifier: ["title"], second.identifier: ["description"]}
    assert inbound(cast, first) == [number]
    assert inbound(cast, second) == [number]
    assert inbound(cast, made) == []
    assert read(cast, made)["referencedIssueIdentifiers"] == sorted([first.identifier, second.identifier])


def test_create_answers_and_tells_what_is_named(cast, peers):
    """I-160."""
    made = create(cast, "x", f"{peers[0].identifier}, {peers[1].identifier} and NOPE-77")

    assert made["referencedIssueIdentifiers"] == [peers[0].identifier, peers[1].identifier]
    (item, _) = made["relatedWork"]["outbound"]
    assert item == {
        "issue": {
            "id": str(peers[0].pk),
            "identifier": peers[0].identifier,
            "title": "Peer 0",
            "status": "todo",
            "priority": "medium",
            "assigneeAgentId": None,
            "assigneeUserId": None,
        },
        "mentionCount": 1,
        "sources": [
            {
                "kind": "description",
                "sourceRecordId": None,
                "label": "description",
                "matchedText": peers[0].identifier,
            }
        ],
    }
    both = [peers[0].identifier, peers[1].identifier]
    assert told(made, "issue.created") == {"addedReferencedIssues": both, "currentReferencedIssues": both}
    row = log.details(made["id"], "issue.created")["addedReferencedIssues"][0]
    assert row == {"id": str(peers[0].pk), "identifier": peers[0].identifier, "title": "Peer 0"}


def test_issue_without_references(cast):
    made = create(cast, "nothing", "at all")

    assert made["relatedWork"] == {"outbound": [], "inbound": []}
    assert made["referencedIssueIdentifiers"] == []
    assert told(made, "issue.created") == {}


def test_child_names_issues_too(cast, peers):
    """IW-31."""
    parent = factories.issue(cast.company)
    body = {
        "title": "x",
        "description": peers[0].identifier,
        "acceptanceCriteria": [f"as {peers[1].identifier}"],
    }
    child = cast.as_owner.post(f"/api/issues/{parent.pk}/children", body).json()

    assert list(outbound(cast, child)) == [peers[0].identifier, peers[1].identifier]


def test_edit_replaces_what_its_text_named(cast, peers):
    first, second, third = (peer.identifier for peer in peers)
    made = create(cast, f"x {first}", f"{first} {second}")

    changed = patch(cast, made, description=f"{second} {third}")

    assert changed["referencedIssueIdentifiers"] == [first, second, third]
    assert outbound(cast, made) == {first: ["title"], second: ["description"], third: ["description"]}
    assert told(made, "issue.updated") == {
        "addedReferencedIssues": [third],
        "currentReferencedIssues": [first, second, third],
    }
    Activity.objects.filter(action="issue.updated").delete()
    patch(cast, made, title="x", description=None)
    assert outbound(cast, made) == {}
    assert told(made, "issue.updated") == {"removedReferencedIssues": [first, second, third]}


def test_patch_tells_references_only_with_texts(cast, peers):
    """I-164."""
    made = create(cast, "x", peers[0].identifier)

    assert "relatedWork" not in patch(cast, made, priority="high")
    assert patch(cast, made, comment="hello")["referencedIssueIdentifiers"] == [peers[0].identifier]
    assert outbound(cast, made) == {peers[0].identifier: ["description"]}


def test_issues_of_other_companies_are_not_named(cast):
    foreign = factories.issue(cast.elsewhere)

    made = create(cast, foreign.identifier, f"/issues/{foreign.pk}")

    assert made["referencedIssueIdentifiers"] == []


def test_id_in_a_path_names_the_issue(cast, peers):
    made = create(
        cast, "x", f"https://board.example/PAP/issues/{str(peers[0].pk).upper()} again /issues/{peers[0].pk}"
    )

    assert outbound(cast, made) == {peers[0].identifier: ["description"]}


# --- On comments -----------------------------------------------------------------------------------------


def comment(cast, issue, body):
    answer = cast.as_owner.post(f"/api/issues/{_id(issue)}/comments", {"body": body})
    assert answer.status_code == 201
    return answer.json()


def test_comments_add_to_what_is_named(cast, peers):
    first, second, _ = (peer.identifier for peer in peers)
    made = create(cast, f"x {first}")

    said = comment(cast, made, f"{first} and {second}, `{peers[2].identifier}`")

    assert outbound(cast, made) == {first: ["title", "comment"], second: ["comment"]}
    (source,) = read(cast, made)["relatedWork"]["outbound"][1]["sources"]
    assert (source["kind"], source["sourceRecordId"]) == ("comment", said["id"])
    assert told(made, "issue.comment_added") == {
        "addedReferencedIssues": [second],
        "currentReferencedIssues": [first, second],
    }


def test_comment_that_comes_with_an_edit(cast, peers):
    made = create(cast)

    patch(cast, made, comment=f"see {peers[0].identifier}", title=f"as {peers[1].identifier}")

    assert set(outbound(cast, made)) == {peers[0].identifier, peers[1].identifier}
    assert told(made, "issue.updated")["addedReferencedIssues"] == [peers[1].identifier]
    assert told(made, "issue.comment_added")["addedReferencedIssues"] == [peers[0].identifier]


def test_comment_that_is_taken_back_names_nothing(cast, peers):
    """IW-45."""
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress")
    factories.run(cast.engineer, issue=issue, started_at=clock.now() - timedelta(minutes=1))
    said = comment(cast, issue, f"see {peers[0].identifier}")
    assert inbound(cast, peers[0]) == [issue.identifier]

    assert cast.as_owner.delete(f"/api/issues/{issue.pk}/comments/{said['id']}").status_code == 200

    assert not Comment.objects.exists()
    assert inbound(cast, peers[0]) == []


# --- On documents ----------------------------------------------------------------------------------------


def put(cast, issue, body, key="plan", **more):
    address = f"/api/issues/{_id(issue)}/documents/{key}"
    return cast.as_owner.put(address, {"format": "markdown", "body": body, **more}).json()


def test_documents_name_issues_under_their_key(cast, peers):
    first, second, _ = (peer.identifier for peer in peers)
    issue = factories.issue(cast.company)

    one = put(cast, issue, f"after {first}")
    assert outbound(cast, issue) == {first: ["plan"]}
    assert told(issue, "issue.document_created") == {
        "addedReferencedIssues": [first],
        "currentReferencedIssues": [first],
    }
    put(cast, issue, f"after {second}", baseRevisionId=one["latestRevisionId"])
    assert outbound(cast, issue) == {second: ["plan"]}
    assert told(issue, "issue.document_updated") == {
        "addedReferencedIssues": [second],
        "removedReferencedIssues": [first],
        "currentReferencedIssues": [second],
    }
    address = f"/api/issues/{issue.pk}/documents/plan"
    cast.as_owner.post(f"{address}/revisions/{one['latestRevisionId']}/restore")
    assert outbound(cast, issue) == {first: ["plan"]}
    assert told(issue, "issue.document_restored")["addedReferencedIssues"] == [first]
    cast.as_owner.delete(address)
    assert outbound(cast, issue) == {}
    assert told(issue, "issue.document_deleted") == {"removedReferencedIssues": [first]}


def test_the_systems_document_is_not_looked_at(cast, peers):
    issue = factories.issue(cast.company)

    put(cast, issue, peers[0].identifier, key="continuation-summary")

    assert outbound(cast, issue) == {}


# --- Order, bounds, ends ---------------------------------------------------------------------------------


def test_order_of_issues_and_of_places(cast, peers):
    """I-143: most named first, then by identifier; title, description, document, comment."""
    first, second, third = (peer.identifier for peer in peers)
    made = create(cast, f"{third}", f"{second} {third}")
    comment(cast, made, f"{third}")
    put(cast, made, f"{third} {first}", key="notes")

    shown = read(cast, made)["relatedWork"]["outbound"]

    assert [(item["issue"]["identifier"], item["mentionCount"]) for item in shown] == [
        (third, 4),
        (first, 1),
        (second, 1),
    ]
    assert [source["label"] for source in shown[0]["sources"]] == ["title", "description", "notes", "comment"]


def test_much_is_shown_in_part(cast, peers):
    issue = peers[0]
    rows = [
        ReferenceMention(
            company=cast.company,
            source_issue=peers[1],
            target_issue=issue,
            source_kind="comment",
            source_record_id=factories.comment(peers[1]).pk,
        )
        for _ in range(60)
    ]
    ReferenceMention.objects.bulk_create(rows)

    (item,) = read(cast, issue)["relatedWork"]["inbound"]

    assert (item["mentionCount"], len(item["sources"])) == (60, 20)


def test_reference_goes_with_either_issue(cast, peers):
    made = create(cast, "x", f"{peers[0].identifier} {peers[1].identifier}")

    cast.as_owner.delete(f"/api/issues/{peers[0].pk}")
    assert list(outbound(cast, made)) == [peers[1].identifier]
    cast.as_owner.delete(f"/api/issues/{made['id']}")
    assert inbound(cast, peers[1]) == []
    assert not ReferenceMention.objects.exists()


def test_reference_is_kept_in_the_transaction_of_the_change(cast, peers):
    """IW-7: what fails leaves neither."""
    made = create(cast)
    answer = cast.as_owner.patch(
        f"/api/issues/{made['id']}", {"title": peers[0].identifier, "assigneeAgentId": factories.NO_SUCH_ID}
    )

    assert answer.status_code == 404
    assert not ReferenceMention.objects.exists()


def test_word_without_a_name_costs_one_question(cast):
    issue = factories.issue(cast.company)
    actor = actors.for_user(cast.owner)

    def questions(body):
        with CaptureQueriesContext(connection) as seen:
            lifecycle.update(issue_id=issue.pk, fields={}, actor=actor, now=clock.now(), comment=body)
        return [query["sql"] for query in seen if "issue_reference_mentions" in query["sql"]]

    assert len(questions("nothing named here")) == 1
    assert Issue.objects.filter(pk=issue.pk).exists()
