"""The documents of an issue: plans, reports, notes, each with its revisions."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from paperclip.mcp.client import Call, path
from paperclip.mcp.config import Config
from paperclip.mcp.tools.base import DocumentKey, IssueReference, Reference, Tool


class ListDocuments(Tool):
    """The documents of an issue."""

    issue_id: IssueReference

    def call(self, config: Config) -> Call:
        return Call("GET", path("/issues/{issue}/documents", issue=self.issue_id))


class GetDocument(Tool):
    """One document of an issue with its text."""

    issue_id: IssueReference
    key: DocumentKey

    def call(self, config: Config) -> Call:
        return Call("GET", path("/issues/{issue}/documents/{key}", issue=self.issue_id, key=self.key))


class ListDocumentRevisions(Tool):
    """What a document said over time, newest first."""

    issue_id: IssueReference
    key: DocumentKey

    def call(self, config: Config) -> Call:
        address = path("/issues/{issue}/documents/{key}/revisions", issue=self.issue_id, key=self.key)
        return Call("GET", address)


class UpsertIssueDocument(Tool):
    """Write a document of an issue. To change one, send the id of the revision that was read."""

    reads_only: ClassVar[bool] = False

    issue_id: IssueReference
    key: DocumentKey
    body: Annotated[str, Field(max_length=524_288, description="Markdown")]
    format: Literal["markdown"] = "markdown"
    title: Annotated[str | None, Field(max_length=200)] = None
    change_summary: Annotated[str | None, Field(max_length=500)] = None
    base_revision_id: UUID | None = None

    def call(self, config: Config) -> Call:
        address = path("/issues/{issue}/documents/{key}", issue=self.issue_id, key=self.key)
        return Call("PUT", address, {"format": self.format} | self.given("issue_id", "key"))


class RestoreIssueDocumentRevision(Tool):
    """Make an older revision of a document the newest again."""

    reads_only: ClassVar[bool] = False

    issue_id: IssueReference
    key: DocumentKey
    revision_id: Reference

    def call(self, config: Config) -> Call:
        address = path(
            "/issues/{issue}/documents/{key}/revisions/{revision}/restore",
            issue=self.issue_id,
            key=self.key,
            revision=self.revision_id,
        )
        return Call("POST", address, {})
