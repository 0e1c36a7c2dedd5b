"""Rules of the contract that belong to no single endpoint."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from issues.models import (
    ApprovalLink,
    Attachment,
    Document,
    DocumentRevision,
    InboxArchive,
    Interaction,
    Issue,
    IssueDocument,
    IssueLabel,
    Label,
    ReadState,
    Relation,
)
from paperclip.companies.models import Asset
from paperclip.core import clock
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


@pytest.mark.parametrize(
    ("who", "read", "write"),
    [
        pytest.param("as_owner", 200, 201, id="I-3 board"),
        pytest.param("agent", 200, 201, id="I-3 agent"),
        pytest.param("as_viewer", 200, 403, id="I-3 viewer"),
        pytest.param("as_outsider", 403, 403, id="I-3 board without membership"),
        pytest.param("as_foreign_agent", 403, 403, id="I-3 agent of another company"),
        pytest.param("as_nobody", 401, 401, id="I-3 nobody"),
    ],
)
def test_company_guard(cast, who, read, write):
    """I-3: there is no trusted caller without a token."""
    caller = cast.as_agent(cast.peer) if who == "agent" else getattr(cast, who)
    path = f"/api/companies/{cast.company.pk}/issues"
    assert caller.get(path).status_code == read
    assert caller.post(path, {"title": "x"}).status_code == write


def test_written_line_breaks_become_line_breaks(cast):
    """I-5: in what may have many lines, by every door; titles stay as they are."""
    sent, kept = "a\\nb\\r\\nc\\rd", "a\nb\nc\nd"
    body = {"title": sent, "description": sent}
    made = cast.as_owner.post(f"/api/companies/{cast.company.pk}/issues", body).json()
    path = f"/api/issues/{made['id']}"
    child = cast.as_owner.post(f"{path}/children", body).json()
    edited = cast.as_owner.patch(path, {"description": f"{sent}!", "comment": sent}).json()
    said = cast.as_owner.post(f"{path}/comments", {"body": sent}).json()
    written = cast.as_owner.put(f"{path}/documents/plan", {"format": "markdown", "body": sent}).json()

    assert (made["title"], made["description"], child["description"]) == (sent, kept, kept)
    assert (edited["description"], edited["comment"]["body"]) == (f"{kept}!", kept)
    assert (said["body"], written["body"]) == (kept, kept)


def test_what_only_the_board_does(cast):
    """I-38: not even an agent that may write to everything."""
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)
    path = f"/api/issues/{issue.pk}"
    asked = {"kind": "request_confirmation", "payload": {"version": 1, "prompt": "?"}}
    put = cast.as_owner.post(f"{path}/interactions", asked).json()["id"]
    cast.as_owner.put(f"{path}/documents/plan", {"format": "markdown", "body": "x"})
    comment = factories.comment(issue, author_agent=cast.peer)
    vote = {"targetType": "issue_comment", "targetId": str(comment.pk), "vote": "up"}
    ceo = cast.as_agent(cast.ceo, run_id=factories.run(cast.ceo).pk)
    deeds = [
        ("post", f"{path}/interactions/{put}/accept", {}),
        ("delete", f"{path}/documents/plan", None),
        ("post", f"{path}/admin/force-release", {}),
        ("post", f"{path}/comments", {"body": "x", "interrupt": True}),
        ("post", f"{path}/comments", {"body": "x", "presentation": {"tone": "danger"}}),
        ("post", f"{path}/read", {}),
        ("post", f"{path}/inbox-archive", {}),
        ("post", f"{path}/tree-holds", {"mode": "pause"}),
        ("post", f"{path}/scheduled-retry/retry-now", {}),
        ("post", f"{path}/feedback-votes", vote),
    ]

    answers = {
        f"{method} {where}": getattr(ceo, method)(where, body).status_code for method, where, body in deeds
    }

    assert answers == dict.fromkeys(answers, 403)
    assert ceo.patch(path, {"priority": "high"}).status_code == 200, "it may write to others' issues"
    assert ceo.post(f"{path}/release").status_code == 409, "but not give them back"
    peer = cast.as_agent(cast.peer)
    for where in (path, f"{path}/comments", f"/api/companies/{cast.company.pk}/search?q=x"):
        assert peer.get(where).status_code == 200, "any agent of the company reads"


def test_rows_that_exist_once(cast):
    """What the database itself holds: a second row of the same is refused."""
    issue, other = factories.issue(cast.company), factories.issue(cast.company)
    company = cast.company
    document = Document.objects.create(company=company, latest_body="x")
    asset = Asset.objects.create(
        company=company, object_key="k", content_type="text/plain", byte_size=1, sha256="0" * 64
    )
    label = company.labels.create(name="bug", color="#000000")
    approval = company.approvals.create(type="request_board_approval", payload={}, status="pending")
    now, mine = clock.now(), {"company": company, "issue": issue}
    confirm = {"kind": "request_confirmation", "continuation_policy": "none", "payload": {}}
    rows = {
        "I-14": (Relation, {**mine, "related_issue": other}),
        "I-16": (Label, {"company": company, "name": "one", "color": "#000000"}),
        "I-16 on an issue": (IssueLabel, {**mine, "label": label}),
        "I-17 read": (ReadState, {**mine, "user": cast.owner, "last_read_at": now}),
        "I-17 archived": (InboxArchive, {**mine, "user": cast.owner, "archived_at": now}),
        "I-18 key": (IssueDocument, {**mine, "document": document, "key": "plan"}),
        "I-18 revision": (
            DocumentRevision, {"company": company, "document": document, "revision_number": 1, "body": "x"},
        ),
        "I-20": (Attachment, {**mine, "asset": asset}),
        "I-25": (Interaction, {**mine, **confirm, "idempotency_key": "once"}),
        "I-28": (ApprovalLink, {**mine, "approval": approval}),
    }  # fmt: skip
    for rule, (model, fields) in rows.items():
        model.objects.create(**fields)
        try:
            with transaction.atomic():
                model.objects.create(**fields)
        except IntegrityError:
            continue
        pytest.fail(f"{rule}: a second row was taken")


def test_relation_goes_with_either_issue(cast):
    """I-14: and nothing blocks itself."""
    first, second, third = (factories.issue(cast.company) for _ in range(3))
    factories.blocks(first, second)
    factories.blocks(second, third)
    with pytest.raises(IntegrityError), transaction.atomic():
        factories.blocks(first, first)
    Issue.objects.filter(pk=second.pk).delete()
    assert not Relation.objects.exists()
