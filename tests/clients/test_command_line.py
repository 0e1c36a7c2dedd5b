"""The reference's command line, from npm, run through its list of commands against the real server (K-13 to K-38).

`old` and `new` are the two lines of versions the contract speaks of. A scene is a row of commands that lean on one
another; scenes do not disturb each other and run side by side, for it is the start of each command that takes time.
"""

from __future__ import annotations

import json
import socket
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from paperclip.companies.models import Agent
from tests import factories
from tests.clients.conftest import Shop
from tests.clients.installed import Cli
from tests.product import wait_for
from tests.workspaces.scenes import WEB, make_place, page

pytestmark = pytest.mark.npm

Scene = Callable[[Shop, Cli], None]
_SCENES: dict[str, tuple[Scene, str]] = {}
_AT_ONCE = 3
_BOTH = ("old", "new")
_QUESTIONS = {
    "version": 1,
    "questions": [
        {"id": "q", "prompt": "Which?", "selectionMode": "single", "options": [{"id": "a", "label": "A"}]}
    ],
}


def scene(rules: str, *versions: str) -> Callable[[Scene], Scene]:
    """Register a scene for the versions that have its commands."""

    def register(function: Scene) -> Scene:
        for version in versions:
            name = f"{rules} {function.__name__.replace('_', ' ')}, {version}"
            _SCENES[name] = (function, version)
        return function

    return register


def payload(**fields: Any) -> tuple[str, str]:
    return "--payload-json", json.dumps(fields)


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


@scene("K-1, K-2, K-4, K-5, K-9, K-13, K-39", *_BOTH)
def identity(shop: Shop, cli: Cli) -> None:
    cli = cli.alone
    me = cli("auth", "whoami")
    assert (me["userId"], me["isInstanceAdmin"]) == (str(shop.cast.owner.pk), True)
    nobody = cli.having(PAPERCLIP_API_KEY="pcp_board_none")
    assert nobody.refused("company", "list").splitlines()[-1].startswith("API error 401: ")  # K-9
    unheard = cli.having(PAPERCLIP_API_URL=f"http://127.0.0.1:{_closed_port()}")
    assert "Could not reach the Paperclip API." in unheard.refused("company", "list")
    place = cli("context", "set", "--company-id", shop.cast.company.pk, "--profile", cli.version)
    assert place["profile"]["companyId"] == str(shop.cast.company.pk)  # K-3
    told = cli.run("dashboard", "get")
    assert told.code == 1  # K-5: some commands want the option itself
    # K-1, K-2: what is said on the line comes before the environment, and that before the profile.
    mine = ("--api-key", shop.token, "--data-dir", cli.home / "other")
    assert nobody("auth", "whoami", *mine)["userId"] == str(shop.cast.owner.pk)
    assert unheard("auth", "whoami", "--api-base", f"{shop.product.url}//")["userId"] == me["userId"]  # K-4
    other = cli.having(PAPERCLIP_COMPANY_ID=str(shop.cast.elsewhere.pk))
    assert "403" in other.refused("issue", "list", "--profile", cli.version)
    assert isinstance(other("issue", "list", "--company-id", shop.cast.company.pk), list)
    assert isinstance(cli("issue", "list", "--profile", cli.version), list)


@scene("K-13", "new")
def keys_and_challenges(shop: Shop, cli: Cli) -> None:
    assert cli("whoami")["userId"] == cli("access", "whoami")["userId"] == str(shop.cast.owner.pk)
    assert cli("health")["status"] == "ok"
    assert cli("openapi")["info"]["title"] == "Paperclip for Django"
    place = ("-C", shop.cast.company.pk)
    made = cli("token", "agent", "create", "--agent", "peer", *place, "--name", "spare")
    key = made["key"]
    agent = cli.having(PAPERCLIP_API_KEY=key["token"])
    assert agent("agent", "me")["id"] == str(shop.cast.peer.pk)
    listed = cli("token", "agent", "list", "--agent", "peer", *place)
    assert key["id"] in ids(listed["keys"])
    assert key["token"] not in json.dumps(listed)
    cli("token", "agent", "revoke", key["id"], "--agent", "peer", *place)
    assert "401" in agent.refused("agent", "me")
    board = cli("token", "board", "create", "--name", "spare", "--ttl-days", "1")["key"]
    assert board["id"] in ids(cli("token", "board", "list"))
    cli("token", "board", "revoke", board["id"])
    asked = cli("auth", "challenge", "create", *payload(command="paperclipai company list"))
    secret = ("--token", asked["token"])
    assert cli("auth", "challenge", "get", asked["id"], *secret)["status"] == "pending"
    assert cli("auth", "challenge", "approve", asked["id"], *secret)["approved"] is True
    person = cli.having(PAPERCLIP_API_KEY=asked["boardApiToken"])
    assert person("whoami")["source"] == "board_key"
    assert person("auth", "revoke-current")["revoked"] is True
    assert "401" in person.refused("company", "list")
    second = cli("auth", "challenge", "create", *payload(command="x"))
    assert cli("auth", "challenge", "cancel", second["id"], "--token", second["token"])["cancelled"] is True


