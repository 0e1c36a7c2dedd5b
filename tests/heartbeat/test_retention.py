"""What is kept and for how long, and that a pass does a bounded piece of work."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from heartbeat import duties, retention
from heartbeat.models import Run, RunEvent, WakeupRequest
from paperclip.companies import activity, actors
from paperclip.companies.models import Activity
from paperclip.core import clock
from paperclip.governance import notices
from paperclip.governance.models import CostEvent, Notice
from tests import factories

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def now():
    return clock.now()


def run(agent, now, *, days: float, status="succeeded", **fields) -> Run:
    moment = now - days * DAY
    ended = None if status == "running" else moment
    made = factories.run(
        agent,
        status=status,
        finished_at=ended,
        created_at=moment,
        stdout_excerpt="out",
        stderr_excerpt="err",
        log_bytes=3,
        log_sha256="f" * 64,
        **fields,
    )
    RunEvent.objects.create(
        company=agent.company, run=made, agent=agent, seq=1, event_type="lifecycle", created_at=moment
    )
    return made


def wakeup(agent, now, *, days: float, status: str, touched: float | None = None) -> WakeupRequest:
    moment = now - days * DAY
    return WakeupRequest.objects.create(
        company=agent.company,
        agent=agent,
        source="on_demand",
        status=status,
        requested_at=moment,
        created_at=moment,
        updated_at=now - (days if touched is None else touched) * DAY,
    )


def log(company, now, *, days: float) -> None:
    activity.record(
        company_id=company.pk,
        actor=actors.system("test"),
        action="issue.updated",
        entity_type="issue",
        entity_id=factories.NO_SUCH_ID,
        details={"days": days},
        now=now - days * DAY,
    )


def test_events_and_excerpts_of_old_runs_go_and_the_run_stays(cast, now):
    old, young = run(cast.engineer, now, days=91), run(cast.peer, now, days=89)
    done = retention.prune(now=now)
    assert (done.events, done.excerpts, done.runs) == (1, 1, 0)
    old.refresh_from_db()
    young.refresh_from_db()
    assert (old.stdout_excerpt, old.stderr_excerpt, old.log_bytes) == (None, None, 3)
    assert old.log_sha256 == "f" * 64
    assert young.stdout_excerpt == "out"
    assert list(RunEvent.objects.values_list("run_id", flat=True)) == [young.pk]


def test_nothing_of_a_live_run_is_touched_however_old(cast, now, settings):
    settings.RUN_RETENTION_DAYS = 1
    alive = run(cast.engineer, now, days=200, status="running")
    waiting = run(cast.peer, now, days=200, status="queued")
    retention.prune(now=now)
    assert Run.objects.filter(pk__in=[alive.pk, waiting.pk], stdout_excerpt="out").count() == 2
    assert RunEvent.objects.count() == 2


@pytest.mark.parametrize(
    ("status", "days", "touched", "stays"),
    [
        ("skipped", 13, None, True),
        ("skipped", 15, None, False),
        ("skipped", 15, 1, True),
        ("completed", 15, None, True),
        ("completed", 91, None, False),
        ("coalesced", 91, None, False),
        ("failed", 91, None, False),
        ("queued", 400, None, True),
        ("deferred_issue_execution", 400, None, True),
        ("claimed", 400, None, True),
    ],
)
def test_wakeups_go_by_what_became_of_them(cast, now, status, days, touched, stays):
    wakeup(cast.engineer, now, days=days, status=status, touched=touched)
    retention.prune(now=now)
    assert WakeupRequest.objects.exists() == stays


def test_a_run_outlives_the_request_it_came_from(cast, now):
    request = wakeup(cast.engineer, now, days=91, status="completed")
    made = run(cast.engineer, now, days=91, wakeup_request=request)
    WakeupRequest.objects.filter(pk=request.pk).update(run=made)
    assert retention.prune(now=now).wakeups == 1
    made.refresh_from_db()
    assert made.wakeup_request_id is None


def test_activity_and_notices_go_too(cast, now, settings):
    for days in (91, 89):
        log(cast.company, now, days=days)
        notices.tell(
            company_id=cast.company.pk, kind="issue_stuck", key=f"{days}", title="x", now=now - days * DAY
        )
    settings.ACTIVITY_DAYS = 0
    assert retention.prune(now=now).activity == 0
    settings.ACTIVITY_DAYS = 90
    assert retention.prune(now=now).activity == 1
    assert Activity.objects.get(action="issue.updated").details["days"] == 89
    assert Notice.objects.get().key == "89"


def test_runs_themselves_go_only_when_asked(cast, now, settings):
    first = run(cast.engineer, now, days=50)
    second = run(cast.engineer, now, days=40, retry_of_run=first)
    cost = CostEvent.objects.create(
        company=cast.company, agent=cast.engineer, heartbeat_run=first, provider="p", biller="b", model="m",
        cost_cents=5, occurred_at=now,
    )  # fmt: skip
    settings.RUN_RETENTION_DAYS = 45
    assert retention.prune(now=now).runs == 1
    second.refresh_from_db()
    cost.refresh_from_db()
    assert (second.retry_of_run_id, cost.heartbeat_run_id, cost.cost_cents) == (None, None, 5)


def test_zero_days_keep_for_ever(cast, now, settings):
    for name in (
        "RUN_LOG_DAYS",
        "RUN_HISTORY_DAYS",
        "SKIPPED_WAKEUP_DAYS",
        "ACTIVITY_DAYS",
        "RUN_RETENTION_DAYS",
    ):
        setattr(settings, name, 0)
    run(cast.engineer, now, days=4000)
    wakeup(cast.engineer, now, days=4000, status="skipped")
    assert set(vars(retention.prune(now=now)).values()) == {0}
    assert retention.log_days() == 0


def test_a_pass_is_bounded_and_the_next_one_goes_on(cast, now, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 3)
    for number in range(5):
        wakeup(cast.engineer, now, days=91 + number, status="skipped")
        run(cast.engineer, now, days=91 + number)
        log(cast.company if number % 2 else cast.elsewhere, now, days=91 + number)
    first, second, third = (retention.prune(now=now) for _ in range(3))
    assert (first.events, first.excerpts, first.activity) == (3, 3, 3)
    assert (second.events, second.excerpts, second.activity) == (2, 2, 2)
    assert set(vars(third).values()) == {0}
    assert not WakeupRequest.objects.exists()


def test_a_pass_asks_the_same_few_questions_however_much_there_is(cast, now):
    counts = []
    for many in (1, 30):
        for number in range(many):
            run(cast.engineer, now, days=10 + number / 100)
            wakeup(cast.engineer, now, days=20, status="completed")
        with CaptureQueriesContext(connection) as queries:
            retention.prune(now=now)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_it_is_one_of_the_duties(cast, now):
    run(cast.engineer, now, days=91)
    assert duties.tick(now)[retention.NAME]["events"] == 1


@pytest.mark.parametrize(
    ("days", "log_days", "said"),
    [
        pytest.param(31, 30, "Run log not found: logs are kept for 30 days", id="H-175 pruned"),
        pytest.param(29, 30, "Run log not found", id="H-175 elsewhere"),
        pytest.param(4000, 0, "Run log not found", id="H-175 kept for ever"),
    ],
)
def test_a_log_that_is_gone_is_a_plain_404(cast, now, settings, tmp_path, days, log_days, said):
    settings.RUNS_ROOT, settings.RUN_LOG_DAYS = tmp_path, log_days
    made = run(cast.engineer, now, days=days)
    answer = cast.as_owner.get(f"/api/heartbeat-runs/{made.pk}/log")
    assert (answer.status_code, answer.json()["error"]) == (404, said)
    body = cast.as_owner.get(f"/api/heartbeat-runs/{made.pk}").json()
    assert (body["logBytes"], body["logSha256"]) == (3, "f" * 64)
