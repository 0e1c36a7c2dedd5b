"""Approvals an issue waits for."""

from __future__ import annotations

from uuid import uuid4

import pytest

from paperclip.governance.models import Approval
from tests import factories
from tests.issues import log


@pytest.fixture
def issue(cast):
    return factories.issue(cast.company)


@pytest.fixture
def approval(cast):
    payload = {"why": "money", "apiKey": "sk-live-1234"}
    return Approval.objects.create(company=cast.company, type="request_board_approval", payload=payload)


def path(issue):
    return f"/api/issues/{issue.pk}/approvals"


def test_link_list_unlink(cast, issue, approval):
    """I-28, C-79."""
    answer = cast.as_owner.post(path(issue), {"approvalId": str(approval.pk)})
    again = cast.as_owner.post(path(issue), {"approvalId": str(approval.pk)})

    assert (answer.status_code, again.status_code) == (201, 201)
    (row,) = cast.as_owner.get(path(issue)).json()
    assert (row["id"], row["payload"]) == (str(approval.pk), {"why": "money", "apiKey": "***REDACTED***"})
    listed = cast.as_owner.get(f"/api/approvals/{approval.pk}/issues").json()
    assert [entry["id"] for entry in listed] == [str(issue.pk)]

    gone = cast.as_owner.delete(f"{path(issue)}/{approval.pk}")
    assert (gone.status_code, gone.json()) == (200, {"ok": True})
    assert cast.as_owner.get(path(issue)).json() == []
    assert cast.as_owner.delete(f"{path(issue)}/{approval.pk}").status_code == 404
    assert log.actions(issue) == ["issue.approval_linked"] * 2 + ["issue.approval_unlinked"]


@pytest.mark.parametrize(
    ("who", "status"),
    [
        pytest.param("ceo", 201, id="I-140 ceo"),
        pytest.param("peer", 403, id="I-140 any agent"),
        pytest.param("foreign_agent", 404, id="another company"),
    ],
)
def test_which_agents_may_link(cast, issue, approval, who, status):
    caller = cast.as_agent(getattr(cast, who))

    assert caller.post(path(issue), {"approvalId": str(approval.pk)}).status_code == status


@pytest.mark.parametrize(
    ("who", "read", "write"),
    [("as_operator", 200, 201), ("as_viewer", 200, 403), ("as_outsider", 404, 404), ("as_nobody", 401, 401)],
)
def test_who_may(cast, issue, approval, who, read, write):
    caller = getattr(cast, who)

    assert caller.get(path(issue)).status_code == read
    assert caller.get(f"/api/approvals/{approval.pk}/issues").status_code == read
    assert caller.post(path(issue), {"approvalId": str(approval.pk)}).status_code == write


@pytest.mark.parametrize(
    ("body", "status"),
    [({"approvalId": str(uuid4())}, 404), ({"approvalId": "x"}, 400), ({}, 400), ({"approvalId": None}, 400)],
)
def test_bad_links(cast, issue, body, status):
    assert cast.as_owner.post(path(issue), body).status_code == status


def test_approval_of_another_company_does_not_exist(cast, issue):
    foreign = Approval.objects.create(company=cast.elsewhere, type="request_board_approval")

    assert cast.as_owner.post(path(issue), {"approvalId": str(foreign.pk)}).status_code == 404
