"""A-47, B-3, AW-22: a session that its program does not know is given up, once."""

from __future__ import annotations

import pytest

from heartbeat import context as contexts
from heartbeat import sessions
from heartbeat.adapters.base import Result
from heartbeat.models import Run, TaskSession
from tests import factories
from tests.heartbeat.test_retries import NOW, claim, end, retry_of, start

pytestmark = pytest.mark.django_db
LOST = Result(error_message="No conversation found with session ID: one", error_code="session_not_found")


def resumed(cast, **more):
    """A run of an issue that goes on with the saved session `one`."""
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress")
    TaskSession.objects.create(
        company=cast.company,
        agent=cast.engineer,
        adapter_type=cast.engineer.adapter_type,
        task_key=str(issue.pk),
        session_params_json={"sessionId": "one"},
        session_display_id="one",
        created_at=NOW,
        updated_at=NOW,
    )
    run = start(cast.engineer, issue)
    Run.objects.filter(pk=run.pk).update(session_id_before="one", **more)
    run.refresh_from_db()
    return run


@pytest.mark.parametrize("code", ["session_not_found", "session_invalid"])
def test_lost_session_is_followed_by_one_fresh_run(cast, code):
    run = end(resumed(cast), Result(error_message="It is gone", error_code=code))
    assert (run.followup_mechanism, run.followup_attempt) == ("fresh_session", 1)
    (retry,) = claim()
    assert retry.retry_of_run_id == run.pk
    assert contexts.read(retry.context_snapshot).text("retryReason") == "session_lost"
    begun = sessions.resume(retry, now=NOW)
    assert begun.params is None
    handoff = begun.context.text(sessions.HANDOFF)
    assert handoff is not None
    assert "Previous session: one" in handoff

    again = end(retry, LOST)
    assert again.followup_mechanism == "recovery", "the bound of this mechanism is one; the issue is not left"


def test_session_named_for_the_run_is_not_named_again(cast):
    run = resumed(cast)
    named = {
        **(run.context_snapshot or {}),
        "resumeSessionDisplayId": "one",
        "resumeSessionParams": {"sessionId": "one"},
    }
    Run.objects.filter(pk=run.pk).update(context_snapshot=named)
    run = end(run, LOST)
    context = contexts.read(retry_of(run).context_snapshot)
    assert (context.text("resumeSessionDisplayId"), context.more.get("resumeSessionParams")) == (None, None)


def test_run_that_left_its_session_says_so(cast):
    run = resumed(cast)
    assert sessions.leave(run)
    run.refresh_from_db()
    assert run.session_id_before is None
