"""Runs in worktrees, by a real runner: where the program is, what it is told, and what a failure says."""

from __future__ import annotations

import json

from heartbeat.models import Run
from paperclip.companies.models import Agent
from tests import factories
from tests.heartbeat.runner.test_runner import agent, ended
from tests.heartbeat.test_wakeups import wake
from tests.workspaces.scenes import isolated, record_of, repository

_TELL = "import json, os, sys; print(json.dumps([os.getcwd(), dict(os.environ)]))"


def seen_by(run: Run, product) -> tuple[str, dict[str, str]]:
    lines = (product.home / "runs" / str(run.pk) / "log.ndjson").read_text().splitlines()
    chunks = [json.loads(line) for line in lines]
    folder, environment = json.loads("".join(each["chunk"] for each in chunks if each["stream"] == "stdout"))
    return folder, environment


def test_runs_of_an_issue_work_in_its_worktree(product, tmp_path):  # W-45, W-46, H-88
    company = factories.company()
    who: Agent = agent(company, _TELL)
    repo = repository(tmp_path / "repo")
    issue = isolated(
        company, repo, strategy={"provisionCommand": "touch ready"}, title="Add it", assignee_agent=who
    )
    broken = isolated(
        company, repo, strategy={"provisionCommand": "echo no luck >&2; exit 7"}, assignee_agent=who
    )
    first, failing = wake(who, issue=issue).run, wake(who, issue=broken).run
    product.start("runner")

    first = ended(first)
    assert first.status == "succeeded", first.error
    folder, environment = seen_by(first, product)
    row = record_of(issue)
    branch = f"{issue.identifier}-add-it"
    assert folder == environment["PAPERCLIP_WORKSPACE_CWD"] == row.cwd
    assert folder == str(repo / ".paperclip" / "worktrees" / branch)
    assert environment["PAPERCLIP_WORKSPACE_WORKTREE_PATH"] == folder
    assert environment["PAPERCLIP_WORKSPACE_BRANCH"] == branch
    assert environment["PAPERCLIP_WORKSPACE_STRATEGY"] == "git_worktree"
    assert json.loads(environment["PAPERCLIP_WORKSPACES_JSON"])[0]["cwd"] == str(repo)
    assert (repo / ".paperclip" / "worktrees" / branch / "ready").exists()
    context = first.context_snapshot
    assert context["executionWorkspaceId"] == str(row.pk)
    assert (context["paperclipWorkspace"]["branchName"], context["paperclipWorkspace"]["cwd"]) == (
        branch,
        folder,
    )

    failing = ended(failing)
    assert (failing.status, failing.error_code) == ("failed", "workspace_failed")
    assert "exit code 7: no luck" in failing.error

    again = ended(wake(who, issue=issue, reason="manual", source="on_demand").run)
    assert seen_by(again, product)[0] == folder, "the second run lands in the same worktree"
