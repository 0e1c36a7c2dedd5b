"""A client of the official SDK, over streamable HTTP, against the real web part."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import httpx2
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from heartbeat.models import Run
from paperclip.governance.models import Approval
from routines.models import Routine
from tests import cast as standing
from tests import factories
from tests.mcp.test_stdio import Tools
from tests.product import ROOT, Product, free_port, wait_for
from tests.workspaces.scenes import make_place, page


@dataclass
class Endpoint:
    """The tools behind an address."""

    url: str
    company_id: str

    def use(self, work: Callable[..., Awaitable[None]], *tokens: str, **ids: str) -> None:
        """Let `work` call the tools as the bearer of each token, all at once."""

        async def main() -> None:
            with anyio.fail_after(60):
                async with anyio.create_task_group() as group:
                    for token in tokens:
                        group.start_soon(one, token)

        async def one(token: str) -> None:
            async with self._tools(token, ids) as call:
                await work(call)

        anyio.run(main)

    @asynccontextmanager
    async def _tools(self, token: str, ids: dict[str, str]) -> AsyncIterator[Tools]:
        headers = {
            "Authorization": f"Bearer {token}",
            "X-Paperclip-Company-Id": self.company_id,
            **{f"X-Paperclip-{name}-Id": value for name, value in ids.items()},
        }
        async with (
            httpx2.AsyncClient(headers=headers) as http,
            streamable_http_client(self.url, http_client=http) as (incoming, outgoing),
            ClientSession(incoming, outgoing) as session,
        ):
            await session.initialize()
            yield Tools(session)

    def status(self, **headers: str) -> int:
        """What a bare request is answered with."""
        hello = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "x", "version": "1"},
            },
        }
        usual = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        request = urllib.request.Request(self.url, json.dumps(hello).encode(), usual | headers)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except urllib.error.URLError:
            return 0


@pytest.fixture
def scene(product: Product) -> standing.Cast:
    product.start("web")
    return standing.make()


@pytest.fixture
def endpoint(product: Product, scene: standing.Cast) -> Endpoint:
    port = free_port()
    product.start("mcp", "--http", f"127.0.0.1:{port}", PAPERCLIP_API_URL=product.url)
    served = Endpoint(f"http://127.0.0.1:{port}/mcp", str(scene.company.pk))
    wait_for(lambda: served.status() == 401, seconds=30, what="the tools to be served")
    return served


def test_each_caller_is_who_their_token_says(endpoint, scene):
    seen: set[str] = set()

    async def work(call: Tools) -> None:
        names = [(await call("Me"))["name"] for _ in range(3)]
        assert len(set(names)) == 1
        seen.update(names)

    endpoint.use(work, *(factories.agent_key(agent) for agent in (scene.engineer, scene.peer, scene.ceo)))
    assert seen == {"Engineer", "Peer", "Ceo"}

    async def refused(call: Tools) -> None:
        assert (await call("Me"))["status"] == 401

    endpoint.use(refused, "pcp_agent_of_nobody")


def test_nobody_gets_in_without_a_token_or_from_a_web_page(endpoint):
    assert endpoint.status() == 401
    assert endpoint.status(Authorization="Basic eDp5") == 401
    assert endpoint.status(Authorization="Bearer x") == 200
    assert endpoint.status(Authorization="Bearer x", Origin="https://elsewhere.example") == 403
    assert endpoint.status(Authorization="Bearer x", Host="elsewhere.example") == 421


def test_the_board_is_asked_and_answers(endpoint, scene):  # K-42
    issue = factories.issue(scene.company, assignee_agent=scene.ceo)
    run = factories.run(scene.ceo, issue=issue)

    async def ask(call: Tools) -> None:
        asked = await call(
            "CreateApproval",
            type="request_board_approval",
            payload={"title": "Buy a broom"},
            issueIds=[str(issue.pk)],
        )
        assert [row["id"] for row in await call("ListIssueApprovals", issueId=issue.identifier)] == [
            asked["id"]
        ]
        assert [row["id"] for row in await call("GetApprovalIssues", approvalId=asked["id"])] == [
            str(issue.pk)
        ]
        await call("AddApprovalComment", approvalId=asked["id"], body="The old one is worn.")
        said = await call("ListApprovalComments", approvalId=asked["id"])
        assert [comment["body"] for comment in said] == ["The old one is worn."]
        gone = await call("UnlinkIssueApproval", issueId=issue.identifier, approvalId=asked["id"])
        assert gone == {"ok": True}
        assert await call("ListIssueApprovals", issueId=issue.identifier) == []
        await call("LinkIssueApproval", issueId=issue.identifier, approvalId=asked["id"])
        tasks = {"version": 1, "tasks": [{"clientKey": "a", "title": "Sweep the yard"}]}
        put = await call("SuggestTasks", issueId=issue.identifier, payload=tasks, idempotencyKey="once")
        again = await call("SuggestTasks", issueId=issue.identifier, payload=tasks, idempotencyKey="once")
        assert (put["kind"], again["id"]) == ("suggest_tasks", put["id"])
        question = {
            "id": "q",
            "prompt": "Which broom?",
            "selectionMode": "single",
            "options": [{"id": "red", "label": "The red one"}],
        }
        form = {"version": 1, "questions": [question]}
        assert (await call("AskUserQuestions", issueId=issue.identifier, payload=form))["status"] == "pending"
        yes = {"version": 1, "prompt": "Shall I?"}
        sure = await call("RequestConfirmation", issueId=issue.identifier, payload=yes)
        assert sure["continuationPolicy"] == "none"
        assert len(await call("ListInteractions", issueId=issue.identifier)) == 3

    endpoint.use(ask, factories.agent_key(scene.ceo), Agent=str(scene.ceo.pk), Run=str(run.pk))

    async def decide(call: Tools) -> None:
        (question,) = await call("ListApprovals", status="pending")
        sent_back = await call(
            "ApprovalDecision", approvalId=question["id"], action="requestRevision", decisionNote="Cheaper?"
        )
        assert sent_back["status"] == "revision_requested"
        again = await call("ApprovalDecision", approvalId=question["id"], action="resubmit")
        assert (again["status"], again["payload"]) == ("pending", {"title": "Buy a broom"})
        await call("ApprovalDecision", approvalId=question["id"], action="approve")
        assert (await call("GetApproval", approvalId=question["id"]))["status"] == "approved"

    endpoint.use(decide, factories.board_token(scene.owner))
    assert Approval.objects.get().decided_by_user_id == scene.owner.pk


def test_routines_and_runs_are_worked_with(endpoint, scene):
    async def work(call: Tools) -> None:
        made = await call(
            "CreateRoutine",
            title="Sweep",
            description="Sweep the {{place}}",
            assigneeAgentId=str(scene.engineer.pk),
            variables=[{"name": "place", "type": "text", "required": True, "defaultValue": "yard"}],
        )
        added = await call(
            "AddRoutineTrigger",
            routineId=made["id"],
            kind="schedule",
            cronExpression="0 9 * * MON-FRI",
            timezone="Europe/Berlin",
        )
        trigger = added["trigger"]["id"]
        changed = await call("UpdateRoutineTrigger", triggerId=trigger, enabled=False)
        assert (changed["id"], changed["enabled"]) == (trigger, False)
        started = await call(
            "RunRoutine", routineId=made["id"], variables={"place": "hall"}, idempotencyKey="k"
        )
        repeat = await call(
            "RunRoutine", routineId=made["id"], variables={"place": "hall"}, idempotencyKey="k"
        )
        assert repeat["id"] == started["id"]
        (run,) = await call("ListRoutineRuns", routineId=made["id"])
        assert (run["status"], run["id"]) == ("issue_created", started["id"])
        issue = await call("GetIssue", issueId=run["linkedIssueId"])
        assert issue["description"] == "Sweep the hall"
        assert await call("DeleteRoutineTrigger", triggerId=trigger) is None
        paused = await call("UpdateRoutine", routineId=made["id"], status="paused")
        assert paused["status"] == "paused"
        assert (await call("GetRoutine", routineId=made["id"]))["triggers"] == []
        assert [row["id"] for row in await call("ListRoutines")] == [made["id"]]

        (woken,) = await call("ListIssueRuns", issueId=issue["identifier"])
        (listed,) = await call("ListRuns", agentId=str(scene.engineer.pk))
        assert listed["id"] == woken["runId"]
        stopped = await call("CancelRun", runId=listed["id"])
        assert stopped["status"] == "cancelled"
        assert (await call("GetRun", runId=listed["id"]))["status"] == "cancelled"
        assert isinstance(await call("ListRunEvents", runId=listed["id"], limit=10), list)
        assert (await call("GetRunLog", runId=listed["id"]))["status"] == 404
        assert (await call("RetryNow", issueId=issue["identifier"]))["outcome"] == "no_scheduled_retry"

    endpoint.use(work, factories.board_token(scene.owner))
    assert Routine.objects.get().status == "paused"
    assert Run.objects.get().status == "cancelled"


def test_a_service_is_started_waited_for_fetched_and_stopped(endpoint, scene, tmp_path):  # W-140 to W-142
    place = make_place(scene, page(tmp_path))
    issue = factories.issue(scene.company, assignee_agent=scene.engineer, execution_workspace=place)
    run = factories.run(scene.engineer, issue=issue)

    async def work(call: Tools) -> None:
        of_issue = {"issueId": issue.identifier}
        before = await call("GetIssueWorkspaceRuntime", **of_issue)
        assert (before["workspace"]["id"], before["runtimeServices"]) == (str(place.pk), [])
        started = await call("ControlIssueWorkspaceServices", **of_issue, action="start")
        assert started["operation"]["status"] == "succeeded"
        ready = await call("WaitForIssueWorkspaceService", **of_issue, serviceName="web", timeoutSeconds=30)
        async with httpx2.AsyncClient() as http:
            assert (await http.get(ready["service"]["url"])).text == "hello from here"
        target = {"runtimeServiceId": ready["service"]["id"]}
        await call("ControlIssueWorkspaceServices", **of_issue, action="stop", **target)
        (service,) = (await call("GetIssueWorkspaceRuntime", **of_issue))["runtimeServices"]
        assert service["status"] == "stopped"

    endpoint.use(work, factories.agent_key(scene.engineer), Agent=str(scene.engineer.pk), Run=str(run.pk))


@pytest.mark.parametrize("address", ["3180", ":3180", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:web"])
def test_an_address_that_is_none_is_refused(address):
    done = subprocess.run(
        [sys.executable, "-m", "paperclip.mcp", "--http", address],
        env={"PAPERCLIP_API_URL": "http://127.0.0.1:1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "--http takes HOST:PORT, such as 127.0.0.1:3180\n"
