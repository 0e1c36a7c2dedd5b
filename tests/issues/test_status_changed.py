"""Every change of an issue's status is told exactly once, by whatever door it comes about, and only then."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction

from heartbeat import wakeups
from heartbeat.models import WakeupRequest
from issues import checkout, lifecycle, locks, signals, stranding
from issues.models import Interaction, Issue
from issues.stranding import Word
from paperclip.companies import actors
from paperclip.core import clock
from paperclip.core.errors import Refusal
from tests import factories

SYSTEM = actors.system("test")


@pytest.fixture
def told(db):
    """What was told, and what the database saw: its trigger notes every change of a status, whoever made it."""
    heard = []

    def hear(*, issue, before, actor, now, **_):
        assert connection.in_atomic_block
        assert Issue.objects.values_list("status", flat=True).get(pk=issue.pk) == issue.status, (
            "the row is as told"
        )
        heard.append((issue.pk, before, str(issue.status), actor.type))

    signals.status_changed.connect(hear, weak=False, dispatch_uid="test-status")
    with connection.cursor() as cursor:
        cursor.execute(
            """
            CREATE TEMP TABLE status_seen (id uuid, old text, new text, number serial);
            CREATE OR REPLACE FUNCTION pg_temp.see() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN INSERT INTO status_seen (id, old, new) VALUES (NEW.id, OLD.status, NEW.status); RETURN NEW; END $$;
            CREATE TRIGGER test_status AFTER UPDATE ON issues
            FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION pg_temp.see();
            """
        )
    yield heard
    signals.status_changed.disconnect(dispatch_uid="test-status")


def seen():
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, old, new FROM status_seen ORDER BY number")
        return cursor.fetchall()


def patched(cast, issue, **body):
    assert cast.as_owner.patch(f"/api/issues/{issue.pk}", body).status_code == 200


def posted(cast, issue, path, **body):
    assert cast.as_owner.post(f"/api/issues/{issue.pk}/{path}", body).status_code < 300


def edited(cast):
    patched(cast, factories.issue(cast.company), status="blocked")


def edited_with_a_comment(cast):
    patched(cast, factories.issue(cast.company, status="done", assignee_agent=cast.engineer), comment="Again")


def sent_to_review(cast):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress")
    who = {"type": "agent", "agentId": str(cast.peer.pk)}
    patched(
        cast, issue, status="done", executionPolicy={"stages": [{"type": "review", "participants": [who]}]}
    )


def commented(cast):
    posted(
        cast,
        factories.issue(cast.company, status="done", assignee_agent=cast.engineer),
        "comments",
        body="Again",
    )


def checked_out(cast):
    body = {"agentId": str(cast.engineer.pk), "expectedStatuses": ["todo"]}
    posted(cast, factories.issue(cast.company), "checkout", **body)


def taken_for_a_run(cast):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)
    run = factories.run(cast.engineer, issue=issue)
    assert checkout.take_for_run(issue_id=issue.pk, run_id=run.pk, agent=cast.engineer, now=clock.now())


def released(cast):
    posted(cast, factories.issue(cast.company, status="in_progress", assignee_agent=cast.engineer), "release")


def released_by_force(cast):
    issue = factories.issue(cast.company, status="in_progress", assignee_agent=cast.engineer)
    posted(cast, issue, "admin/force-release?clearAssignee=true")


def confirmed(cast):
    issue = factories.issue(cast.company, status="in_review", assignee_user=cast.owner)
    row = Interaction.objects.create(
        company=cast.company,
        issue=issue,
        kind="request_confirmation",
        continuation_policy="none",
        payload={"version": 1, "prompt": "?"},
        created_by_agent=cast.engineer,
    )
    posted(cast, issue, f"interactions/{row.pk}/accept")


def tree(cast):
    root = factories.issue(cast.company)
    for status in ("todo", "in_progress", "blocked"):
        factories.issue(cast.company, parent=root, status=status, assignee_agent=cast.engineer)
    return root


def cancelled_with_its_tree(cast):
    posted(cast, tree(cast), "tree-holds", mode="cancel")


def restored_with_its_tree(cast):
    root = tree(cast)
    posted(cast, root, "tree-holds", mode="cancel")
    posted(cast, root, "tree-holds", mode="restore")


def blocked_by_the_product(cast):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)
    with transaction.atomic():
        row = locks.issue(issue.pk, with_relations=True)
        word = Word("Nobody moves it")
        stranding.block(
            row, on=None, word=word, action="issue.blocked", details={}, actor=SYSTEM, now=clock.now()
        )


def called_off_by_the_product(cast):
    issue = factories.issue(cast.company)
    with transaction.atomic():
        assert stranding.call_off(locks.issue(issue.pk), source="test", actor=SYSTEM, now=clock.now())


def reopened_by_a_waiting_comment(cast):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)
    first = factories.run(cast.engineer, issue=issue)
    posted(cast, issue, "comments", body="Wait for me")
    lifecycle.update(issue_id=issue.pk, fields={"status": "done"}, actor=SYSTEM, now=clock.now())
    type(first).objects.filter(pk=first.pk).update(status="succeeded", finished_at=clock.now())
    with transaction.atomic():
        locks.issue(issue.pk)
        assert WakeupRequest.objects.filter(status="deferred_issue_execution").exists()
        wakeups.promote_deferred(issue_id=issue.pk, now=clock.now() + timedelta(seconds=1))
    issue.refresh_from_db()
    assert issue.status == "todo"


DOORS = {
    edited: 1,
    edited_with_a_comment: 1,
    sent_to_review: 1,
    commented: 1,
    checked_out: 1,
    taken_for_a_run: 1,
    released: 1,
    released_by_force: 1,
    confirmed: 1,
    cancelled_with_its_tree: 4,
    restored_with_its_tree: 8,
    blocked_by_the_product: 1,
    called_off_by_the_product: 1,
    reopened_by_a_waiting_comment: 2,
}


@pytest.mark.parametrize(
    ("door", "changes"), [pytest.param(*each, id=each[0].__name__) for each in DOORS.items()]
)
def test_every_door_tells_each_change_once(cast, told, door, changes):
    door(cast)

    # A tree changes in one statement, in whatever order the database likes.
    assert sorted(each[:3] for each in told) == sorted(seen())
    assert len(told) == changes


def test_what_leaves_the_status_is_no_news(cast, told):
    issue = factories.issue(cast.company, status="in_progress", assignee_agent=cast.engineer)

    patched(cast, issue, title="x", status="in_progress", priority="high")
    posted(cast, issue, "comments", body="x")
    posted(cast, issue, "admin/force-release")
    posted(cast, issue, "tree-holds", mode="pause")

    assert (told, seen()) == ([], [])


def test_what_is_refused_or_undone_is_no_news(cast, told):
    issue = factories.issue(cast.company)

    with pytest.raises(Refusal):
        lifecycle.update(issue_id=issue.pk, fields={"status": "in_progress"}, actor=SYSTEM, now=clock.now())

    assert told == []


def test_actor_of_the_change_is_told(cast, told):
    agents_own = factories.issue(cast.company, assignee_agent=cast.engineer)
    run = factories.run(cast.engineer, issue=agents_own)
    checkout.take_for_run(issue_id=agents_own.pk, run_id=run.pk, agent=cast.engineer, now=clock.now())
    edited(cast)

    assert [each[3] for each in told] == ["agent", "user"]
