"""One issue is read."""

from __future__ import annotations

from uuid import uuid4

import pytest

from issues.api.issues import IssueDetailOut
from paperclip.core import clock
from tests import factories


def get(caller, reference):
    return caller.get(f"/api/issues/{reference}")


def test_answer_has_everything_the_schema_names(cast):
    issue = factories.issue(cast.company)

    answer = get(cast.as_owner, issue.pk)

    assert answer.status_code == 200
    assert set(answer.json()) == set(IssueDetailOut().fields)


def test_identifier_in_any_case(cast):
    """IC-8."""
    issue = factories.issue(cast.company, issue_number=1064, identifier="PC1A2-1064")

    for reference in ("pc1a2-1064", "PC1A2-1064", "Pc1a2-1064", str(issue.pk), str(issue.pk).upper()):
        answer = get(cast.as_owner, reference)
        assert (answer.status_code, answer.json()["identifier"]) == (200, "PC1A2-1064")
    assert cast.as_owner.patch("/api/issues/pc1a2-1064", {"title": "New"}).json()["title"] == "New"


@pytest.mark.parametrize(
    "reference",
    [
        pytest.param("not-a-uuid", id="IC-9 words"),
        pytest.param("PAP-99999", id="I-6 unknown identifier"),
        pytest.param("PAP-99999999999999999999", id="I-6 number beyond any"),
        pytest.param("00000000-0000-0000-0000-000000000000", id="I-6 nil id"),
        pytest.param(str(uuid4()), id="I-6 unknown id"),
        pytest.param("%F0%9F%98%80", id="I-6 emoji"),
    ],
)
def test_references_to_nothing(cast, reference):
    answer = get(cast.as_owner, reference)

    assert (answer.status_code, answer.json()["error"]) == (404, "Issue not found")


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("as_owner", 200),
        ("as_viewer", 200),
        ("as_outsider", 404),
        ("as_foreign_agent", 404),
        ("as_nobody", 401),
    ],
)
def test_who_may_read(cast, who, status):
    issue = factories.issue(cast.company)

    assert get(getattr(cast, who), issue.pk).status_code == status
    assert get(getattr(cast, who), issue.identifier).status_code == status


def test_hidden_issues_stay_readable(cast):
    """I-49."""
    issue = factories.issue(cast.company, hidden_at=clock.now())

    assert get(cast.as_owner, issue.pk).json()["hiddenAt"] is not None


def test_ancestors_nearest_first_with_project_and_goal(cast):
    project = factories.project(cast.company)
    project.workspaces.create(company=cast.company, name="code", is_primary=True, cwd="/tmp/code")
    goal = factories.goal(cast.company, title="Win")
    project.goal_links.create(goal=goal, position=0)
    top = factories.issue(cast.company, title="Top", project=project, goal=goal)
    middle = factories.issue(cast.company, title="Middle", parent=top)
    leaf = factories.issue(cast.company, parent=middle)

    ancestors = get(cast.as_owner, leaf.pk).json()["ancestors"]

    assert [row["title"] for row in ancestors] == ["Middle", "Top"]
    assert (ancestors[0]["project"], ancestors[0]["goal"]) == (None, None)
    assert ancestors[1]["goal"] == {
        "id": str(goal.id), "title": "Win", "description": None, "level": "task", "status": "planned"
    }  # fmt: skip
    shown = ancestors[1]["project"]
    assert (shown["id"], shown["goalId"]) == (str(project.id), str(goal.id))
    assert shown["primaryWorkspace"]["name"] == "code"
    assert [workspace["name"] for workspace in shown["workspaces"]] == ["code"]


def test_goal_is_resolved_for_reading(cast):
    """I-53: own, else the project's, else the company's only without a project."""
    ours = factories.goal(cast.company, level="company", status="active")
    own, theirs = factories.goal(cast.company), factories.goal(cast.company)
    aimed, goalless = factories.project(cast.company), factories.project(cast.company)
    aimed.goal_links.create(goal=theirs, position=0)
    cases = [
        ({}, ours),
        ({"goal": own, "project": aimed}, own),
        ({"project": aimed}, theirs),
        ({"project": goalless}, None),
    ]

    for fields, goal in cases:
        row = get(cast.as_owner, factories.issue(cast.company, **fields).pk).json()
        assert row["goalId"] == (str(goal.id) if goal else None)
        assert (row["goal"] or {}).get("id") == row["goalId"]


