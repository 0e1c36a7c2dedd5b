"""Which runs go on a cheaper model, and what they say of it (H-75, H-76)."""

from __future__ import annotations

import pytest

from heartbeat import context as contexts
from heartbeat import model_profiles, preparation
from heartbeat.adapters.process.adapter import ProcessAdapter
from heartbeat.models import Run
from heartbeat.outcomes import Remains
from paperclip.companies.models import Agent
from paperclip.core import clock
from tests import factories
from tests.board.conftest import browse
from tests.heartbeat.test_claims import claim
from tests.heartbeat.test_lifecycle import finish
from tests.heartbeat.test_wakeups import wake

pytestmark = pytest.mark.django_db
DEFAULT = {"model": "small", "effort": "low"}


@pytest.fixture
def issue(cast):
    return factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress")


def own(**profile):
    return {"modelProfiles": {"cheap": profile}}


@pytest.mark.parametrize(
    ("default", "runtime", "asked", "told", "settings"),
    [
        pytest.param(DEFAULT, {}, None, None, None, id="H-76 nobody asked"),
        pytest.param(DEFAULT, {}, "dear", None, None, id="H-76 unknown profile"),
        pytest.param(DEFAULT, {}, "cheap", {"configSource": "adapter_default"}, DEFAULT, id="H-76 adapter"),
        pytest.param(
            DEFAULT,
            own(adapterConfig={"model": "tiny"}),
            "cheap",
            {"configSource": "agent_runtime"},
            {"model": "tiny", "effort": "low"},
            id="H-75 the agent's on the adapter's",
        ),
        pytest.param(
            None,
            own(enabled=True, adapterConfig={"model": "tiny"}),
            "cheap",
            {"configSource": "agent_runtime"},
            {"model": "tiny"},
            id="H-75 the agent's alone",
        ),
        pytest.param(
            None,
            {},
            "cheap",
            {"fallbackReason": "adapter_profile_not_supported"},
            {},
            id="H-76 not supported",
        ),
        pytest.param(
            DEFAULT,
            own(enabled=False, adapterConfig={"model": "tiny"}),
            "cheap",
            {"fallbackReason": "agent_runtime_profile_disabled"},
            {},
            id="H-76 switched off",
        ),
        pytest.param(
            DEFAULT,
            own(adapterConfig="tiny"),
            "cheap",
            {"fallbackReason": "adapter_profile_resolution_failed"},
            {},
            id="H-76 unreadable",
        ),
    ],
)
def test_a_profile_is_applied_or_says_why_not(monkeypatch, default, runtime, asked, told, settings):
    monkeypatch.setattr(ProcessAdapter, "model_profiles", {"cheap": default} if default else {})
    agent = Agent(adapter_type="process", runtime_config=runtime)
    chosen = model_profiles.choose(agent, None, contexts.read({"modelProfile": asked} if asked else {}))
    if told is None:
        assert chosen is None
        return
    applied = {} if "fallbackReason" in told else {"applied": "cheap"}
    assert chosen.told() == {"requested": "cheap", "requestedBy": "wake_context", **applied, **told}
    assert dict(chosen.settings) == settings


def test_what_the_issue_asks_for_its_assignee_comes_first(cast, issue):
    issue.assignee_adapter_overrides = {"modelProfile": "cheap", "adapterConfig": {"model": "exact"}}
    cast.engineer.adapter_config = {"model": "big", "command": "x"}
    cast.engineer.runtime_config = own(adapterConfig={"model": "tiny", "effort": "low"})

    chosen = model_profiles.choose(cast.engineer, issue, contexts.read({}))

    assert chosen.requested_by == "issue_override"
    config = preparation.effective_config(cast.engineer, issue, chosen)
    assert config == {"command": "x", "effort": "low", "model": "exact"}, "agent < profile < issue (H-75)"
    assert model_profiles.choose(cast.peer, issue, contexts.read({})) is None, "only of its assignee"


def test_an_adapter_lists_its_profiles(cast, monkeypatch):
    path = f"/api/companies/{cast.company.pk}/adapters/process/model-profiles"
    assert cast.as_owner.get(path).json() == []
    monkeypatch.setattr(ProcessAdapter, "model_profiles", {"cheap": DEFAULT})
    assert cast.as_owner.get(path).json() == [{"key": "cheap", "label": "Cheap"}]


def test_a_retry_of_the_product_runs_on_the_profile_and_says_so(cast, issue):
    """H-76: the retry asks for it by itself; context, result and program agree."""
    Agent.objects.filter(pk=cast.engineer.pk).update(
        runtime_config=own(adapterConfig={"command": "small-model", "env": {"KEY": "tulip-bulb-1637"}})
    )
    wake(cast.engineer, issue=issue)
    (run,) = claim()
    assert "command" not in preparation.assignment(run, now=clock.now())[0].config
    Run.objects.filter(pk=run.pk).update(diagnostic_retry_count=2)
    finish(run, remains=Remains(exit_code=1))
    (retry,) = claim()

    prepared, _ = preparation.assignment(retry, now=clock.now())

    assert prepared.config["command"] == "small-model"
    assert prepared.environment["KEY"] == "tulip-bulb-1637"
    assert "tulip-bulb-1637" in preparation.configured_values(retry.agent, issue), (
        "it is masked like any other"
    )
    retry = finish(retry)
    told = {
        "requested": "cheap",
        "requestedBy": "wake_context",
        "applied": "cheap",
        "configSource": "agent_runtime",
    }
    assert retry.context_snapshot["paperclipModelProfile"] == told
    assert retry.result_json["modelProfile"] == told
    page = browse(cast.owner).get(f"/admin/heartbeat/run/{retry.pk}/change/").content.decode()
    assert "profile cheap, by the agent&#x27;s settings" in page
