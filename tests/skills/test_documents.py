"""What the skill tells agents to do is done, word by word, against a live server."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.urls import Resolver404, resolve

from heartbeat.models import Run
from issues.models import Issue
from paperclip.companies import tokens
from paperclip.core import clock
from paperclip.governance.models import Approval
from routines.models import Routine
from tests import cast as standing
from tests import factories
from tests.product import Product
from tests.workspaces.scenes import make_place, page
from workspaces.models import RuntimeService

ROOT = Path(settings.SKILLS_ROOT) / "paperclip"
DOCUMENTS = sorted(ROOT.rglob("*.md"))
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CALL = re.compile(r"`(GET|POST|PUT|PATCH|DELETE) (/api/[^`?\s]+)")
_LINK = re.compile(r"`(references/[\w-]+\.md)`")


def blocks(document: Path) -> list[str]:
    return _BLOCK.findall(document.read_text())


@dataclass
class Agent:
    """An agent who reads one document and does what stands there."""

    product: Product
    cast: standing.Cast
    issue: Issue
    run: Run

    def does(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run all of a document's commands in their order; the first that is refused fails the test."""
        token = tokens.mint_run_token(agent=self.cast.engineer, run_id=self.run.pk, now=clock.now())
        start = next(block for block in blocks(ROOT / "SKILL.md") if block.startswith("api()"))
        commands = [start, *(block for block in blocks(ROOT / name) if block != start)]
        done = subprocess.run(
            ["/bin/sh", "-eu"],
            input="\n".join(commands),
            env={
                "PATH": "/usr/bin:/bin",
                "PAPERCLIP_API_URL": self.product.url,
                "PAPERCLIP_API_KEY": token,
                "PAPERCLIP_AGENT_ID": str(self.cast.engineer.pk),
                "PAPERCLIP_COMPANY_ID": str(self.cast.company.pk),
                "PAPERCLIP_RUN_ID": str(self.run.pk),
                "PAPERCLIP_TASK_ID": str(self.issue.pk),
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2_000:] + done.stderr
        self.issue.refresh_from_db()
        return done


@pytest.fixture
def agent(product, settings) -> Any:
    if shutil.which("curl") is None:
        pytest.skip("no curl here: the skill's commands are not tried")
    product.start("web")
    settings.SECRET_KEY = (product.home / "secret.key").read_text().strip()  # what the web part signs with
    cast = standing.make()
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)
    return Agent(product, cast, issue, factories.run(cast.engineer, issue=issue))


def test_a_heartbeat_by_the_book(agent):  # K-44, K-45
    agent.does("SKILL.md")
    assert agent.issue.status == "done"
    said = agent.issue.comments.order_by("created_at").values_list("body", "created_by_run_id")
    assert [run for _, run in said] == [agent.run.pk] * 2
    assert said[1][0] == "All pages are checked. Two were mended."


def test_work_is_split_planned_and_asked_about(agent):
    agent.does("references/workflows.md")
    parts = agent.issue.children.order_by("created_at")
    assert [part.title for part in parts] == ["Find three suppliers", "Order from the cheapest"]
    assert [link.issue_id for link in parts[1].blocked_by_links.all()] == [parts[0].pk]
    assert agent.issue.status == "blocked"
    kinds = agent.issue.interactions.values_list("kind", flat=True)
    assert set(kinds) == {"request_confirmation", "ask_user_questions", "suggest_tasks"}
    assert Approval.objects.get().requested_by_agent_id == agent.cast.engineer.pk


def test_a_routine_is_made_set_off_and_paused(agent):
    done = agent.does("references/routines.md")
    routine = Routine.objects.get()
    assert (routine.status, routine.priority) == ("paused", "high")
    assert sorted(routine.triggers.values_list("kind", flat=True)) == ["schedule", "webhook"]
    assert Issue.objects.get(origin_id=str(routine.pk)).description == "Sum up what was said about mops."
    assert "webhookSecret" not in done.stdout, "the secret is not printed"


def test_the_calls_of_the_api_page_are_answered(agent):
    agent.does("references/api.md")
    assert agent.issue.attachments.get().asset.original_filename == "stock.txt"
    assert Issue.objects.filter(title="Sharpen the pencils").exists()


def test_the_services_of_a_workspace_are_used(agent, tmp_path):
    place = make_place(agent.cast, page(tmp_path))
    Issue.objects.filter(pk=agent.issue.pk).update(execution_workspace=place)
    done = agent.does("references/issue-workspaces.md")
    assert "hello from here" in done.stdout
    service = RuntimeService.objects.get()
    assert (service.service_name, service.status) == ("web", "stopped")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_address_that_is_named_is_there(document):
    for method, path in _CALL.findall(document.read_text()):
        try:
            view = resolve(re.sub(r"\{\w+\}", "7f1c2f0e-5f0a-4a52-9d5b-0f6f3c0a1b2c", path)).func
        except Resolver404:
            pytest.fail(f"{document.name} names {method} {path}, which is nowhere")
        assert hasattr(view.view_class, method.lower()), f"{document.name}: {path} takes no {method}"


def test_every_page_is_read_from_the_first_and_tried():
    """A page nobody is sent to is not read; a page with commands nobody runs gets old."""
    named = {ROOT / link for link in _LINK.findall((ROOT / "SKILL.md").read_text())}
    assert named == set(DOCUMENTS) - {ROOT / "SKILL.md"}
    tried = set(re.findall(r'agent\.does\("([^"]+)"\)', Path(__file__).read_text()))
    assert {ROOT / name for name in tried} == {document for document in DOCUMENTS if blocks(document)}
