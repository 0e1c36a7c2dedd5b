"""What an agent goes on with, what it leaves behind, and what it used of it (H-79 to H-81, H-98)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from heartbeat import accounting, lifecycle, preparation, sessions
from heartbeat.adapters.base import Result, Usage
from heartbeat.choices import RUN_LIVE
from heartbeat.models import Run, RuntimeState, TaskSession
from heartbeat.outcomes import Remains
from paperclip.companies import actors
from paperclip.core import clock
from paperclip.governance.models import CostEvent
from tests import factories
from workspaces.models import ProjectWorkspace

pytestmark = pytest.mark.django_db
GOOD = Remains(exit_code=0)
FRESH_REASONS = (
    "issue_assigned", "execution_review_requested", "execution_approval_requested",
    "execution_changes_requested",
)  # fmt: skip


@pytest.fixture
def agent(cast):
    return factories.agent(cast.company, adapter_type="gemini_local")


@pytest.fixture
def issue(cast, agent):
    return factories.issue(cast.company, assignee_agent=agent, status="in_progress")


def begin(agent, issue=None, *, now=None, **context) -> Run:
    """A claimed run that was prepared as the runner does."""
    Run.objects.filter(agent=agent, status__in=RUN_LIVE).update(status="cancelled")
    snapshot = {"wakeReason": "issue_commented", "wakeSource": "automation", **context}
    if issue is not None:
        snapshot = {"issueId": str(issue.pk), "taskKey": str(issue.pk), **snapshot}
    run = factories.run(agent, issue=issue, context_snapshot=snapshot, task_key=snapshot.get("taskKey"))
    sessions.begin(run, sessions.resume(run, now=now or clock.now()))
    run.refresh_from_db()
    return run


def end(run: Run, *, session: str | None = "s-1", remains=GOOD, now=None, **result) -> Run:
    fields = {"session_display_id": session, "session_params": {"sessionId": session, "cwd": "/w"}}
    if session is None:
        fields = {}
    ended = lifecycle.finish(
        run_id=run.pk,
        claim_token=run.claim_token,
        result=Result(**fields | result),
        remains=remains,
        now=now or clock.now(),
    )
    return Run.objects.get(pk=ended.pk)


def kept(agent) -> TaskSession:
    return TaskSession.objects.get(agent=agent)


class TestGoingOn:
    def test_a_later_run_of_the_task_goes_on_where_the_last_one_left(self, agent, issue):  # H-79
        first = begin(agent, issue)
        assert first.session_id_before is None
        end(first)
        second = begin(agent, issue)
        assert second.session_id_before == "s-1"
        assert sessions.resume(second, now=clock.now()).params == {"sessionId": "s-1", "cwd": "/w"}

    @pytest.mark.parametrize("reason", FRESH_REASONS, ids=[f"H-79 {name}" for name in FRESH_REASONS])
    def test_some_wakes_start_fresh(self, agent, issue, reason):
        end(begin(agent, issue))
        assert begin(agent, issue, wakeReason=reason).session_id_before is None

    @pytest.mark.parametrize(
        "context",
        [
            pytest.param({"forceFreshSession": True}, id="H-79 forced"),
            pytest.param({"codexTransientFallbackMode": "fresh_session"}, id="HB-14 fresh"),
            pytest.param({"codexTransientFallbackMode": "fresh_session_safer_invocation"}, id="HB-14 safer"),
        ],
    )
    def test_a_fresh_start_can_be_asked_for(self, agent, issue, context):
        end(begin(agent, issue))
        assert begin(agent, issue, **context).session_id_before is None
        assert begin(agent, issue, forceFreshSession="true").session_id_before == "s-1", "H-3"

    @pytest.mark.parametrize(
        "context",
        [{"forceFreshSession": True}, {"wakeReason": "issue_assigned"}, {}],
        ids=["forced", "assigned", "plain"],
    )
    def test_a_named_session_wins_over_everything(self, agent, issue, context):  # H-79
        end(begin(agent, issue))
        named = {"resumeSessionParams": {"sessionId": "s-9"}, "resumeSessionDisplayId": "s-9"}
        run = begin(agent, issue, **named, **context)
        assert run.session_id_before == "s-9"
        assert sessions.resume(run, now=clock.now()).params == {"sessionId": "s-9"}
        only_id = begin(agent, issue, resumeSessionDisplayId="s-8", **context)
        assert sessions.resume(only_id, now=clock.now()).params == {"sessionId": "s-8"}

    def test_another_task_or_adapter_sees_nothing_of_it(self, cast, agent, issue):  # H-17
        end(begin(agent, issue))
        other = factories.issue(cast.company, assignee_agent=agent)
        assert begin(agent, other).session_id_before is None
        agent.adapter_type = "opencode_local"
        agent.save()
        assert begin(agent, issue).session_id_before is None

    def test_timer_runs_share_a_session_of_their_own(self, agent):  # H-39
        end(begin(agent, wakeReason="heartbeat_timer", wakeSource="timer"), session="timer-1")
        assert kept(agent).task_key == "__heartbeat__"
        again = begin(agent, wakeReason="heartbeat_timer", wakeSource="timer")
        assert again.session_id_before == "timer-1"

    def test_the_agents_own_session_is_for_runs_without_a_task_only(self, agent, issue):  # H-79
        end(begin(agent, wakeReason="manual"), session="own")
        assert RuntimeState.objects.get(pk=agent.pk).session_id == "own"
        assert begin(agent, issue).session_id_before is None
        end(begin(agent, issue), session="of-task")
        assert RuntimeState.objects.get(pk=agent.pk).session_id == "own", "a task's run leaves it alone"
        run = begin(agent, wakeReason="manual")
        assert run.session_id_before == "own"
        assert sessions.resume(run, now=clock.now()).params == {"sessionId": "own", "cwd": "/w"}

    def test_reset_forgets_it(self, agent, issue):  # H-167
        end(begin(agent, issue))
        end(begin(agent, wakeReason="manual"), session="own")
        sessions.reset(agent=agent, key=None, actor=actors.system("test"), now=clock.now())
        assert begin(agent, issue).session_id_before is None
        assert begin(agent, wakeReason="manual").session_id_before is None

    def test_the_program_is_given_the_session(self, agent, issue, settings, tmp_path):
        settings.AGENT_HOMES_ROOT = tmp_path
        end(begin(agent, issue))
        run = begin(agent, issue)
        run.session_id_before = None
        prepared, _ = preparation.assignment(run, now=clock.now())
        assert prepared.session_params == {"sessionId": "s-1", "cwd": "/w"}
        assert Run.objects.get(pk=run.pk).session_id_before == "s-1"

    def test_a_runner_that_lost_the_run_writes_nothing_on_it(self, agent, issue):
        end(begin(agent, issue))
        run = begin(agent, issue, forceFreshSession=True)
        stale = Run.objects.get(pk=run.pk)
        stale.claim_token = factories.run(factories.agent(agent.company)).claim_token
        assert not sessions.begin(stale, sessions.Resumption(sessions.contexts.read({}), display_id="x"))
        assert Run.objects.get(pk=run.pk).session_id_before is None


class TestRotation:
    def limited(self, agent, **limits):
        agent.runtime_config = {"heartbeat": {"sessionCompaction": limits}}
        agent.save()

    def test_a_used_up_session_is_replaced_and_its_successor_told(self, cast, agent, issue):  # H-81
        self.limited(agent, maxSessionRuns=1)
        end(begin(agent, issue), result_json={"summary": "found the leak"})
        end(begin(agent, issue), result_json={"summary": "mended the leak"})
        run = begin(agent, issue)
        context = run.context_snapshot
        assert run.session_id_before is None
        assert context["paperclipPreviousSessionId"] == "s-1"
        assert "served 2 runs" in context["paperclipSessionRotationReason"]
        told = context["paperclipSessionHandoffMarkdown"]
        assert "mended the leak" in told
        assert issue.identifier in told
        assert "Next Action" in told, "the continuation summary goes along"
        ended = end(run, session="s-2", usage=Usage(1, 1, 1))
        assert ended.usage_json["sessionRotated"] is True
        assert ended.usage_json["sessionRotationReason"] == context["paperclipSessionRotationReason"]
        after = kept(agent)
        assert (after.session_display_id, after.run_count) == ("s-2", 1)
        assert begin(agent, issue).session_id_before == "s-2"

    def test_size_and_age_count_too(self, agent, issue):
        self.limited(agent, maxRawInputTokens=1000)
        end(begin(agent, issue), usage=Usage(input_tokens=1000))
        assert begin(agent, issue).session_id_before is None
        self.limited(agent, maxSessionAgeHours=1)
        assert begin(agent, issue).session_id_before == "s-1"
        later = clock.now() + timedelta(hours=1, minutes=1)
        assert begin(agent, issue, now=later).session_id_before is None

    def test_a_session_that_goes_on_carries_no_old_handoff(self, agent, issue):  # H-88
        end(begin(agent, issue))
        run = begin(agent, issue, paperclipSessionHandoffMarkdown="old", paperclipPreviousSessionId="s-0")
        assert "paperclipSessionHandoffMarkdown" not in run.context_snapshot
        assert "paperclipPreviousSessionId" not in run.context_snapshot

    def test_the_agents_own_session_is_rotated_as_well(self, agent):
        self.limited(agent, maxSessionRuns=1)
        for _ in range(2):
            end(begin(agent, wakeReason="manual"), session="own")
        assert begin(agent, wakeReason="manual").session_id_before is None


class TestFailures:
    @pytest.mark.parametrize(
        ("code", "message"),
        [
            ("adapter_failed", "No conversation found with session ID: 1234"),
            ("adapter_failed", "prompt is too long: 210000 tokens > 200000 maximum"),
            ("adapter_failed", "This model's maximum context length is 128000 tokens"),
            ("context_length_exceeded", "too much"),
            ("adapter_failed", "--resume requires a valid session ID"),
        ],
    )
    def test_a_session_that_made_a_run_fail_is_set_aside(self, agent, issue, code, message):  # field note 25
        end(begin(agent, issue))
        run = begin(agent, issue)
        end(run, session=None, remains=Remains(exit_code=1), error_message=message, error_code=code)
        row = kept(agent)
        assert row.set_aside_at
        assert row.session_display_id == "s-1", "it is kept to be looked at"
        following = begin(agent, issue)
        assert following.session_id_before is None
        assert following.context_snapshot["paperclipPreviousSessionId"] == "s-1"
        end(following, session="s-2")
        assert kept(agent).set_aside_at is None
        assert begin(agent, issue).session_id_before == "s-2"

    @pytest.mark.parametrize(
        ("code", "message"),
        [
            ("adapter_failed", "connection reset by peer"),
            ("timeout", "Timed out"),
            ("adapter_failed", "file not found: session.py"),
            ("adapter_failed", "The context of the test exceeded expectations"),
        ],
    )
    def test_other_failures_leave_it_to_be_gone_on_with(self, agent, issue, code, message):
        end(begin(agent, issue))
        failed = end(
            begin(agent, issue),
            session=None,
            remains=Remains(exit_code=1),
            error_message=message,
            error_code=code,
        )
        row = kept(agent)
        assert (row.set_aside_at, row.last_error) == (None, failed.error)
        assert begin(agent, issue).session_id_before == "s-1"

    def test_a_fresh_run_that_failed_over_some_session_sets_none_aside(self, agent, issue):
        end(begin(agent, issue))
        run = begin(agent, issue, forceFreshSession=True)
        end(run, session=None, remains=Remains(exit_code=1), error_message="prompt is too long")
        assert kept(agent).set_aside_at is None

    def test_clear_forgets_it_also_after_a_failure(self, agent, issue):
        end(begin(agent, issue))
        end(
            begin(agent, issue),
            session=None,
            clear_session=True,
            remains=Remains(exit_code=1),
            error_message="max turns",
        )
        assert not TaskSession.objects.exists()

    def test_a_run_that_says_nothing_leaves_what_it_went_on_with(self, agent, issue):
        end(begin(agent, issue))
        end(begin(agent, issue), session=None)
        row = kept(agent)
        assert (row.session_display_id, row.run_count) == ("s-1", 2)
        assert row.session_params_json == {"sessionId": "s-1", "cwd": "/w"}

    def test_a_fresh_run_without_a_session_leaves_none(self, agent, issue):  # H-100
        end(begin(agent, issue))
        end(begin(agent, issue, forceFreshSession=True), session=None)
        assert not TaskSession.objects.exists()


class TestUsage:
    def record(self, agent, issue, *totals, session="s-1", **result):
        return end(begin(agent, issue), session=session, usage=Usage(*totals), **result).usage_json

    def test_a_run_used_what_its_sessions_totals_grew_by(self, agent, issue):  # H-98
        first = self.record(agent, issue, 100, 10, 5)
        assert (first["inputTokens"], first["rawInputTokens"]) == (100, 100)
        second = self.record(agent, issue, 250, 30, 5)
        assert [second[key] for key in ("inputTokens", "outputTokens", "cachedInputTokens")] == [150, 20, 0]
        assert [second[key] for key in ("rawInputTokens", "rawOutputTokens", "rawCachedInputTokens")] == [
            250, 30, 5,
        ]  # fmt: skip
        state = RuntimeState.objects.get(pk=agent.pk)
        assert (state.total_input_tokens, state.total_output_tokens, state.total_cached_input_tokens) == (
            250, 30, 5,
        )  # fmt: skip
        assert sum(CostEvent.objects.values_list("input_tokens", flat=True)) == 250

    def test_a_counter_that_shrank_began_anew(self, agent, issue):  # H-98
        self.record(agent, issue, 100, 10)
        assert self.record(agent, issue, 40, 12)["inputTokens"] == 40
        assert self.record(agent, issue, 60, 15)["inputTokens"] == 20

    def test_another_session_begins_at_nothing(self, agent, issue):
        self.record(agent, issue, 100, 10)
        assert self.record(agent, issue, 120, 10, session="s-2")["inputTokens"] == 120

    def test_a_program_that_counts_each_run_is_believed(self, agent, issue):  # beats AW-6
        self.record(agent, issue, 100, 10)
        usage = Usage(120, 10, 0, is_of_run=True)
        record = end(begin(agent, issue), usage=usage).usage_json
        assert (record["inputTokens"], record["usageSource"]) == (120, "run")

    def test_the_agents_own_session_counts_too(self, agent):
        end(begin(agent, wakeReason="manual"), usage=Usage(100, 10))
        record = end(begin(agent, wakeReason="manual"), usage=Usage(130, 15)).usage_json
        assert (record["inputTokens"], record["outputTokens"]) == (30, 5)
        assert (record["sessionReused"], record["taskSessionReused"]) == (True, False)

    def test_record_is_whole(self, agent, issue):  # H-98
        end(begin(agent, issue), usage=Usage(1, 1, 1))
        billing = {"provider": "google", "biller": "me", "model": "g-1", "billing_type": "metered_api"}
        record = end(begin(agent, issue), usage=Usage(3, 2, 1), cost_usd=0.25, **billing).usage_json
        assert record == {
            "inputTokens": 2, "cachedInputTokens": 0, "outputTokens": 1,
            "rawInputTokens": 3, "rawCachedInputTokens": 1, "rawOutputTokens": 2,
            "usageSource": "session_delta", "persistedSessionId": "s-1",
            "sessionReused": True, "taskSessionReused": True, "freshSession": False,
            "sessionRotated": False, "sessionRotationReason": None,
            "provider": "google", "biller": "me", "model": "g-1", "costUsd": 0.25, "billingType": "metered_api",
        }  # fmt: skip

    def test_without_usage_or_cost_there_is_no_record(self, agent, issue):  # H-98
        assert end(begin(agent, issue)).usage_json is None
        assert end(begin(agent, issue), cost_usd=0.1).usage_json["inputTokens"] == 0

    @pytest.mark.parametrize(
        ("after", "before", "share"),
        [
            ((5, 5, 5), (2, 2, 2), (3, 3, 3)),
            ((5, 1, 5), (2, 2, 5), (3, 1, 0)),
            ((0, 0, 0), (9, 9, 9), (0, 0, 0)),
        ],
    )
    def test_each_counter_is_judged_by_itself(self, after, before, share):
        assert accounting.decide_share(Usage(*after), Usage(*before)) == Usage(*share)
        assert accounting.decide_share(Usage(*after), None) == Usage(*after)


class TestMoving:
    """A session that was begun at home follows its agent into the project (H-80, HB-44, A-23)."""

    def moved(self, params, *, cwd="/project", source="project_primary", workspace=True):
        place = ProjectWorkspace(repo_url="https://git.example/x", repo_ref="main")
        resumption = sessions.Resumption(sessions.contexts.read({}), params, "s-1")
        after = sessions.moved(
            resumption,
            home=Path("/home/agent"),
            cwd=Path(cwd),
            source=source,
            workspace=place if workspace else None,
        )
        return after, place

    def test_it_moves_and_says_so(self):
        after, place = self.moved({"sessionId": "s-1", "cwd": "/home/agent"})
        assert after.params == {
            "sessionId": "s-1", "cwd": "/project", "workspaceId": str(place.pk),
            "repoUrl": "https://git.example/x", "repoRef": "main",
        }  # fmt: skip
        assert "s-1" in after.warnings[0]

    @pytest.mark.parametrize(
        ("params", "options"),
        [
            pytest.param({"cwd": "/elsewhere"}, {}, id="another folder"),
            pytest.param({"cwd": "/home/agent", "workspaceId": "other"}, {}, id="another workspace"),
            pytest.param({"cwd": "/home/agent"}, {"source": "agent_config"}, id="no project folder"),
            pytest.param({"cwd": "/home/agent"}, {"cwd": "/home/agent"}, id="nothing to move to"),
            pytest.param({"cwd": "/home/agent"}, {"workspace": False}, id="no workspace"),
            pytest.param(None, {}, id="no session"),
        ],
    )
    def test_otherwise_it_stays(self, params, options):
        after, _ = self.moved(params, **options)
        assert (after.params, after.warnings) == (params, ())
