"""Whatever fails, in whatever order: a chain of runs comes to an end, and its counters only grow (H-135, HW-1)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heartbeat import claims, lifecycle
from heartbeat.adapters.base import Result
from heartbeat.choices import RUN_LIVE
from heartbeat.models import Run, Runner
from heartbeat.outcomes import Remains
from heartbeat.retries import promotion
from tests import factories
from tests.heartbeat.test_retries import FAILED, LIMIT, NOW, RESET, TURNS, UPSTREAM
from tests.heartbeat.test_wakeups import wake

pytestmark = pytest.mark.django_db

COUNTERS = (
    "process_loss_retry_count", "diagnostic_retry_count", "comment_retry_count", "handoff_attempt",
    "recovery_attempt", "continuation_attempt", "scheduled_retry_attempt",
)  # fmt: skip
# As often as all mechanisms together may follow each other: 1 + 2 + 1 + 1 + 2 + 2 + 4, and the first run.
LONGEST = 14
FAILURES = {
    "lost": None,
    "turns": (TURNS, FAILED),
    "upstream": (UPSTREAM, FAILED),
    "usage limit": (
        Result(
            error_message="Usage limit reached", error_family="transient_upstream",
            retry_not_before=NOW + timedelta(days=5),
        ),
        FAILED,
    ),
    "rate limit": (LIMIT, FAILED),
    "network": (RESET, FAILED),
    "end of file": (Result(error_message="unexpected EOF"), FAILED),
    "killed": (Result(), Remains(signal="SIGKILL")),
    "timeout": (Result(), Remains(timed_out=True, timeout_seconds=5)),
    "missing": (Result(error_message="ENOENT"), FAILED),
    "permission": (Result(error_message="permission denied"), FAILED),
    "memory": (Result(error_message="out of memory"), FAILED),
    "unknown": (Result(error_message="it said no"), FAILED),
}  # fmt: skip


def fail(run, kind, now):
    if kind == "lost":
        ended = lifecycle.lose(run_id=run.pk, message="gone", remains=Remains(), now=now)
    else:
        result, remains = FAILURES[kind]
        ended = lifecycle.finish(
            run_id=run.pk, claim_token=run.claim_token, result=result, remains=remains, now=now
        )
    assert ended is not None
    return Run.objects.get(pk=run.pk)


def begin(run_id, now):
    """Claim the run, whatever else is claimed beside it."""
    lease = {"last_seen_at": now, "lease_expires_at": now + timedelta(days=99)}
    runner = Runner.objects.first() or factories.runner(**lease)
    return next(run for run in claims.claim(runner=runner, most=50, now=now) if run.pk == run_id)


def counters(run):
    return {name: getattr(run, name) for name in COUNTERS}


@given(
    kinds=st.lists(st.sampled_from(sorted(FAILURES)), min_size=1, max_size=6),
    has_issue=st.booleans(),
    is_mention=st.booleans(),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_chain_of_failures_ends_and_its_counters_only_grow(cast, kinds, has_issue, is_mention):
    with transaction.atomic():
        _play(cast, kinds, has_issue=has_issue, is_mention=is_mention)
        transaction.set_rollback(True)


def _play(cast, kinds, *, has_issue, is_mention):
    now = NOW
    issue = factories.issue(cast.company, assignee_agent=cast.engineer) if has_issue else None
    if is_mention and issue is not None:
        said = factories.comment(issue)
        payload = {"issueId": str(issue.pk), "commentId": str(said.pk)}
        woken = wake(
            cast.peer, reason="issue_comment_mentioned", source="automation", payload=payload, now=now
        )
    else:
        woken = wake(cast.engineer, issue=issue, now=now)
    run, chain = begin(woken.run.pk, now), []
    while True:
        before = counters(run)
        run = fail(run, kinds[len(chain) % len(kinds)], now)
        chain.append(run)
        assert len(chain) <= LONGEST, [link.followup_mechanism for link in chain]
        assert run.followup_mechanism
        assert run.followup_reason
        assert run.failure_category
        followers = list(Run.objects.filter(retry_of_run=run))
        assert len(followers) <= 1
        if not followers:
            break
        (following,) = followers
        after = counters(following)
        assert all(after[name] >= before[name] for name in COUNTERS), (before, after)
        assert sum(after.values()) > sum(before.values())
        assert (following.issue_id, following.task_key) == (run.issue_id, run.task_key)
        if issue is not None:
            assert Run.objects.filter(issue=issue, status__in=RUN_LIVE).count() == 1
        # Long enough for what waits and for a provider's account to take calls again.
        now = max(now, following.scheduled_retry_at or now) + timedelta(hours=1)
        promotion.promote_due(now=now)
        run = begin(following.pk, now)
