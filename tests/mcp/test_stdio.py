"""A client of the official SDK, over stdio, against the real web part."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from mcp import ClientSession, StdioServerParameters, stdio_client

from heartbeat.models import Run
from issues.models import Comment, Issue
from paperclip.companies import tokens
from paperclip.core import clock
from tests import cast as standing
from tests import factories
from tests.product import ROOT, Product

# W-143, K-42: all of the reference's.
SERVED = {
    "Me", "InboxLite", "ListAgents", "GetAgent", "ListIssues", "GetIssue", "GetHeartbeatContext",
    "ListComments", "GetComment", "ListIssueApprovals", "ListDocuments", "GetDocument",
    "ListDocumentRevisions", "ListProjects", "GetProject", "GetIssueWorkspaceRuntime",
    "ControlIssueWorkspaceServices", "WaitForIssueWorkspaceService", "ListGoals", "GetGoal",
    "ListApprovals", "CreateApproval", "GetApproval", "GetApprovalIssues", "ListApprovalComments",
    "CreateIssue", "UpdateIssue", "CheckoutIssue", "ReleaseIssue", "AddComment", "SuggestTasks",
    "AskUserQuestions", "RequestConfirmation", "UpsertIssueDocument", "RestoreIssueDocumentRevision",
    "LinkIssueApproval", "UnlinkIssueApproval", "ApprovalDecision", "AddApprovalComment", "ApiRequest",
}  # fmt: skip
# Ours: routines, runs and their retries.
OWN = {
    "ListInteractions", "ListRoutines", "GetRoutine", "ListRoutineRuns", "CreateRoutine", "UpdateRoutine",
    "RunRoutine", "AddRoutineTrigger", "UpdateRoutineTrigger", "DeleteRoutineTrigger", "ListRuns",
    "ListIssueRuns", "GetRun", "GetRunLog", "ListRunEvents", "CancelRun", "RetryNow",
}  # fmt: skip


class Tools:
    """Calls tools by their short names and reads the JSON they answer."""

    def __init__(self, session: ClientSession) -> None:
        self.session = session

    async def __call__(self, name: str, /, **arguments: Any) -> Any:
        result = await self.session.call_tool(f"paperclip{name}", arguments)
        assert not result.is_error
        (block,) = result.content
        assert block.text == json.dumps(json.loads(block.text), indent=2, ensure_ascii=False), "pretty JSON"
        return json.loads(block.text)


@asynccontextmanager
async def tools(command: list[str], environment: dict[str, str]) -> AsyncIterator[Tools]:
    server = StdioServerParameters(command=sys.executable, args=command, env=environment, cwd=ROOT)
    async with stdio_client(server) as (incoming, outgoing), ClientSession(incoming, outgoing) as session:
        greeting = await session.initialize()
        assert (greeting.server_info.name, greeting.server_info.version) == ("paperclip", "0.1.0")  # K-40
        yield Tools(session)


def use(
    product: Product,
    token: str,
    work: Callable[[Tools], Awaitable[None]],
    *,
    command: tuple[str, ...] = ("-m", "paperclip.mcp"),
    **more: str,
) -> None:
    """Let `work` call the tools of a server that knows only what an agent's environment says."""
    environment = {
        "PAPERCLIP_API_URL": product.url,
        "PAPERCLIP_API_KEY": token,
        "PAPERCLIP_HOME": str(product.home),
        **more,
    }

    async def main() -> None:
        with anyio.fail_after(60):
            async with tools(list(command), environment) as called:
                await work(called)

    anyio.run(main)


@pytest.fixture
def scene(product) -> standing.Cast:
    product.start("web")
    return standing.make()


