"""Heartbeat runs: what ran, what it printed, and what follows when one failed."""

from __future__ import annotations

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field

from paperclip.mcp.client import Call, path
from paperclip.mcp.config import Config
from paperclip.mcp.tools.base import CompanyId, IssueReference, Reference, Tool


class ListRuns(Tool):
    """The runs of the company or of one agent, newest first, with their failures and retries."""

    company_id: CompanyId = None
    agent_id: UUID | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 50

    def call(self, config: Config) -> Call:
        query = {"agentId": self.agent_id, "limit": self.limit}
        company = config.company(self.company_id)
        return Call("GET", path("/companies/{company}/heartbeat-runs", query, company=company))


class ListIssueRuns(Tool):
    """The runs that worked on an issue, with what follows each of them."""

    issue_id: IssueReference

    def call(self, config: Config) -> Call:
        return Call("GET", path("/issues/{issue}/runs", issue=self.issue_id))


class GetRun(Tool):
    """One run: its outcome, failure category and advice, the retry that follows, what it used."""

    run_id: Reference

    def call(self, config: Config) -> Call:
        return Call("GET", path("/heartbeat-runs/{run}", run=self.run_id))


class GetRunLog(Tool):
    """What a run printed, from an offset in bytes; nextOffset is given while more is there."""

    run_id: Reference
    offset: Annotated[int | None, Field(ge=0)] = None
    limit_bytes: Annotated[int, Field(ge=1, le=1_048_576)] = 64_000

    def call(self, config: Config) -> Call:
        query = {"offset": self.offset, "limitBytes": self.limit_bytes}
        return Call("GET", path("/heartbeat-runs/{run}/log", query, run=self.run_id))


class ListRunEvents(Tool):
    """What happened to a run, in order: claimed, started, failed, retried."""

    run_id: Reference
    after_seq: Annotated[int | None, Field(ge=0)] = None
    limit: Annotated[int | None, Field(ge=1, le=1000)] = None

    def call(self, config: Config) -> Call:
        query = {"afterSeq": self.after_seq, "limit": self.limit}
        return Call("GET", path("/heartbeat-runs/{run}/events", query, run=self.run_id))


class CancelRun(Tool):
    """Stop a run for good; nothing follows it by itself. For the board."""

    reads_only: ClassVar[bool] = False

    run_id: Reference

    def call(self, config: Config) -> Call:
        return Call("POST", path("/heartbeat-runs/{run}/cancel", run=self.run_id), {})


class RetryNow(Tool):
    """Start the waiting retry of an issue at once instead of at its due time. For the board."""

    reads_only: ClassVar[bool] = False

    issue_id: IssueReference

    def call(self, config: Config) -> Call:
        return Call("POST", path("/issues/{issue}/scheduled-retry/retry-now", issue=self.issue_id), {})
