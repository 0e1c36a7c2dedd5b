"""The agent program against the real API, one heartbeat at a time: claimed, run and ended right here."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from heartbeat import claims, lifecycle, outcomes, preparation, wakeups
from heartbeat.adapters import registry
from heartbeat.adapters.base import Ended
from heartbeat.models import Run
from issues import comments
from issues import lifecycle as issue_lifecycle
from issues.models import Comment, Document, Issue, Relation
from paperclip.board.demo import lead, seed, shift
from paperclip.board.demo.parts import PARTS
from paperclip.board.demo.voice import Voice
from paperclip.companies import actors, signin
from paperclip.companies.models import Agent
from paperclip.core import clock
from tests import factories

PATIENCE_SECONDS = 60


class Office:
    """The demo company at work on a small repository."""

    def __init__(self, repository) -> None:
        self.board = actors.for_user(signin.first_user())
        self.repository = repository
        self.runner = factories.runner()
        self.audit = self.begin()

    def begin(self) -> Issue:
        seeded = seed.seed(repository=self.repository.root, pace_seconds=0, actor=self.board, now=clock.now())
        return seeded.issue

    def heartbeats(self) -> list[Run]:
        """Let every agent that is due work for one heartbeat, and return the runs as they ended."""
        ended = []
        for run in claims.claim(runner=self.runner, most=8, now=clock.now()):
            assignment, _ = preparation.assignment(run, now=clock.now())
            program = registry.get("process").spec(assignment)
            done = subprocess.run(
                program.argv,
                env=program.environment,
                cwd=program.cwd,
                capture_output=True,
                text=True,
                timeout=PATIENCE_SECONDS,
            )
            result = registry.get("process").parse(
                Ended(done.returncode, None, False, 0, done.stdout, done.stderr)
            )
            lifecycle.finish(
                run_id=run.pk,
                claim_token=run.claim_token,
                result=result,
                remains=outcomes.Remains(
                    exit_code=done.returncode, stdout_excerpt=done.stdout, stderr_excerpt=done.stderr
                ),
                now=clock.now(),
            )
            run.refresh_from_db()
            ended.append(run)
        return ended

    def until_quiet(self) -> list[Run]:
        """Let everybody work until nothing is due."""
        every = []
        while now := self.heartbeats():
            every += now
            assert len(every) < 50, "the agents keep each other awake"
        return every

    def children(self) -> list[Issue]:
        return list(Issue.objects.filter(parent=self.audit).order_by("issue_number"))

    def part(self, key: str) -> Issue:
        return Issue.objects.get(parent=self.audit, description__contains=f"Part: `{key}`")

    def status(self, issue: Issue) -> str:
        return Issue.objects.values_list("status", flat=True).get(pk=issue.pk)

    def words(self, issue: Issue) -> list[str]:
        return list(Comment.objects.filter(issue=issue).order_by("number").values_list("body", flat=True))

    def document(self, issue: Issue, key: str) -> Document:
        return Document.objects.get(issue_link__issue=issue, issue_link__key=key)

    def say(self, issue: Issue, body: str) -> None:
        comments.add(issue_id=issue.pk, body=body, actor=self.board, now=clock.now())

    def change(self, issue: Issue, **fields) -> None:
        issue_lifecycle.update(issue_id=issue.pk, fields=fields, actor=self.board, now=clock.now())

    def wake(self, name: str, issue: Issue | None = None) -> None:
        agent = Agent.objects.get(name=name)
        payload = {"issueId": str(issue.pk)} if issue is not None else None
        wakeups.enqueue(
            agent_id=agent.pk,
            company_id=agent.company_id,
            call=wakeups.manual("manual", payload),
            actor=self.board,
            now=clock.now(),
        )


@pytest.fixture
def office(transactional_db, live_server, settings, tmp_path, repository):
    settings.API_URL = live_server.url
    settings.AGENT_HOMES_ROOT = tmp_path / "homes"
    return Office(repository)


def test_the_lead_breaks_the_audit_into_parts_and_waits_for_them(office):
    (run,) = office.heartbeats()
    assert run.status == "succeeded", run.stderr_excerpt
    children = office.children()
    assert [child.title for child in children] == [part.title for part in PARTS]
    assert [child.assignee_agent.name for child in children] == [part.worker for part in PARTS]
    assert {child.project_id for child in children} == {office.audit.project_id}
    blockers = Relation.objects.filter(related_issue=children[-1]).values_list("issue_id", flat=True)
    assert set(blockers) == {child.pk for child in children[:-1]}
    assert office.status(office.audit) == "blocked"
    (plan,) = office.words(office.audit)
    assert all(child.identifier in plan for child in children)
    assert f"blocked by {children[-1].identifier}, which waits for all others" in plan
    awaited = Relation.objects.filter(related_issue=office.audit).values_list("issue_id", flat=True)
    assert list(awaited) == [children[-1].pk]


def test_an_audit_goes_from_plan_to_report(office):
    runs = office.until_quiet()
    assert {run.status for run in runs} == {"succeeded"}, [run.stderr_excerpt for run in runs]
    assert len(runs) == 8, "two heartbeats of the lead and one for each part"
    assert office.status(office.audit) == "done"
    assert {office.status(child) for child in office.children()} == {"done"}
    report = office.document(office.audit, "report").latest_body
    assert "| Files | 7 |" in report
    assert "| Commits read | 3 |" in report
    assert "| Figures that differ between parts | 0 |" in report


def test_an_interrupted_lead_creates_only_what_is_missing(office):
    chief = office.audit.assignee_agent
    for part in PARTS[:2]:
        issue_lifecycle.create_child(
            parent_id=office.audit.pk,
            fields={"title": part.title, "description": part.description()},
            actor=actors.for_agent(chief),
            now=clock.now(),
        )
    office.heartbeats()
    assert [child.title for child in office.children()] == [part.title for part in PARTS]


def test_a_person_who_asks_too_early_is_answered_and_the_lead_goes_on_waiting(office):
    office.heartbeats()
    Run.objects.exclude(status="succeeded").delete()  # the workers are not there today
    office.say(office.audit, "How far are you?")
    (run,) = office.heartbeats()
    assert run.status == "succeeded", run.stderr_excerpt
    assert office.status(office.audit) == "blocked"
    names = ", ".join(child.identifier for child in office.children())
    assert office.words(office.audit)[2:] == [
        f"Still to come: {names}. The report follows when they are done."
    ]
    assert len(office.children()) == 6
    assert not Run.objects.filter(status="queued").exists(), "its own answer wakes nobody"


def test_a_lead_whose_issue_was_taken_up_again_blocks_it_without_repeating_itself(office):
    office.heartbeats()
    Run.objects.exclude(status="succeeded").delete()
    Relation.objects.filter(related_issue=office.audit).delete()
    before = office.words(office.audit)
    office.wake("Chief", office.audit)
    (run,) = office.heartbeats()
    assert run.status == "succeeded", run.stderr_excerpt
    assert office.status(office.audit) == "blocked"
    assert office.words(office.audit) == before


class Interrupted(Voice):
    """Does something as soon as a line of a kind is said."""

    def __init__(self, start: str, do) -> None:
        super().__init__()
        self.start = start
        self.do = do

    def __call__(self, text: str) -> None:
        super().__call__(text)
        if text.startswith(self.start):
            self.do()


def test_parts_that_end_while_the_lead_is_awake_are_not_overlooked(office):
    """Their wake joins the run that is going and is not repeated, so the lead looks again before it ends."""
    office.heartbeats()
    Run.objects.exclude(status="succeeded").delete()
    office.say(office.audit, "How far are you?")
    (run,) = claims.claim(runner=office.runner, most=1, now=clock.now())
    assignment, _ = preparation.assignment(run, now=clock.now())

    def close_all():
        for child in office.children():
            office.change(child, status="done")

    at = shift.begin(assignment.environment, Interrupted("Waiting for", close_all))
    lead.work(at, shift.choose(at))
    assert office.status(office.audit) == "done"
    assert not Run.objects.filter(status="queued", issue=office.audit).exists()


def test_a_part_that_was_cancelled_is_reported_as_such(office):
    office.heartbeats()
    markers, cross_check = office.part("markers"), office.part("cross-check")
    office.change(markers, status="cancelled")
    office.until_quiet()
    assert office.status(cross_check) == "todo", "a cancelled part still stands in its way"
    office.change(cross_check, blocked_by_issue_ids=[])
    runs = office.until_quiet()
    assert {run.status for run in runs} == {"succeeded"}, [run.stderr_excerpt for run in runs]
    assert office.status(office.audit) == "done"
    assert f"- {markers.identifier}, {markers.title} left no document" in (
        office.document(cross_check, "cross-check").latest_body
    )
    report = office.document(office.audit, "report").latest_body
    assert f"Nothing was measured: {markers.identifier} is cancelled without a document." in report


def test_a_person_who_speaks_on_a_finished_part_gets_it_measured_again(office):
    office.until_quiet()
    size = office.part("size")
    office.repository.write("new.py", "x = 1\n")
    office.say(size, "I have added a file.")
    (run,) = office.until_quiet()[:1]
    assert run.status == "succeeded", run.stderr_excerpt
    assert "Somebody said: I have added a file." in run.stdout_excerpt
    document = office.document(size, "size")
    assert document.latest_revision_number == 2
    assert "| files counted | 8 |" in document.latest_body
    assert office.status(size) == "done"
    assert "8 files" in office.words(size)[-1]


def test_the_cross_check_finds_a_part_that_differs(office):
    office.heartbeats()
    office.heartbeats()
    office.repository.write("new.py", "x = 1\n")
    office.until_quiet()
    found = office.words(office.part("cross-check"))[-1]
    assert "differ between the parts" in found
    assert "files counted" in found
    assert office.status(office.audit) == "done"


def test_work_a_worker_does_not_know_is_handed_back_with_the_reason_said_once(office):
    office.heartbeats()
    size = office.part("size")
    Issue.objects.filter(pk=size.pk).update(description="Paint the shed.")
    failed = next(run for run in office.heartbeats() if run.issue_id == size.pk)
    assert failed.status == "failed"
    assert failed.error.startswith("Process exited with code 1: I do not know this kind of work.")
    assert office.status(size) == "blocked"
    (word,) = office.words(size)
    assert "Add a line such as `Part: size`" in word
    office.wake("Surveyor", size)
    runs = office.until_quiet()
    assert [run.status for run in runs if run.issue_id == size.pk] == ["failed"]
    assert office.words(size) == [word], "K-45: one blocked comment, not repeated"


def test_a_repository_that_went_away_blocks_the_audit(office):
    root = office.repository.root
    root.rename(root.with_name("moved"))
    (run,) = office.until_quiet()
    assert run.status == "failed"
    assert run.error.endswith("cannot be read: No such file or directory")
    assert office.status(office.audit) == "blocked"
    (word,) = office.words(office.audit)
    assert word == f"I cannot go on: The repository at {root} cannot be read: No such file or directory"


def test_an_empty_repository_blocks_the_audit(transactional_db, live_server, settings, tmp_path, empty):
    settings.API_URL = live_server.url
    settings.AGENT_HOMES_ROOT = tmp_path / "homes"
    office = Office(empty)
    (run,) = office.until_quiet()
    assert "holds no files, so there is nothing to measure" in run.error
    assert office.status(office.audit) == "blocked"


def test_a_lead_without_workers_says_so(office):
    Agent.objects.filter(reports_to__name="Chief").update(status="paused")
    (run,) = office.until_quiet()
    assert "Nobody who could work reports to me" in run.error
    assert office.children() == []


def test_a_worker_takes_what_its_inbox_holds_when_it_is_called_for_nothing_in_particular(office):
    office.heartbeats()
    Run.objects.exclude(status="succeeded").delete()
    office.wake("Historian")
    (run,) = office.heartbeats()
    assert run.status == "succeeded", run.stderr_excerpt
    assert office.status(office.part("churn")) == "done"
    office.wake("Historian")
    (run,) = office.heartbeats()
    assert "My inbox holds nothing I could work on" in run.stdout_excerpt, "the cross-check waits for others"
    assert run.status == "succeeded"


def test_an_agent_leaves_the_issues_of_others_alone(office):
    office.until_quiet()
    size = office.part("size")
    office.change(size, status="backlog")
    office.say(size, "What do you think, @Inspector ?")
    mentioned = next(run for run in office.until_quiet() if run.agent.name == "Inspector")
    assert mentioned.status == "succeeded", mentioned.stderr_excerpt
    assert f"{size.identifier} is not assigned to me; I leave it alone" in mentioned.stdout_excerpt


def test_the_program_needs_nothing_but_the_standard_library(tmp_path):
    """Started without the site packages and outside of a run, it says what it is."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(seed.PROGRAM), "lead"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("the control plane starts this program, as an agent")
    assert "PAPERCLIP_API_KEY" in done.stderr