def test_an_agent_does_its_work_through_the_tools(product, scene):  # K-42, K-44
    goal = factories.goal(scene.company, title="Shine")
    project = factories.project(scene.company, name="Floors")
    issue = factories.issue(scene.company, title="Sweep", assignee_agent=scene.engineer, project=project)
    other = factories.issue(scene.company, status="backlog")
    run = factories.run(scene.engineer, issue=issue)

    async def work(call: Tools) -> None:
        assert (await call("Me"))["id"] == str(scene.engineer.pk)
        assert [row["identifier"] for row in await call("InboxLite")] == [issue.identifier]
        assert len(await call("ListAgents")) == 4
        assert (await call("GetAgent", agentId="peer"))["id"] == str(scene.peer.pk)
        assert [row["name"] for row in await call("ListProjects")] == ["Floors"]
        assert (await call("GetProject", projectId=str(project.pk)))["name"] == "Floors"
        assert [row["title"] for row in await call("ListGoals")] == ["Shine"]
        assert (await call("GetGoal", goalId=str(goal.pk)))["title"] == "Shine"
        found = await call("ListIssues", status="todo", assigneeAgentId=str(scene.engineer.pk))
        assert [row["identifier"] for row in found] == [issue.identifier]

        taken = await call("CheckoutIssue", issueId=issue.identifier)
        assert (taken["status"], taken["checkoutRunId"]) == ("in_progress", str(run.pk))
        context = await call("GetHeartbeatContext", issueId=issue.identifier)
        assert context["issue"]["title"] == "Sweep"
        child = await call("CreateIssue", title="Fetch a broom", parentId=str(issue.pk), status="backlog")
        assert (child["parentId"], child["createdByAgentId"]) == (str(issue.pk), str(scene.engineer.pk))
        said = await call("AddComment", issueId=issue.identifier, body="Größtenteils sauber 🧹")
        assert (await call("GetComment", issueId=issue.identifier, commentId=said["id"]))["body"] == said[
            "body"
        ]
        thread = await call("ListComments", issueId=issue.identifier, order="asc", limit=10)
        assert [comment["id"] for comment in thread] == [said["id"]]
        written = await call("UpsertIssueDocument", issueId=issue.identifier, key="report", body="# Clean")
        assert written["latestRevisionNumber"] == 1
        assert [row["key"] for row in await call("ListDocuments", issueId=issue.identifier)] == ["report"]
        read = await call("GetDocument", issueId=issue.identifier, key="report")
        assert read["body"] == "# Clean"
        revised = {"key": "report", "body": "# Cleaner", "baseRevisionId": read["latestRevisionId"]}
        assert (await call("UpsertIssueDocument", issueId=issue.identifier, **revised))[
            "latestRevisionNumber"
        ] == 2
        revisions = await call("ListDocumentRevisions", issueId=issue.identifier, key="report")
        restored = await call(
            "RestoreIssueDocumentRevision",
            issueId=issue.identifier,
            key="report",
            revisionId=revisions[-1]["id"],
        )
        assert restored["body"] == "# Clean"
        done = await call("UpdateIssue", issueId=issue.identifier, status="done", comment="Swept.")
        assert (done["status"], done["comment"]["body"]) == ("done", "Swept.")
        assert (await call("GetIssue", issueId=issue.identifier))["status"] == "done"
        await call("CheckoutIssue", issueId=str(other.pk), agentId=str(scene.engineer.pk))
        assert (await call("ReleaseIssue", issueId=str(other.pk)))["status"] == "todo"
        trail = await call("ApiRequest", method="GET", path=f"/issues/{issue.identifier}/activity")
        assert {row["runId"] for row in trail if row["action"] == "issue.updated"} == {str(run.pk)}

    use(
        product,
        factories.agent_key(scene.engineer),
        work,
        PAPERCLIP_COMPANY_ID=str(scene.company.pk),
        PAPERCLIP_AGENT_ID=str(scene.engineer.pk),
        PAPERCLIP_RUN_ID=str(run.pk),
    )
    issue.refresh_from_db()
    assert issue.status == "done"
    assert {comment.created_by_run_id for comment in Comment.objects.filter(issue=issue)} == {run.pk}
    assert Issue.objects.get(pk=other.pk).assignee_agent_id is None


