"""Several people and agents at one moment: one row per key, one answer per interaction."""

from __future__ import annotations

from collections import Counter

import pytest

from issues import documents
from issues.models import Interaction, Issue
from paperclip.companies import actors
from paperclip.core import clock
from tests import factories
from tests.issues import log
from tests.issues.race import together

pytestmark = pytest.mark.django_db(transaction=True)

QUESTIONS = {
    "version": 1,
    "questions": [
        {"id": "q", "prompt": "?", "selectionMode": "single", "options": [{"id": "a", "label": "A"}]}
    ],
}


def statuses(answers):
    return Counter(answer.status_code for answer in answers)


def test_one_row_per_key_under_concurrent_inserts(crowd):
    """I-117."""
    issue = factories.issue(crowd.company)
    body = {"kind": "ask_user_questions", "idempotencyKey": "once", "payload": QUESTIONS}
    caller = crowd.as_owner

    answers = together([lambda: caller.post(f"/api/issues/{issue.pk}/interactions", body)] * 12)

    assert statuses(answers) == {201: 12}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert Interaction.objects.count() == 1
    assert log.actions(issue).count("issue.thread_interaction_created") == 1


def test_one_answer_counts(crowd):
    """I-118: tasks are made once, however many accept and reject."""
    issue = factories.issue(crowd.company)
    tasks = {"version": 1, "tasks": [{"clientKey": "a", "title": "A"}, {"clientKey": "b", "title": "B"}]}
    row = crowd.as_owner.post(
        f"/api/issues/{issue.pk}/interactions", {"kind": "suggest_tasks", "payload": tasks}
    ).json()
    path = f"/api/issues/{issue.pk}/interactions/{row['id']}"
    caller = crowd.as_owner
    verbs = ["accept"] * 6 + ["reject"] * 6

    answers = together([lambda verb=verb: caller.post(f"{path}/{verb}", {}) for verb in verbs])

    assert statuses(answers) == {200: 1, 409: 11}
    (winner,) = [verb for verb, answer in zip(verbs, answers, strict=True) if answer.status_code == 200]
    assert Issue.objects.filter(parent=issue).count() == (2 if winner == "accept" else 0)
    assert Interaction.objects.get().status == {"accept": "accepted", "reject": "rejected"}[winner]


@pytest.mark.parametrize("_round", range(5))
def test_yes_and_a_new_revision_at_once(crowd, _round):
    """I-120, I-124: a yes never counts for a revision that came before it."""
    issue, elsewhere = factories.issue(crowd.company), factories.issue(crowd.company)
    by = actors.for_user(crowd.owner)
    documents.put(issue_id=issue.pk, key="plan", body="one", actor=by, now=clock.now())
    revision = str(issue.document_links.get().document.latest_revision_id)
    target = {"type": "issue_document", "issueId": str(issue.pk), "key": "plan", "revisionId": revision}
    body = {"kind": "request_confirmation", "payload": {"version": 1, "prompt": "?", "target": target}}
    caller, thread = crowd.as_owner, f"/api/issues/{elsewhere.pk}/interactions"
    row = caller.post(thread, body).json()
    change = {"format": "markdown", "body": "two", "baseRevisionId": revision}

    said, written = together(
        [
            lambda: caller.post(f"{thread}/{row['id']}/accept", {}),
            lambda: caller.put(f"/api/issues/{issue.pk}/documents/plan", change),
        ]
    )

    assert written.status_code == 200
    status = Interaction.objects.get(pk=row["id"]).status
    if said.status_code == 200:
        assert said.json()["status"] == status
    else:
        assert (said.status_code, status) == (409, "expired")
