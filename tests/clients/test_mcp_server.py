"""The reference's MCP server, from npm, over stdio: every tool it lists is called (K-40 to K-42)."""

from __future__ import annotations

import json
import os
from typing import Any

import anyio
import httpx2
import pytest
from mcp import ClientSession, StdioServerParameters, stdio_client

from issues.models import Issue
from tests import factories
from tests.workspaces.scenes import make_place, page

pytestmark = pytest.mark.npm

_QUESTION = {"id": "q", "prompt": "Which?", "selectionMode": "single", "options": [{"id": "a", "label": "A"}]}
_TASK = {"clientKey": "one", "title": "Fetch a broom"}


class Tools:
    """Calls tools by their short names and remembers which."""

    def __init__(self, session: ClientSession) -> None:
        self.session = session
        self.called: set[str] = set()

    async def __call__(self, name: str, /, **arguments: Any) -> Any:
        self.called.add(name)
        result = await self.session.call_tool(f"paperclip{name}", arguments)
        body = json.loads(result.content[0].text)
        refused = isinstance(body, dict) and {"status", "method", "path", "error"} <= body.keys()
        assert not refused, f"{name}: {body}"
        return body


@pytest.fixture
def environment(shop) -> dict[str, str]:
    run = factories.run(shop.cast.ceo)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(shop.home),
        "PAPERCLIP_API_URL": shop.product.url,
        "PAPERCLIP_API_KEY": factories.agent_key(shop.cast.ceo),
        "PAPERCLIP_COMPANY_ID": str(shop.cast.company.pk),
        "PAPERCLIP_AGENT_ID": str(shop.cast.ceo.pk),
        "PAPERCLIP_RUN_ID": str(run.pk),
    }


