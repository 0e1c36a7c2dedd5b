"""Routines: recurring work, what sets it off, and what came of it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from paperclip.mcp.client import Call, path
from paperclip.mcp.config import Config
from paperclip.mcp.tools.base import CompanyId, Json, Priority, Reference, Text, Tool


class ListRoutines(Tool):
    """The recurring work of the company, with its triggers and last runs."""

    company_id: CompanyId = None

    def call(self, config: Config) -> Call:
        return Call("GET", path("/companies/{company}/routines", company=config.company(self.company_id)))


class GetRoutine(Tool):
    """One routine with its triggers, variables and recent runs."""

    routine_id: Reference

    def call(self, config: Config) -> Call:
        return Call("GET", path("/routines/{routine}", routine=self.routine_id))


class ListRoutineRuns(Tool):
    """What came of a routine, newest first: the issue that was made, or why none was."""

    routine_id: Reference
    limit: Annotated[int | None, Field(ge=1, le=200)] = None

    def call(self, config: Config) -> Call:
        query = {"limit": self.limit}
        return Call("GET", path("/routines/{routine}/runs", query, routine=self.routine_id))


class RoutineFields(Tool):
    """What can be set on a routine."""

    reads_only: ClassVar[bool] = False

    description: Annotated[
        str | None, Field(description="The task; {{name}} stands for a variable, {{date}} for the day")
    ] = None
    project_id: UUID | None = None
    goal_id: UUID | None = None
    parent_issue_id: UUID | None = None
    assignee_agent_id: UUID | None = None
    priority: Priority | None = None
    status: Literal["active", "paused", "archived"] | None = None
    concurrency_policy: Annotated[
        Literal["coalesce_if_active", "always_enqueue", "skip_if_active"] | None,
        Field(description="What happens while the last run is not done"),
    ] = None
    catch_up_policy: Annotated[
        Literal["skip_missed", "enqueue_missed_with_cap"] | None,
        Field(description="What happens with times that were missed"),
    ] = None
    variables: list[Json] | None = None


class CreateRoutine(RoutineFields):
    """Make recurring work. It is set off by the triggers that are added to it, or by hand."""

    title: Text
    company_id: CompanyId = None

    def call(self, config: Config) -> Call:
        address = path("/companies/{company}/routines", company=config.company(self.company_id))
        return Call("POST", address, self.given("company_id"))


class UpdateRoutine(RoutineFields):
    """Change, pause or archive a routine. Only what is sent changes."""

    routine_id: Reference
    title: Text | None = None
    base_revision_id: Annotated[
        UUID | None, Field(description="The revision that was read; refused when somebody changed it since")
    ] = None

    def call(self, config: Config) -> Call:
        address = path("/routines/{routine}", routine=self.routine_id)
        return Call("PATCH", address, self.given("routine_id"))


class RunRoutine(Tool):
    """Set a routine off now."""

    reads_only: ClassVar[bool] = False

    routine_id: Reference
    variables: dict[str, str | int | float | bool] | None = None
    payload: Json | None = None
    idempotency_key: Annotated[str | None, Field(description="The same key sets it off once only")] = None
    trigger_id: UUID | None = None
    project_id: UUID | None = None
    assignee_agent_id: UUID | None = None

    def call(self, config: Config) -> Call:
        return Call(
            "POST", path("/routines/{routine}/run", routine=self.routine_id), self.given("routine_id")
        )


class TriggerFields(Tool):
    """What can be set on a trigger."""

    reads_only: ClassVar[bool] = False

    label: str | None = None
    enabled: bool | None = None
    cron_expression: Annotated[str | None, Field(description="Five fields, such as 0 9 * * MON-FRI")] = None
    timezone: Annotated[str | None, Field(description="IANA name, such as Europe/Berlin")] = None
    signing_mode: Literal["bearer", "hmac_sha256", "github_hmac", "none"] | None = None
    replay_window_sec: Annotated[int | None, Field(description="Seconds a signed call stays good")] = None


class AddRoutineTrigger(TriggerFields):
    """Add what sets a routine off: a schedule, a webhook, or calls of the API. A webhook's secret is told once."""

    routine_id: Reference
    kind: Literal["schedule", "webhook", "api"]

    def call(self, config: Config) -> Call:
        address = path("/routines/{routine}/triggers", routine=self.routine_id)
        return Call("POST", address, self.given("routine_id"))


class UpdateRoutineTrigger(TriggerFields):
    """Change, switch off or on what sets a routine off."""

    trigger_id: Reference

    def call(self, config: Config) -> Call:
        address = path("/routine-triggers/{trigger}", trigger=self.trigger_id)
        return Call("PATCH", address, self.given("trigger_id"))


class DeleteRoutineTrigger(Tool):
    """Take away what sets a routine off, with its secret."""

    reads_only: ClassVar[bool] = False

    trigger_id: Reference

    def call(self, config: Config) -> Call:
        return Call("DELETE", path("/routine-triggers/{trigger}", trigger=self.trigger_id))
