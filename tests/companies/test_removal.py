"""C-30, CW-14: a company is deleted whole, and nothing of another one is touched."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import ForeignKey

from heartbeat.models import Run
from issues.models import Issue
from paperclip.companies.models import Company, ProjectGoal, User
from paperclip.core import clock
from tests import cast as standing
from tests import factories


@pytest.fixture
def crowd(transactional_db, settings):
    settings.COMPANY_DELETION = True
    return standing.make()


def furnish(cast) -> None:
    """Put into the company a thing of most kinds, through the interface where that is easy."""
    company = cast.company
    api, base = cast.as_owner, f"/api/companies/{company.id}"
    goal, project = factories.goal(company), factories.project(company)
    ProjectGoal.objects.create(project=project, goal=goal)
    assert api.patch(f"{base}/budgets", {"budgetMonthlyCents": 500}).status_code == 200
    assert (
        api.post(
            f"{base}/approvals", {"type": "request_board_approval", "payload": {"title": "x"}}
        ).status_code
        == 201
    )
    parent = api.post(f"{base}/issues", {"title": "Parent", "projectId": str(project.id)}).json()
    child = api.post(f"/api/issues/{parent['id']}/children", {"title": f"See {parent['identifier']}"}).json()
    assert api.patch(f"/api/issues/{parent['id']}", {"blockedByIssueIds": [child["id"]]}).status_code == 200
    comment = api.post(f"/api/issues/{child['id']}/comments", {"body": "A word"}).json()
    vote = {"targetType": "issue_comment", "targetId": comment["id"], "vote": "up"}
    assert api.post(f"/api/issues/{child['id']}/feedback-votes", vote).status_code == 201
    document = {"format": "markdown", "body": "Plan"}
    assert api.put(f"/api/issues/{child['id']}/documents/plan", document).status_code == 201
    file = SimpleUploadedFile("a.txt", b"in the company", content_type="text/plain")
    path = f"{base}/issues/{child['id']}/attachments"
    assert api.post(path, {"file": file}, format="multipart").status_code == 201
    assert api.post(f"{base}/labels", {"name": "Bug", "color": "#ff0000"}).status_code == 201
    assert (
        api.put(
            f"/api/agents/{cast.engineer.id}/instructions-bundle/file", {"path": "AGENTS.md", "content": "x"}
        ).status_code
        == 200
    )
    assert api.post(f"/api/agents/{cast.engineer.id}/keys", {"name": "k"}).status_code == 201
    assert (
        api.post(f"{base}/routines", {"title": "Daily", "assigneeAgentId": str(cast.engineer.id)}).status_code
        == 201
    )
    cast.engineer.cost_events.create(
        company=company, provider="p", biller="p", model="m", cost_cents=5, occurred_at=clock.now()
    )
    factories.run(cast.peer, status="succeeded", issue=Issue.objects.get(pk=child["id"]))
    assert api.post(f"/api/agents/{cast.manager.id}/wakeup", {}).status_code == 202


def rows_of(company_id) -> dict[str, int]:
    """Count, by table, the rows that name the company."""
    found = {}
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.concrete_fields:
            if isinstance(field, ForeignKey) and field.related_model is Company:
                count = model._base_manager.filter(**{field.name: company_id}).count()
                if count:
                    found[model._meta.db_table] = found.get(model._meta.db_table, 0) + count
    return found


def test_nothing_of_a_deleted_company_is_left(crowd):
    """CW-14"""
    kept = factories.issue(crowd.elsewhere)
    of_others = set(Path(settings.FILES_ROOT).glob("??/*"))
    furnish(crowd)
    before, others = rows_of(crowd.company.id), rows_of(crowd.elsewhere.id)
    assert len(before) > 20, before
    folder = Path(settings.INSTRUCTIONS_ROOT) / str(crowd.company.id)
    stored = set(Path(settings.FILES_ROOT).glob("??/*")) - of_others
    bundle = Path(settings.BUNDLES_ROOT) / str(crowd.company.id) / "claude-prompt-cache"
    bundle.mkdir(parents=True)
    assert folder.is_dir()
    assert stored

    answer = crowd.as_owner.delete(f"/api/companies/{crowd.company.id}")

    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    assert rows_of(crowd.company.id) == {}
    assert rows_of(crowd.elsewhere.id) == others
    assert not Company.objects.filter(pk=crowd.company.id).exists()
    assert not ProjectGoal.objects.exists()
    assert Issue.objects.filter(pk=kept.pk).exists()
    assert User.objects.filter(pk=crowd.owner.pk).exists()
    assert not folder.exists()
    assert not bundle.parent.exists()
    assert not any(path.exists() for path in stored)
    assert crowd.as_owner.get(f"/api/companies/{crowd.company.id}").status_code == 403
    assert crowd.as_agent(crowd.foreign_agent).get("/api/agents/me").status_code == 200


def test_run_folders_of_the_company_go_along(crowd):
    run = factories.run(crowd.engineer, status="succeeded")
    other = uuid.uuid4()
    for name in (run.pk, other):
        (Path(settings.RUNS_ROOT) / str(name)).mkdir(parents=True)
    assert crowd.as_owner.delete(f"/api/companies/{crowd.company.id}").status_code == 200
    assert not (Path(settings.RUNS_ROOT) / str(run.pk)).exists()
    assert (Path(settings.RUNS_ROOT) / str(other)).exists()


def test_company_whose_program_still_runs_is_archived_and_kept(crowd):
    """The runner ends it; then the same call succeeds."""
    run = factories.run(crowd.engineer)
    answer = crowd.as_owner.delete(f"/api/companies/{crowd.company.id}")
    assert (answer.status_code, answer.json()["details"]) == (409, {"runs": 1})
    crowd.company.refresh_from_db()
    run.refresh_from_db()
    assert crowd.company.status == "archived"
    assert run.cancel_requested_at is not None
    Run.objects.filter(pk=run.pk).update(status="cancelled", claim_token=None, finished_at=clock.now())
    assert crowd.as_owner.delete(f"/api/companies/{crowd.company.id}").status_code == 200


def test_deleting_is_for_people_and_where_it_is_allowed(crowd, settings):
    path = f"/api/companies/{crowd.company.id}"
    for caller in (crowd.as_viewer, crowd.as_agent(crowd.ceo), crowd.as_outsider, crowd.as_foreign_agent):
        assert caller.delete(path).status_code == 403
    assert crowd.as_nobody.delete(path).status_code in (401, 403)
    settings.COMPANY_DELETION = False
    refused = crowd.as_owner.delete(path)
    assert (refused.status_code, "archive" in refused.json()["error"]) == (403, True)
    crowd.company.refresh_from_db()
    assert crowd.company.status == "active"
