"""The demo, as a person meets it: real web and runner processes, real programs, a real repository."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from heartbeat.models import Run
from issues.models import Comment, Document, Issue
from paperclip.companies.models import Agent, Company
from tests.product import ROOT, Product, wait_for

DEADLINE_SECONDS = 90
PARTS = ["size", "churn", "markers", "largest", "tests", "cross-check"]


def seed(product: Product, *arguments: str) -> str:
    """Run `manage.py seed_demo` and return what it says."""
    command = [sys.executable, str(ROOT / "manage.py"), "seed_demo", *arguments]
    done = subprocess.run(
        command, env=product.environment, cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def is_over() -> bool:
    is_closed = Issue.objects.filter(parent=None, status__in=("done", "cancelled")).exists()
    return is_closed and not Run.objects.filter(status__in=("queued", "running")).exists()


def finished(product: Product) -> Issue:
    """Wait for the end of the one audit and return its issue."""
    try:
        wait_for(is_over, seconds=DEADLINE_SECONDS, what="the audit to end")
    except pytest.fail.Exception as late:
        pytest.fail(f"{late}\n{told(product)}")
    return Issue.objects.get(parent=None)


def told(product: Product) -> str:
    """Say how far things have come, for a failing test."""
    issues = Issue.objects.order_by("issue_number").values_list("identifier", "status", "title")
    runs = Run.objects.order_by("created_at").values_list(
        "agent__name", "issue__identifier", "status", "error"
    )
    return "\n".join([*map(str, issues), *map(str, runs), product.said()])


def document(issue: Issue, key: str) -> str:
    return Document.objects.get(issue_link__issue=issue, issue_link__key=key).latest_body


def test_the_audit_of_this_checkout_ends_by_itself(product):
    product.start("web")
    product.start("runner")
    said = seed(product, "--pace", "0")
    assert f"an audit of {ROOT} begins" in said

    audit = finished(product)

    assert audit.status == "done", told(product)
    children = list(Issue.objects.filter(parent=audit).order_by("issue_number"))
    assert [child.status for child in children] == ["done"] * 6
    for key, child in zip(PARTS, children, strict=True):
        assert f"Part: `{key}`" in child.description
        assert "| Figure | Value |" in document(child, key)
        assert Comment.objects.filter(issue=child, author_agent=child.assignee_agent).count() == 1
    assert len({child.assignee_agent_id for child in children}) == 3, "the work is spread over all workers"

    runs = list(Run.objects.all())
    assert {run.status for run in runs} == {"succeeded"}, told(product)
    assert sorted(run.issue_id for run in runs) == sorted(
        [audit.pk, audit.pk, *(child.pk for child in children)]
    )
    reasons = Run.objects.filter(issue=audit).order_by("created_at")
    assert [run.context_snapshot["wakeReason"] for run in reasons] == [
        "issue_assigned",
        "issue_children_completed",
    ]
    cross_check = Run.objects.get(issue=children[-1])
    assert cross_check.context_snapshot["wakeReason"] == "issue_blockers_resolved"
    assert cross_check.started_at >= max(child.completed_at for child in children[:-1])

    report = document(audit, "report")
    assert "Python is the main language" in report
    assert "- Nothing was measured" not in report
    plan, summary = Comment.objects.filter(issue=audit).order_by("number")
    assert "DEM-7 Cross-check the findings: Historian (when all others are done)" in plan.body
    assert summary.body.endswith("The report is in the document `report`.")


def test_a_second_call_adds_nothing_while_the_first_audit_is_open(product):
    seed(product)
    before = [model.objects.count() for model in (Company, Agent, Issue, Run)]
    assert before == [1, 4, 1, 1]
    said = seed(product)
    assert "an audit of" in said
    assert "is still open; nothing was added" in said
    assert [model.objects.count() for model in (Company, Agent, Issue, Run)] == before


@pytest.mark.faults
def test_the_audit_survives_a_kill_of_runner_and_web(product):
    product.start("web")
    product.start("runner")
    seed(product, "--pace", "0.2")
    ended = Run.objects.filter(status="succeeded")
    wait_for(lambda: ended.count() >= 3, seconds=60, what="the first parts to be done")
    product.kill("runner")
    product.kill("web")
    product.start("web")
    product.start("runner")

    audit = finished(product)

    assert audit.status == "done", told(product)
    children = Issue.objects.filter(parent=audit)
    assert [child.status for child in children] == ["done"] * 6
    assert Run.objects.count() == Run.objects.filter(status="succeeded").count() == 8, told(product)
    assert Comment.objects.filter(issue__in=children).count() == 6, "no part was done twice"


@pytest.mark.faults
def test_a_part_whose_program_was_lost_is_taken_up_again(product):
    product.start("web")
    product.start("runner")
    seed(product, "--pace", "0.3")

    def worker_at_work() -> Run | None:
        return Run.objects.filter(status="running", issue__parent__isnull=False).first()

    run = wait_for(worker_at_work, seconds=60, what="a worker to begin")
    directory = product.home / "runs" / str(run.pk)
    wait_for((directory / "started.json").exists, seconds=10, what="its program to start")
    os.kill(json.loads((directory / "shim.pid").read_text())["pid"], signal.SIGKILL)

    audit = finished(product)

    assert audit.status == "done", told(product)
    run.refresh_from_db()
    assert (run.status, run.error_code) == ("failed", "process_lost")
    again = Run.objects.get(retry_of_run=run)
    assert again.status == "succeeded", told(product)
    assert Run.objects.exclude(pk=run.pk).filter(status="succeeded").count() == 8
    assert Comment.objects.filter(issue=run.issue).count() == 1
