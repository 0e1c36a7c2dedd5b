"""Charges, fees and credits."""

from __future__ import annotations

import pytest

from paperclip.companies.models import Activity
from paperclip.governance.models import FinanceEvent
from tests import factories
from tests.governance.money import NOW, spend


def report(caller, cast, **fields):
    body = {
        "eventKind": "platform_fee",
        "biller": "anthropic",
        "amountCents": 100,
        "occurredAt": "2026-01-10T00:00:00.000Z",
    } | fields
    return caller.post(f"/api/companies/{cast.company.id}/finance-events", body)


def read(cast, what, query=""):
    return cast.as_agent(cast.peer).get(f"/api/companies/{cast.company.id}/costs/{what}{query}")


def test_report_has_defaults(cast):
    """C-87"""
    answer = report(cast.as_operator, cast, currency="eur", metadataJson={"plan": "team"})
    assert answer.status_code == 201
    made = answer.json()
    assert (made["direction"], made["currency"], made["estimated"]) == ("debit", "EUR", False)
    assert (made["metadataJson"], made["unit"], made["agentId"]) == ({"plan": "team"}, None, None)
    entry = Activity.objects.get()
    assert (entry.action, entry.details) == (
        "finance_event.reported",
        {"amountCents": 100, "biller": "anthropic", "eventKind": "platform_fee", "direction": "debit"},
    )


def test_only_people_who_may_write_report(cast):
    """C-28"""
    for caller in (cast.as_agent(cast.ceo), cast.as_viewer, cast.as_outsider):
        assert report(caller, cast).status_code == 403
    assert not FinanceEvent.objects.exists()


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        pytest.param({"eventKind": "gift"}, "eventKind", id="C-87 kind"),
        pytest.param({"direction": "up"}, "direction", id="C-87 direction"),
        pytest.param({"currency": "EURO"}, "currency", id="C-87 currency of three"),
        pytest.param({"currency": "E1R"}, "currency", id="C-87 currency of letters"),
        pytest.param({"amountCents": -1}, "amountCents", id="C-87 amount"),
        pytest.param({"description": "x" * 501}, "description", id="C-87 description"),
        pytest.param({"unit": "barrel"}, "unit", id="C-87 unit"),
        pytest.param({"metadataJson": []}, "metadataJson", id="C-87 metadata"),
        pytest.param({"biller": ""}, "biller", id="C-87 biller"),
        pytest.param({"occurredAt": None}, "occurredAt", id="C-87 time"),
    ],
)
def test_bad_event_is_refused(cast, fields, where):
    answer = report(cast.as_owner, cast, **fields)
    assert (answer.status_code, answer.json()["details"][0]["path"]) == (400, [where])


def test_references_belong_to_the_company(cast):
    """CW-16"""
    foreign = {
        "agentId": cast.foreign_agent,
        "issueId": factories.issue(cast.elsewhere),
        "projectId": factories.project(cast.elsewhere),
        "goalId": factories.goal(cast.elsewhere),
        "heartbeatRunId": factories.run(cast.foreign_agent),
        "costEventId": spend(cast.foreign_agent, 1, now=NOW),
    }
    for name, row in foreign.items():
        for named in (str(row.pk), factories.NO_SUCH_ID):
            answer = report(cast.as_owner, cast, **{name: named})
            assert (answer.status_code, answer.json()["error"]) == (422, f"{name} does not belong to company")
    assert not FinanceEvent.objects.exists()


@pytest.fixture
def books(cast):
    report(cast.as_owner, cast, amountCents=2**40)
    report(cast.as_owner, cast, amountCents=2**40, estimated=True, eventKind="inference_charge")
    report(cast.as_owner, cast, amountCents=50, direction="credit", eventKind="credit_refund")
    report(cast.as_owner, cast, amountCents=7, biller="openai", occurredAt="2026-02-01T00:00:00.000Z")
    return cast


def test_summary(books):
    """B-90"""
    assert read(books, "finance-summary").json() == {
        "companyId": str(books.company.id),
        "debitCents": 2**41 + 7,
        "creditCents": 50,
        "netCents": 2**41 - 43,
        "estimatedDebitCents": 2**40,
        "eventCount": 4,
    }
    assert read(books, "finance-summary", "?from=2026-02-01").json()["netCents"] == 7


def test_by_biller_and_by_kind(books):
    """C-87"""
    dear, cheap = read(books, "finance-by-biller").json()
    assert (dear["biller"], dear["kindCount"], dear["eventCount"]) == ("anthropic", 3, 3)
    assert (cheap["biller"], cheap["netCents"]) == ("openai", 7)
    kinds = read(books, "finance-by-kind").json()
    assert [(kind["eventKind"], kind["billerCount"]) for kind in kinds] == [
        ("platform_fee", 2),
        ("inference_charge", 1),
        ("credit_refund", 1),
    ]


def test_list_is_newest_first(books):
    """C-87"""
    assert read(books, "finance-events").json()[0]["amountCents"] == 7
    assert len(read(books, "finance-events", "?limit=2").json()) == 2
    assert read(books, "finance-events", "?to=2025-12-31").json() == []


@pytest.mark.parametrize("limit", ["0", "501", "abc", "-1", "1.5", "", "9" * 40])
def test_limit_is_checked(cast, limit):
    """B-89"""
    answer = read(cast, "finance-events", f"?limit={limit}")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid 'limit' value")


def test_other_companies_see_nothing(books):
    """B-87"""
    for what in ("finance-summary", "finance-by-biller", "finance-by-kind", "finance-events"):
        assert books.as_outsider.get(f"/api/companies/{books.company.id}/costs/{what}").status_code == 403