def test_every_tool_works(shop, environment, tmp_path):  # K-42, W-140 to W-142
    cast = shop.cast
    project, goal = factories.project(cast.company, name="Halls"), factories.goal(cast.company)

    async def read(call: Tools, issue: str) -> None:
        assert (await call("Me"))["id"] == str(cast.ceo.pk)
        assert issue in [row["identifier"] for row in await call("InboxLite")]
        assert len(await call("ListAgents")) >= 4
        assert (await call("GetAgent", agentId="peer"))["id"] == str(cast.peer.pk)
        mine = await call("ListIssues", assigneeAgentId=str(cast.ceo.pk), includeLiveDescendantSummary=True)
        assert issue in [row["identifier"] for row in mine]
        assert (await call("GetIssue", issueId=issue))["identifier"] == issue
        context = await call("GetHeartbeatContext", issueId=issue)
        assert context["issue"]["identifier"] == issue
        assert "Halls" in [row["name"] for row in await call("ListProjects")]
        assert (await call("GetProject", projectId=str(project.pk)))["name"] == "Halls"
        assert str(goal.pk) in [row["id"] for row in await call("ListGoals")]
        assert (await call("GetGoal", goalId=str(goal.pk)))["id"] == str(goal.pk)

    async def work(call: Tools, issue: str) -> None:
        taken = await call("CheckoutIssue", issueId=issue)
        assert (taken["status"], taken["checkoutRunId"]) == ("in_progress", environment["PAPERCLIP_RUN_ID"])
        said = await call("AddComment", issueId=issue, body="Größtenteils sauber 🧹")
        assert (await call("GetComment", issueId=issue, commentId=said["id"]))["body"] == said["body"]
        thread = await call("ListComments", issueId=issue, order="asc", limit=10)
        assert said["id"] in [row["id"] for row in thread]
        first = await call("UpsertIssueDocument", issueId=issue, key="report", body="# Clean")
        base = first["latestRevisionId"]
        await call("UpsertIssueDocument", issueId=issue, key="report", body="# Cleaner", baseRevisionId=base)
        assert [row["key"] for row in await call("ListDocuments", issueId=issue)] == ["report"]
        assert (await call("GetDocument", issueId=issue, key="report"))["body"] == "# Cleaner"
        revisions = await call("ListDocumentRevisions", issueId=issue, key="report")
        assert len(revisions) == 2
        arguments = {"issueId": issue, "key": "report", "revisionId": base}
        assert (await call("RestoreIssueDocumentRevision", **arguments))["body"] == "# Clean"

    async def ask(call: Tools, issue: str) -> None:
        asked = {"issueId": issue, "continuationPolicy": "none"}
        tasks = await call("SuggestTasks", **asked, payload={"version": 1, "tasks": [_TASK]})
        assert (tasks["kind"], tasks["status"]) == ("suggest_tasks", "pending")
        questions = await call("AskUserQuestions", **asked, payload={"version": 1, "questions": [_QUESTION]})
        assert questions["kind"] == "ask_user_questions"
        sure = await call("RequestConfirmation", **asked, payload={"version": 1, "prompt": "Sure?"})
        assert sure["kind"] == "request_confirmation"

    async def decide(call: Tools, issue: str) -> None:
        made = await call("CreateApproval", type="request_board_approval", payload={"title": "Soap"})
        approval = {"approvalId": made["id"]}
        linked = await call("LinkIssueApproval", issueId=issue, **approval)
        assert made["id"] in [row["id"] for row in linked]
        assert [row["id"] for row in await call("ListIssueApprovals", issueId=issue)] == [made["id"]]
        assert (await call("GetApproval", **approval))["status"] == "pending"
        assert [row["identifier"] for row in await call("GetApprovalIssues", **approval)] == [issue]
        assert made["id"] in [row["id"] for row in await call("ListApprovals", status="pending")]
        await call("AddApprovalComment", **approval, body="Please")
        assert [row["body"] for row in await call("ListApprovalComments", **approval)] == ["Please"]
        await call("UnlinkIssueApproval", issueId=issue, **approval)

    async def serve(call: Tools, issue: str) -> None:
        place = await anyio.to_thread.run_sync(lambda: make_place(cast, page(tmp_path)))
        await anyio.to_thread.run_sync(
            lambda: Issue.objects.filter(identifier=issue).update(execution_workspace=place)
        )
        found = await call("GetIssueWorkspaceRuntime", issueId=issue)
        assert found["workspace"]["id"] == str(place.pk)
        await call("ControlIssueWorkspaceServices", issueId=issue, action="start")
        ready = await call("WaitForIssueWorkspaceService", issueId=issue, timeoutSeconds=30)
        async with httpx2.AsyncClient() as http:
            assert (await http.get(ready["service"]["url"])).text == "hello from here"
        await call("ControlIssueWorkspaceServices", issueId=issue, action="stop")

    async def main() -> None:
        program = str(shop.modules / "@paperclipai" / "mcp-server" / "dist" / "stdio.js")
        server = StdioServerParameters(command="node", args=[program], env=environment)
        with anyio.fail_after(60):
            async with (
                stdio_client(server) as (incoming, outgoing),
                ClientSession(incoming, outgoing) as session,
            ):
                greeting = await session.initialize()
                assert (greeting.server_info.name, greeting.server_info.version) == (
                    "paperclip",
                    "0.1.0",
                )  # K-40
                call = Tools(session)
                made = await call("CreateIssue", title="Mop", assigneeAgentId=str(cast.ceo.pk), status="todo")
                issue = made["identifier"]
                await read(call, issue)
                await work(call, issue)
                await ask(call, issue)
                await decide(call, issue)
                await serve(call, issue)
                changed = await call("UpdateIssue", issueId=issue, title="Mopped", comment="Nearly.")
                assert (changed["title"], changed["comment"]["body"]) == ("Mopped", "Nearly.")
                assert (await call("ReleaseIssue", issueId=issue))["status"] == "todo"
                trail = await call("ApiRequest", method="GET", path=f"/issues/{issue}/activity")
                assert {environment["PAPERCLIP_RUN_ID"]} >= {row["runId"] for row in trail if row["runId"]}
                listed = {tool.name.removeprefix("paperclip") for tool in (await session.list_tools()).tools}
                assert listed - call.called == ELSEWHERE

    anyio.run(main)


# Tools that need a person, or a kind of question this server does not have.
ELSEWHERE = {
    "ApprovalDecision",
    "RequestCheckboxConfirmation",
}
