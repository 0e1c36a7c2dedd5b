from __future__ import annotations

from datetime import timedelta

import pytest

from heartbeat import wakeups
from heartbeat.models import Run, WakeupRequest
from heartbeat.wakeups import Call
from paperclip.companies import actors
from paperclip.core import clock
from tests import factories

pytestmark = pytest.mark.django_db


def wake(agent, *, issue=None, reason="issue_assigned", source="assignment", actor=None, now=None, **call):
    payload = {"issueId": str(issue.pk)} if issue is not None else None
    call.setdefault("payload", payload)
    return wakeups.enqueue(
        agent_id=agent.pk,
        company_id=agent.company_id,
        call=Call(source=source, reason=reason, **call),
        actor=actor or actors.system("test"),
        now=now or clock.now(),
    )


def comment_wake(agent, issue, comment, *, actor=None, reason="issue_commented"):
    payload = {"issueId": str(issue.pk), "commentId": str(comment.pk)}
    return wake(agent, reason=reason, source="automation", payload=payload, actor=actor)


@pytest.fixture
def engineer(cast):
    return cast.engineer


@pytest.fixture
def issue(cast):
    return factories.issue(cast.company, assignee_agent=cast.engineer)


def test_wake_for_an_idle_issue_queues_a_run_with_its_context(engineer, issue):  # H-20
    outcome = wake(engineer, issue=issue)

    assert outcome.kind == "queued"
    run = outcome.run
    assert (run.status, run.issue_id, run.task_key) == ("queued", issue.pk, str(issue.pk))
    assert run.context_snapshot["wakeReason"] == "issue_assigned"
    assert outcome.request.status == "queued"
    issue.refresh_from_db()
    assert issue.execution_run_id is None, (
        "the lock is stamped when the run starts, not when it is queued (I-68)"
    )


@pytest.mark.parametrize(
    ("scene", "kind", "reason"),
    [
        pytest.param("paused", "refused", "agent_not_invokable", id="H-41.3 paused agent"),
        pytest.param("terminated", "refused", "agent_not_invokable", id="H-41.3 terminated agent"),
        pytest.param("company paused", "refused", "budget.blocked", id="H-42 paused company"),
        pytest.param("on demand off", "skipped", "heartbeat.wakeOnDemand.disabled", id="H-43 on-demand flag"),
        pytest.param("timer off", "skipped", "heartbeat.disabled", id="H-41.4 timer policy"),
        pytest.param("issue gone", "skipped", "issue_execution_issue_not_found", id="H-44 unknown issue"),
        pytest.param("blocked", "skipped", "issue_dependencies_blocked", id="H-48 HB-66 unresolved blocker"),
    ],
)
def test_every_refusal_leaves_a_row_with_the_true_reason(
    cast, engineer, issue, scene, kind, reason
):  # H-15, H-37
    source = "assignment"
    payload = {"issueId": str(issue.pk)}
    match scene:
        case "paused" | "terminated":
            type(engineer).objects.filter(pk=engineer.pk).update(status=scene)
        case "company paused":
            type(cast.company).objects.filter(pk=cast.company.pk).update(status="paused")
        case "on demand off":
            type(engineer).objects.filter(pk=engineer.pk).update(
                runtime_config={"heartbeat": {"wakeOnDemand": False}}
            )
        case "timer off":
            source = "timer"
        case "issue gone":
            payload = {"issueId": "00000000-0000-4000-8000-000000000000"}
        case "blocked":
            factories.blocks(factories.issue(cast.company), issue)

    outcome = wake(engineer, source=source, payload=payload)

    assert (outcome.kind, outcome.run) == (kind, None)
    row = WakeupRequest.objects.get()
    assert (row.status, row.reason) == ("skipped", reason)
    assert row.error
    assert not Run.objects.exists()


def test_a_repeated_refusal_is_counted_on_one_row(engineer, issue):
    factories.blocks(factories.issue(issue.company), issue)
    now = clock.now()

    for minute in range(3):
        wake(engineer, issue=issue, now=now + timedelta(minutes=minute))
    wake(engineer, issue=issue, now=now + timedelta(hours=2))

    rows = list(WakeupRequest.objects.order_by("requested_at"))
    assert [row.coalesced_count for row in rows] == [2, 0]


def test_a_comment_passes_a_blocked_issue_and_names_the_blockers(engineer, issue):  # HB-67, H-47
    blocker = factories.issue(issue.company, title="Foundation")
    factories.blocks(blocker, issue)
    outcome = comment_wake(engineer, issue, factories.comment(issue))

    assert outcome.kind == "queued"
    context = outcome.run.context_snapshot
    assert context["dependencyBlockedInteraction"] is True
    assert context["unresolvedBlockerIssueIds"] == [str(blocker.pk)]
    assert context["unresolvedBlockerSummaries"][0]["title"] == "Foundation"


def test_a_second_wake_joins_the_queued_run(engineer, issue):  # H-50
    first = wake(engineer, issue=issue)
    second = comment_wake(engineer, issue, comment := factories.comment(issue))

    assert (second.kind, second.run.pk) == ("coalesced", first.run.pk)
    assert second.run.context_snapshot["wakeCommentIds"] == [str(comment.pk)]
    assert second.request.reason == "issue_execution_same_name"
    assert Run.objects.count() == 1


