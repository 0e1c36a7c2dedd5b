"""`seed_demo`: what it makes, and what it does not make twice."""

from __future__ import annotations

import io
import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from heartbeat.models import Run
from issues import lifecycle as issue_lifecycle
from issues.models import Issue
from paperclip.board.demo import seed
from paperclip.companies import actors, agents, goals, signin
from paperclip.companies import lifecycle as companies
from paperclip.companies.models import Activity, Agent, Company, Goal, Member, Project
from paperclip.core import clock, locks
from workspaces.models import ProjectWorkspace

pytestmark = pytest.mark.django_db


def seed_demo(*arguments: str) -> str:
    said = io.StringIO()
    call_command("seed_demo", *arguments, stdout=said)
    return said.getvalue()


def counts() -> list[int]:
    kinds = (Company, Goal, Project, ProjectWorkspace, Agent, Issue, Run)
    return [kind.objects.count() for kind in kinds]


@pytest.fixture
def board(db):
    return actors.for_user(signin.first_user())


def close(issue: Issue, board) -> None:
    issue_lifecycle.update(issue_id=issue.pk, fields={"status": "done"}, actor=board, now=clock.now())


def test_makes_a_company_at_work(empty):
    said = seed_demo("--repository", str(empty.root), "--pace", "0")
    assert f"DEM-1: an audit of {empty.root} begins" in said
    assert counts() == [1, 1, 1, 1, 4, 1, 1]
    issue = Issue.objects.get()
    lead = issue.assignee_agent
    assert issue.title == "Audit this repository: repository"
    assert issue.status == "todo"
    assert issue.project_workspace.cwd == str(empty.root)
    assert issue.goal == goals.default_goal(issue.company_id), "work without a goal of its own serves it too"
    assert (lead.role, lead.reports_to) == ("ceo", None)
    workers = Agent.objects.filter(reports_to=lead)
    assert {worker.name for worker in workers} == {"Surveyor", "Historian", "Inspector"}
    for agent in Agent.objects.all():
        assert agent.adapter_type == "process"
        assert agent.title
        assert agent.capabilities
        assert agent.icon
    run = Run.objects.get()
    assert (run.agent, run.status, run.context_snapshot["wakeReason"]) == (lead, "queued", "issue_assigned")
    owner = Member.objects.get(company=issue.company, principal_type="user")
    assert owner.principal_id == signin.first_user().pk
    actions = set(Activity.objects.values_list("action", flat=True))
    assert {"company.created", "agent.created", "project.created", "goal.created", "issue.created"} <= actions


def test_adds_nothing_while_the_audit_is_open(empty):
    seed_demo("--repository", str(empty.root))
    before = counts()
    said = seed_demo("--repository", f"{empty.root}/../repository")
    assert "DEM-1: an audit of" in said
    assert "is still open; nothing was added" in said
    assert counts() == before


def test_begins_another_audit_when_the_last_one_is_closed(empty, board):
    seed_demo("--repository", str(empty.root))
    close(Issue.objects.get(), board)
    assert "DEM-2: an audit of" in seed_demo("--repository", str(empty.root))
    assert counts()[:6] == [1, 1, 1, 1, 4, 2]


def test_another_repository_is_another_project_of_the_same_company(empty, tmp_path):
    (tmp_path / "other").mkdir()
    seed_demo("--repository", str(empty.root))
    seed_demo("--repository", str(tmp_path / "other"))
    assert counts()[:6] == [1, 1, 2, 2, 4, 2]


def test_an_archived_company_is_left_in_peace(empty, board):
    seed_demo("--repository", str(empty.root))
    companies.archive(company=Company.objects.get(), actor=board, now=clock.now())
    seed_demo("--repository", str(empty.root))
    assert counts()[:6] == [2, 2, 2, 2, 8, 2]


def test_agents_follow_the_checkout_and_posts_are_filled_again(empty, board):
    seed_demo("--repository", str(empty.root), "--pace", "0")
    close(Issue.objects.get(), board)
    surveyor = Agent.objects.get(name="Surveyor")
    agents.terminate(agent=Agent.objects.get(name="Historian"), actor=board, now=clock.now())
    surveyor.adapter_config["args"] = ["/gone/agent.py", "worker"]
    surveyor.save()
    seed_demo("--repository", str(empty.root), "--pace", "1.5")
    surveyor.refresh_from_db()
    assert surveyor.adapter_config["args"] == ["-I", "-S", str(seed.PROGRAM), "worker", "--pace", "1.5"]
    assert Agent.objects.filter(name="Historian").exclude(status="terminated").count() == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--repository", "/nowhere/at/all"], "is not a folder"),
        (["--repository", __file__], "is not a folder"),
        (["--pace", "-1"], "--pace takes 0 to 5 seconds"),
        (["--pace", "nan"], "--pace takes 0 to 5 seconds"),
    ],
)
def test_refuses_what_cannot_be_audited(arguments, complaint):
    with pytest.raises(CommandError, match=complaint):
        seed_demo(*arguments)
    assert not Company.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_at_once_do_not_make_two_companies(empty):
    """`up --demo` and a person at the terminal may call at the same moment."""
    is_held, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with locks.only_one("demo.seed"):
            is_held.set()
            may_end.wait(30)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert is_held.wait(30)
        with pytest.raises(CommandError, match="being made by another process"):
            seed_demo("--repository", str(empty.root))
    finally:
        may_end.set()
        holder.join()
    assert not Company.objects.exists()
