"""The three tools of an issue's workspace, against an API that says what the test tells it."""

from __future__ import annotations

from typing import Any

import pytest

from paperclip.mcp import config
from paperclip.mcp.client import ApiError, Call, CallError
from paperclip.mcp.tools.catalogue import BY_NAME

ID = "7f1c2f0e-5f0a-4a52-9d5b-0f6f3c0a1b2c"
OTHER = "00000000-0000-4000-8000-000000000001"
KNOWN = config.read({"PAPERCLIP_API_URL": "http://127.0.0.1:3100", "PAPERCLIP_API_KEY": "k"})


class Told:
    """Stands where the client does: remembers the calls, and answers each reading of the context in turn."""

    def __init__(self, *contexts: Any) -> None:
        self.contexts = list(contexts)
        self.calls: list[Call] = []

    def send(self, call: Call) -> Any:
        self.calls.append(call)
        if call.method == "POST":
            return {"workspace": {"id": ID}}
        context = self.contexts.pop(0) if len(self.contexts) > 1 else self.contexts[0]
        if isinstance(context, Exception):
            raise context
        return context


def service(
    name: str = "web", status: str = "running", health: str = "healthy", id: str = ID
) -> dict[str, Any]:
    return {
        "id": id,
        "serviceName": name,
        "status": status,
        "healthStatus": health,
        "url": "http://127.0.0.1:4",
    }


def context(*services: dict[str, Any]) -> dict[str, Any]:
    return {"issue": {}, "currentExecutionWorkspace": {"id": ID, "runtimeServices": list(services)}}


NO_WORKSPACE = {"issue": {}, "currentExecutionWorkspace": None}


def use(tool: str, told: Told, **arguments: Any) -> Any:
    made = BY_NAME[f"paperclip{tool}"].model_validate({"issueId": "PAP-1", **arguments})
    return made.answer(KNOWN, told)


def test_the_runtime_is_read_from_the_context():  # W-140
    told = Told(context(service()))
    found = use("GetIssueWorkspaceRuntime", told)
    assert found["workspace"]["id"] == ID
    assert found["runtimeServices"] == [service()]
    assert found["context"] == context(service())
    assert told.calls == [Call("GET", "/issues/PAP-1/heartbeat-context")]


def test_an_issue_without_a_workspace_has_no_services():  # W-140
    assert use("GetIssueWorkspaceRuntime", Told(NO_WORKSPACE)) == {
        "context": NO_WORKSPACE,
        "workspace": None,
        "runtimeServices": [],
    }


@pytest.mark.parametrize(
    ("target", "sent"),
    [
        pytest.param({}, {}, id="W-141 all"),
        pytest.param({"workspaceCommandId": "web"}, {"workspaceCommandId": "web"}, id="W-141 command"),
        pytest.param({"runtimeServiceId": ID}, {"runtimeServiceId": ID}, id="W-141 service"),
        pytest.param({"serviceIndex": 0}, {"serviceIndex": 0}, id="W-141 index"),
        pytest.param({"workspaceCommandId": None, "serviceIndex": None}, {}, id="W-141 null is not sent"),
    ],
)
@pytest.mark.parametrize("action", ["start", "stop", "restart"])
def test_services_are_controlled(action, target, sent):
    told = Told(context())
    assert use("ControlIssueWorkspaceServices", told, action=action, **target) == {"workspace": {"id": ID}}
    assert told.calls[-1] == Call("POST", f"/execution-workspaces/{ID}/runtime-services/{action}", sent)


def test_control_without_a_workspace_says_so():  # W-141
    told = Told(NO_WORKSPACE)
    with pytest.raises(CallError, match="^Issue has no current execution workspace$"):
        use("ControlIssueWorkspaceServices", told, action="start")
    assert [call.method for call in told.calls] == ["GET"]


@pytest.mark.parametrize(
    ("services", "wanted", "chosen"),
    [
        pytest.param([service("a", id=OTHER), service("b")], {"runtimeServiceId": ID}, "b", id="W-142 by id"),
        pytest.param([service("a"), service("b")], {"serviceName": "b"}, "b", id="W-142 by name"),
        pytest.param([service("a", "stopped"), service("b")], {}, "b", id="W-142 first that runs"),
        pytest.param([service("a", health="unknown")], {}, "a", id="W-142 not unhealthy is enough"),
        pytest.param([service("a") | {"url": None}], {}, "a", id="W-142 no URL needed"),
    ],
)
def test_a_service_that_is_ready_ends_the_wait(services, wanted, chosen):
    found = use("WaitForIssueWorkspaceService", Told(context(*services)), **wanted)
    assert found["service"]["serviceName"] == chosen
    assert found["workspace"]["id"] == ID


@pytest.fixture
def waits(monkeypatch) -> list[float]:
    """The seconds waited for; the clock moves by them and by nothing else."""
    seconds: list[float] = []
    monkeypatch.setattr("paperclip.mcp.tools.runtime.sleep", seconds.append)
    monkeypatch.setattr("paperclip.mcp.tools.runtime.monotonic", lambda: sum(seconds))
    return seconds


def test_a_wait_ends_when_the_service_gets_ready(waits):  # W-142
    told = Told(NO_WORKSPACE, context(), context(service(status="starting")), context(service()))
    assert use("WaitForIssueWorkspaceService", told)["service"] == service()
    assert waits == [1, 1, 1]


@pytest.mark.parametrize(
    "latest",
    [
        pytest.param(context(service(status="starting")), id="W-142 still starting"),
        pytest.param(context(service(health="unhealthy")), id="W-142 unhealthy"),
        pytest.param(context(service("other")), id="W-142 no such name"),
        pytest.param(context(), id="W-142 none"),
        pytest.param(NO_WORKSPACE, id="W-142 no workspace"),
    ],
)
def test_a_wait_ends_with_its_time(waits, latest):
    told = Told(latest)
    assert use("WaitForIssueWorkspaceService", told, serviceName="web", timeoutSeconds=3) == {
        "timedOut": True,
        "latestWorkspace": latest["currentExecutionWorkspace"],
        "latestRuntimeServices": (latest["currentExecutionWorkspace"] or {}).get("runtimeServices", []),
    }
    assert sum(waits) == 3


def test_a_service_that_failed_is_not_waited_for(waits):
    """Nothing makes it ready but another start."""
    found = use("WaitForIssueWorkspaceService", Told(context(service(status="failed", health="unhealthy"))))
    assert (found["timedOut"], found["failed"]) == (False, True)
    assert found["latestRuntimeServices"][0]["status"] == "failed"
    assert waits == []


def test_a_refusal_ends_the_wait(waits):
    refusal = ApiError(Call("GET", "/x"), 403, {"error": "no"})
    with pytest.raises(ApiError):
        use("WaitForIssueWorkspaceService", Told(context(), refusal))
    assert waits == [1]
