"""An adapter may have something to do when an agent is hired; it never undoes the hire (C-80)."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils.module_loading import import_string
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from heartbeat.adapters import registry
from paperclip.companies.models import Activity, Agent, Company


class Greeter:
    """An adapter that opens an account for whoever is hired, or fails to."""

    type = "http"
    model_profiles: dict[str, Any] = {}
    settings = ()

    def on_hired(self, *, agent_id, company_id, config) -> str | None:
        if config.get("mood") == "bad":
            raise RuntimeError("no account for sk-ant-api03-abcdefghijklmnopqrstuvwx")
        return "the house is full" if config.get("mood") == "full" else None


ADAPTER = Greeter()


@pytest.fixture
def greeted(monkeypatch):
    monkeypatch.setitem(registry.KINDS, "http", f"{__name__}.ADAPTER")
    registry.get.cache_clear()
    yield
    registry.get.cache_clear()


def hire(cast, **config):
    Company.objects.filter(pk=cast.company.pk).update(require_board_approval_for_new_agents=True)
    body = {"name": "Newcomer", "adapterType": "http", "adapterConfig": config}
    return cast.as_owner.post(f"/api/companies/{cast.company.id}/agent-hires", body).json()["approval"]["id"]


def work_off() -> int:
    """Do what the scheduler's queue holds, as its workers do."""
    waiting = list(OrmQ.objects.all())
    for row in waiting:
        task = SignedPackage.loads(row.payload)
        import_string(task["func"])(*task["args"])
        row.delete()
    return len(waiting)


@pytest.mark.parametrize(
    ("config", "action", "error"),
    [
        pytest.param({}, "hire_hook.succeeded", None, id="C-80 it goes well"),
        pytest.param({"mood": "full"}, "hire_hook.failed", "the house is full", id="C-80 it says why not"),
        pytest.param({"mood": "bad"}, "hire_hook.error", "RuntimeError: no account", id="B-71 it throws"),
    ],
)
def test_hire_stands_whatever_the_hook_does(
    cast, greeted, django_capture_on_commit_callbacks, config, action, error
):
    approval = hire(cast, **config)
    with django_capture_on_commit_callbacks(execute=True):
        assert cast.as_owner.post(f"/api/approvals/{approval}/approve").status_code == 200
    agent = Agent.objects.get(name="Newcomer")
    assert agent.status == "idle"
    assert not Activity.objects.filter(action__startswith="hire_hook").exists()  # in the background
    assert work_off() == 1
    told = Activity.objects.get(action__startswith="hire_hook")
    assert (told.action, told.entity_id, told.details["approvalId"]) == (action, str(agent.pk), approval)
    assert error is None or told.details["error"].startswith(error)
    assert "sk-ant" not in str(told.details)
    agent.refresh_from_db()
    assert agent.status == "idle"


def test_adapter_without_a_hook_queues_nothing(cast, django_capture_on_commit_callbacks):
    Company.objects.filter(pk=cast.company.pk).update(require_board_approval_for_new_agents=True)
    body = {"name": "Newcomer", "adapterConfig": {"command": "true"}}
    made = cast.as_owner.post(f"/api/companies/{cast.company.id}/agent-hires", body).json()
    with django_capture_on_commit_callbacks(execute=True):
        cast.as_owner.post(f"/api/approvals/{made['approval']['id']}/approve")
    assert not OrmQ.objects.exists()
