"""A company with as many of everything as one likes, to see what reading it costs."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

from heartbeat.models import RunEvent, RuntimeState, TaskSession
from issues.models import (
    ApprovalLink,
    Attachment,
    Document,
    DocumentRevision,
    FeedbackVote,
    Interaction,
    Issue,
    IssueDocument,
    IssueLabel,
    Label,
    ReferenceMention,
    TreeHold,
    TreeHoldMember,
    WorkProduct,
)
from paperclip.companies.models import Activity, Asset, ProjectGoal
from paperclip.core import clock
from routines.models import RoutineRun
from tests import factories
from tests.cast import Cast
from tests.routines import recipes
from workspaces.models import ExecutionWorkspace, ProjectWorkspace, RuntimeService, WorkspaceOperation

_numbers = itertools.count(1)


class Full:
    """The cast and one row of each kind, on which `fill` hangs more; ids by what a path calls them."""

    def __init__(self, cast: Cast) -> None:
        self.cast, self.company = cast, cast.company
        api, base = cast.as_owner, f"/api/companies/{cast.company.id}"
        self.goal = factories.goal(self.company)
        self.project = factories.project(self.company)
        ProjectGoal.objects.create(project=self.project, goal=self.goal)
        self.issue = factories.issue(
            self.company, project=self.project, goal=self.goal, assignee_agent=cast.engineer, status="blocked"
        )
        self.place = self._place()
        Issue.objects.filter(pk=self.issue.pk).update(execution_workspace=self.place)
        self.run = factories.run(cast.engineer, status="succeeded", issue=self.issue)
        self.approval = self.company.approvals.create(
            type="request_board_approval", requested_by_user=cast.owner
        )
        self.routine = recipes.routine(cast)
        self.document = self._document(self.issue, "plan")
        self.secret = made(api.post(f"{base}/secrets", {"name": "First", "value": "s"}))["id"]
        made(api.patch(f"/api/agents/{cast.engineer.id}", {"title": "revised"}))
        made(
            api.put(
                f"/api/agents/{cast.engineer.id}/instructions-bundle/file",
                {"path": "AGENTS.md", "content": "x"},
            )
        )
        RuntimeState.objects.get_or_create(
            agent=cast.engineer,
            defaults={
                "company": self.company,
                "adapter_type": "process",
                "created_at": clock.now(),
                "updated_at": clock.now(),
            },
        )
        self.fill(1)
        now_there = {
            "company_id": self.company.id,
            "agent_ref": cast.engineer.id,
            "agent_id": cast.engineer.id,
            "project_ref": self.project.id,
            "goal_id": self.goal.id,
            "issue_id": self.issue.id,
            "comment_id": self.issue.comments.first().id,
            "key": "plan",
            "run_id": self.run.id,
            "approval_id": self.approval.id,
            "routine_id": self.routine.id,
            "hold_id": TreeHold.objects.first().id,
            "trace_id": FeedbackVote.objects.first().id,
            "revision_id": cast.engineer.config_revisions.first().id,
            "secret_id": self.secret,
            "user_id": cast.operator.id,
            "user_slug": cast.operator.id,
            "kind": "process",
            "name": "paperclip",
            "file": "references/api.md",
            "workspace_id": self.place.id,
        }
        self.ids: dict[str, Any] = now_there

    def fill(self, count: int) -> None:
        """Hang `count` more of everything on the rows."""
        for _ in range(count):
            self._company()
            self._work()
            self._thread()
            self._runs()

    def _company(self) -> None:
        cast, company, number = self.cast, self.company, next(_numbers)
        api, base = cast.as_owner, f"/api/companies/{company.id}"
        factories.member(factories.company(), cast.owner)
        person = factories.user(member_of=company)
        agent = factories.agent(
            company, reports_to=cast.engineer, runtime_config={"heartbeat": {"enabled": True}}
        )
        for who, issue in ((agent, self.issue), (cast.engineer, None)):
            who.cost_events.create(
                company=company, provider=f"p{number}", biller="b", model=f"m{number}", cost_cents=5,
                occurred_at=clock.now(), project=self.project, issue=issue,
            )  # fmt: skip
        factories.agent_key(cast.engineer)
        factories.board_token(cast.owner)
        goal = factories.goal(company, parent=self.goal)
        project = factories.project(company, env={"A": {"type": "plain", "value": "x"}})
        ProjectGoal.objects.create(project=project, goal=goal)
        ProjectWorkspace.objects.create(
            company=company, project=self.project, name=f"w{number}", cwd="/srv", is_primary=number == 1
        )
        approval = company.approvals.create(type="request_board_approval", requested_by_user=person)
        ApprovalLink.objects.create(company=company, issue=self.issue, approval=approval)
        ApprovalLink.objects.create(company=company, issue=factories.issue(company), approval=self.approval)
        self.approval.comments.create(company=company, author_user=person, body="A word")
        made(api.post(f"{base}/secrets", {"name": f"Secret {number}", "value": "s"}))
        made(api.post(f"{base}/invites", {}))
        made(api.patch(f"/api/agents/{agent.id}", {"title": f"title {number}"}))
        made(api.patch(f"/api/agents/{cast.engineer.id}", {"title": f"title {number}"}))
        policy = {"scopeType": "agent", "scopeId": str(agent.id), "amount": 4, "metric": "billed_cents"}
        made(api.post(f"{base}/budgets/policies", policy))
        finance = {
            "eventKind": "platform_fee", "biller": f"b{number}", "amountCents": 5,
            "occurredAt": clock.iso(clock.now()),
        }  # fmt: skip
        made(api.post(f"{base}/finance-events", finance))

    def _work(self) -> None:
        cast, company, number = self.cast, self.company, next(_numbers)
        issue = factories.issue(
            company, parent=self.issue, project=self.project, assignee_agent=cast.engineer, status="blocked",
            created_by_user=cast.owner, title=f"Findable {number}",
        )  # fmt: skip
        label = Label.objects.create(company=company, name=f"l{number}", color="#ffffff")
        for labelled in (issue, self.issue):
            IssueLabel.objects.create(company=company, issue=labelled, label=label, created_at=clock.now())
        factories.blocks(factories.issue(company), issue)
        factories.blocks(factories.issue(company, assignee_agent=cast.peer), self.issue)
        factories.blocks(self.issue, factories.issue(company))
        for one, other in ((issue, self.issue), (self.issue, issue)):
            ReferenceMention.objects.create(
                company=company, source_issue=one, target_issue=other, source_kind="description"
            )
        self._document(self.issue, f"d{number}")
        self._revision(self.document, number + 1)
        recipes.routine(cast)
        RoutineRun.objects.create(
            company=company, routine=self.routine, source="manual", triggered_at=clock.now(),
            linked_issue=issue, status="completed",
        )  # fmt: skip
        hold = TreeHold.objects.create(
            company=company, root_issue=self.issue, mode="cancel", release_policy={"strategy": "manual"},
            created_by_actor_type="user", created_by_user=cast.owner,
        )  # fmt: skip
        for held in {hold, TreeHold.objects.earliest("created_at")}:
            TreeHoldMember.objects.create(
                company=company, hold=held, issue=issue, depth=1, issue_identifier=issue.identifier or "",
                issue_title=issue.title, issue_status="todo",
            )  # fmt: skip
        WorkProduct.objects.create(
            company=company, issue=self.issue, type="branch", provider="git", title=f"b{number}"
        )

    def _thread(self) -> None:
        cast, company, number = self.cast, self.company, next(_numbers)
        comment = factories.comment(self.issue, f"Findable {number}", author_agent=cast.peer)
        asset = Asset.objects.create(
            company=company, object_key=f"k{number}", content_type="text/plain", byte_size=1,
            sha256=hashlib.sha256(str(number).encode()).hexdigest(),
        )  # fmt: skip
        Attachment.objects.create(company=company, issue=self.issue, asset=asset, issue_comment=comment)
        Interaction.objects.create(
            company=company, issue=self.issue, kind="request_confirmation", continuation_policy="none",
            payload={"version": 1, "prompt": "Yes?"}, created_by_agent=cast.engineer, status="accepted",
            resolved_at=clock.now(),
        )  # fmt: skip
        FeedbackVote.objects.create(
            company=company, issue=self.issue, author_user=cast.owner, target_type="issue_comment",
            target_id=comment.pk, vote="up", payload=_PAYLOAD,
        )  # fmt: skip
        Activity.objects.create(
            company=company, actor_type="agent", actor_id=str(cast.peer.id), agent=cast.peer, action="issue.updated",
            entity_type="issue", entity_id=str(self.issue.id), run=self.run,
        )  # fmt: skip

    def _runs(self) -> None:
        cast, number = self.cast, next(_numbers)
        self._place()
        self._done_at(self.place)
        factories.run(cast.engineer, status="succeeded", issue=self.issue)
        worker = factories.agent(self.company)
        working_on = factories.issue(self.company, status="in_progress", assignee_agent=worker)
        run = factories.run(worker, issue=working_on)
        Issue.objects.filter(pk=working_on.pk).update(execution_run=run, checkout_run=run)
        RunEvent.objects.create(
            company=self.company, run=self.run, agent=cast.engineer, seq=number, event_type="lifecycle",
            created_at=clock.now(),
        )  # fmt: skip
        TaskSession.objects.create(
            company=self.company, agent=cast.engineer, adapter_type="process", task_key=f"t{number}"
        )

    def _place(self) -> ExecutionWorkspace:
        number = next(_numbers)
        place = ExecutionWorkspace.objects.create(
            company=self.company, project=self.project, mode="isolated_workspace", name=f"w{number}"
        )
        self._done_at(place)
        return place

    def _done_at(self, place: ExecutionWorkspace) -> None:
        RuntimeService.objects.create(
            company=self.company, execution_workspace=place, scope_type="execution_workspace",
            service_name=f"s{next(_numbers)}", status="stopped", lifecycle="shared",
        )  # fmt: skip
        WorkspaceOperation.objects.create(
            company=self.company, execution_workspace=place, phase="worktree_prepare", status="succeeded",
            started_at=clock.now(), finished_at=clock.now(),
        )  # fmt: skip

    def _document(self, issue: Issue, key: str) -> Document:
        document = Document.objects.create(
            company=self.company, latest_body="words", latest_revision_number=1
        )
        IssueDocument.objects.create(company=self.company, issue=issue, document=document, key=key)
        self._revision(document, 1)
        return document

    def _revision(self, document: Document, number: int) -> None:
        revision = DocumentRevision.objects.create(
            company=self.company, document=document, revision_number=number, body="words"
        )
        Document.objects.filter(pk=document.pk).update(
            latest_revision_id=revision.pk, latest_revision_number=number
        )


_PAYLOAD = {
    "label": "Comment", "excerpt": "x", "body": "x", "authorAgentId": None, "authorUserId": None,
    "createdAt": "2026-01-31T08:15:00.000Z", "documentKey": None, "documentTitle": None, "revisionNumber": None,
}  # fmt: skip


def made(answer: Any) -> Any:
    """Return the body of a success."""
    assert answer.status_code < 300, answer.content
    return answer.json()
