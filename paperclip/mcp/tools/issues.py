"""Issues: find, read, make, change, take and give back; their comments."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from paperclip.mcp.client import Call, path
from paperclip.mcp.config import Config
from paperclip.mcp.tools.base import (
    CompanyId,
    IssueReference,
    Json,
    Priority,
    Reference,
    Status,
    Text,
    Tool,
)


class ListIssues(Tool):
    """Issues of the company, by any of the filters. Work that routines made is listed too."""

    company_id: CompanyId = None
    status: Annotated[str | None, Field(description="Statuses, separated by commas")] = None
    project_id: Text | None = None
    assignee_agent_id: Annotated[str | None, Field(description="An agent's id, or null as text")] = None
    participant_agent_id: Text | None = None
    assignee_user_id: Annotated[str | None, Field(description="A person's id, or me")] = None
    touched_by_user_id: Text | None = None
    inbox_archived_by_user_id: Text | None = None
    unread_for_user_id: Text | None = None
    label_id: Text | None = None
    execution_workspace_id: Text | None = None
    origin_kind: Text | None = None
    origin_id: Text | None = None
    include_routine_executions: bool | None = None
    q: Annotated[str | None, Field(description="Words to look for")] = None

    def call(self, config: Config) -> Call:
        company = config.company(self.company_id)
        return Call("GET", path("/companies/{company}/issues", self.given("company_id"), company=company))


class GetIssue(Tool):
    """One issue with its ancestors, blockers, documents and project."""

    issue_id: IssueReference

    def call(self, config: Config) -> Call:
        return Call("GET", path("/issues/{issue}", issue=self.issue_id))


class GetHeartbeatContext(Tool):
    """What a run needs to know of an issue, in short; read this before working on it."""

    issue_id: IssueReference
    wake_comment_id: UUID | None = None

    def call(self, config: Config) -> Call:
        query = {"wakeCommentId": self.wake_comment_id}
        return Call("GET", path("/issues/{issue}/heartbeat-context", query, issue=self.issue_id))


class IssueFields(Tool):
    """What can be set on an issue."""

    description: str | None = None
    status: Status | None = None
    priority: Priority | None = None
    work_mode: Literal["standard", "planning"] | None = None
    project_id: UUID | None = None
    project_workspace_id: UUID | None = None
    goal_id: UUID | None = None
    parent_id: UUID | None = None
    assignee_user_id: Text | None = None
    label_ids: list[UUID] | None = None
    blocked_by_issue_ids: Annotated[
        list[UUID] | None, Field(description="The issues that must be done first; replaces the whole set")
    ] = None
    request_depth: Annotated[int | None, Field(ge=0)] = None
    billing_code: str | None = None
    assignee_adapter_overrides: Json | None = None
    execution_policy: Json | None = None
    execution_workspace_id: UUID | None = None
    execution_workspace_preference: Text | None = None
    execution_workspace_settings: Json | None = None
    inherit_execution_workspace_from_issue_id: UUID | None = None


class CreateIssue(IssueFields):
    """Make an issue. With an assignee it is ready and wakes them, without one it goes to the backlog."""

    reads_only: ClassVar[bool] = False

    title: Text
    company_id: CompanyId = None
    assignee_agent_id: UUID | None = None

    def call(self, config: Config) -> Call:
        address = path("/companies/{company}/issues", company=config.company(self.company_id))
        usual = {"workMode": "standard", "priority": "medium", "requestDepth": 0}
        return Call("POST", address, usual | self.given("company_id"))


class UpdateIssue(IssueFields):
    """Change an issue, and say why in a comment. Only what is sent changes; null clears."""

    reads_only: ClassVar[bool] = False

    issue_id: IssueReference
    title: Text | None = None
    assignee_agent_id: Annotated[str | None, Field(description="An agent's id or shortname")] = None
    hidden_at: Annotated[str | None, Field(description="Time in UTC; null shows the issue again")] = None
    review_request: Json | None = None
    comment: Text | None = None
    reopen: bool | None = None
    resume: bool | None = None
    interrupt: bool | None = None

    def call(self, config: Config) -> Call:
        return Call("PATCH", path("/issues/{issue}", issue=self.issue_id), self.given("issue_id"))


class CheckoutIssue(Tool):
    """Take an issue to work on it. A refusal with 409 means somebody else has it: do not try again."""

    reads_only: ClassVar[bool] = False

    issue_id: IssueReference
    agent_id: Annotated[str | None, Field(description="Who takes it; the agent of the environment")] = None
    expected_statuses: Annotated[list[Status], Field(min_length=1)] = ["todo", "backlog", "blocked"]

    def call(self, config: Config) -> Call:
        body = {"agentId": config.agent(self.agent_id), "expectedStatuses": self.expected_statuses}
        return Call("POST", path("/issues/{issue}/checkout", issue=self.issue_id), body)


class ReleaseIssue(Tool):
    """Give an issue back unfinished: it is ready for others again."""

    reads_only: ClassVar[bool] = False

    issue_id: IssueReference

    def call(self, config: Config) -> Call:
        return Call("POST", path("/issues/{issue}/release", issue=self.issue_id), {})


class ListComments(Tool):
    """The thread of an issue, newest first unless asked otherwise."""

    issue_id: IssueReference
    after: Annotated[UUID | None, Field(description="Only comments after this one, in the asked order")] = (
        None
    )
    order: Literal["asc", "desc"] | None = None
    limit: Annotated[int | None, Field(ge=1, le=500)] = None

    def call(self, config: Config) -> Call:
        query = {"after": self.after, "order": self.order, "limit": self.limit}
        return Call("GET", path("/issues/{issue}/comments", query, issue=self.issue_id))


class GetComment(Tool):
    """One comment of an issue."""

    issue_id: IssueReference
    comment_id: Reference

    def call(self, config: Config) -> Call:
        address = path("/issues/{issue}/comments/{comment}", issue=self.issue_id, comment=self.comment_id)
        return Call("GET", address)


class AddComment(Tool):
    """Comment on an issue, in Markdown. Naming an agent with @ calls it."""

    reads_only: ClassVar[bool] = False

    issue_id: IssueReference
    body: Text
    author_type: Literal["user", "agent", "system"] | None = None
    presentation: Json | None = None
    metadata: Json | None = None
    reopen: bool | None = None
    resume: bool | None = None
    interrupt: bool | None = None

    def call(self, config: Config) -> Call:
        return Call("POST", path("/issues/{issue}/comments", issue=self.issue_id), self.given("issue_id"))
