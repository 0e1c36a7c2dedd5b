"""A company in the middle of its day, for looking at the board and for its tests."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from heartbeat.models import Run, RunEvent, Runner, TaskSession, WakeupRequest
from issues.models import (
    Document,
    DocumentRevision,
    FeedbackVote,
    Issue,
    IssueDocument,
    IssueLabel,
    Label,
    TreeHold,
)
from paperclip.companies import activity, actors
from paperclip.companies.models import (
    Agent,
    AgentConfigRevision,
    Company,
    Goal,
    Project,
    ProjectGoal,
    Secret,
    SecretAccess,
    SecretBinding,
    SecretProviderConfig,
    User,
)
from paperclip.companies.secrets import store
from paperclip.core import clock
from paperclip.governance.models import Approval, ApprovalComment, BudgetIncident, BudgetPolicy, CostEvent
from routines.models import Routine
from tests import factories
from tests.board import routine_scene

WISH = """Measure **everything that can be measured** and say what to do first.

- size and languages
- churn from git
- TODOs, largest files, test ratio

Write the report as a document on this issue.
"""
REPORT = """# Audit of the repository

**1,284 files**, 96,310 lines. The tree is healthy; three things ask for a decision.

| Measure | Value | Verdict |
|---|---:|---|
| Test ratio | 0.41 | good |
| TODOs older than a year | 37 | clear out |
| Largest file | `server/heartbeat.ts`, 9,808 lines | split |

## What to do first

1. Split the largest file along its verbs.
2. Delete the `legacy/` folder; nothing imports it.

```python
def churn(commits: list[Commit]) -> Counter[str]:
    return Counter(path for commit in commits for path in commit.paths)
```

