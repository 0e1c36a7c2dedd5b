"""`Idempotency-Key` where people and agents ask, hire and report money: sent again, it is answered the same."""

from __future__ import annotations

import pytest

from paperclip.companies.models import Activity, Agent, Company
from paperclip.governance.models import Approval, ApprovalComment, FinanceEvent

KEY = {"HTTP_IDEMPOTENCY_KEY": "once-1"}
QUESTION = {"type": "request_board_approval", "payload": {"title": "May I?"}}
FEE = {"eventKind": "platform_fee", "biller": "b", "amountCents": 1, "occurredAt": "2026-01-10T00:00:00.000Z"}


@pytest.mark.parametrize(
    ("path", "body", "other", "models"),
    [
        pytest.param(
            "/companies/{c}/agent-hires",
            {"name": "New"},
            {"name": "Newer"},
            (Agent, Approval),
            id="C-55 hire",
        ),
        pytest.param("/companies/{c}/approvals", QUESTION, {"payload": {}}, (Approval,), id="C-73 question"),
        pytest.param(
            "/approvals/{a}/comments", {"body": "x"}, {"body": "y"}, (ApprovalComment,), id="C-78 word on it"
        ),
        pytest.param(
            "/companies/{c}/finance-events", FEE, {"biller": "c"}, (FinanceEvent,), id="C-87 charge"
        ),
    ],
)
def test_repeated_request_makes_one_thing(cast, path, body, other, models):
    Company.objects.filter(pk=cast.company.pk).update(require_board_approval_for_new_agents=True)
    asked = Approval.objects.create(company=cast.company, type="request_board_approval", payload={})
    path = f"/api{path.format(c=cast.company.pk, a=asked.pk)}"
    before = [model.objects.count() for model in models]

    first = cast.as_owner.post(path, body, **KEY)
    told = Activity.objects.count()
    again = cast.as_owner.post(path, body, **KEY)

    assert (first.status_code, again.status_code) == (201, 201), first.content
    assert first.content == again.content
    assert (first.get("Idempotency-Replayed"), again["Idempotency-Replayed"]) == (None, "true")
    assert [model.objects.count() for model in models] == [count + 1 for count in before]
    assert Activity.objects.count() == told
    refused = cast.as_owner.post(path, body | other, **KEY)
    assert (refused.status_code, refused.json()["details"]) == (409, {"idempotencyKey": "once-1"})


def test_refused_hire_may_be_repaired_under_its_key(cast):
    path = f"/api/companies/{cast.company.pk}/agent-hires"
    assert cast.as_owner.post(path, {"name": ""}, **KEY).status_code == 400
    assert cast.as_owner.post(path, {"name": "New"}, **KEY).status_code == 201
