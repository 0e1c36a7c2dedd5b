"""Questions to people on an issue: tasks to choose from, forms to fill, a yes or no."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from paperclip.mcp.client import Call, path
from paperclip.mcp.config import Config
from paperclip.mcp.tools.base import IssueReference, Json, Tool

_Continuation = Literal["none", "wake_assignee", "wake_assignee_on_accept"]
_POLICY = Annotated[_Continuation, Field(description="Whom the answer wakes")]


class _Ask(Tool):
    """A question put on an issue."""

    reads_only: ClassVar[bool] = False
    kind: ClassVar[str]

    issue_id: IssueReference
    payload: Json
    idempotency_key: Annotated[
        str | None, Field(min_length=1, max_length=255, description="The same key asks once only")
    ] = None
    source_comment_id: UUID | None = None
    source_run_id: UUID | None = None
    title: Annotated[str | None, Field(max_length=240)] = None
    summary: Annotated[str | None, Field(max_length=1000)] = None
    continuation_policy: _POLICY = "wake_assignee"

    def call(self, config: Config) -> Call:
        body = {"kind": self.kind, "continuationPolicy": self.continuation_policy} | self.given("issue_id")
        return Call("POST", path("/issues/{issue}/interactions", issue=self.issue_id), body)


class SuggestTasks(_Ask):
    """Suggest tasks on an issue; a person chooses which of them are made."""

    kind: ClassVar[str] = "suggest_tasks"

    payload: Annotated[
        Json, Field(description="{version: 1, tasks: [{clientKey, title, description?, assigneeAgentId?}]}")
    ]


class AskUserQuestions(_Ask):
    """Ask the people of the company questions with answers to choose from."""

    kind: ClassVar[str] = "ask_user_questions"

    payload: Annotated[
        Json,
        Field(
            description="{version: 1, questions: [{id, prompt, selectionMode: single|multi, "
            "options: [{id, label}]}]}"
        ),
    ]


class RequestConfirmation(_Ask):
    """Ask a person for a yes or no, for instance on a plan kept as a document."""

    kind: ClassVar[str] = "request_confirmation"

    payload: Annotated[
        Json,
        Field(
            description="{version: 1, prompt, detailsMarkdown?, "
            "target?: {type: issue_document, key, revisionId}}"
        ),
    ]
    continuation_policy: _POLICY = "none"


class ListInteractions(Tool):
    """The questions to people on an issue, with the answers given."""

    issue_id: IssueReference

    def call(self, config: Config) -> Call:
        return Call("GET", path("/issues/{issue}/interactions", issue=self.issue_id))