@scene("K-37", "new")
def workspaces(shop: Shop, cli: Cli) -> None:
    folder = cli.home / "work"
    folder.mkdir()
    place = make_place(shop.cast, page(folder))
    assert ids(cli("workspace", "list", "-C", shop.cast.company.pk)) == [str(place.pk)]
    assert cli("workspace", "get", place.pk)["name"] == "w"
    assert cli("workspace", "update", place.pk, *payload(name="trunk"))["name"] == "trunk"
    assert cli("workspace", "close-readiness", place.pk)["state"] == "ready"
    started = cli("workspace", "runtime-service", place.pk, "start", *payload(workspaceCommandId="web"))
    (service,) = started["workspace"]["runtimeServices"]
    assert service["status"] == "running"
    with urllib.request.urlopen(service["url"], timeout=5) as answer:
        assert answer.read() == b"hello from here"
    again = cli("workspace", "runtime-command", place.pk, "restart")
    assert again["operation"]["status"] == "succeeded"
    cli("workspace", "runtime-service", place.pk, "stop", *payload(runtimeServiceId=service["id"]))
    assert len(cli("workspace", "operations", place.pk)) == 3
    assert (
        cli("run", "workspace-log", started["operation"]["id"])["operationId"] == started["operation"]["id"]
    )
    assert cli("run", "workspace-operations", factories.run(shop.cast.peer).pk) == []
    assert "422" in cli.refused("workspace", "runtime-command", place.pk, "run", *payload(serviceIndex=0))
    project = factories.project(shop.cast.company)
    code = project.workspaces.create(
        company=shop.cast.company,
        name="code",
        cwd=str(folder / "served"),
        runtime_config={"workspaceRuntime": {"commands": [WEB]}},
    )
    served = cli("project-workspace", "runtime-service", project.pk, code.pk, "start")
    assert [row["status"] for row in served["workspace"]["runtimeServices"]] == ["running"]
    cli("project-workspace", "runtime-command", project.pk, code.pk, "stop")


@scene("K-14", *_BOTH)
def companies(shop: Shop, cli: Cli) -> None:
    company = shop.cast.company
    assert str(company.pk) in ids(cli("company", "list"))
    assert cli("company", "get", company.pk)["issuePrefix"] == company.issue_prefix
    lines = cli.run("company", "list")  # K-10: one line a row, the telling columns first
    assert lines.code == 0
    assert f"id={company.pk} name={company.name} status=active" in lines.out
    assert cli("company", "feedback:list", "-C", company.pk) == []
    out = cli.home / f"company-{cli.version}.ndjson"
    assert cli("company", "feedback:export", "-C", company.pk, "--out", out)["count"] == 0
    cli("feedback", "export", "-C", company.pk, "--out", cli.home / f"feedback-{cli.version}")
    assert cli.run("feedback", "report", "-C", company.pk).code == 0


@scene("K-14, K-17", "new")
def changing_companies(shop: Shop, cli: Cli) -> None:
    agent = cli.having(PAPERCLIP_API_KEY=factories.agent_key(shop.cast.peer))
    assert cli("company", "current", "-C", shop.cast.company.pk)["id"] == str(shop.cast.company.pk)
    assert agent("company", "current")["id"] == str(shop.cast.company.pk)
    assert ids(agent("company", "list")) == [str(shop.cast.company.pk)]
    assert str(shop.cast.company.pk) in cli("company", "stats")
    made = cli("company", "create", *payload(name="Fresh"))
    assert cli("company", "update", made["id"], *payload(description="Air"))["description"] == "Air"
    branded = cli("company", "branding:update", made["id"], *payload(brandColor="#112233"))
    assert branded["brandColor"] == "#112233"
    assert cli("company", "archive", made["id"])["status"] == "archived"
    assert cli("company", "delete", made["id"], "--yes", "--confirm", made["id"]) is not None
    assert made["id"] not in ids(cli("company", "list"))


@scene("K-15, K-16", *_BOTH)
def packages(shop: Shop, cli: Cli) -> None:
    folder = cli.home / f"package-{cli.version}"
    written = cli("company", "export", shop.cast.company.pk, "--out", folder)
    assert written["ok"] is True
    assert written["filesWritten"] == sum(path.is_file() for path in folder.rglob("*"))
    name = f"Copy {cli.version}"
    copy = cli("company", "import", folder, "--target", "new", "--new-company-name", name, "--yes")
    assert (copy["company"]["name"], copy["company"]["action"]) == (name, "created")
    assert {row["action"] for row in copy["agents"]} == {"created"}
    # Into a company that is there the command brings no programs of this host: it names another adapter for them.
    into = ("--target", "existing", "-C", copy["company"]["id"], "--include", "agents")
    again = cli("company", "import", folder, *into, "--yes")
    assert {row["action"] for row in again["agents"]} == {"created"}
    kinds = Agent.objects.filter(pk__in=ids(again["agents"])).values_list("adapter_type", flat=True)
    assert set(kinds) == {"claude_local"}
    seen = cli("company", "import", folder, "--target", "new", "--new-company-name", "None", "--dry-run")
    assert seen is not None
    assert "None" not in [row["name"] for row in cli("company", "list")]


