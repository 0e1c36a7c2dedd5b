"""Issues that come in together: made with few queries, by the rules of issues, and replaced where they differ."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from heartbeat.models import WakeupRequest
from issues import batches, lifecycle
from issues.models import Issue, ReferenceMention, Relation
from paperclip.companies.actors import for_agent, for_user
from paperclip.companies.models import Activity, Company, Grant
from paperclip.core import clock
from paperclip.core.errors import Forbidden, NotFound, Refusal, Unprocessable
from tests import factories
from tests.portability import companies

pytestmark = pytest.mark.django_db


def draft(**fields):
    return batches.Draft(uuid4(), {"title": "T", "status": "backlog", **fields})


def insert(place, *drafts, actor=None, owner=None):
    actor = actor or for_user(owner or factories.user(member_of=place))
    return batches.insert(
        company_id=place.pk, batch=drafts, actor=actor, now=clock.now(), noted={"source": "test"}
    )


def package(count: int) -> dict[str, str]:
    """Issues that have everything an issue of a package can have."""
    sidecar = ["labels: {Bug: '#ff0000'}", "tasks:"]
    files = {
        "agents/dev/AGENTS.md": "---\nname: Dev\n---\n",
        "projects/site/PROJECT.md": "---\nname: Site\n---\n",
    }
    for number in range(count):
        links = f"parent: t-{number - 1}\nblockedBy: [t-{number - 1}]\n" if number % 10 else ""
        files[f"tasks/t-{number}/TASK.md"] = (
            f"---\nname: Task {number}\nproject: site\nassignee: dev\n{links}---\n\nSee TST-1.\n"
        )
        sidecar.append(f"  t-{number}: {{status: todo, labels: [Bug]}}")
    return files | {".paperclip.yaml": "\n".join(sidecar) + "\n"}


def test_import_of_many_issues_takes_few_queries():
    counts = []
    for count in (10, 60):
        owner = factories.user(is_superuser=True)
        with CaptureQueriesContext(connection) as queries:
            result = companies.brought(package(count), owner)
        counts.append(len(queries))
        made = Issue.objects.filter(company=result.company)
        assert made.count() == count
        assert Relation.objects.filter(company=result.company).count() == count * 9 // 10
        assert Activity.objects.filter(company=result.company, action="issue.created").count() == count
    assert counts[1] - counts[0] <= 3  # fifty issues more


def test_new_issues_keep_to_the_rules():
    """I-29 to I-60: numbers, first status, goal and folder of the project, references, and a line in the log each."""
    place = factories.company()
    owner, agent = factories.user(member_of=place), factories.agent(place)
    older = factories.issue(place)
    goal, project = factories.goal(place), factories.project(place)
    project.goal_links.create(goal=goal)
    parent = draft(project_id=project.pk, description=f"After {older.identifier}")
    child = draft(
        parent_id=parent.id,
        status=None,
        assignee_agent_id=agent.pk,
        blocked_by_issue_ids=[parent.id, older.pk],
    )
    made = insert(place, parent, child, owner=owner)
    assert [row.issue_number for row in made] == [older.issue_number + 1, older.issue_number + 2]
    assert Company.objects.get(pk=place.pk).issue_counter == older.issue_number + 2
    assert (made[0].goal_id, made[1].status, made[1].parent_id) == (goal.pk, "todo", parent.id)
    assert made[0].created_by_user_id == owner.pk
    waits = Relation.objects.filter(related_issue_id=child.id).values_list("issue_id", flat=True)
    assert set(waits) == {parent.id, older.pk}
    assert ReferenceMention.objects.get(source_issue_id=parent.id).target_issue_id == older.pk
    told = Activity.objects.get(action="issue.created", entity_id=str(parent.id)).details
    assert (told["identifier"], told["source"]) == (made[0].identifier, "test")
    assert [each["id"] for each in told["addedReferencedIssues"]] == [str(older.pk)]
    assert not WakeupRequest.objects.exists()


def test_batch_makes_what_single_issues_are():
    """I-29 to I-60: the same fields come to the same columns, whichever way they are made."""
    place = factories.company()
    owner, agent = factories.user(member_of=place), factories.agent(place)
    factories.goal(place, level="company", status="active")
    project = factories.project(
        place, execution_workspace_policy={"enabled": True, "defaultMode": "isolated_workspace"}
    )
    parent = lifecycle.create(
        company_id=place.pk,
        fields={"title": "P", "project_id": project.pk, "status": "backlog"},
        actor=for_user(owner),
        now=clock.now(),
    )
    wanted = [
        {},
        {"project_id": project.pk},
        {"parent_id": parent.pk},
        {"parent_id": parent.pk, "project_id": project.pk, "billing_code": "B"},
        {"assignee_agent_id": agent.pk, "status": "done", "work_mode": "planning", "request_depth": 3},
    ]
    skipped = {"id", "issue_number", "identifier", "created_at", "updated_at", "last_activity_at"}
    skipped |= {"started_at", "completed_at"}
    found = []
    for fields in wanted:
        whole = {"title": "T", "status": "backlog", **fields}
        single = lifecycle.create(company_id=place.pk, fields=whole, actor=for_user(owner), now=clock.now())
        (many,) = insert(place, draft(**fields), owner=owner)
        rows = [Issue.objects.filter(pk=row.pk).values().get() for row in (single, many)]
        found.append([{name: value for name, value in row.items() if name not in skipped} for row in rows])
    assert all(single == many for single, many in found), found


def refused(place, fields, kind: type[Refusal], said: str) -> None:
    with pytest.raises(kind, match=said):
        insert(place, draft(), draft(**fields))
    assert not Issue.objects.filter(company=place).exists()


def test_what_a_single_issue_may_not_be_many_may_not():
    """I-30 to I-36, I-51 to I-60, I-81"""
    place, elsewhere = factories.company(), factories.company()
    stranger, gone = factories.agent(elsewhere), factories.agent(place, status="terminated")
    theirs = factories.issue(elsewhere)
    refused(place, {"assignee_agent_id": stranger.pk}, Unprocessable, "same company")
    refused(place, {"assignee_agent_id": gone.pk}, Refusal, "terminated agent")
    refused(place, {"project_id": factories.project(elsewhere).pk}, NotFound, "Project not found")
    refused(place, {"goal_id": factories.goal(elsewhere).pk}, NotFound, "Goal not found")
    refused(place, {"parent_id": theirs.pk}, NotFound, "Parent issue not found")
    refused(place, {"status": "in_progress"}, Unprocessable, "require an assignee")
    refused(place, {"blocked_by_issue_ids": [theirs.pk]}, Unprocessable, "same company")
    refused(place, {"label_ids": [uuid4()]}, Unprocessable, "Labels must exist")


def test_circles_of_a_batch_are_refused():
    """I-81"""
    place = factories.company()
    first, second, alone = uuid4(), uuid4(), uuid4()
    fields = {"title": "T", "status": "backlog"}
    with pytest.raises(Unprocessable, match="cannot contain cycles"):
        insert(
            place,
            batches.Draft(first, {**fields, "blocked_by_issue_ids": [second]}),
            batches.Draft(second, {**fields, "blocked_by_issue_ids": [first]}),
        )
    with pytest.raises(Unprocessable, match="blocked by itself"):
        insert(place, batches.Draft(alone, {**fields, "blocked_by_issue_ids": [alone]}))


def test_begun_work_waits_for_nothing_that_is_open():
    """I-30"""
    place = factories.company()
    agent = factories.agent(place)
    open_one, done = draft(), draft(status="done")
    begun = {"status": "in_progress", "assignee_agent_id": agent.pk}
    insert(place, done, draft(**begun, blocked_by_issue_ids=[done.id]))
    with pytest.raises(Unprocessable, match="unresolved blockers"):
        insert(place, open_one, draft(**begun, blocked_by_issue_ids=[open_one.id]))


def test_agent_that_may_not_assign_makes_no_assigned_issues():
    """I-36"""
    place = factories.company()
    agent, other = factories.agent(place), factories.agent(place)
    Grant.objects.filter(principal_id=agent.pk).delete()
    with pytest.raises(Forbidden, match="tasks:assign"):
        insert(place, draft(assignee_agent_id=other.pk), actor=for_agent(agent))


# --- Replacing -------------------------------------------------------------------------------------------


def brought_again(place, owner, files):
    return companies.brought(files, owner, place, collision="replace")


def test_replace_sets_an_issue_to_what_the_package_says():
    """C-107: everything it says, but for where the issue stands and who is at it."""
    owner = factories.user(is_superuser=True)
    place = companies.brought(package(3), owner).company
    first, second, third = Issue.objects.filter(company=place).order_by("issue_number")
    agent = factories.agent(place)
    Issue.objects.filter(pk=second.pk).update(status="in_progress", assignee_agent=agent, description="Mine")
    before = Activity.objects.filter(company=place, action="issue.updated").count()
    sidecar = (
        "labels: {Bug: '#ff0000', Late: '#00ff00'}\n"
        "tasks:\n  t-1: {status: backlog, priority: high, labels: [Late], billingCode: B-1, workMode: planning}\n"
    )
    files = package(3) | {
        "tasks/t-1/TASK.md": "---\nname: Task 1\nproject: site\nassignee: dev\nblockedBy: [t-2]\n---\n\nNew words.\n",
        "tasks/t-2/TASK.md": "---\nname: Task 2\nproject: site\nparent: t-1\nblockedBy: [t-0]\n---\n\nSee TST-1.\n",
        ".paperclip.yaml": sidecar,
    }
    result = brought_again(place, owner, files)
    assert Issue.objects.filter(company=place).count() == 3
    assert result.ids["issues"]["t-1"] == second.pk
    second.refresh_from_db()
    assert (second.description, second.priority, second.billing_code, second.work_mode) == (
        "New words.\n", "high", "B-1", "planning",
    )  # fmt: skip
    assert (second.status, second.assignee_agent_id) == ("in_progress", agent.pk)
    assert second.parent_id == first.pk  # the package names no parent, and this one stays
    assert [link.label.name for link in second.label_links.all()] == ["Late"]
    waits = {
        issue.pk: set(issue.blocked_by_links.values_list("issue_id", flat=True)) for issue in (second, third)
    }
    assert waits == {second.pk: {third.pk}, third.pk: {first.pk}}
    assert Activity.objects.filter(company=place, action="issue.updated").count() > before


def test_replacing_by_the_same_changes_nothing():
    owner = factories.user(is_superuser=True)
    place = companies.brought(package(12), owner).company
    before = list(Issue.objects.filter(company=place).order_by("pk").values())
    log = Activity.objects.filter(company=place, entity_type="issue").count()
    brought_again(place, owner, package(12))
    assert list(Issue.objects.filter(company=place).order_by("pk").values()) == before
    assert Activity.objects.filter(company=place, entity_type="issue").count() == log


def test_issues_of_one_title_meet_one_each():
    owner = factories.user(is_superuser=True)
    files = {f"tasks/{slug}/TASK.md": f"---\nname: Same\n---\n\n{slug}\n" for slug in ("a", "b")}
    files["tasks/b/TASK.md"] = "---\nname: Same\nparent: a\n---\n\nb\n"
    place = companies.brought(files | {"COMPANY.md": "---\nname: X\n---\n"}, owner).company
    for collision in ("replace", "skip"):
        companies.brought(files, owner, place, collision=collision)
        assert Issue.objects.filter(company=place).count() == 2
    companies.brought(files | {"tasks/c/TASK.md": "---\nname: Same\n---\n"}, owner, place, collision="skip")
    assert Issue.objects.filter(company=place).count() == 3
