"""Approvals: questions to the board, their answers and what was said about them."""

from __future__ import annotations

import json
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from paperclip.mcp.client import Call, CallError, path
from paperclip.mcp.config import Config
from paperclip.mcp.tools.base import CompanyId, IssueReference, Json, Reference, Text, Tool

_VERBS = {
    "approve": "approve",
    "reject": "reject",
    "requestRevision": "request-revision",
    "resubmit": "resubmit",
}


class ListApprovals(Tool):
    """What the board of the company was asked, by status."""

    company_id: CompanyId = None
    status: Annotated[str | None, Field(description="Such as pending")] = None

    def call(self, config: Config) -> Call:
        company = config.company(self.company_id)
        return Call("GET", path("/companies/{company}/approvals", {"status": self.status}, company=company))


class GetApproval(Tool):
    """One question to the board, with its answer if there is one."""

    approval_id: Reference

    def call(self, config: Config) -> Call:
        return Call("GET", path("/approvals/{approval}", approval=self.approval_id))


class GetApprovalIssues(Tool):
    """The issues a question to the board is about."""

    approval_id: Reference

    def call(self, config: Config) -> Call:
        return Call("GET", path("/approvals/{approval}/issues", approval=self.approval_id))


class ListApprovalComments(Tool):
    """What was said about a question to the board."""

    approval_id: Reference

    def call(self, config: Config) -> Call:
        return Call("GET", path("/approvals/{approval}/comments", approval=self.approval_id))


class AddApprovalComment(Tool):
    """Say something about a question to the board, in Markdown."""

    reads_only: ClassVar[bool] = False

    approval_id: Reference
    body: Text

    def call(self, config: Config) -> Call:
        address = path("/approvals/{approval}/comments", approval=self.approval_id)
        return Call("POST", address, {"body": self.body})


class CreateApproval(Tool):
    """Ask the board. The asking agent is woken with the answer."""

    reads_only: ClassVar[bool] = False

    type: Literal["hire_agent", "approve_ceo_strategy", "budget_override_required", "request_board_approval"]
    payload: Annotated[Json, Field(description="What is asked; title and summary are shown to the board")]
    company_id: CompanyId = None
    requested_by_agent_id: UUID | None = None
    issue_ids: Annotated[list[UUID] | None, Field(description="The issues it is about")] = None

    def call(self, config: Config) -> Call:
        address = path("/companies/{company}/approvals", company=config.company(self.company_id))
        return Call("POST", address, self.given("company_id"))


class ApprovalDecision(Tool):
    """Answer a question to the board, or put one again that was sent back for revision."""

    reads_only: ClassVar[bool] = False

    approval_id: Reference
    action: Literal["approve", "reject", "requestRevision", "resubmit"]
    decision_note: str | None = None
    payload_json: Annotated[
        str | None, Field(description="For resubmit: the new payload as JSON text; the old one stays without")
    ] = None

    def call(self, config: Config) -> Call:
        address = path("/approvals/{approval}/{verb}", approval=self.approval_id, verb=_VERBS[self.action])
        return Call("POST", address, self._resubmission() if self.action == "resubmit" else self._decision())

    def _decision(self) -> Json:
        return {} if self.decision_note is None else {"decisionNote": self.decision_note}

    def _resubmission(self) -> Json:
        if not self.payload_json:
            return {}
        try:
            payload = json.loads(self.payload_json)
        except ValueError as error:
            raise CallError(f"payloadJson is not valid JSON: {error}") from error
        return {"payload": payload}


class ListIssueApprovals(Tool):
    """The questions to the board that an issue waits for or led to."""

    issue_id: IssueReference

    def call(self, config: Config) -> Call:
        return Call("GET", path("/issues/{issue}/approvals", issue=self.issue_id))


class LinkIssueApproval(Tool):
    """Say that a question to the board is about an issue."""

    reads_only: ClassVar[bool] = False

    issue_id: IssueReference
    approval_id: UUID

    def call(self, config: Config) -> Call:
        address = path("/issues/{issue}/approvals", issue=self.issue_id)
        return Call("POST", address, {"approvalId": str(self.approval_id)})


class UnlinkIssueApproval(Tool):
    """Say that a question to the board is not about an issue after all."""

    reads_only: ClassVar[bool] = False

    issue_id: IssueReference
    approval_id: Reference

    def call(self, config: Config) -> Call:
        address = path("/issues/{issue}/approvals/{approval}", issue=self.issue_id, approval=self.approval_id)
        return Call("DELETE", address)