@scene("K-17", "new")
def packages_by_the_interface(shop: Shop, cli: Cli) -> None:
    company = shop.cast.company.pk
    assert cli("company", "export:preview", company, *payload())["manifest"]["agents"] != []
    package = cli("company", "export:api", company, *payload(include={"company": True, "agents": False}))
    source = {"type": "inline", "rootPath": package["rootPath"], "files": package["files"]}
    into = {"source": source, "target": {"mode": "existing_company", "companyId": str(company)}}
    chosen = {"include": {"company": False, "agents": False, "projects": True, "issues": False}}
    assert cli("company", "import:preview", company, *payload(**into, **chosen))["errors"] == []
    assert cli("company", "import:apply", company, *payload(**into, **chosen))["agents"] == []


@scene("K-18, K-19", *_BOTH)
def agents(shop: Shop, cli: Cli) -> None:
    company, peer = shop.cast.company.pk, str(shop.cast.peer.pk)
    assert peer in ids(cli("agent", "list", "-C", company))
    assert cli("agent", "get", peer)["urlKey"] == "peer"
    given = cli("agent", "local-cli", "peer", "-C", company, "--no-install-skills", "--key-name", "mine")
    assert given["agent"]["id"] == peer
    assert f"export PAPERCLIP_AGENT_ID='{peer}'" in given["exports"]
    assert given["key"]["token"] in given["exports"]


@scene("K-20", "new")
def changing_agents(shop: Shop, cli: Cli) -> None:
    place = ("-C", shop.cast.company.pk)
    new = {"role": "engineer", "adapterType": "process", "adapterConfig": {"command": "true"}}
    agent = cli("agent", "create", *place, *payload(name="Zoe", **new))["id"]
    hired = cli("agent", "hire", *place, *payload(name="Hana", **new))
    assert hired["agent"]["name"] == "Hana"
    waiting = factories.agent(shop.cast.company, name="Wanda", status="pending_approval")
    assert cli("agent", "approve", waiting.pk)["status"] == "idle"
    assert cli("agent", "update", agent, *payload(title="Sweeper"))["title"] == "Sweeper"
    rights = payload(canCreateAgents=True, canAssignTasks=True)
    assert cli("agent", "permissions:update", agent, *rights)["permissions"]["canCreateAgents"] is True
    assert cli("agent", "configuration", agent)["adapterType"] == "process"
    (revision,) = [row for row in cli("agent", "config-revisions", agent) if "title" in row["changedKeys"]]
    assert cli("agent", "config-revision:get", agent, revision["id"])["id"] == revision["id"]
    cli("agent", "config-revision:rollback", agent, revision["id"])
    assert cli("agent", "pause", agent)["status"] == "paused"
    assert cli("agent", "resume", agent)["status"] == "idle"
    assert cli("agent", "terminate", agent)["status"] == "terminated"
    assert cli("agent", "delete", agent, "--yes")["ok"] is True


@scene("K-20", "new")
def what_agents_know(shop: Shop, cli: Cli) -> None:
    agent = str(shop.cast.manager.pk)
    assert cli("agent", "runtime-state", agent)["agentId"] == agent
    cli("agent", "runtime-state:reset-session", agent, "--task-key", "none")
    assert cli("agent", "task-sessions", agent) == []
    assert cli("agent", "skills", agent)["desiredSkills"] is not None
    cli("agent", "skills:sync", agent, "--desired-skills", "paperclip", "--mode", "add")
    where = payload(path="/srv/AGENTS.md", adapterConfigKey="instructionsFilePath")
    assert cli("agent", "instructions-path:update", agent, *where)["path"] == "/srv/AGENTS.md"
    cli("agent", "instructions-bundle:update", agent, *payload(mode="managed"))
    assert cli("agent", "instructions-bundle", agent)["mode"] == "managed"
    for name in ("AGENTS.md", "MORE.md"):
        cli("agent", "instructions-file:put", agent, "--path", name, "--content", "# Sweep")
    assert cli("agent", "instructions-file:get", agent, "--path", "AGENTS.md")["content"] == "# Sweep"
    cli("agent", "instructions-file:delete", agent, "--path", "MORE.md")
    assert [row["name"] for row in cli("available-skill", "list")["skills"]] != []
    assert cli("org", "get", "-C", shop.cast.company.pk)[0]["id"] == str(shop.cast.ceo.pk)
    picture = cli.home / "org.png"
    assert cli.run("org", "png", "-C", shop.cast.company.pk, "--out", picture).code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    drawing = cli.home / "org.svg"
    assert cli.run("org", "svg", "-C", shop.cast.company.pk, "--out", drawing).code == 0
    assert "<svg" in drawing.read_text()
    assert agent in ids(cli("agent-config", "list", "-C", shop.cast.company.pk))
    for text in ("agent-configuration", "agent-icons"):
        assert cli.run("llm", text).code == 0
    assert cli.run("llm", "agent-configuration:adapter", "process").code == 0


