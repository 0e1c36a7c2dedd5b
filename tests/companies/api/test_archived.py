"""CW-34: an archived company is kept as it is, and its work stops."""

from __future__ import annotations

import pytest

from heartbeat.models import Run, WakeupRequest
from paperclip.companies.models import Activity, Company
from tests import factories


@pytest.fixture
def archived(cast):
    cast.issue = factories.issue(cast.company, assignee_agent=cast.engineer)
    cast.goal = factories.goal(cast.company)
    cast.project = factories.project(cast.company)
    assert cast.as_owner.post(f"/api/companies/{cast.company.id}/archive").status_code == 200
    return cast


WRITES = [
    pytest.param("post", "/api/companies/{c}/issues", {"title": "x"}, id="CW-34 issue"),
    pytest.param("patch", "/api/issues/{i}", {"title": "x"}, id="CW-34 edit"),
    pytest.param("post", "/api/issues/{i}/comments", {"body": "x"}, id="CW-34 comment"),
    pytest.param("post", "/api/companies/{c}/agents", {"name": "x"}, id="CW-34 agent"),
    pytest.param("patch", "/api/agents/{a}", {"title": "x"}, id="CW-34 agent edit"),
    pytest.param("post", "/api/agents/{a}/wakeup", {}, id="CW-34 wake"),
    pytest.param("post", "/api/companies/{c}/projects", {"name": "x"}, id="CW-34 project"),
    pytest.param("delete", "/api/projects/{p}", None, id="CW-34 project deletion"),
    pytest.param("post", "/api/companies/{c}/goals", {"title": "x"}, id="CW-34 goal"),
    pytest.param("patch", "/api/goals/{g}", {"title": "x"}, id="CW-34 goal edit"),
    pytest.param("patch", "/api/companies/{c}", {"name": "x"}, id="CW-34 company edit"),
    pytest.param("patch", "/api/companies/{c}/branding", {"name": "x"}, id="CW-34 branding"),
]


@pytest.mark.parametrize(("method", "template", "body"), WRITES)
def test_archived_company_takes_no_writes(archived, method, template, body):
    path = template.format(
        c=archived.company.id,
        i=archived.issue.id,
        a=archived.engineer.id,
        p=archived.project.id,
        g=archived.goal.id,
    )
    before = Activity.objects.count()
    answer = getattr(archived.as_owner, method)(path, body)
    assert (answer.status_code, "archived" in answer.json()["error"]) == (409, True)
    assert Activity.objects.count() == before


def test_agents_of_an_archived_company_read_and_write_nothing(archived):
    caller = archived.as_agent(archived.engineer)
    assert caller.get(f"/api/issues/{archived.issue.id}").status_code == 200
    assert caller.post(f"/api/issues/{archived.issue.id}/comments", {"body": "x"}).status_code == 409


def test_archived_company_is_read(archived):
    for tail in ("", "/issues", "/agents", "/goals", "/activity", "/dashboard"):
        assert archived.as_owner.get(f"/api/companies/{archived.company.id}{tail}").status_code == 200


@pytest.mark.parametrize("status", ["active", "paused"])
def test_archived_company_is_brought_back(archived, status):
    path = f"/api/companies/{archived.company.id}"
    back = archived.as_owner.patch(path, {"status": status, "name": "Back"})
    assert (back.status_code, back.json()["status"], back.json()["name"]) == (200, status, "Back")
    assert archived.as_owner.post(f"{path}/issues", {"title": "x"}).status_code == 201


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        pytest.param(("post", "/archive", {}), None, id="CW-34 archive"),
        pytest.param(("patch", "", {"status": "archived"}), None, id="CW-34 archive by patch"),
        pytest.param(("patch", "", {"status": "paused"}), "manual", id="CW-34 pause by patch"),
    ],
)
def test_work_of_a_stopped_company_stops(cast, deed, reason):
    """CW-21: and its reads say why it stands still."""
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)
    queued = factories.run(cast.engineer, status="queued", issue=issue)
    running = factories.run(cast.peer)
    method, tail, body = deed
    path = f"/api/companies/{cast.company.id}"
    assert getattr(cast.as_owner, method)(f"{path}{tail}", body).status_code == 200
    queued.refresh_from_db()
    running.refresh_from_db()
    assert queued.status == "cancelled"
    assert running.cancel_requested_at is not None
    assert not WakeupRequest.objects.filter(company=cast.company, status="queued").exists()
    assert not Run.objects.filter(company=cast.company, status__in=("queued", "scheduled_retry")).exists()
    for seen in (cast.as_owner.get(path).json(), cast.as_owner.get("/api/companies").json()[0]):
        assert (seen["pauseReason"], seen["pausedAt"] is not None) == (reason, reason is not None)


def test_archiving_again_changes_nothing(archived):
    before = Company.objects.get(pk=archived.company.pk).updated_at
    assert archived.as_owner.post(f"/api/companies/{archived.company.id}/archive").status_code == 200
    assert Company.objects.get(pk=archived.company.pk).updated_at == before
