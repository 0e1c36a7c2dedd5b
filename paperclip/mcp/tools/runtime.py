"""The services of an issue's workspace: see them, start and stop them, wait until one is ready (W-140 to W-142)."""

from __future__ import annotations

from time import monotonic, sleep
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from paperclip.mcp.client import Call, CallError, Client, path
from paperclip.mcp.config import Config
from paperclip.mcp.tools.base import IssueReference, Json, Text, Tool

POLL_SECONDS = 1.0
_LIVE = ("running", "starting")


class _OfWorkspace(Tool):
    """A tool that begins by reading the issue's context."""

    issue_id: IssueReference

    def context(self, client: Client) -> Json:
        """Return what a run needs to know of the issue. Raises ApiError or CallError."""
        found = client.send(Call("GET", path("/issues/{issue}/heartbeat-context", issue=self.issue_id)))
        if not isinstance(found, dict):
            raise CallError("The API did not answer with the issue's context")
        return found


class GetIssueWorkspaceRuntime(_OfWorkspace):
    """The workspace of an issue and its services, with status, health and URL."""

    def answer(self, config: Config, client: Client) -> Any:
        context = self.context(client)
        workspace = _workspace(context)
        return {"context": context, "workspace": workspace, "runtimeServices": _services(workspace)}


class ControlIssueWorkspaceServices(_OfWorkspace):
    """Start, stop or restart the services of an issue's workspace: all of them, or the one that is named."""

    reads_only: ClassVar[bool] = False

    action: Literal["start", "stop", "restart"]
    workspace_command_id: Annotated[
        Text | None, Field(description="Id of the configured command, such as web")
    ] = None
    runtime_service_id: Annotated[UUID | None, Field(description="Id of a service that exists already")] = (
        None
    )
    service_index: Annotated[int | None, Field(ge=0, description="Place in the configured list")] = None

    def answer(self, config: Config, client: Client) -> Any:
        workspace = _workspace(self.context(client))
        if workspace is None:
            raise CallError("Issue has no current execution workspace")
        address = path(
            "/execution-workspaces/{workspace}/runtime-services/{action}",
            workspace=str(workspace["id"]),
            action=self.action,
        )
        target = self.given("issue_id", "action")
        return client.send(
            Call("POST", address, {name: value for name, value in target.items() if value is not None})
        )


class WaitForIssueWorkspaceService(_OfWorkspace):
    """Wait until a service of an issue's workspace runs and is not unhealthy; says so when it failed."""

    runtime_service_id: UUID | None = None
    service_name: Text | None = None
    timeout_seconds: Annotated[int, Field(ge=1, le=300)] = 60

    def answer(self, config: Config, client: Client) -> Any:
        until = monotonic() + self.timeout_seconds
        while True:
            workspace = _workspace(self.context(client))
            services = _services(workspace)
            service = self._chosen(services)
            if service is not None and _is_ready(service):
                return {"workspace": workspace, "service": service}
            has_failed = service is not None and service.get("status") == "failed"
            left = until - monotonic()
            if has_failed or left <= 0:
                latest = {"latestWorkspace": workspace, "latestRuntimeServices": services}
                return {"timedOut": not has_failed} | ({"failed": True} if has_failed else {}) | latest
            sleep(min(POLL_SECONDS, left))

    def _chosen(self, services: list[Json]) -> Json | None:
        """Return the service that is waited for, or None while there is no such."""
        if self.runtime_service_id is not None:
            return _first(services, id=str(self.runtime_service_id))
        if self.service_name is not None:
            return _first(services, serviceName=self.service_name)
        live = (service for service in services if service.get("status") in _LIVE)
        return next(live, services[0] if services else None)


def _is_ready(service: Json) -> bool:
    return service.get("status") == "running" and service.get("healthStatus") != "unhealthy"


def _workspace(context: Json) -> Json | None:
    found = context.get("currentExecutionWorkspace")
    return found if isinstance(found, dict) else None


def _services(workspace: Json | None) -> list[Json]:
    return list((workspace or {}).get("runtimeServices") or [])


def _first(services: list[Json], **wanted: str) -> Json | None:
    ((key, value),) = wanted.items()
    return next((service for service in services if service.get(key) == value), None)