@scene("K-20, K-21", "new")
def agents_in_person(shop: Shop, cli: Cli) -> None:
    company, peer = str(shop.cast.company.pk), shop.cast.peer
    agent = cli.having(PAPERCLIP_API_KEY=factories.agent_key(peer), PAPERCLIP_COMPANY_ID=company)
    issue = cli(
        "issue",
        "create",
        "-C",
        company,
        "--title",
        "Dust",
        "--assignee-agent-id",
        peer.pk,
        "--status",
        "todo",
    )
    assert issue["id"] in ids(agent("agent", "inbox"))
    assert isinstance(agent("agent", "inbox-mine", "--user-id", shop.cast.owner.pk), list)
    run = str(factories.run(peer).pk)
    working = agent.having(PAPERCLIP_RUN_ID=run)  # K-6
    taken = working("issue", "checkout", issue["id"], "--agent-id", peer.pk)
    assert (taken["status"], taken["checkoutRunId"]) == ("in_progress", run)
    assert (
        working("issue", "update", issue["id"], "--status", "done", "--comment", "Dusted.")["status"]
        == "done"
    )
    assert "401" in agent.refused("issue", "checkout", issue["id"], "--agent-id", peer.pk)
    told = agent("agent", "prompt", "Go", "on", "--agent", peer.pk, "--issue", issue["id"], "--no-wake")
    assert told["ok"] is True
    asked = cli("board", "prompt", "Polish", "--agent", "peer", "-C", company, "--no-wake")
    assert asked["issue"]["assigneeAgentId"] == str(peer.pk)
    assert cli("agent", "wake", "peer", "-C", company, "--reason", "now")["status"] == "skipped"  # K-21


@scene("K-22, K-23", *_BOTH)
def issues(shop: Shop, cli: Cli) -> None:
    company, peer, word = shop.cast.company.pk, str(shop.cast.peer.pk), f"Sweep {cli.version}"
    made = cli(
        "issue", "create", "-C", company, "--title", word, "--description", "All of it", "--priority", "high",
        "--status", "backlog", "--assignee-agent-id", peer, "--request-depth", "0", "--billing-code", "x",
    )  # fmt: skip
    issue = made["identifier"]
    assert (made["title"], made["priority"], made["assigneeAgentId"]) == (word, "high", peer)
    found = cli("issue", "list", "-C", company, "--status", "todo,backlog", "--match", word.upper())
    assert ids(found) == [made["id"]]
    assert cli("issue", "get", issue)["id"] == cli("issue", "get", made["id"])["id"]
    changed = cli("issue", "update", issue, "--title", f"{word}!", "--comment", "Look", "--hidden-at", "null")
    assert (changed["title"], changed["comment"]["body"]) == (f"{word}!", "Look")
    assert cli("issue", "comment", issue, "--body", "A word")["body"] == "A word"
    assert cli("issue", "checkout", issue, "--agent-id", peer)["status"] == "in_progress"
    engineer = shop.cast.manager.pk
    assert "API error 409: " in cli.refused("issue", "checkout", issue, "--agent-id", engineer)
    assert cli("issue", "release", issue)["status"] == "todo"
    assert cli("issue", "update", issue, "--status", "done")["status"] == "done"
    assert (
        cli("issue", "comment", issue, "--body", "Once more", "--reopen", "--resume")["body"] == "Once more"
    )
    assert cli("issue", "feedback:list", issue) == []
    out = cli.home / f"issue-{cli.version}.ndjson"
    assert cli("issue", "feedback:export", issue, "--out", out)["count"] == 0
    refused = cli.refused(
        "issue", "create", "-C", company, "--title", "x", "--parent-id", factories.NO_SUCH_ID
    )
    assert "API error 4" in refused


@scene("K-24", "new")
def threads(shop: Shop, cli: Cli) -> None:
    issue = _issue(shop, cli)
    first = cli("issue", "comment", issue, "--body", "First")
    second = cli("issue", "comment", issue, "--body", "Second")
    assert ids(cli("issue", "comments", issue, "--order", "asc", "--limit", "5")) == [
        first["id"],
        second["id"],
    ]
    after = cli("issue", "comments", issue, "--after-comment-id", first["id"], "--order", "asc")
    assert ids(after) == [second["id"]]
    assert cli("issue", "comment:get", issue, first["id"])["body"] == "First"
    assert "API error 409: " in cli.refused("issue", "comment:delete", issue, first["id"])  # it is not queued
    for word in ("read", "unread", "archive", "unarchive"):
        cli("issue", word, issue)
    said = factories.comment(shop.cast.company.issues.get(pk=issue), "Done", author_agent=shop.cast.peer)
    vote = payload(targetType="issue_comment", targetId=str(said.pk), vote="up")
    assert cli("issue", "feedback:vote", issue, *vote)["vote"] == "up"
    (cast_vote,) = cli("issue", "feedback:votes", issue)
    assert cast_vote["targetId"] == str(said.pk)
    (trace,) = cli("issue", "feedback:list", issue)
    assert cli("feedback", "trace", trace["id"])["id"] == trace["id"]
    assert cli("feedback", "bundle", trace["id"]) is not None


