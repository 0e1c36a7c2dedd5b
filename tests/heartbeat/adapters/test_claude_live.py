"""Claude Code itself, from npm, under the real runner and before a provider that follows a script.

It is the same program as of the recordings in `samples/`; what it prints today is held against what is read of it.
"""

from __future__ import annotations

import os
import subprocess

import pytest

from heartbeat.models import Run, TaskSession
from issues.models import Comment, Issue
from paperclip.core import clock
from paperclip.governance.models import CostEvent
from tests import factories
from tests.heartbeat.adapters import programs, upstreams
from tests.heartbeat.adapters.upstreams import refuses, says, uses
from tests.heartbeat.runner.test_runner import ended
from tests.heartbeat.test_wakeups import wake
from tests.product import free_port

pytestmark = pytest.mark.npm
KEY = "sk-ant-api03-nobody-may-see-this-0123456789"
SECONDS = 60


@pytest.fixture
def upstream():
    with upstreams.scripted() as scripted:
        yield scripted


@pytest.fixture
def hire(product, tmp_path):
    """Hire an agent that runs Claude Code before a provider, with a home of its own."""
    program, company = programs.claude(), factories.company()

    def hired(address, **config):
        home = tmp_path / "claude-home"
        home.mkdir(exist_ok=True)
        env = {
            "HOME": str(home), "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": address, "CLAUDE_CODE_MAX_RETRIES": "0",
        }  # fmt: skip
        config = {
            "command": str(program),
            "env": env,
            "model": "claude-sonnet-4-6",
            "timeoutSec": 50,
            **config,
        }
        return factories.agent(company, adapter_type="claude_local", adapter_config=config, runtime_config={})

    return hired


def test_whole_issue_is_carried_through_and_gone_on_with(product, upstream, hire, tmp_path):
    """Two runs of one issue: the second goes on with the session of the first; each is billed its own share."""
    work = 'echo "made by the agent" > made.txt && api() { curl -sS --fail-with-body -X "$1" "$PAPERCLIP_API_URL/api$2"'
    work += ' -H "Authorization: Bearer $PAPERCLIP_API_KEY" -H "X-Paperclip-Run-Id: $PAPERCLIP_RUN_ID" --json "$3"; }'
    work += ' && api POST "/issues/$PAPERCLIP_TASK_ID/checkout" "{\\"agentId\\": \\"$PAPERCLIP_AGENT_ID\\",'
    work += ' \\"expectedStatuses\\": [\\"todo\\", \\"in_progress\\"]}" > /dev/null'
    work += ' && api PATCH "/issues/$PAPERCLIP_TASK_ID" "{\\"status\\": \\"done\\", \\"comment\\": \\"It is made\\"}"'
    address = upstream.script("whole", uses("Bash", command=work, description="Work"), says("All done"))
    place = tmp_path / "place"
    place.mkdir()
    instructions = tmp_path / "AGENTS.md"
    instructions.write_text("You like tulips.")
    agent = hire(address, cwd=str(place), instructionsFilePath=str(instructions))
    issue = factories.issue(
        agent.company, assignee_agent=agent, status="todo", title="Make it", description="Please"
    )
    first = wake(agent, issue=issue, reason="manual", source="on_demand").run
    product.start("web")
    product.start("runner")

    first = ended(first, seconds=SECONDS)
    assert (first.status, first.error) == ("succeeded", None), first.stdout_excerpt
    issue = Issue.objects.get(pk=issue.pk)
    assert issue.status == "done"
    assert (place / "made.txt").read_text() == "made by the agent\n"
    assert Comment.objects.filter(issue=issue, body="It is made", author_agent_id=agent.pk).exists()
    usage = first.usage_json
    assert (usage["inputTokens"], usage["outputTokens"], usage["usageSource"]) == (22, 14, "run")
    assert (usage["provider"], usage["billingType"], usage["freshSession"]) == (
        "anthropic",
        "metered_api",
        True,
    )
    session = TaskSession.objects.get(agent=agent)
    assert session.session_display_id == first.session_id_after
    assert session.session_params_json["cwd"] == str(place)
    question = upstream.asked["whole"][0]
    assert "You like tulips." in str(question["system"])
    assert "Make it" in str(question["messages"])
    assert "paperclip" in str(question), "its skill is known to the model"
    told = subprocess.run(
        ["grep", "-rl", KEY, str(product.home)], capture_output=True, text=True, check=False
    )
    assert told.stdout == "", "no file of ours holds the key"

    upstream.script("whole", says("Nothing more to do"))
    Issue.objects.filter(pk=issue.pk).update(status="in_progress", completed_at=None)
    second = wake(agent, issue=issue, reason="manual", source="on_demand").run
    second = ended(second, seconds=SECONDS)
    assert (second.status, second.error) == ("succeeded", None), second.stderr_excerpt
    assert (second.session_id_before, second.session_id_after) == (
        first.session_id_after,
        first.session_id_after,
    )
    assert "All done" in str(upstream.asked["whole"][0]["messages"]), "the model is told of the first run"
    assert second.usage_json["inputTokens"] == 11
    total = TaskSession.objects.get(agent=agent).session_params_json["costUsd"]
    assert total == pytest.approx(first.usage_json["costUsd"] + second.usage_json["costUsd"])
    assert 0 < second.usage_json["costUsd"] < first.usage_json["costUsd"]
    assert CostEvent.objects.filter(agent_id=agent.pk).count() == 2


