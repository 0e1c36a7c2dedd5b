"""Every endpoint of issues, called as its row of the contract's table says: who, what with, what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from paperclip.core import clock
from tests import factories

ARRAY = "an array"
SOON = clock.iso(clock.now() + timedelta(hours=1))
_OPTIONS = [{"id": "yes", "label": "Yes"}, {"id": "no", "label": "No"}]
_ASKED = {
    "kind": "ask_user_questions",
    "payload": {
        "version": 1,
        "questions": [{"id": "q", "prompt": "Now?", "selectionMode": "single", "options": _OPTIONS}],
    },
}
_CONFIRM = {"kind": "request_confirmation", "payload": {"version": 1, "prompt": "Ship it?"}}
_CONTEXT = {
    "issue", "ancestors", "project", "goal", "commentCursor", "wakeComment", "attachments", "continuationSummary",
    "currentExecutionWorkspace",
}  # fmt: skip
_DETAIL = {
    "labels", "labelIds", "ancestors", "blockerAttention", "productivityReview", "successfulRunHandoff",
    "scheduledRetry", "blockedBy", "blocks", "relatedWork", "referencedIssueIdentifiers", "planDocument",
    "documentSummaries", "legacyPlanDocument", "project", "goal", "mentionedProjects", "currentExecutionWorkspace",
    "workProducts",
}  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One call; `{names}` in path and body stand for what earlier answers were remembered as.

    `has` is a set of keys the answer has, some of its values, or ARRAY; `keep` remembers its id under a name.
    """

    rule: str
    who: str
    call: str
    body: Mapping[str, Any] | None = None
    status: int = 200
    has: Any = field(default_factory=set)
    keep: str = ""