@scene("K-24", "new")
def documents_and_files(shop: Shop, cli: Cli) -> None:
    issue = _issue(shop, cli)
    first = cli("issue", "document:put", issue, "plan", "--title", "Plan", "--body", "# One")
    base = first["latestRevisionId"]
    second = cli(
        "issue",
        "document:put",
        issue,
        "plan",
        "--body",
        "# Two",
        "--base-revision-id",
        base,
        "--change-summary",
        "x",
    )
    assert second["latestRevisionNumber"] == 2
    stale = cli.refused(
        "issue", "document:put", issue, "plan", "--body", "# Three", "--base-revision-id", base
    )
    assert "API error 409: " in stale
    assert [row["key"] for row in cli("issue", "documents", issue, "--include-system")] == ["plan"]
    assert cli("issue", "document:get", issue, "plan")["body"] == "# Two"
    assert len(cli("issue", "document:revisions", issue, "plan")) == 2
    assert cli("issue", "document:restore", issue, "plan", base)["body"] == "# One"
    assert cli("issue", "document:delete", issue, "plan")["ok"] is True
    file, back = cli.home / "words.txt", cli.home / "back.txt"
    file.write_text("Größtenteils sauber")
    kept = cli("issue", "attachment:upload", issue, "-C", shop.cast.company.pk, "--file", file)
    assert ids(cli("issue", "attachments", issue)) == [kept["id"]]
    assert cli.run("issue", "attachment:download", kept["id"], "--out", back).code == 0
    assert back.read_bytes() == file.read_bytes()
    assert cli("issue", "attachment:delete", kept["id"])["ok"] is True
    product = cli("issue", "work-product:create", issue, *payload(type="branch", provider="git", title="b"))
    assert ids(cli("issue", "work-products", issue)) == [product["id"]]
    assert cli("issue", "work-product:update", product["id"], *payload(title="c"))["title"] == "c"
    cli("issue", "work-product:delete", product["id"])


@scene("K-24", "new")
def decisions_in_a_thread(shop: Shop, cli: Cli) -> None:
    issue = _issue(shop, cli)
    sure = payload(
        kind="request_confirmation", continuationPolicy="none", payload={"version": 1, "prompt": "Sure?"}
    )
    ask = payload(kind="ask_user_questions", continuationPolicy="none", payload=_QUESTIONS)
    one, two = (cli("issue", "interaction:create", issue, *sure)["id"] for _ in "ab")
    three, four = (cli("issue", "interaction:create", issue, *ask)["id"] for _ in "ab")
    assert set(ids(cli("issue", "interactions", issue))) == {one, two, three, four}
    assert cli("issue", "interaction:accept", issue, one)["status"] == "accepted"
    assert cli("issue", "interaction:reject", issue, two, "--reason", "No")["status"] == "rejected"
    answers = json.dumps([{"questionId": "q", "optionIds": ["a"]}])
    assert (
        cli("issue", "interaction:respond", issue, three, "--answers-json", answers)["status"] == "answered"
    )
    assert cli("issue", "interaction:cancel", issue, four, "--reason", "Late")["status"] == "cancelled"
    approval = cli(
        "approval",
        "create",
        "-C",
        shop.cast.company.pk,
        "--type",
        "request_board_approval",
        "--payload",
        '{"title":"x"}',
    )["id"]
    cli("issue", "approval:link", issue, approval)
    assert ids(cli("issue", "approvals", issue)) == [approval]
    assert cli("issue", "approval:unlink", issue, approval)["ok"] is True


@scene("K-24", "new")
def trees(shop: Shop, cli: Cli) -> None:
    issue = _issue(shop, cli)
    child = cli("issue", "child:create", issue, *payload(title="Kid", status="backlog"))
    assert child["parentId"] == issue
    assert cli("issue", "heartbeat-context", child["id"])["issue"]["id"] == child["id"]
    assert cli("issue", "tree-state", issue) is not None
    cli("issue", "tree-preview", issue, *payload(mode="pause"))
    hold = cli("issue", "tree-hold:create", issue, *payload(mode="pause", reason="Wait"))["hold"]["id"]
    assert ids(cli("issue", "tree-holds", issue, "--include-members")) == [hold]
    assert cli("issue", "tree-hold:get", issue, hold)["id"] == hold
    cli("issue", "tree-hold:release", issue, hold, *payload(reason="Go"))
    cli("issue", "force-release", issue)
    label = cli("issue", "label:create", "-C", shop.cast.company.pk, "--name", "bug", "--color", "#ff0000")
    assert label["id"] in ids(cli("issue", "label:list", "-C", shop.cast.company.pk))
    cli("issue", "label:delete", label["id"])
    assert cli("issue", "runs", issue) == cli("issue", "live-runs", issue) == []
    assert cli("issue", "active-run", issue) is None
    assert "API error 409: " in cli.refused("issue", "delete", issue, "--yes")  # it has a child
    cli("issue", "delete", child["id"], "--yes")


