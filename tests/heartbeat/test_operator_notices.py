"""What the engine tells operators: failures that nothing tries again, and loops that were stopped."""

from __future__ import annotations

import pytest

from heartbeat import lifecycle, stops
from heartbeat.adapters.base import Result
from heartbeat.outcomes import Remains
from paperclip.companies import actors
from paperclip.core import clock
from paperclip.governance.models import Notice
from tests import factories
from tests.heartbeat.test_breaker import rounds
from tests.heartbeat.test_claims import claim
from tests.heartbeat.test_wakeups import wake

pytestmark = pytest.mark.django_db
MISSING = Result(error_message="ENOENT: no such file: plan.txt")


def fail(agent, result=MISSING):
    wake(agent, source="on_demand", reason="manual")
    (run,) = claim()
    return lifecycle.finish(
        run_id=run.pk,
        claim_token=run.claim_token,
        result=result,
        remains=Remains(exit_code=1),
        now=clock.now(),
    )


def test_a_failure_that_nothing_follows_is_told_once_a_day(cast):
    run = fail(cast.engineer)
    assert run.followup_mechanism == "none"
    notice = Notice.objects.get()
    assert (notice.kind, notice.title) == ("run_exhausted", "Engineer failed, and is not tried again")
    assert str(run.pk) in notice.path

    fail(cast.engineer)
    assert Notice.objects.get().repeats > notice.repeats


@pytest.mark.parametrize(
    "message",
    [pytest.param("read ECONNRESET", id="HB-91 tried again at once"), pytest.param(None, id="went well")],
)
def test_what_goes_on_by_itself_is_not_told(cast, message):
    wake(cast.engineer, source="on_demand", reason="manual")
    (run,) = claim()
    lifecycle.finish(
        run_id=run.pk,
        claim_token=run.claim_token,
        result=Result(error_message=message),
        remains=Remains(exit_code=1 if message else 0),
        now=clock.now(),
    )
    assert not Notice.objects.exists()


def test_a_stopped_loop_is_told_and_settled_when_it_is_lifted(cast):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)
    rounds(cast.engineer, issue, 5)
    notice = Notice.objects.get(kind="loop_stopped")
    assert (notice.title, notice.closed_at) == ("Engineer goes in circles and was stopped", None)

    person = actors.for_user(cast.owner)
    assert stops.lift(agent=cast.engineer, issue_id=issue.pk, actor=person, reason="Go on", now=clock.now())

    notice.refresh_from_db()
    assert notice.closed_at is not None