STEPS = [
    Step("I-158", "agent", "GET /issues", status=400, has={"error"}),
    Step(
        "I-160", "board", "POST /companies/{c}/issues", {"title": "Made", "status": "todo"}, 201,
        {"identifier", "labels", "labelIds", "relatedWork", "referencedIssueIdentifiers"}, "i",
    ),
    Step("I-161", "agent", "POST /issues/{i}/children", {"title": "Part"}, 201, {"parentId": "{i}"}, "child"),
    Step("I-159", "agent", "GET /companies/{c}/issues", has=ARRAY),
    Step("I-162", "agent", "GET /issues/{i}", has=_DETAIL),
    Step("I-163", "agent", "GET /issues/{i}/heartbeat-context", has=_CONTEXT),
    Step("I-208", "worker", "GET /agents/me/inbox-lite", has=ARRAY),
    Step("I-208", "worker", "GET /agents/me/inbox/mine?userId={owner}", has=ARRAY),
    Step("I-166", "worker", "POST /issues/{i}/checkout", {"agentId": "{engineer}", "expectedStatuses": ["todo"]},
         has={"status": "in_progress", "checkoutRunId": "{run}"}),
    Step("I-164", "worker", "PATCH /issues/{i}", {"title": "Renamed", "comment": "It has a name now"},
         has={"title": "Renamed", "comment": ..., "relatedWork": ..., "referencedIssueIdentifiers": ...}),
    Step("I-164", "board", "PATCH /issues/{i}", {"blockedByIssueIds": [], "executionPolicy": {
        "monitor": {"nextCheckAt": SOON}}}, has={"comment": None, "blockedBy": [], "blocks": []}),
    Step("I-201", "board", "POST /issues/{i}/monitor/check-now", has={"ok": True}),
    Step("I-202", "board", "POST /issues/{i}/scheduled-retry/retry-now",
         has={"outcome": "no_scheduled_retry", "message": ..., "scheduledRetry": None}),
    Step("I-170", "worker", "POST /issues/{i}/comments", {"body": "Half of it is done"}, 201, {"body"}, "word"),
    Step("I-169", "agent", "GET /issues/{i}/comments", has=ARRAY),
    Step("I-171", "agent", "GET /issues/{i}/comments/{word}", has={"body": "Half of it is done"}),
    Step("I-170", "board", "POST /issues/{i}/comments", {"body": "Never mind"}, 201, {"body"}, "queued"),
    Step("I-172", "board", "DELETE /issues/{i}/comments/{queued}", has={"id": "{queued}", "body": "Never mind"}),
    Step("I-210", "board", "POST /issues/{i}/feedback-votes",
         {"targetType": "issue_comment", "targetId": "{word}", "vote": "up"}, 201, {"vote": "up"}),
    Step("I-210", "board", "GET /issues/{i}/feedback-votes", has=ARRAY),
    Step("I-210", "board", "GET /issues/{i}/feedback-traces", has=ARRAY, keep="trace"),
    Step("I-210", "board", "GET /feedback-traces/{trace}", has={"id": "{trace}"}),
    Step("I-210", "board", "GET /feedback-traces/{trace}/bundle"),
    Step("I-174", "worker", "POST /issues/{i}/interactions", _ASKED, 201, {"status": "pending"}, "first"),
    Step("I-174", "worker", "POST /issues/{i}/interactions", _ASKED, 201, {"status": "pending"}, "second"),
    Step("I-174", "worker", "POST /issues/{i}/interactions", _CONFIRM, 201, {"status": "pending"}, "third"),
    Step("I-174", "worker", "POST /issues/{i}/interactions", _CONFIRM, 201, {"status": "pending"}, "fourth"),
    Step("I-173", "agent", "GET /issues/{i}/interactions", has=ARRAY),
    Step("I-177", "board", "POST /issues/{i}/interactions/{first}/respond",
         {"answers": [{"questionId": "q", "optionIds": ["yes"]}]}, has={"status": "answered"}),
    Step("I-178", "board", "POST /issues/{i}/interactions/{second}/cancel", {"reason": "Later"},
         has={"status": "cancelled"}),
    Step("I-175", "board", "POST /issues/{i}/interactions/{third}/accept", has={"status": "accepted"}),
    Step("I-176", "board", "POST /issues/{i}/interactions/{fourth}/reject", {"reason": "No"},
         has={"status": "rejected"}),
    Step("I-181", "worker", "PUT /issues/{i}/documents/plan", {"format": "markdown", "body": "One"}, 201,
         {"key": "plan", "latestRevisionNumber": 1}),
    Step("I-179", "agent", "GET /issues/{i}/documents", has=ARRAY),
    Step("I-182", "agent", "GET /issues/{i}/documents/plan/revisions", has=ARRAY, keep="revision"),
    Step("I-181", "worker", "PUT /issues/{i}/documents/plan",
         {"format": "markdown", "body": "Two", "baseRevisionId": "{revision}"}, has={"latestRevisionNumber": 2}),
    Step("I-180", "agent", "GET /issues/{i}/documents/plan", has={"body": "Two"}),
    Step("I-183", "worker", "POST /issues/{i}/documents/plan/revisions/{revision}/restore",
         has={"body": "One", "latestRevisionNumber": 3}),
    Step("I-184", "board", "DELETE /issues/{i}/documents/plan", has={"ok": True}),
    Step("I-186", "worker", "POST /issues/{i}/work-products",
         {"type": "branch", "provider": "git", "title": "main"}, 201, {"status": "active"}, "product"),
    Step("I-185", "agent", "GET /issues/{i}/work-products", has=ARRAY),
    Step("I-187", "worker", "PATCH /work-products/{product}", {"title": "trunk"}, has={"title": "trunk"}),
    Step("I-187", "worker", "DELETE /work-products/{product}", has={"id": "{product}"}),
    Step("I-189", "worker", "POST /companies/{c}/issues/{i}/attachments", {"file": b"hello"}, 201,
         {"byteSize": 5}, "file"),
    Step("I-188", "agent", "GET /issues/{i}/attachments", has=ARRAY),
    Step("I-190", "agent", "GET /attachments/{file}/content", has=b"hello"),
    Step("I-191", "worker", "DELETE /attachments/{file}", has={"ok": True}),
    Step("I-192", "board", "POST /issues/{i}/read", has={"lastReadAt"}),
    Step("I-192", "board", "DELETE /issues/{i}/read", has={"id": "{i}", "removed": True}),
    Step("I-193", "board", "POST /issues/{i}/inbox-archive", has={"archivedAt"}, keep="archive"),
    Step("I-193", "board", "DELETE /issues/{i}/inbox-archive", has={"id": "{archive}"}),
    Step("I-193", "board", "DELETE /issues/{i}/inbox-archive", has={"ok": True}),
    Step("C-73", "agent", "POST /companies/{c}/approvals",
         {"type": "request_board_approval", "payload": {"title": "May I?"}}, 201, {"status": "pending"}, "approval"),
    Step("I-195", "board", "POST /issues/{i}/approvals", {"approvalId": "{approval}"}, 201, ARRAY),
    Step("I-194", "agent", "GET /issues/{i}/approvals", has=ARRAY),
    Step("I-196", "board", "DELETE /issues/{i}/approvals/{approval}", has={"ok": True}),
    Step("I-198", "agent", "POST /companies/{c}/labels", {"name": "bug", "color": "#112233"}, 201, {"color"}, "label"),
    Step("I-197", "agent", "GET /companies/{c}/labels", has=ARRAY),
    Step("I-199", "board", "DELETE /labels/{label}", has={"id": "{label}"}),
    Step("I-200", "agent", "GET /companies/{c}/search?q=Renamed", has={"results", "countsByType", "hasMore"}),
    Step("I-209", "agent", "GET /issues/{i}/activity", has=ARRAY),
    Step("I-209", "agent", "GET /issues/{i}/runs", has=ARRAY),
    Step("I-209", "agent", "GET /issues/{i}/live-runs", has=ARRAY),
    Step("I-209", "agent", "GET /issues/{i}/active-run", has={"id": "{run}"}),
    Step("I-167", "worker", "POST /issues/{i}/release", has={"status": "todo", "assigneeAgentId": None}),
    Step("I-168", "board", "POST /issues/{i}/admin/force-release", has={"issue", "previous"}),
    Step("I-203", "board", "POST /issues/{i}/tree-control/preview", {"mode": "pause"}, has={"totals", "issues"}),
    Step("I-205", "board", "POST /issues/{i}/tree-holds", {"mode": "pause"}, 201, {"hold", "preview"}, "hold"),
    Step("I-204", "board", "GET /issues/{i}/tree-control/state", has={"activePauseHold"}),
    Step("I-206", "board", "GET /issues/{i}/tree-holds", has=ARRAY),
    Step("I-206", "board", "GET /issues/{i}/tree-holds/{hold}", has={"status": "active"}),
    Step("I-207", "board", "POST /issues/{i}/tree-holds/{hold}/release", has={"status": "released"}),
    Step("I-205", "board", "POST /issues/{i}/tree-holds", {"mode": "resume"}, 200, {"resumedPauseHoldIds"}),
    Step("I-165", "board", "DELETE /issues/{child}", has={"id": "{child}", "title": "Part"}),
]  # fmt: skip