@scene("K-25", "new")
def projects(shop: Shop, cli: Cli) -> None:
    place = ("-C", shop.cast.company.pk)
    env = json.dumps({"A": {"type": "plain", "value": "x"}})
    made = cli("project", "create", *place, "--name", "Floors", "--color", "#00ff00", "--env-json", env)
    assert made["id"] in ids(cli("project", "list", *place))
    assert cli("project", "get", "floors", *place)["id"] == made["id"]
    cli("project", "update", "floors", *place, "--description", "null", "--target-date", "2027-01-01")
    folder = cli("project-workspace", "create", made["id"], *payload(name="main", cwd="/srv/main"))
    assert ids(cli("project-workspace", "list", made["id"])) == [folder["id"]]
    named = cli("project-workspace", "update", made["id"], folder["id"], *payload(name="trunk"))
    assert named["name"] == "trunk"
    cli("project-workspace", "delete", made["id"], folder["id"])
    cli("project", "delete", made["id"], "--yes")


@scene("K-26", "new")
def goals(shop: Shop, cli: Cli) -> None:
    place = ("-C", shop.cast.company.pk)
    made = cli("goal", "create", *place, "--title", "Shine", "--level", "company", "--status", "active")
    assert made["id"] in ids(cli("goal", "list", *place))
    assert cli("goal", "get", made["id"])["level"] == "company"
    assert cli("goal", "update", made["id"], "--title", "Gleam", "--parent-id", "null")["title"] == "Gleam"
    cli("goal", "delete", made["id"], "--yes")


@scene("K-27", *_BOTH)
def approvals(shop: Shop, cli: Cli) -> None:
    place = ("-C", shop.cast.company.pk)
    new = ("approval", "create", *place, "--type", "request_board_approval", "--payload", '{"title":"Soap"}')
    made = cli(*new)["id"]
    assert made in ids(cli("approval", "list", *place, "--status", "pending"))
    assert cli("approval", "get", made)["payload"]["title"] == "Soap"
    assert (
        cli("approval", "request-revision", made, "--decision-note", "More")["status"] == "revision_requested"
    )
    assert cli("approval", "resubmit", made, "--payload", '{"title":"Soap, two"}')["status"] == "pending"
    assert cli("approval", "comment", made, "--body", "Please")["body"] == "Please"
    note = ("--decision-note", "Yes", "--decided-by-user-id", "somebody else")
    decided = cli("approval", "approve", made, *note)
    assert (decided["status"], decided["decidedByUserId"]) == ("approved", str(shop.cast.owner.pk))
    assert cli("approval", "reject", cli(*new)["id"])["status"] == "rejected"


@scene("K-28, K-29", *_BOTH)
def activity_and_dashboard(shop: Shop, cli: Cli) -> None:
    place = ("-C", shop.cast.company.pk)
    issue = _issue(shop, cli)
    (row,) = cli("activity", "list", *place, "--entity-type", "issue", "--entity-id", issue)
    assert row["action"] == "issue.created"
    assert cli("dashboard", "get", *place)["companyId"] == str(shop.cast.company.pk)
    if cli.is_new:
        note = payload(actorId="me", action="note.taken", entityType="issue", entityId=issue)
        assert cli("activity", "create", *place, *note)["action"] == "note.taken"
        assert {entry["action"] for entry in cli("activity", "issue", issue)} == {
            "issue.created",
            "note.taken",
        }


@scene("K-30", "new")
def money(shop: Shop, cli: Cli) -> None:
    place, agent = ("-C", shop.cast.company.pk), str(shop.cast.manager.pk)
    when = "2026-11-20T10:00:00.000Z"
    cost = payload(agentId=agent, provider="p", model="m", costCents=5, occurredAt=when)
    assert cli("cost", "event:create", *place, *cost)["costCents"] == 5
    assert cli("cost", "summary", *place)["companyId"] == str(shop.cast.company.pk)
    reports = (
        "by-agent",
        "by-agent-model",
        "by-provider",
        "by-biller",
        "by-project",
        "window-spend",
        "quota-windows",
    )
    for report in reports:
        assert isinstance(cli("cost", report, *place), list), report
    assert cli("cost", "issue", _issue(shop, cli))["costCents"] == 0
    fee = payload(eventKind="platform_fee", biller="b", amountCents=7, occurredAt=when)
    assert cli("finance", "event:create", *place, *fee)["amountCents"] == 7
    for report in ("events", "summary", "by-biller", "by-kind"):
        cli("finance", report, *place)
    limit = payload(scopeType="agent", scopeId=agent, amount=1, metric="billed_cents")
    assert cli("budget", "policy:upsert", *place, *limit)["amount"] == 1
    cli("cost", "event:create", *place, *cost)
    overview = cli("budget", "overview", *place)
    incident = next(row for row in overview["activeIncidents"] if row["scopeId"] == agent)
    raised = payload(action="raise_budget_and_resume", amount=1000)
    cli("budget", "incident:resolve", incident["id"], *place, *raised)
    assert (
        cli("budget", "agent:update", agent, *payload(budgetMonthlyCents=2000))["budgetMonthlyCents"] == 2000
    )
    whole = cli("budget", "company:update", *place, *payload(budgetMonthlyCents=100_000))
    assert whole["budgetMonthlyCents"] == 100_000