def test_relations_are_summaries_by_title(cast):
    """I-15."""
    issue = factories.issue(cast.company)
    for title in ("b", "a"):
        factories.blocks(factories.issue(cast.company, title=title, status="done"), issue)
    factories.blocks(issue, factories.issue(cast.company, title="later"))

    row = get(cast.as_owner, issue.pk).json()

    assert [entry["title"] for entry in row["blockedBy"]] == ["a", "b"]
    assert [entry["title"] for entry in row["blocks"]] == ["later"]
    assert set(row["blocks"][0]) == {
        "id", "identifier", "title", "status", "priority", "assigneeAgentId", "assigneeUserId"
    }  # fmt: skip


def test_chain_ends_are_shown_behind_the_next_blocker(cast):
    """I-85, IC-70: A waits for B waits for C waits for D."""
    a, b, c, d = (factories.issue(cast.company, title=title) for title in "ABCD")
    for blocker, blocked in ((b, a), (c, b), (d, c)):
        factories.blocks(blocker, blocked)

    for path in (f"/api/issues/{a.pk}", f"/api/issues/{a.pk}/heartbeat-context"):
        body = cast.as_owner.get(path).json()
        (entry,) = body.get("issue", body)["blockedBy"]
        assert (entry["title"], [end["title"] for end in entry["terminalBlockers"]]) == ("B", ["D"])


def test_plan_document_and_summaries(cast):
    """I-135, I-141."""
    issue = factories.issue(cast.company, description="x <PLAN> Step one </plan> y")
    assert get(cast.as_owner, issue.pk).json()["legacyPlanDocument"] == {
        "key": "plan", "body": "Step one", "source": "issue_description"
    }  # fmt: skip

    for key in ("plan", "notes"):
        cast.as_owner.put(
            f"/api/issues/{issue.pk}/documents/{key}", {"format": "markdown", "body": f"about {key}"}
        )
    row = get(cast.as_owner, issue.pk).json()

    assert row["planDocument"]["body"] == "about plan"
    assert [summary["key"] for summary in row["documentSummaries"]] == ["notes", "plan"]
    assert "body" not in row["documentSummaries"][0]
    assert row["legacyPlanDocument"] is None


def test_projects_linked_in_the_text_are_named(cast):
    project, foreign = factories.project(cast.company, name="Web"), factories.project(cast.elsewhere)
    text = f"See [Web](project://{project.id}) and [x](project://{foreign.id}) and [y](project://nope)"

    row = get(cast.as_owner, factories.issue(cast.company, description=text).pk).json()

    assert [found["name"] for found in row["mentionedProjects"]] == ["Web"]


def test_scheduled_retry_is_shown(cast):
    """I-142."""
    issue = factories.issue(cast.company)
    due = clock.now()
    run = factories.run(
        cast.engineer, issue=issue, status="scheduled_retry", scheduled_retry_at=due,
        scheduled_retry_attempt=2, scheduled_retry_reason="transient_failure", error="overloaded",
        error_code="upstream",
    )  # fmt: skip

    assert get(cast.as_owner, issue.pk).json()["scheduledRetry"] == {
        "runId": str(run.id), "status": "scheduled_retry", "agentId": str(cast.engineer.id),
        "agentName": "Engineer", "retryOfRunId": None, "scheduledRetryAt": clock.iso(due),
        "scheduledRetryAttempt": 2, "scheduledRetryReason": "transient_failure", "error": "overloaded",
        "errorCode": "upstream",
    }  # fmt: skip


def test_secrets_in_adapter_overrides_are_not_shown(cast):
    overrides = {"adapterConfig": {"env": {"API_KEY": "sk-live-123456"}, "model": "small"}}
    issue = factories.issue(cast.company, assignee_adapter_overrides=overrides)

    shown = get(cast.as_viewer, issue.pk).json()["assigneeAdapterOverrides"]["adapterConfig"]

    assert shown == {"env": {"API_KEY": "***REDACTED***"}, "model": "small"}


def test_times_have_milliseconds_and_zulu(cast):
    moment = clock.parse_zulu("2026-01-31T08:15:00.007Z")
    issue = factories.issue(cast.company, started_at=moment, created_at=moment)

    row = get(cast.as_owner, issue.pk).json()

    assert row["startedAt"] == row["createdAt"] == "2026-01-31T08:15:00.007Z"