def test_refusals_of_the_provider_are_told_apart(product, upstream, hire):
    busy = "overloaded_error"
    table = {
        # how: (provider, config, status, code, mechanism)
        "429": (upstream.script("429", refuses(429, "rate_limit_error", "slow down", retry_after="600")), {},
                "claude_transient_upstream", "scheduled_retry"),
        "529": (upstream.script("529", refuses(529, busy, "Overloaded")), {},
                "claude_transient_upstream", "scheduled_retry"),
        "500": (upstream.script("500", refuses(500, "api_error", "Internal")), {},
                "claude_transient_upstream", "scheduled_retry"),
        "reset": (upstream.script("reset", upstreams.RESET), {}, "claude_transient_upstream", "scheduled_retry"),
        "empty": (upstream.script("empty", upstreams.EMPTY), {}, "claude_transient_upstream", "scheduled_retry"),
        "refused": (f"http://127.0.0.1:{free_port()}", {}, "claude_transient_upstream", "scheduled_retry"),
        "401": (upstream.script("401", refuses(401, "authentication_error", "invalid x-api-key")), {},
                "claude_auth_required", "none"),
        "400": (upstream.script("400", refuses(400, "invalid_request_error", "Credit balance is too low")), {},
                "adapter_failed", "none"),
        "turns": (upstream.script("turns", uses("Bash", command="true", description="again")), {"maxTurnsPerRun": 2},
                  "max_turns_exhausted", "max_turns_continuation"),
        "flag": (upstream.script("flag", says("never")), {"extraArgs": ["--no-such-flag"]}, "adapter_failed", "none"),
    }  # fmt: skip
    runs = {
        # Each calls a provider of its own: one that refuses keeps everybody who shares it waiting.
        how: wake(hire(address, provider=how, **config), reason="manual", source="on_demand").run
        for how, (address, config, *_) in table.items()
    }
    product.start("runner")
    for how, (*_, code, mechanism) in table.items():
        run = ended(runs[how], seconds=SECONDS)
        found = (run.status, run.error_code, run.followup_mechanism)
        assert found == ("failed", code, mechanism), f"{how}: {run.error} {run.stderr_excerpt}"
        if mechanism == "scheduled_retry":
            retry = Run.objects.get(retry_of_run=run)
            assert (retry.status, retry.scheduled_retry_attempt) == ("scheduled_retry", 1), how
        assert KEY not in f"{run.error}{run.result_json}{run.stdout_excerpt}{run.context_snapshot}"


def test_session_that_is_gone_is_begun_afresh(product, upstream, hire):  # A-47, B-3
    agent = hire(upstream.script("lost", says("Here I am")))
    issue = factories.issue(agent.company, assignee_agent=agent, status="in_progress")
    lost = "11111111-2222-4333-8444-555555555555"
    TaskSession.objects.create(
        company=agent.company, agent=agent, adapter_type="claude_local", task_key=str(issue.pk),
        session_params_json={"sessionId": lost}, session_display_id=lost, created_at=clock.now(),
        updated_at=clock.now(),
    )  # fmt: skip
    first = wake(agent, issue=issue, reason="issue_commented", source="on_demand").run
    product.start("runner")
    first = ended(first, seconds=SECONDS)
    assert (first.session_id_before, first.error_code, first.followup_mechanism) == (
        lost, "session_not_found", "fresh_session",
    )  # fmt: skip
    retry = ended(Run.objects.get(retry_of_run=first), seconds=SECONDS)
    assert (retry.status, retry.session_id_before) == ("succeeded", None), retry.error
    assert retry.session_id_after not in (None, lost)
    assert "Session handoff" in str(upstream.asked["lost"][0]["messages"])


@pytest.mark.django_db
def test_hello_is_said_and_a_missing_login_is_found(upstream, tmp_path):  # A-76, B-53
    from heartbeat.adapters import checks

    program = programs.claude()
    env = {"HOME": str(tmp_path), "CLAUDE_CODE_MAX_RETRIES": "0"}
    config = {"command": str(program), "cwd": str(tmp_path)}
    keyed = {**env, "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": upstream.script("hello", says("Hello!"))}
    codes = [
        check.code for check in checks.look("claude_local", {**config, "env": keyed}, may_start=True).checks
    ]
    assert codes == [
        "claude_cwd_valid", "claude_command_resolvable", "claude_anthropic_api_key_overrides_subscription",
        "claude_hello_probe_passed",
    ]  # fmt: skip
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"):
        assert name not in os.environ
    report = checks.look("claude_local", {**config, "env": env}, may_start=True)
    assert [check.code for check in report.checks][-1] == "claude_hello_probe_auth_required"