@scene("K-31, K-32, K-33, K-34, K-35, K-39", *_BOTH)
def heartbeats(shop: Shop, cli: Cli) -> None:
    engineer = shop.cast.engineer
    done = cli.alone.run("heartbeat", "run", "--agent-id", engineer.pk, "--debug")
    assert done.code == 0, done
    assert "completed with status succeeded" in done.out
    skipped = cli.run("heartbeat", "run", "--agent-id", shop.cast.peer.pk)
    assert skipped.code == 0, skipped
    if cli.is_new:
        place = ("-C", shop.cast.company.pk)
        run = cli("run", "list", *place, "--agent-id", engineer.pk, "--limit", "5")[0]["id"]
        assert cli("run", "get", run)["status"] == "succeeded"
        assert [event["seq"] for event in cli("run", "events", run)][:1] == [1]
        assert "a word from the agent" in cli("run", "log", run)["content"]
        assert cli("run", "issues", run) == []
        assert cli.run("run", "cancel", run).code == 0
        assert isinstance(cli("run", "live", *place), list)
        invoked = cli("agent", "heartbeat:invoke", engineer.pk)
        wait_for(
            lambda: cli("run", "get", invoked["id"])["status"] == "succeeded",
            seconds=30,
            what="the run to end",
        )


@scene("K-36", "new")
def routines(shop: Shop, cli: Cli) -> None:
    place, peer = ("-C", shop.cast.company.pk), str(shop.cast.peer.pk)
    made = cli("routine", "create", *place, *payload(title="Daily", assigneeAgentId=peer))["id"]
    assert made in ids(cli("routine", "list", *place))
    cli("routine", "update", made, *payload(description="Each day"))
    first = cli("routine", "revisions", made)[-1]["id"]
    cli("routine", "revision:restore", made, first)
    assert cli("routine", "get", made)["description"] in (None, "")
    assert cli("routine", "run", made)["status"] == "issue_created"
    assert len(cli("routine", "runs", made, "--limit", "3")) == 1
    hook = cli("routine", "trigger:create", made, *payload(kind="webhook", signingMode="none"))["trigger"]
    assert cli("routine", "trigger:update", hook["id"], *payload(label="Door"))["label"] == "Door"
    assert cli("routine", "trigger:fire", hook["publicId"], *payload(door="front"))["source"] == "webhook"
    cli("routine", "trigger:rotate-secret", hook["id"])
    cli("routine", "trigger:delete", hook["id"])


@scene("K-38", *_BOTH)
def secrets(shop: Shop, cli: Cli) -> None:
    place, word = ("-C", shop.cast.company.pk), f"Key {cli.version}"
    made = cli("secrets", "create", *place, "--name", word, "--value", "hidden-1")
    listed = cli("secrets", "list", *place)
    assert made["id"] in ids(listed)
    assert "hidden-1" not in json.dumps(listed)
    assert [row["status"] for row in cli("secrets", "doctor", *place)][:1] == ["ok"]
    assert "local_encrypted" in ids(cli("secrets", "providers", *place))
    assert isinstance(cli("secrets", "declarations", *place), list)
    vault = ("--provider", "aws_secrets_manager", "--external-ref", "arn:aws:secretsmanager:x")
    assert cli("secrets", "link", *place, "--name", f"Far {cli.version}", *vault)["provider"] == vault[1]
    plain = {"MY_API_KEY": "hidden-2"}
    agent = factories.agent(
        shop.cast.company, name=f"Keeper {cli.version}", adapter_config={"command": "true", "env": plain}
    )
    assert cli("secrets", "migrate-inline-env", *place)["agentsToUpdate"] >= 1
    assert cli("secrets", "migrate-inline-env", *place, "--apply")["createdSecrets"] >= 1
    agent.refresh_from_db()
    assert agent.adapter_config["env"]["MY_API_KEY"]["type"] == "secret_ref"


@scene("K-38", "new")
def keeping_secrets(shop: Shop, cli: Cli) -> None:
    place = ("-C", shop.cast.company.pk)
    secret = cli("secrets", "create", *place, "--name", "Turning", "--value", "hidden-3")["id"]
    assert cli("secrets", "update", secret, *payload(description="d"))["description"] == "d"
    assert cli("secrets", "rotate", secret, "--value", "hidden-4")["latestVersion"] == 2
    assert cli("secrets", "usage", secret)["bindings"] == []
    assert isinstance(cli("secrets", "access-events", secret), list)
    cli("secrets", "delete", secret, "--yes", "--confirm", secret)
    new = payload(provider="aws_secrets_manager", displayName="Cloud", config={"region": "eu-west-1"})
    vault = cli("secrets", "provider-config:create", *place, *new)["id"]
    assert vault in ids(cli("secrets", "provider-configs", *place))
    assert cli("secrets", "provider-config:get", vault)["displayName"] == "Cloud"
    assert (
        cli("secrets", "provider-config:update", vault, *payload(displayName="Sky"))["displayName"] == "Sky"
    )
    cli("secrets", "provider-config:health", vault)
    cli("secrets", "provider-config:default", vault)
    cli("secrets", "provider-config:delete", vault)