def test_a_renamed_agent_still_joins_its_own_run(engineer, issue):  # HW-21, H-49
    first = wake(engineer, issue=issue)
    type(engineer).objects.filter(pk=engineer.pk).update(name="Renamed")

    assert wake(engineer, issue=issue).run.pk == first.run.pk


def test_comments_during_a_run_wait_in_one_row(engineer, issue):  # HB-58, H-52, H-51
    run = factories.run(engineer, issue=issue)
    first, second = factories.comment(issue), factories.comment(issue)

    assert comment_wake(engineer, issue, first).kind == "deferred"
    assert comment_wake(engineer, issue, second).kind == "deferred"

    waiting = WakeupRequest.objects.get(status="deferred_issue_execution")
    context = waiting.payload["_paperclipWakeContext"]
    assert context["wakeCommentIds"] == [str(first.pk), str(second.pk)]
    assert waiting.coalesced_count == 1
    assert Run.objects.get().pk == run.pk


def test_a_plain_wake_during_a_run_joins_it(engineer, issue):  # H-50, H-45
    run = factories.run(engineer, issue=issue)

    outcome = wake(engineer, issue=issue, reason="issue_status_changed")

    assert (outcome.kind, outcome.run.pk) == ("coalesced", run.pk)


def test_a_mention_while_another_agent_runs_is_deferred(cast, engineer, issue):  # HB-63
    factories.run(engineer, issue=issue)

    outcome = comment_wake(cast.peer, issue, factories.comment(issue), reason="issue_comment_mentioned")

    assert outcome.kind == "deferred"
    assert WakeupRequest.objects.get(agent=cast.peer).status == "deferred_issue_execution"


def test_a_comment_pulls_a_scheduled_retry_forward(engineer, issue):  # HW-10
    retry = factories.run(
        engineer, issue=issue, status="scheduled_retry", scheduled_retry_at=clock.now() + timedelta(hours=2)
    )

    outcome = comment_wake(engineer, issue, factories.comment(issue))

    assert (outcome.kind, outcome.run.pk, outcome.run.status) == ("coalesced", retry.pk, "queued")


@pytest.mark.parametrize(
    ("status", "assigned", "code"),
    [
        pytest.param("todo", "peer", "issue_reassigned", id="HB-25 reassigned"),
        pytest.param("cancelled", "engineer", "issue_cancelled", id="H-46 cancelled"),
    ],
)
def test_a_stale_scheduled_retry_is_dropped_by_a_new_wake(cast, engineer, status, assigned, code):  # H-27
    owner = getattr(cast, assigned)
    issue = factories.issue(cast.company, assignee_agent=owner, status=status)
    old = factories.run(
        engineer, issue=issue, status="scheduled_retry", scheduled_retry_at=clock.now() + timedelta(hours=1)
    )

    outcome = wake(owner, issue=issue)

    old.refresh_from_db()
    assert (old.status, old.error_code) == ("cancelled", code)
    assert outcome.kind == "queued"
    assert outcome.run.pk != old.pk


def test_wakes_without_an_issue_join_by_task_key(engineer):  # H-55
    first = wake(engineer, reason="manual", source="on_demand")
    assert wake(engineer, reason="manual", source="on_demand").run.pk == first.run.pk
    other = wake(engineer, reason="manual", source="on_demand", payload={"taskKey": "weekly"})
    assert other.run.pk != first.run.pk


def test_an_idempotency_key_makes_one_run(engineer, issue):  # HW-13
    first = wake(engineer, issue=issue, idempotency_key="k-1")
    again = wake(engineer, issue=issue, idempotency_key="k-1")

    assert again.run.pk == first.run.pk
    assert (Run.objects.count(), WakeupRequest.objects.count()) == (1, 1)


def test_a_wake_dies_with_the_change_that_caused_it(engineer, issue):
    from django.db import transaction

    class Undone(Exception):
        pass

    def change_that_is_undone():
        with transaction.atomic():
            wake(engineer, issue=issue)
            raise Undone

    with pytest.raises(Undone):
        change_that_is_undone()
    assert not WakeupRequest.objects.exists()


def test_a_wake_names_the_run_that_caused_it(cast, engineer, issue):
    run = factories.run(cast.peer)
    outcome = wake(engineer, issue=issue, actor=actors.for_agent(cast.peer, run_id=run.pk))
    assert outcome.run.context_snapshot["causedByRunId"] == str(run.pk)


@pytest.mark.parametrize(
    "reason",
    [
        pytest.param("approval_approved", id="HB-57 approval"),
        pytest.param("issue_children_completed", id="children done during the run"),
        pytest.param("issue_blockers_resolved", id="blockers done during the run"),
    ],
)
def test_news_for_a_running_agent_is_not_lost_in_its_run(engineer, issue, reason):
    factories.run(engineer, issue=issue)
    assert wake(engineer, issue=issue, reason=reason, source="automation").kind == "deferred"