@pytest.fixture
def callers(cast, settings, tmp_path):
    settings.FILES_ROOT = tmp_path
    run = factories.run(cast.engineer)
    names = {
        "c": cast.company.pk,
        "engineer": cast.engineer.pk,
        "owner": cast.owner.pk,
        "run": run.pk,
    }
    return {
        "board": cast.as_owner,
        "worker": cast.as_agent(cast.engineer, run_id=run.pk),
        "agent": cast.as_agent(cast.peer),
    }, {name: str(value) for name, value in names.items()}


def test_every_endpoint_answers_as_its_row_says(callers, cast):
    who, names = callers
    for step in STEPS:
        answer = send(who[step.who], step, names)
        assert answer.status_code == step.status, (step.rule, step.call, answer.content)
        if isinstance(step.has, bytes):
            assert b"".join(answer.streaming_content) == step.has, step.rule
            continue
        said = answer.json()
        assert holds(said, filled(step.has, names)), (step.rule, step.call, said)
        if step.keep:
            names[step.keep] = id_of(said)
        if step.keep == "i":  # from here on the engineer's run works on it
            cast.engineer.runs.update(issue=names["i"])


def send(caller: Any, step: Step, names: Mapping[str, str]) -> Any:
    method, path = filled(step.call, names).split(" ")
    body, how = filled(step.body, names), "json"
    if body and "file" in body:
        body, how = {"file": SimpleUploadedFile("a.txt", body["file"], "text/plain")}, "multipart"
    if method == "POST":
        return caller.post(f"/api{path}", body, format=how)
    if body is None:
        return getattr(caller, method.lower())(f"/api{path}")
    return getattr(caller, method.lower())(f"/api{path}", body)


def filled(what: Any, names: Mapping[str, str]) -> Any:
    """Return `what` with the names in its texts replaced."""
    if isinstance(what, str):
        for name, value in names.items():
            what = what.replace(f"{{{name}}}", value)
        return what
    if isinstance(what, Mapping):
        return {key: filled(value, names) for key, value in what.items()}
    return [filled(each, names) for each in what] if isinstance(what, list) else what


def holds(said: Any, has: Any) -> bool:
    """Whether an answer has the keys, or the values, or is an array with something in it or nothing."""
    if has == ARRAY:
        return isinstance(said, list)
    if isinstance(has, set):
        return isinstance(said, dict) and has <= set(said)
    return all(key in said and (value is ... or said[key] == value) for key, value in has.items())


def id_of(said: Any) -> str:
    """Return the id of an answer, of the first of several, or of the order in it."""
    found = said[0] if isinstance(said, list) else said.get("hold", said)
    return str(found["id"])