@scene("K-38", "new")
def joining(shop: Shop, cli: Cli) -> None:
    place = ("-C", shop.cast.company.pk)
    invite = cli("invite", "create", *place, *payload(allowedJoinTypes="both"))
    token = invite["token"]
    assert invite["id"] in ids(cli("invite", "list", *place)["invites"])
    assert cli("invite", "show", token)["companyName"] == shop.cast.company.name
    for word in ("onboarding", "skills:index"):
        cli("invite", word, token)
    assert cli.run("invite", "onboarding:text", token).code == 0
    assert cli.run("invite", "skill", token, "paperclip").code == 0
    cli("invite", "test-resolution", token, "--url", f"{shop.product.url}/api/health")
    guest = payload(requestType="agent", agentName="Guest", adapterType="process")
    asked = cli("invite", "accept", token, *guest)
    assert asked["id"] in ids(cli("join", "list", *place, "--status", "pending_approval"))
    assert cli("join", "approve", asked["id"], *place)["status"] == "approved"
    claimed = cli("join", "claim-key", asked["id"], "--claim-secret", asked["claimSecret"])
    assert cli.having(PAPERCLIP_API_KEY=claimed["token"])("agent", "me")["name"] == "Guest"
    second = cli("invite", "create", *place, *payload(allowedJoinTypes="human"))
    cli("invite", "revoke", second["id"])
    cli("openclaw", "invite-prompt", *place, *payload())


@scene("K-38", "new")
def people(shop: Shop, cli: Cli) -> None:
    place = ("-C", shop.cast.company.pk)
    person = factories.user(member_of=shop.cast.company, role="operator")
    (member,) = [
        row for row in cli("member", "list", *place)["members"] if row["principalId"] == str(person.pk)
    ]
    cli("member", "user-directory", *place)
    cli("member", "update", member["id"], *place, *payload(status="active"))
    cli("member", "role-and-grants", member["id"], *place, *payload(membershipRole="viewer", grants=[]))
    cli("member", "permissions", member["id"], *place, *payload(grants=[]))
    cli("member", "archive", member["id"], *place, *payload())
    assert cli("admin", "user", "list", "--query", "person") != []
    cli("admin", "user", "promote", person.pk)
    cli("admin", "user", "company-access", person.pk)
    cli("admin", "user", "demote", person.pk)
    assert cli("profile", "session")["user"]["id"] == str(shop.cast.owner.pk)
    assert cli("profile", "update", *payload(name="Ann"))["name"] == cli("profile", "get")["name"] == "Ann"
    cli("profile", "company-user", shop.cast.operator.pk, *place)
    assert cli("board-claim", "show", "nothing")["status"] == "invalid"


@scene("K-38", "new")
def the_board(shop: Shop, cli: Cli) -> None:
    company = str(shop.cast.company.pk)
    place = ("-C", company)
    assert isinstance(cli("instance", "scheduler-heartbeats"), list)
    assert cli("instance", "settings:general:update", *payload(censorUsernameInLogs=False)) is not None
    assert cli("instance", "settings:general")["censorUsernameInLogs"] is False
    hours = payload(issueGraphLivenessAutoRecoveryLookbackHours=24)
    cli("instance", "settings:experimental:update", *hours)
    assert cli("instance", "settings:experimental")["issueGraphLivenessAutoRecoveryLookbackHours"] == 24
    cli("sidebar", "preferences:update", *payload(orderedIds=[company]))
    assert cli("sidebar", "preferences")["orderedIds"] == [company]
    cli("sidebar", "project-preferences:update", *place, *payload(orderedIds=[]))
    assert cli("sidebar", "project-preferences", *place)["orderedIds"] == []
    cli("sidebar", "badges", *place)
    item = f"run:{factories.run(shop.cast.manager, status='failed').pk}"
    cli("inbox", "dismiss", *place, *payload(itemKey=item))
    assert [row["itemKey"] for row in cli("inbox", "dismissals", *place)] == [item]
    cli("adapter", "models", "process", *place)
    cli("adapter", "detect-model", "process", *place)
    report = cli(
        "adapter", "test-environment", "process", *place, *payload(adapterConfig={"command": "true"})
    )
    assert report["status"] in ("pass", "warn")


def _issue(shop: Shop, cli: Cli) -> str:
    """Make an issue nobody works on, and return its id."""
    return cli("issue", "create", "-C", shop.cast.company.pk, "--title", "A thing", "--status", "backlog")[
        "id"
    ]


def _play(scene: Scene, shop: Shop, version: str) -> None:
    cli = shop.cli(version)
    assert cli.driver is not None
    try:
        scene(shop, cli)
    finally:
        cli.driver.close()


def _closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


# One test, so that the scenes are played by one test process only.
@pytest.mark.timeout(900)
def test_commands(shop, subtests):
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        played = {
            name: pool.submit(_play, function, shop, version) for name, (function, version) in _SCENES.items()
        }
        for name, scene_played in played.items():
            with subtests.test(name):
                scene_played.result()
