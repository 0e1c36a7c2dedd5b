"""Every tool that is served (K-42)."""

from __future__ import annotations

from paperclip.mcp.tools import company, documents, issues, raw
from paperclip.mcp.tools.base import Tool

TOOLS: tuple[type[Tool], ...] = (
    company.Me,
    company.InboxLite,
    company.ListAgents,
    company.GetAgent,
    issues.ListIssues,
    issues.GetIssue,
    issues.GetHeartbeatContext,
    issues.ListComments,
    issues.GetComment,
    documents.ListDocuments,
    documents.GetDocument,
    documents.ListDocumentRevisions,
    company.ListProjects,
    company.GetProject,
    company.ListGoals,
    company.GetGoal,
    issues.CreateIssue,
    issues.UpdateIssue,
    issues.CheckoutIssue,
    issues.ReleaseIssue,
    issues.AddComment,
    documents.UpsertIssueDocument,
    documents.RestoreIssueDocumentRevision,
    raw.ApiRequest,
)
BY_NAME = {tool.tool_name(): tool for tool in TOOLS}
