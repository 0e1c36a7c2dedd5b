"""What the tools send, and where they never send it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import ValidationError

from paperclip.mcp import config
from paperclip.mcp.client import ApiError, Call, CallError, Client
from paperclip.mcp.config import ConfigError, MissingError
from paperclip.mcp.tools.catalogue import BY_NAME, TOOLS

KEY = "pcp_agent_0123456789abcdef0123456789abcdef"
BASE = {"PAPERCLIP_API_URL": "http://127.0.0.1:3100", "PAPERCLIP_API_KEY": KEY}


@dataclass
class Api:
    """A web server that answers what it is told to and remembers what it was asked."""

    url: str
    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def client(self, **more: str) -> Client:
        return Client(config.read(BASE | {"PAPERCLIP_API_URL": self.url} | more))


@pytest.fixture
def api() -> Iterator[Api]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            made.asked.append((self.command, self.path, dict(self.headers), body))
            self.send_response(made.status)
            for name, value in made.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(made.body)))
            self.end_headers()
            self.wfile.write(made.body)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Api(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


# --- The environment -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param("http://host:1", "http://host:1/api", id="K-40 api is appended"),
        pytest.param("http://host:1//", "http://host:1/api", id="K-40 trailing slashes"),
        pytest.param("https://host/paperclip", "https://host/paperclip/api", id="K-58 mount path"),
        pytest.param("https://host/paperclip/api/", "https://host/paperclip/api", id="K-40 ends in api"),
    ],
)
def test_the_address_of_the_api(given, expected):
    assert config.read(BASE | {"PAPERCLIP_API_URL": given}).api_url == expected


@pytest.mark.parametrize(
    ("change", "text"),
    [
        pytest.param({"PAPERCLIP_API_URL": " "}, "Missing PAPERCLIP_API_URL", id="K-40 no address"),
        pytest.param({"PAPERCLIP_API_KEY": ""}, "Missing PAPERCLIP_API_KEY", id="K-40 no key"),
        pytest.param({"PAPERCLIP_API_URL": "ftp://host"}, "must be an http or https address", id="no http"),
        pytest.param({"PAPERCLIP_API_URL": "host:3100"}, "must be an http or https address", id="no scheme"),
    ],
)
def test_an_environment_that_does_not_say_enough_is_refused(change, text):
    with pytest.raises(ConfigError, match=text):
        config.read(BASE | change)


def test_the_key_does_not_show():
    assert KEY not in repr(config.read(BASE))


# --- Tools to calls --------------------------------------------------------------------------------------

ID = "7f1c2f0e-5f0a-4a52-9d5b-0f6f3c0a1b2c"


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        pytest.param("Me", {}, Call("GET", "/agents/me"), id="K-42 Me"),
        pytest.param("InboxLite", {}, Call("GET", "/agents/me/inbox-lite"), id="K-42 InboxLite"),
        pytest.param("ListAgents", {}, Call("GET", "/companies/c1/agents"), id="K-42 ListAgents"),
        pytest.param(
            "ListAgents", {"companyId": "c2"}, Call("GET", "/companies/c2/agents"), id="K-42 company"
        ),
        pytest.param("GetAgent", {"agentId": "a b"}, Call("GET", "/agents/a%20b"), id="K-42 GetAgent"),
        pytest.param(
            "GetAgent",
            {"agentId": "a", "companyId": "c"},
            Call("GET", "/agents/a?companyId=c"),
            id="K-42 shortname",
        ),
        pytest.param(
            "GetIssue", {"issueId": "../x?y#z"}, Call("GET", "/issues/..%2Fx%3Fy%23z"), id="K-42 encoded"
        ),
        pytest.param(
            "ListIssues",
            {"status": "todo,done", "q": "a b", "includeRoutineExecutions": True},
            Call("GET", "/companies/c1/issues?status=todo%2Cdone&includeRoutineExecutions=true&q=a+b"),
            id="K-42 ListIssues",
        ),
        pytest.param(
            "ListComments",
            {"issueId": "PAP-1", "after": ID, "order": "asc", "limit": 5},
            Call("GET", f"/issues/PAP-1/comments?after={ID}&order=asc&limit=5"),
            id="K-42 ListComments",
        ),
        pytest.param(
            "GetHeartbeatContext",
            {"issueId": "PAP-1", "wakeCommentId": ID},
            Call("GET", f"/issues/PAP-1/heartbeat-context?wakeCommentId={ID}"),
            id="K-42 GetHeartbeatContext",
        ),
        pytest.param(
            "CreateIssue",
            {"title": "x", "parentId": ID, "description": None},
            Call(
                "POST",
                "/companies/c1/issues",
                {
                    "workMode": "standard",
                    "priority": "medium",
                    "requestDepth": 0,
                    "title": "x",
                    "parentId": ID,
                    "description": None,
                },
            ),
            id="K-42 CreateIssue",
        ),
        pytest.param(
            "UpdateIssue",
            {"issueId": "PAP-1", "assigneeAgentId": None, "comment": "Done."},
            Call("PATCH", "/issues/PAP-1", {"assigneeAgentId": None, "comment": "Done."}),
            id="K-42 UpdateIssue sends only what is given",
        ),
        pytest.param(
            "CheckoutIssue",
            {"issueId": "PAP-1"},
            Call(
                "POST",
                "/issues/PAP-1/checkout",
                {"agentId": "a1", "expectedStatuses": ["todo", "backlog", "blocked"]},
            ),
            id="K-42 CheckoutIssue",
        ),
        pytest.param(
            "ReleaseIssue", {"issueId": "P-1"}, Call("POST", "/issues/P-1/release", {}), id="K-42 Release"
        ),
        pytest.param(
            "UpsertIssueDocument",
            {"issueId": "PAP-1", "key": "plan", "body": "# Plan"},
            Call("PUT", "/issues/PAP-1/documents/plan", {"format": "markdown", "body": "# Plan"}),
            id="K-42 UpsertIssueDocument",
        ),
        pytest.param(
            "ListApprovals",
            {"status": "pending"},
            Call("GET", "/companies/c1/approvals?status=pending"),
            id="K-42 ListApprovals",
        ),
        pytest.param("GetApproval", {"approvalId": "x"}, Call("GET", "/approvals/x"), id="K-42 GetApproval"),
        pytest.param(
            "GetApprovalIssues",
            {"approvalId": "x"},
            Call("GET", "/approvals/x/issues"),
            id="K-42 GetApprovalIssues",
        ),
        pytest.param(
            "ListApprovalComments",
            {"approvalId": "x"},
            Call("GET", "/approvals/x/comments"),
            id="K-42 ListApprovalComments",
        ),
        pytest.param(
            "AddApprovalComment",
            {"approvalId": "x", "body": "Well?"},
            Call("POST", "/approvals/x/comments", {"body": "Well?"}),
            id="K-42 AddApprovalComment",
        ),
        pytest.param(
            "CreateApproval",
            {"type": "request_board_approval", "payload": {"title": "Buy"}, "issueIds": [ID]},
            Call(
                "POST",
                "/companies/c1/approvals",
                {"type": "request_board_approval", "payload": {"title": "Buy"}, "issueIds": [ID]},
            ),
            id="K-42 CreateApproval",
        ),
        pytest.param(
            "ApprovalDecision",
            {"approvalId": "x", "action": "requestRevision", "decisionNote": "Cheaper"},
            Call("POST", "/approvals/x/request-revision", {"decisionNote": "Cheaper"}),
            id="K-42 ApprovalDecision",
        ),
        pytest.param(
            "ApprovalDecision",
            {"approvalId": "x", "action": "resubmit", "payloadJson": '{"title": "Buy less"}'},
            Call("POST", "/approvals/x/resubmit", {"payload": {"title": "Buy less"}}),
            id="K-42 ApprovalDecision resubmit",
        ),
        pytest.param(
            "ApprovalDecision",
            {"approvalId": "x", "action": "resubmit"},
            Call("POST", "/approvals/x/resubmit", {}),
            id="weakness: resubmit without payload keeps the old one",
        ),
        pytest.param(
            "ListIssueApprovals",
            {"issueId": "P-1"},
            Call("GET", "/issues/P-1/approvals"),
            id="K-42 ListIssueApprovals",
        ),
        pytest.param(
            "LinkIssueApproval",
            {"issueId": "P-1", "approvalId": ID},
            Call("POST", "/issues/P-1/approvals", {"approvalId": ID}),
            id="K-42 LinkIssueApproval",
        ),
        pytest.param(
            "UnlinkIssueApproval",
            {"issueId": "P-1", "approvalId": ID},
            Call("DELETE", f"/issues/P-1/approvals/{ID}"),
            id="K-42 UnlinkIssueApproval",
        ),
        pytest.param(
            "SuggestTasks",
            {"issueId": "P-1", "payload": {"version": 1}, "idempotencyKey": "k"},
            Call(
                "POST",
                "/issues/P-1/interactions",
                {
                    "kind": "suggest_tasks",
                    "continuationPolicy": "wake_assignee",
                    "payload": {"version": 1},
                    "idempotencyKey": "k",
                },
            ),
            id="K-42 SuggestTasks",
        ),
        pytest.param(
            "AskUserQuestions",
            {"issueId": "P-1", "payload": {}, "continuationPolicy": "none"},
            Call(
                "POST",
                "/issues/P-1/interactions",
                {"kind": "ask_user_questions", "continuationPolicy": "none", "payload": {}},
            ),
            id="K-42 AskUserQuestions",
        ),
        pytest.param(
            "RequestConfirmation",
            {"issueId": "P-1", "payload": {}},
            Call(
                "POST",
                "/issues/P-1/interactions",
                {"kind": "request_confirmation", "continuationPolicy": "none", "payload": {}},
            ),
            id="K-42 RequestConfirmation",
        ),
        pytest.param(
            "ListRoutineRuns",
            {"routineId": ID, "limit": 5},
            Call("GET", f"/routines/{ID}/runs?limit=5"),
            id="ListRoutineRuns",
        ),
        pytest.param(
            "CreateRoutine",
            {"title": "Sweep", "concurrencyPolicy": "skip_if_active"},
            Call("POST", "/companies/c1/routines", {"title": "Sweep", "concurrencyPolicy": "skip_if_active"}),
            id="CreateRoutine",
        ),
        pytest.param(
            "UpdateRoutine",
            {"routineId": ID, "status": "paused"},
            Call("PATCH", f"/routines/{ID}", {"status": "paused"}),
            id="UpdateRoutine",
        ),
        pytest.param(
            "RunRoutine",
            {"routineId": ID, "variables": {"n": 1, "really": True}},
            Call("POST", f"/routines/{ID}/run", {"variables": {"n": 1, "really": True}}),
            id="RunRoutine",
        ),
        pytest.param(
            "UpdateRoutineTrigger",
            {"triggerId": ID, "enabled": False},
            Call("PATCH", f"/routine-triggers/{ID}", {"enabled": False}),
            id="UpdateRoutineTrigger",
        ),
        pytest.param(
            "ListRuns",
            {"agentId": ID},
            Call("GET", f"/companies/c1/heartbeat-runs?agentId={ID}&limit=50"),
            id="ListRuns",
        ),
        pytest.param(
            "GetRunLog",
            {"runId": ID, "offset": 12},
            Call("GET", f"/heartbeat-runs/{ID}/log?offset=12&limitBytes=64000"),
            id="GetRunLog",
        ),
        pytest.param(
            "RetryNow",
            {"issueId": "P-1"},
            Call("POST", "/issues/P-1/scheduled-retry/retry-now", {}),
            id="RetryNow",
        ),
        pytest.param(
            "ApiRequest",
            {"method": "POST", "path": "/a b/é?q=x y", "jsonBody": '{"a": [1]}'},
            Call("POST", "/a%20b/%C3%A9?q=x%20y", {"a": [1]}),
            id="K-42 ApiRequest",
        ),
    ],
)
def test_a_tool_makes_its_call(tool, arguments, expected):
    known = config.read(BASE | {"PAPERCLIP_COMPANY_ID": "c1", "PAPERCLIP_AGENT_ID": "a1"})
    assert BY_NAME[f"paperclip{tool}"].model_validate(arguments).call(known) == expected


@pytest.mark.parametrize(
    ("tool", "arguments", "text"),
    [
        pytest.param(
            "ListGoals", {}, "companyId is required because PAPERCLIP_COMPANY_ID is not set", id="K-42"
        ),
        pytest.param(
            "CheckoutIssue",
            {"issueId": "x"},
            "agentId is required because PAPERCLIP_AGENT_ID is not set",
            id="K-42 agent",
        ),
    ],
)
def test_an_id_that_nobody_gives_is_asked_for(tool, arguments, text):
    with pytest.raises(MissingError, match=text):
        BY_NAME[f"paperclip{tool}"].model_validate(arguments).call(config.read(BASE))


@pytest.mark.parametrize(
    ("tool", "arguments", "named"),
    [
        pytest.param("GetIssue", {}, "issueId", id="K-42 missing"),
        pytest.param("GetIssue", {"issueId": ""}, "issueId", id="K-42 empty"),
        pytest.param("GetIssue", {"issueId": "x", "extra": 1}, "extra", id="unknown input"),
        pytest.param("ListComments", {"issueId": "x", "limit": 501}, "limit", id="K-42 limit"),
        pytest.param("ListComments", {"issueId": "x", "order": "up"}, "order", id="K-42 order"),
        pytest.param("CreateIssue", {"title": "x", "status": "open"}, "status", id="K-42 status"),
        pytest.param("GetDocument", {"issueId": "x", "key": "k" * 65}, "key", id="K-42 key"),
        pytest.param(
            "UpsertIssueDocument", {"issueId": "x", "key": "k", "body": "x" * 524_289}, "body", id="K-42 body"
        ),
        pytest.param(
            "WaitForIssueWorkspaceService",
            {"issueId": "x", "timeoutSeconds": 301},
            "timeoutSeconds",
            id="W-142",
        ),
        pytest.param(
            "ControlIssueWorkspaceServices",
            {"issueId": "x", "action": "start", "serviceIndex": -1},
            "serviceIndex",
            id="W-141",
        ),
        pytest.param("CreateApproval", {"type": "a wish", "payload": {}}, "type", id="K-42 type"),
        pytest.param("ApiRequest", {"method": "TRACE", "path": "/x"}, "method", id="K-42 method"),
    ],
)
def test_inputs_are_typed(tool, arguments, named):
    with pytest.raises(ValidationError) as refused:
        BY_NAME[f"paperclip{tool}"].model_validate(arguments)
    assert [fault["loc"] for fault in refused.value.errors()] == [(named,)]


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.tool_name())
def test_every_tool_explains_itself(tool):
    assert tool.tool_description().endswith(".")
    schema = tool.input_schema()
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    json.dumps(schema)


# --- Calls to the wire -----------------------------------------------------------------------------------


def test_a_call_carries_token_run_and_body(api):  # K-41
    client = api.client(PAPERCLIP_RUN_ID=ID)
    client.send(Call("POST", "/issues", {"a": 1}))
    client.send(Call("DELETE", "/issues/x"))
    client.send(Call("GET", "/issues/x"))

    post, delete, get = api.asked
    assert (post[0], post[1], post[3]) == ("POST", "/api/issues", b'{"a": 1}')
    assert (post[2]["Authorization"], post[2]["Accept"]) == (f"Bearer {KEY}", "application/json")
    assert (post[2]["Content-Type"], post[2]["X-Paperclip-Run-Id"]) == ("application/json", ID)
    assert "Content-Type" not in delete[2]
    assert delete[2]["X-Paperclip-Run-Id"] == ID
    assert "X-Paperclip-Run-Id" not in get[2]


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        pytest.param(200, b'{"a": [1, null]}', {"a": [1, None]}, id="K-8 JSON"),
        pytest.param(204, b"", None, id="K-8 empty"),
        pytest.param(200, b"plain", "plain", id="K-8 text"),
    ],
)
def test_an_answer_is_read(api, status, body, expected):
    api.status, api.body = status, body
    assert api.client().send(Call("GET", "/x")) == expected


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        pytest.param(409, b'{"error": "Issue checkout conflict"}', "Issue checkout conflict", id="K-9 error"),
        pytest.param(502, b'{"message": "Bad gateway"}', "Bad gateway", id="K-9 message"),
        pytest.param(500, b"oops", "oops", id="K-9 text"),
        pytest.param(403, b"", "no reason given", id="K-9 nothing"),
    ],
)
def test_a_refusal_is_told_in_full(api, status, body, text):  # K-41
    api.status, api.body = status, body
    with pytest.raises(ApiError) as refused:
        api.client().send(Call("POST", "/issues/x/checkout", {}))
    told = refused.value.told()
    assert told["error"] == f"POST /issues/x/checkout failed with {status}: {text}"
    assert (told["status"], told["method"], told["path"]) == (status, "POST", "/issues/x/checkout")
    assert set(told) == {"error", "status", "method", "path", "body"}


def test_a_redirect_does_not_carry_the_token_away(api):
    api.status, api.headers = 302, {"Location": "http://127.0.0.1:1/elsewhere"}
    with pytest.raises(ApiError, match="failed with 302"):
        api.client().send(Call("GET", "/x"))
    assert len(api.asked) == 1


def test_no_proxy_stands_between_this_machine_and_itself(api, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert api.client().send(Call("GET", "/x")) == {}


def test_an_api_that_does_not_answer_is_said_so_without_the_key():
    client = Client(config.read(BASE | {"PAPERCLIP_API_URL": "http://127.0.0.1:1"}))
    with pytest.raises(
        CallError, match=r"Could not reach the Paperclip API at http://127.0.0.1:1/api"
    ) as refused:
        client.send(Call("GET", "/x"))
    assert KEY not in str(refused.value)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/https://elsewhere.example/", id="weakness of the reference"),
        pytest.param("//elsewhere.example/x", id="scheme-relative"),
        pytest.param("/@elsewhere.example/x", id="user part"),
        pytest.param("/x#y", id="fragment"),
        pytest.param("/x?next=https://elsewhere.example", id="query"),
        pytest.param("/\r\nHost: elsewhere.example", id="line feed"),
    ],
)
def test_a_free_request_never_leaves_the_api(api, path):
    call = (
        BY_NAME["paperclipApiRequest"].model_validate({"method": "GET", "path": path}).call(config.read(BASE))
    )
    api.client().send(call)
    (asked,) = api.asked
    assert asked[1].startswith("/api/")
    assert asked[2]["Host"] == api.url.removeprefix("http://")


@pytest.mark.parametrize(
    "path",
    [
        "https://elsewhere.example/",
        "issues",
        "",
        "/../admin",
        "/x/%2e%2e/y",
        "/x/%252e%252e/y",
        "/x/..\\y",
        "/\\x",
    ],
)
def test_a_free_request_that_would_leave_the_api_is_refused(path):
    with pytest.raises((CallError, ValidationError)):
        BY_NAME["paperclipApiRequest"].model_validate({"method": "GET", "path": path}).call(config.read(BASE))


def test_a_body_that_is_no_json_is_refused():
    tool = BY_NAME["paperclipApiRequest"].model_validate({"method": "POST", "path": "/x", "jsonBody": "{"})
    with pytest.raises(CallError, match="jsonBody is not valid JSON"):
        tool.call(config.read(BASE))