def test_refusals_are_results_that_say_why(product, scene):  # K-41, W-139
    issue = factories.issue(scene.company, assignee_agent=scene.peer, status="in_progress")
    run = factories.run(scene.engineer)

    async def work(call: Tools) -> None:
        conflict = await call("CheckoutIssue", issueId=issue.identifier)
        assert (
            conflict["error"]
            == f"POST /issues/{issue.identifier}/checkout failed with 409: Issue checkout conflict"
        )
        assert (conflict["status"], conflict["method"]) == (409, "POST")
        assert conflict["path"] == f"/issues/{issue.identifier}/checkout"
        assert conflict["body"]["details"]["assigneeAgentId"] == str(scene.peer.pk)
        missing = await call("GetIssue", issueId="ZZZ-1")
        assert (missing["status"], missing["body"]) == (404, {"error": "Issue not found"})
        assert await call("ListAgents") == {
            "error": "companyId is required because PAPERCLIP_COMPANY_ID is not set"
        }
        assert (await call("GetIssue"))["error"] == "Invalid arguments: issueId: Field required"
        wrong = await call("ListComments", issueId="x", order="up", extra=1)
        assert wrong["error"].startswith("Invalid arguments: order: Input should be 'asc' or 'desc'; extra: ")
        assert (await call("ApiRequest", method="GET", path="/../admin"))["error"].startswith("path must not")
        assert (await call("ApiRequest", method="GET", path="/https://example.com/"))["status"] == 404
        assert (await call("Me"))["id"] == str(scene.engineer.pk), "it goes on after every refusal"

    use(
        product,
        factories.agent_key(scene.engineer),
        work,
        PAPERCLIP_AGENT_ID=str(scene.engineer.pk),
        PAPERCLIP_RUN_ID=str(run.pk),
    )


def test_the_tools_are_listed_with_their_inputs(product, scene):  # K-40, K-42
    async def work(call: Tools) -> None:
        listed = {
            tool.name.removeprefix("paperclip"): tool for tool in (await call.session.list_tools()).tools
        }
        assert len(SERVED) == 40
        assert set(listed) == SERVED | OWN
        assert all(tool.description and tool.input_schema["type"] == "object" for tool in listed.values())
        assert listed["GetIssue"].annotations.read_only_hint is True
        assert listed["UpdateIssue"].annotations.read_only_hint is False
        several: list[Any] = []
        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(lambda: _collect(several, call))
        assert several == [str(scene.engineer.pk)] * 4

    token = factories.agent_key(scene.engineer)
    use(product, token, work, command=("manage.py", "mcp"), DATABASE_URL="postgres://nobody@127.0.0.1:1/none")


async def _collect(into: list[Any], call: Tools) -> None:
    into.append((await call("Me"))["id"])


def test_a_run_token_serves_as_long_as_its_run(product, scene, settings):
    settings.SECRET_KEY = (product.home / "secret.key").read_text().strip()  # what the web part signs with
    run = factories.run(scene.engineer)
    token = tokens.mint_run_token(agent=scene.engineer, run_id=run.pk, now=clock.now())

    async def work(call: Tools) -> None:
        assert (await call("Me"))["id"] == str(scene.engineer.pk)
        await anyio.to_thread.run_sync(lambda: Run.objects.filter(pk=run.pk).update(status="succeeded"))
        assert (await call("Me"))["status"] == 401

    use(product, token, work, PAPERCLIP_RUN_ID=str(run.pk))


@pytest.mark.parametrize(
    "command", [["-m", "paperclip.mcp"], ["manage.py", "mcp"]], ids=["module", "manage.py"]
)
@pytest.mark.parametrize("name", ["PAPERCLIP_API_URL", "PAPERCLIP_API_KEY"])
def test_a_missing_setting_ends_it_with_a_sentence(tmp_path, command, name):  # K-40
    environment = {**os.environ, "PAPERCLIP_API_URL": "http://x", "PAPERCLIP_API_KEY": "k"} | {name: ""}
    environment |= {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/none", "PAPERCLIP_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, *command],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"Missing {name}\n")
