"""What was spent, from every side."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from heartbeat.models import ProviderGate
from paperclip.companies.models import Activity
from paperclip.core import clock
from tests import factories
from tests.governance.money import NOW, spend

READS = ("by-agent-model", "by-provider", "by-biller", "by-project", "by-agent", "window-spend")


def get(cast, what, query=""):
    answer = cast.as_agent(cast.peer).get(f"/api/companies/{cast.company.id}/costs/{what}{query}")
    assert answer.status_code == 200
    return answer.json()


def sums(cents, tokens=0):
    return {"costCents": cents, "inputTokens": tokens, "cachedInputTokens": 0, "outputTokens": 0}


def touch(run, issue):
    Activity.objects.create(
        company=run.company,
        actor_type="agent",
        actor_id="a",
        action="issue.updated",
        entity_type="issue",
        entity_id=str(issue.pk),
        run=run,
    )


@pytest.fixture
def spent(cast):
    run = factories.run(cast.peer)
    metered = {"model": "small", "input_tokens": 5, "billing_type": "metered_api", "heartbeat_run_id": run.pk}
    spend(cast.peer, 100, **metered)
    spend(cast.peer, 50, **metered)
    spend(cast.peer, 20, model="large", biller="openrouter")
    spend(cast.engineer, 2**39, provider="openai", model="large", occurred_at=NOW - timedelta(days=40))
    return cast


def test_by_agent_and_model(spent):
    """C-85"""
    rows = get(spent, "by-agent-model")
    assert [(row["provider"], row["biller"], row["billingType"], row["model"]) for row in rows] == [
        ("anthropic", "anthropic", "metered_api", "small"),
        ("anthropic", "openrouter", "unknown", "large"),
        ("openai", "openai", "unknown", "large"),
    ]
    assert rows[0] == {
        "agentId": str(spent.peer.id),
        "agentName": "Peer",
        "provider": "anthropic",
        "biller": "anthropic",
        "billingType": "metered_api",
        "model": "small",
        **sums(150, 10),
    }


def test_by_provider(spent):
    """C-85, B-90"""
    rows = get(spent, "by-provider")
    assert [row["costCents"] for row in rows] == [2**39, 150, 20]
    assert (rows[1]["apiRunCount"], rows[1]["subscriptionRunCount"]) == (1, 0)


def test_by_biller(spent):
    """C-85"""
    rows = get(spent, "by-biller")
    assert [(row["biller"], row["costCents"]) for row in rows] == [
        ("openai", 2**39),
        ("anthropic", 150),
        ("openrouter", 20),
    ]
    assert (rows[1]["providerCount"], rows[1]["modelCount"], rows[1]["apiRunCount"]) == (1, 1, 1)


def test_by_project_counts_each_cost_once(cast):
    """C-85, CW-22"""
    own, of_issue = factories.project(cast.company, name="Own"), factories.project(cast.company, name="Issue")
    issue = factories.issue(cast.company, project=of_issue)
    run = factories.run(cast.peer, issue=issue)
    touch(run, factories.issue(cast.company, project=own))
    touch(run, issue)
    spend(cast.peer, 1, project_id=own.pk, heartbeat_run_id=run.pk)
    spend(cast.peer, 10, heartbeat_run_id=run.pk)
    spend(cast.peer, 100, issue_id=issue.pk)
    spend(cast.peer, 1000)
    assert get(cast, "by-project") == [
        {"projectId": str(of_issue.pk), "projectName": "Issue", **sums(110)},
        {"projectId": str(own.pk), "projectName": "Own", **sums(1)},
    ]


def test_window_spend(cast):
    """C-85"""
    now = clock.now()
    spend(cast.peer, 1, occurred_at=now - timedelta(hours=1))
    spend(cast.peer, 10, occurred_at=now - timedelta(hours=20), biller="openrouter")
    spend(cast.peer, 100, occurred_at=now - timedelta(days=6), provider="openai")
    spend(cast.peer, 1000, occurred_at=now - timedelta(days=8))
    told = [
        (row["window"], row["windowHours"], row["provider"], row["biller"], row["costCents"])
        for row in get(cast, "window-spend")
    ]
    assert told == [
        ("5h", 5, "anthropic", "anthropic", 1),
        ("24h", 24, "anthropic", "mixed", 11),
        ("7d", 168, "openai", "openai", 100),
        ("7d", 168, "anthropic", "mixed", 11),
    ]


def test_quota_windows_are_for_people(cast):
    """C-85"""
    now = clock.now()
    gate = {"company": cast.company, "closed_at": now, "reason": "429 until noon"}
    ProviderGate.objects.create(
        key="a", label="claude_local", state="closed", not_before=now + timedelta(hours=1), **gate
    )
    ProviderGate.objects.create(key="b", label="codex_local", state="open", **gate)
    path = f"/api/companies/{cast.company.id}/costs/quota-windows"
    assert cast.as_agent(cast.ceo).get(path).json()["error"] == "Board access required"
    closed, opened = cast.as_viewer.get(path).json()
    assert (closed["provider"], closed["ok"]) == ("claude_local", True)
    assert (closed["windows"][0]["usedPercent"], closed["windows"][0]["detail"]) == (100, "429 until noon")
    assert (opened["provider"], opened["windows"]) == ("codex_local", [])


@pytest.mark.parametrize("what", READS[:5])
def test_reads_take_a_range(spent, what):
    """C-85, B-88"""
    assert get(spent, what, "?to=2020-01-01") == []
    answer = spent.as_owner.get(f"/api/companies/{spent.company.id}/costs/{what}?from=nonsense")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid 'from' date")


@pytest.mark.parametrize("what", [*READS, "finance-by-biller", "finance-by-kind", "finance-events"])
def test_questions_do_not_grow_with_rows(cast, what):
    path = f"/api/companies/{cast.company.id}/costs/{what}"

    def fill(number: int) -> None:
        for index in range(number):
            project, agent = factories.project(cast.company), factories.agent(cast.company)
            spend(agent, 1, now=clock.now(), project_id=project.pk, model=f"m{index}", provider=f"p{index}")
            cast.company.finance_events.create(
                event_kind="platform_fee", biller=f"b{index}", amount_cents=1, occurred_at=clock.now()
            )

    def questions() -> int:
        cast.as_owner.get(path)
        with CaptureQueriesContext(connection) as seen:
            assert len(cast.as_owner.get(path).json()) > 0
        return len(seen)

    fill(2)
    few = questions()
    fill(20)
    assert questions() == few <= 5


def test_summary_without_a_range_holds_this_month_against_the_budget(cast):
    """CW-22"""
    spend(cast.peer, 900, occurred_at=clock.now() - timedelta(days=90))
    spend(cast.peer, 100, occurred_at=clock.now())
    cast.as_owner.patch(f"/api/companies/{cast.company.id}/budgets", {"budgetMonthlyCents": 1000})
    told = get(cast, "summary")
    assert (told["spendCents"], told["utilizationPercent"]) == (1000, 10)


class TestIssueCosts:
    """C-86"""

    @pytest.fixture
    def tree(self, cast):
        root = factories.issue(cast.company, assignee_agent=cast.peer)
        child = factories.issue(cast.company, parent=root)
        grandchild = factories.issue(cast.company, parent=child)
        for issue, cents in ((root, 100), (child, 200), (grandchild, 300)):
            spend(cast.peer, cents, issue_id=issue.pk, input_tokens=1)
        return root, child, grandchild

    def read(self, cast, issue, query=""):
        answer = cast.as_agent(cast.engineer).get(f"/api/issues/{issue}/cost-summary{query}")
        assert answer.status_code == 200
        return answer.json()

    def test_whole_tree(self, cast, tree):
        """B-91"""
        root = tree[0]
        assert self.read(cast, root.identifier) == {
            "issueId": str(root.pk),
            "issueCount": 3,
            "includeDescendants": True,
            "costCents": 600,
            "inputTokens": 3,
            "cachedInputTokens": 0,
            "outputTokens": 0,
            "runCount": 0,
            "runtimeMs": 0,
        }
        for flag in ("true", "1"):
            without = self.read(cast, root.pk, f"?excludeRoot={flag}")
            assert (without["issueCount"], without["costCents"]) == (2, 500)

    def test_hidden_child_is_left_out_with_what_is_below(self, cast, tree):
        """B-92"""
        child = tree[1]
        child.hidden_at = clock.now()
        child.save()
        told = self.read(cast, tree[0].pk)
        assert (told["issueCount"], told["costCents"]) == (1, 100)

    def test_run_counts_once(self, cast, tree):
        """B-93: two costs, an activity and an issue make one run"""
        start = clock.now() - timedelta(hours=2)
        ended = {"status": "succeeded", "started_at": start, "finished_at": start + timedelta(seconds=90)}
        run, only_touched = (
            factories.run(cast.peer, issue=tree[0], **ended),
            factories.run(cast.peer, **ended),
        )
        for _ in range(2):
            spend(cast.peer, 1, issue_id=tree[0].pk, heartbeat_run_id=run.pk)
        for each in (run, only_touched):
            touch(each, tree[2])
        told = self.read(cast, tree[0].pk)
        assert (told["runCount"], told["runtimeMs"]) == (2, 180_000)

    def test_running_run_counts_up_to_now(self, cast, tree):
        factories.run(cast.peer, issue=tree[1], started_at=clock.now() - timedelta(minutes=5))
        assert self.read(cast, tree[0].pk)["runtimeMs"] >= 300_000

    def test_foreign_issue_is_not_found(self, cast, tree):
        answer = cast.as_foreign_agent.get(f"/api/issues/{tree[0].pk}/cost-summary")
        assert (answer.status_code, answer.json()["error"]) == (404, "Issue not found")
