"""Costs, budgets and the inbox of approvals, with the mouse."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from paperclip.board import charts, costs
from paperclip.companies.models import Agent
from paperclip.core import clock
from paperclip.governance.models import Approval, ApprovalComment, BudgetIncident, BudgetPolicy
from tests import factories
from tests.board.conftest import browse
from tests.governance.money import budget, spend

BUDGETS = "/admin/governance/budgetpolicy/"
TODAY = date(2026, 5, 12)


def messages_of(response) -> str:
    return " ".join(str(message) for message in response.context["messages"])


class TestCosts:
    def test_plots_and_lists(self, scene):
        html = browse(scene.owner).get("/admin/costs/").content.decode()
        assert "<b>$41.90</b><span>In this range</span>" in html
        assert "large · anthropic" in html
        assert 'class="bar bar-spent"' in html
        assert f"/admin/companies/agent/{scene.backend.pk}/change/" in html

    def test_range_narrows(self, scene):
        html = browse(scene.owner).get("/admin/costs/?from=2020-01-01&to=2020-02-01").content.decode()
        assert "Nothing was spent on these days." in html
        assert "1 Jan 2020" in html

    @pytest.mark.parametrize(
        ("first", "last", "expected", "said"),
        [
            ("", "", (date(2026, 5, 1), TODAY), ""),
            ("2026-04-01", "2026-04-30", (date(2026, 4, 1), date(2026, 4, 30)), ""),
            ("2026-04-01", "", (date(2026, 4, 1), TODAY), ""),
            ("nonsense", "", (date(2026, 5, 1), TODAY), "no dates"),
            ("2026-05-09", "2026-05-02", (date(2026, 5, 1), TODAY), "before it begins"),
            ("2020-01-01", "2026-05-12", (TODAY - timedelta(days=365), TODAY), "At most a year"),
            ("0001-01-01", "0001-01-02", (date(1, 1, 1), date(1, 1, 2)), ""),
        ],
    )
    def test_range_asked_for(self, first, last, expected, said):
        span = costs.decide_range(first, last, today=TODAY)
        assert (span.first, span.last) == expected
        assert said in span.fault

    @pytest.mark.parametrize("query", ["?from=0001-01-01&to=0001-01-02", "?from=9999-12-31&to=9999-12-31"])
    def test_ends_of_the_calendar_are_shown(self, scene, query):
        assert browse(scene.owner).get(f"/admin/costs/{query}").status_code == 200

    def test_chart_of_nothing_is_flat(self):
        chart = charts.cost_chart([(TODAY, 0), (TODAY, 0)])
        assert (chart.total, chart.peak, [day.pieces for day in chart.days]) == (0, 0, [[], []])

    def test_dearest_day_fills_the_chart(self):
        chart = charts.cost_chart([(TODAY, 1), (TODAY, 1000)])
        small, large = (day.pieces[0].height for day in chart.days)
        assert (small, large) == (2.0, charts.HEIGHT - 4)
        assert chart.days[1].title == "Tue 12 May: $10.00"


class TestBudgets:
    @pytest.fixture
    def stopped(self, scene) -> BudgetPolicy:
        policy = budget(scene.company, scene.ceo, 10_000, now=clock.now())
        spend(scene.ceo, 10_050, now=clock.now())
        return policy

    def test_page_shows_meters_and_what_waits(self, scene, stopped):
        html = browse(scene.owner).get(BUDGETS).content.decode()
        assert "has used up its budget and was stopped" in html
        assert "Raise to $126.00" in html
        assert "Keep paused" in html
        assert 'class="meter-hard_stop"' in html
        assert 'class="meter-mark"' in html

    def test_one_click_raises_and_goes_on(self, scene, stopped):
        answer = browse(scene.owner).post(f"{BUDGETS}{stopped.pk}/do/raise/", {"next": BUDGETS}, follow=True)
        assert "may spend $126.00 now" in messages_of(answer)
        assert answer.redirect_chain == [(BUDGETS, 302)]
        stopped.refresh_from_db()
        assert stopped.amount == 12_600
        assert Agent.objects.get(pk=scene.ceo.pk).status == "idle"
        assert Approval.objects.get(type="budget_override_required").decided_by_user == scene.owner

    @pytest.mark.parametrize(
        ("typed", "said"),
        [
            ("150.50", "may spend $150.50"),
            ("10", "must exceed current"),
            ("much", "not a sum"),
            ("-5", "not a sum"),
        ],
    )
    def test_amount_may_be_typed(self, scene, stopped, typed, said):
        answer = browse(scene.owner).post(f"{BUDGETS}{stopped.pk}/do/raise/", {"dollars": typed}, follow=True)
        assert said in messages_of(answer)

    def test_keep_paused_asks_no_more(self, scene, stopped):
        client = browse(scene.owner)
        client.post(f"{BUDGETS}{stopped.pk}/do/keep/", {"note": "enough for May"})
        incident = BudgetIncident.objects.get(policy=stopped, threshold_type="hard")
        assert (incident.status, incident.approval.decision_note) == ("dismissed", "enough for May")
        assert Agent.objects.get(pk=scene.ceo.pk).status == "paused"
        again = client.post(f"{BUDGETS}{stopped.pk}/do/keep/", follow=True)
        assert "Nothing waits for a decision" in messages_of(again)
        page = client.get(f"{BUDGETS}{stopped.pk}/change/").content.decode()
        assert "left as it was" in page
        assert "enough for May" in page

    def test_form_sets_and_changes_one(self, scene):
        client = browse(scene.owner)
        form = {
            "budget_for": f"agent:{scene.ceo.pk}",
            "window_kind": "lifetime",
            "amount_dollars": "12.50",
            "warn_percent": "70",
            "hard_stop_enabled": "on",
        }
        client.post(f"{BUDGETS}add/", form)
        made = BudgetPolicy.objects.get(agent=scene.ceo)
        assert (made.amount, made.warn_percent, made.window_kind) == (1_250, 70, "lifetime")
        assert (made.hard_stop_enabled, made.notify_enabled) == (True, False)
        client.post(f"{BUDGETS}{made.pk}/edit/", {"amount_dollars": "20", "warn_percent": "75"})
        made.refresh_from_db()
        assert (made.amount, made.warn_percent, made.hard_stop_enabled) == (2_000, 75, False)

    def test_form_takes_nobody_of_another_company(self, scene):
        foreign = factories.agent(factories.company())
        form = {
            "budget_for": f"agent:{foreign.pk}",
            "window_kind": "lifetime",
            "amount_dollars": "1",
            "warn_percent": "80",
        }
        assert browse(scene.owner).post(f"{BUDGETS}add/", form).status_code == 200
        assert not BudgetPolicy.objects.filter(agent=foreign).exists()

    def test_switching_off_lets_go_on(self, scene, stopped):
        browse(scene.owner).post(f"{BUDGETS}{stopped.pk}/do/switch-off/")
        stopped.refresh_from_db()
        assert stopped.is_active is False
        assert Agent.objects.get(pk=scene.ceo.pk).status == "idle"


class TestApprovals:
    def test_note_and_send_back_in_place(self, scene):
        client, page = browse(scene.owner), f"/admin/governance/approval/{scene.approval.pk}/do/send-back/"
        assert page in client.get("/admin/governance/approval/").content.decode()
        client.post(page, {"note": "Which folder?"})
        scene.approval.refresh_from_db()
        assert scene.approval.status == "revision_requested"
        assert scene.approval.decision_note == "Which folder?"

    def test_comments_are_read_and_written(self, scene):
        client, page = browse(scene.owner), f"/admin/governance/approval/{scene.approval.pk}/"
        assert "Remark 1" in client.get(f"{page}change/").content.decode()
        client.post(f"{page}do/comment/", {"body": "Ask **Ada** first"})
        assert ApprovalComment.objects.latest("created_at").author_user == scene.owner
        assert "<strong>Ada</strong>" in client.get(f"{page}change/").content.decode()
        empty = client.post(f"{page}do/comment/", {"body": "  "}, follow=True)
        assert "Say something first." in messages_of(empty)

    def test_question_about_a_budget_says_what_yes_means(self, scene):
        budget(scene.company, scene.ceo, 100, now=clock.now())
        spend(scene.ceo, 100, now=clock.now())
        question = Approval.objects.get(type="budget_override_required")
        page = browse(scene.owner).get(f"/admin/governance/approval/{question.pk}/change/").content.decode()
        assert "Approving raises the budget to <b>$2.00</b>" in page