See [the measurements](https://example.com/audit) for the rest.
"""


NO_FOLLOWUP = {
    "succeeded": {"followup_mechanism": "none", "followup_reason": "The run succeeded"},
    **dict.fromkeys(
        ("failed", "cancelled"),
        {
            "followup_mechanism": "none",
            "followup_reason": "Failures of this kind are not tried again by themselves",
        },
    ),
}


@dataclass
class Scene:
    """What a test may want to name."""

    company: Company
    owner: User
    ceo: Agent
    backend: Agent
    issue: Issue
    blocked: Issue
    running: Run
    failed: Run
    retried: Run
    approval: Approval
    project: Project
    goal: Goal
    session: TaskSession
    hold: TreeHold
    secret: Secret
    budget: BudgetPolicy
    routine: Routine
    vault: SecretProviderConfig


def build(
    company: Company | None = None, owner: User | None = None, *, now: datetime | None = None, size: int = 1
) -> Scene:
    """Fill a company; `size` multiplies everything a list may hold."""
    now = now or clock.now()
    place = company or factories.company(
        name="Northwind Audits", issue_prefix="NWA", budget_monthly_cents=40_000
    )
    person = owner or factories.user(member_of=place, first_name="Board", username="board", is_superuser=True)
    ago = lambda **parts: now - timedelta(**parts)  # noqa: E731  one word for the many times below

    goal = factories.goal(place, title="Know what our code base is worth", level="company", status="active")
    factories.goal(place, title="Every module has an owner", level="team", status="planned", parent=goal)
    project = factories.project(
        place,
        name="Repository audit",
        status="in_progress",
        color="#3b82f6",
        description="One pass over everything, then a report.",
    )
    ProjectGoal.objects.create(project=project, goal=goal)
    factories.project(place, name="Release 2.0", status="planned", color="#f97316")

    ceo = factories.agent(
        place,
        name="Ada",
        role="ceo",
        title="Chief executive",
        status="idle",
        last_heartbeat_at=ago(minutes=26),
        capabilities="Breaks goals into issues and judges what comes back.",
    )
    lead = factories.agent(
        place,
        name="Lead",
        role="cto",
        title="Head of engineering",
        reports_to=ceo,
        status="idle",
        last_heartbeat_at=ago(minutes=9),
    )
    backend = factories.agent(
        place,
        name="Backend",
        role="engineer",
        title="Backend engineer",
        reports_to=lead,
        status="running",
        last_heartbeat_at=ago(seconds=95),
        adapter_config={
            "command": "python3",
            "args": ["agent.py", "--token", "s3cret-value"],
            "cwd": "/srv/agents/backend",
            "timeoutSec": 600,
            "env": {"API_KEY": {"type": "plain", "value": "s3cret-value"}},
        },
        capabilities="Python, PostgreSQL, anything with a queue in it.",
    )
    frontend = factories.agent(
        place,
        name="Frontend",
        role="engineer",
        reports_to=lead,
        status="running",
        last_heartbeat_at=ago(seconds=20),
    )
    quality = factories.agent(
        place,
        name="Quality",
        role="qa",
        title="Tests",
        reports_to=lead,
        status="error",
        last_heartbeat_at=ago(hours=2),
    )
    writer = factories.agent(
        place,
        name="Writer",
        role="general",
        title="Documentation",
        reports_to=ceo,
        status="paused",
        pause_reason="manual",
        paused_at=ago(hours=20),
        last_heartbeat_at=ago(hours=21),
    )
    factories.agent(place, name="Designer", role="designer", reports_to=lead, status="pending_approval")
    project.lead_agent = lead
    project.save()

    runner = Runner.objects.create(
        name=f"host-{uuid.uuid4().hex[:6]}",
        host="build-7",
        pid=4242,
        capacity=8,
        last_seen_at=now,
        lease_expires_at=now + timedelta(seconds=30),
    )
    bug = Label.objects.create(company=place, name="bug", color="#ef4444")
    debt = Label.objects.create(company=place, name="tech debt", color="#8b5cf6")

    number = iter(range(1, 100_000))

    def issue(title: str, status: str, who: Agent | None = None, **fields: Any) -> Issue:
        at = fields.pop("at", ago(hours=3))
        return factories.issue(
            place,
            title=title,
            status=status,
            assignee_agent=who,
            issue_number=next(number),
            created_at=at,
            updated_at=at,
            last_activity_at=at,
            **fields,
        )

    audit = issue(
        "Audit this repository",
        "in_progress",
        lead,
        priority="high",
        project=project,
        goal=goal,
        description=WISH,
        at=ago(minutes=40),
        created_by_user=person,
    )
    size_issue = issue(
        "Measure size and languages",
        "done",
        backend,
        parent=audit,
        project=project,
        completed_at=ago(minutes=22),
        at=ago(minutes=22),
    )
    churn = issue(
        "Measure churn from git history",
        "in_progress",
        backend,
        parent=audit,
        project=project,
        priority="high",
        at=ago(seconds=90),
        started_at=ago(minutes=2),
    )
    todo = issue(
        "Count TODOs and find the oldest ones",
        "in_progress",
        frontend,
        parent=audit,
        project=project,
        at=ago(seconds=30),
    )
    ratio = issue(
        "Test ratio per package", "blocked", quality, parent=audit, project=project, at=ago(minutes=18)
    )
    report = issue(
        "Write the audit report", "blocked", lead, parent=audit, project=project, at=ago(minutes=12)
    )
    orphan = issue("Decide which coverage tool we trust", "todo", None, at=ago(minutes=50))
    issue(
        "Review the splitting plan for the scheduler module",
        "in_review",
        lead,
        priority="critical",
        project=project,
        at=ago(hours=1),
        created_by_agent=backend,
    )
    issue("Describe the public API in the handbook", "todo", writer, at=ago(hours=5), priority="low")
    flaky = issue(
        "Make the login test stop failing every other night on the slow build machine in the cellar",
        "in_progress",
        quality,
        priority="critical",
        at=ago(hours=2),
    )
    retrying = issue("Rename the billing tables", "in_progress", frontend, at=ago(minutes=4))
    issue("Try the new linter rules", "backlog", None, priority="low", at=ago(days=2))
    issue(
        "Port the reports to the new format", "cancelled", frontend, at=ago(days=3), cancelled_at=ago(days=3)
    )
    for index in range(4 * size):
        done = issue(
            f"Upgrade dependency set {index + 1}",
            "done",
            backend if index % 2 else frontend,
            at=ago(hours=6 + index * 5),
            completed_at=ago(hours=6 + index * 5),
        )
        IssueLabel.objects.create(issue=done, label=debt, company=place)
    for index in range(6 * (size - 1)):
        waits = issue(f"Check module {index + 1}", "blocked", backend, at=ago(hours=1 + index))
        factories.blocks(orphan, waits)
    for label, row in ((bug, flaky), (debt, retrying), (bug, ratio)):
        IssueLabel.objects.create(issue=row, label=label, company=place)
    factories.blocks(orphan, ratio)
    for blocker in (size_issue, churn, todo, ratio):
        factories.blocks(blocker, report)

    def run(
        who: Agent, on: Issue | None, status: str, start: timedelta, took: float = 60, **fields: Any
    ) -> Run:
        started = now - start
        is_live = status in ("running", "queued", "scheduled_retry")
        reason = fields.pop("reason", "issue_assigned")
        request = WakeupRequest.objects.create(
            company=place,
            agent=who,
            issue=on,
            source="assignment",
            reason=reason,
            status="completed",
            requested_by_actor_type="user",
            requested_by_actor_id=str(person.pk),
            requested_at=started,
        )
        return Run.objects.create(
            company=place,
            agent=who,
            issue=on,
            status=status,
            invocation_source="assignment",
            wakeup_request=request,
            created_at=started,
            updated_at=started,
            started_at=None if status in ("queued", "scheduled_retry") else started + timedelta(seconds=0.3),
            finished_at=None if is_live else started + timedelta(seconds=took),
            exit_code=None if is_live else 0 if status == "succeeded" else 1,
            log_bytes=18_204,
            runner=runner if status == "running" else None,
            claim_token=uuid.uuid4() if status == "running" else None,
            context_snapshot={"issueId": str(on.pk) if on else None, "wakeReason": reason},
            **{**NO_FOLLOWUP.get(status, {}), **fields},
        )

    running = run(backend, churn, "running", timedelta(seconds=95))
    second = run(frontend, todo, "running", timedelta(seconds=21))
    run(lead, audit, "queued", timedelta(seconds=4), reason="issue_children_completed")
    failed = run(
        quality,
        flaky,
        "failed",
        timedelta(hours=2),
        41,
        error="playwright: browser closed unexpectedly (signal 9)\n  at launch()",
        error_code="adapter_failed",
        followup_reason="Failures of this kind are not tried again by themselves",
    )
    first = run(
        frontend,
        retrying,
        "failed",
        timedelta(minutes=14),
        122,
        error="upstream overloaded (529)",
        error_code="claude_transient_upstream",
        followup_mechanism="scheduled_retry",
        followup_reason="Upstream overloaded (529)",
        followup_attempt=1,
        followup_due_at=ago(minutes=10),
    )
    retried = run(
        frontend,
        retrying,
        "failed",
        timedelta(minutes=10),
        63,
        error="upstream overloaded (529)",
        error_code="claude_transient_upstream",
        retry_of_run=first,
        followup_mechanism="scheduled_retry",
        followup_reason="Upstream overloaded (529)",
        followup_attempt=2,
        followup_due_at=now + timedelta(minutes=8),
    )
    run(
        frontend,
        retrying,
        "scheduled_retry",
        timedelta(minutes=9),
        retry_of_run=retried,
        scheduled_retry_at=now + timedelta(minutes=8),
        scheduled_retry_attempt=2,
        scheduled_retry_reason="upstream overloaded (529)",
        reason="process_lost_retry",
    )
    good = run(backend, size_issue, "succeeded", timedelta(minutes=24), 97)
    run(ceo, None, "succeeded", timedelta(minutes=27), 33, reason="heartbeat_timer")
    for index in range(40 * size):
        who = (backend, frontend, lead, quality)[index % 4]
        outcome = "failed" if index % 9 == 4 else "cancelled" if index % 17 == 3 else "succeeded"
        hours = 1.2 + index * 0.7 if index < 24 else 24 + index * 7
        run(
            who,
            None,
            outcome,
            timedelta(hours=hours),
            20 + (index * 53) % 900,
            reason="heartbeat_timer",
            followup_mechanism="none",
        )

    for seq, (message, level) in enumerate(
        [
            ("Queued: the issue was assigned", "info"),
            ("Claimed by build-7", "info"),
            ("Program started: python3 agent.py", "info"),
            ("Silent for 30 s", "warn"),
        ],
        start=1,
    ):
        RunEvent.objects.create(
            company=place,
            run=running,
            agent=backend,
            seq=seq,
            event_type="lifecycle",
            level=level,
            message=message,
            created_at=ago(seconds=96 - seq * 12),
        )
    Run.objects.filter(pk=running.pk).update(next_event_seq=5)
    write_log(
        running,
        [
            "Reading 4,211 commits",
            "2024: 1,102 commits, 311 files",
            "2025: 1,984 commits, 502 files",
            "core/scheduler.py changed 214 times",
        ],
    )
    write_log(second, ["Looking at 1,284 files", "37 TODOs so far, the oldest from 2019"])
    write_log(good, [f"line {index}" for index in range(1, 40)])
    for row in (audit, churn, todo, retrying):
        holder = {churn: running, todo: second}.get(row)
        Issue.objects.filter(pk=row.pk).update(checkout_run=holder, execution_run=holder)

    factories.comment(
        audit,
        "Please start today, and keep the report under two pages.",
        author_user=person,
        at=ago(minutes=39),
    )
    factories.comment(
        audit,
        "I split this into five issues. **Writing the report** waits for the other four; @Backend has two.",
        author_agent=lead,
        at=ago(minutes=38),
    )
    factories.comment(
        size_issue,
        "1,284 files, 96,310 lines: TypeScript 71 %, Python 18 %, SQL 6 %.",
        author_agent=backend,
        at=ago(minutes=23),
        created_by_run=good,
    )
    factories.comment(
        ratio,
        "I cannot measure coverage before somebody chooses the tool: " + "see `NWA-7`.",
        author_agent=quality,
        at=ago(minutes=18),
    )
    for index in range(3 * (size - 1)):
        factories.comment(audit, f"Progress note {index}", author_agent=lead, at=ago(minutes=30 - index))
    document = Document.objects.create(
        company=place,
        title="Audit report",
        latest_body=REPORT,
        created_by_agent=lead,
        updated_by_agent=lead,
        updated_at=ago(minutes=11),
    )
    IssueDocument.objects.create(company=place, issue=audit, document=document, key="report")
    for number in range(1, size + 2):
        latest = DocumentRevision.objects.create(
            company=place,
            document=document,
            revision_number=number,
            title=document.title,
            body=REPORT if number == size + 1 else f"Draft {number}\n\n{REPORT[:400]}",
            change_summary=None if number > 1 else "A first draft",
            created_by_agent=lead,
            created_at=ago(minutes=11),
        )
    Document.objects.filter(pk=document.pk).update(
        latest_revision_id=latest.pk, latest_revision_number=latest.revision_number
    )

    def act(actor: Any, action: str, kind: str, row: Any, at: datetime, **details: Any) -> None:
        activity.record(
            company_id=place.pk,
            actor=actor,
            action=action,
            entity_type=kind,
            entity_id=row.pk,
            now=at,
            details=details or None,
            run_id=details.pop("run", None),
        )

    by_backend = actors.for_agent(backend, run_id=good.pk)
    act(
        actors.for_user(person), "issue.created", "issue", audit, ago(minutes=40), identifier=audit.identifier
    )
    act(actors.for_agent(lead), "issue.created", "issue", churn, ago(minutes=38), identifier=churn.identifier)
    act(
        actors.for_agent(lead),
        "issue.updated",
        "issue",
        report,
        ago(minutes=37),
        status="blocked",
        _previous={"status": "todo"},
    )
    act(by_backend, "issue.checked_out", "issue", size_issue, ago(minutes=24))
    act(by_backend, "issue.comment_added", "issue", size_issue, ago(minutes=23))
    act(
        by_backend,
        "issue.updated",
        "issue",
        size_issue,
        ago(minutes=22),
        status="done",
        _previous={"status": "in_progress"},
    )
    act(actors.for_user(person), "agent.paused", "agent", writer, ago(hours=20))
    act(actors.system("heartbeat_service"), "heartbeat.cancelled", "heartbeat_run", failed, ago(minutes=5))
    act(actors.for_agent(lead), "issue.document_created", "issue", audit, ago(minutes=11), key="report")
    for index in range(20 * (size - 1)):
        act(
            actors.for_agent(frontend), "issue.updated", "issue", audit, ago(hours=2 + index), priority="high"
        )

    approval = Approval.objects.create(
        company=place,
        type="hire_agent",
        requested_by_agent=lead,
        payload={
            "name": "Designer",
            "role": "designer",
            "reason": "Nobody here can judge a screen.",
            "apiKey": "s3cret-value",
        },
        created_at=ago(minutes=33),
    )
    for index in range(3 * (size - 1)):
        Approval.objects.create(
            company=place,
            type="request_board_approval",
            requested_by_agent=lead,
            payload={"title": f"Buy licence {index}"},
            created_at=ago(hours=index),
        )
    Approval.objects.create(
        company=place,
        type="request_board_approval",
        requested_by_agent=ceo,
        status="approved",
        payload={"title": "Delete the legacy folder"},
        created_at=ago(days=2),
        decided_at=ago(days=1),
        decided_by_user=person,
    )
    month = {"window_start": clock.month_start(now), "window_end": clock.next_month_start(now)}
    budget = BudgetPolicy.objects.create(
        company=place, scope_type="company", amount=40_000, observed_amount=4_190, **month
    )
    BudgetPolicy.objects.create(
        company=place, scope_type="project", project=project, amount=5_000, observed_amount=4_100, **month
    )
    designer = Agent.objects.get(company=place, name="Designer")
    spent = BudgetPolicy.objects.create(
        company=place, scope_type="agent", agent=designer, amount=900, observed_amount=950, **month
    )
    incident = {"company": place, "amount_limit": 900, "amount_observed": 950, **month}
    BudgetIncident.objects.create(policy=spent, threshold_type="hard", **incident)
    BudgetIncident.objects.create(
        policy=budget, threshold_type="soft", status="resolved", resolved_at=ago(hours=2), **incident
    )
    for index in range(3 * (size - 1)):
        stage = factories.project(place, name=f"Stage {index + 1}")
        staged = BudgetPolicy.objects.create(
            company=place, scope_type="project", project=stage, amount=100, observed_amount=85, **month
        )
        BudgetIncident.objects.create(policy=staged, threshold_type="soft", **incident)
        CostEvent.objects.create(
            company=place,
            agent=backend,
            project=stage,
            provider="anthropic",
            biller="anthropic",
            model=f"small {index}",
            cost_cents=85,
            occurred_at=now,
        )
    for index in range(2 * size):
        ApprovalComment.objects.create(
            company=place, approval=approval, author_agent=backend, body=f"Remark {index + 1}"
        )
    for index, who in enumerate((backend, frontend, lead, backend)):
        CostEvent.objects.create(
            company=place,
            agent=who,
            provider="anthropic",
            biller="anthropic",
            model="large",
            cost_cents=731 + 211 * index,
            occurred_at=now,
        )
    AgentConfigRevision.objects.create(
        company=place,
        agent=backend,
        created_by_user=person,
        changed_keys=["adapterConfig"],
        created_at=ago(days=1),
    )
    session = TaskSession.objects.create(
        company=place,
        agent=backend,
        adapter_type="claude_local",
        task_key=str(churn.pk),
        session_display_id="5f0c1d2e",
        session_params_json={"sessionId": "5f0c1d2e", "token": "s3cret-value"},
        last_run_id=running.pk,
        run_count=3,
        updated_at=ago(minutes=2),
    )
    for index in range(4 * size):
        TaskSession.objects.create(
            company=place,
            agent=frontend,
            adapter_type="claude_local",
            task_key=f"nightly-{index}",
            last_error="Session not found" if index % 2 else None,
            set_aside_at=ago(hours=1) if index % 2 else None,
            set_aside_reason="The run before failed over its session: session_not_found"
            if index % 2
            else None,
        )
    # Over closed work, where they are in nobody's way.
    hold = _hold(done, person, "pause", reason="Until the release is out", created_at=ago(days=1))
    for index in range(3 * size):
        _hold(done, person, "pause", created_at=ago(days=2 + index), released_at=ago(days=1 + index))
    secret = _secret(person, running, at=ago(days=20))
    for index in range(3 * size):
        _secret(person, running, at=ago(days=21), name=f"Key {index}")
    routine = routine_scene.build(person, backend, project, live=churn, done=size_issue, now=now, size=size)
    vault = [_vault(secret, person, index) for index in range(size)][0]
    for index in range(size):
        _judgement(audit, person, index)
    return Scene(
        place, person, ceo, backend, audit, ratio, running, failed, retried, approval, project, goal,
        session, hold, secret, budget, routine, vault,
    )  # fmt: skip


def _secret(person: User, run: Run, *, at: datetime, name: str = "GitHub token") -> Secret:
    actor = actors.for_user(person)
    place, user = run.company, run.agent
    fields = {"name": name, "value": "tulip-bulb-1637", "description": "Reads the repositories"}
    secret = store.create(company_id=place.pk, fields=fields, actor=actor, now=at)
    store.rotate(secret=secret, fields={"value": "tulip-bulb-1638"}, actor=actor, now=at)
    bound = {"company": place, "secret": secret, "config_path": f"env.{secret.key}"}
    SecretBinding.objects.create(**bound, target_type="agent", target_id=user.pk)
    for outcome, code in (("success", None), ("failure", "secret_disabled")):
        SecretAccess.objects.create(
            **bound,
            version=2,
            provider="local_encrypted",
            actor_type="agent",
            actor_id=str(user.pk),
            consumer_type="agent",
            consumer_id=user.pk,
            heartbeat_run=run,
            outcome=outcome,
            error_code=code,
        )
    return secret


def _vault(token: Secret, person: User, index: int) -> SecretProviderConfig:
    """A vault that is nowhere: nothing may be asked of this host."""
    vault = SecretProviderConfig.objects.create(
        company=token.company,
        provider="vault",
        display_name=f"House vault {index}" if index else "House vault",
        config={"address": "https://127.0.0.1:9", "tokenSecretId": str(token.pk), "mount": "teams"},
        is_default=not index,
        created_by_user=person,
    )
    fields = {
        "name": f"Payments key {index}",
        "provider": "vault",
        "provider_config_id": vault.pk,
        "managed_mode": "external_reference",
        "external_ref": f"shop/payments#key{index}",
    }
    store.create(company_id=token.company_id, fields=fields, actor=actors.for_user(person), now=clock.now())
    return vault


def _judgement(issue: Issue, person: User, index: int) -> None:
    FeedbackVote.objects.create(
        company=issue.company,
        issue=issue,
        author_user=person,
        target_type="issue_comment",
        target_id=uuid.uuid4(),
        vote="down" if index else "up",
        reason="It says what to do first",
        payload={"label": "Comment", "excerpt": "Split the largest file along its verbs."},
    )


def _hold(root: Issue, person: User, mode: str, **fields: Any) -> TreeHold:
    return TreeHold.objects.create(
        company=root.company,
        root_issue=root,
        mode=mode,
        status="released" if "released_at" in fields else "active",
        release_policy={"strategy": "manual"},
        created_by_actor_type="user",
        created_by_user=person,
        **fields,
    )


def write_log(run: Run, lines: list[str]) -> None:
    """Leave a log where a shim would."""
    folder = settings.RUNS_ROOT / str(run.pk)
    folder.mkdir(parents=True, exist_ok=True)
    at = clock.iso(run.started_at or run.created_at)
    entries = [
        json.dumps({"ts": at, "stream": "stdout", "chunk": line + "\n"}, separators=(",", ":"))
        for line in lines
    ]
    (folder / "log.ndjson").write_text("\n".join(entries) + "\n")
    Run.objects.filter(pk=run.pk).update(log_store="local_file", log_ref=f"runs/{run.pk}/log.ndjson")
