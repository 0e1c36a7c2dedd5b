"""A company with some history: what a control plane looks like after months of work.

Always the same for the same number of issues. Rows are stored in bulk, past the verbs, for speed; open issues belong
to people, so that nothing of it makes the product start runs by itself.
"""

from __future__ import annotations

import contextlib
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache

from django.db import connection

from heartbeat.choices import EventType, RunStatus, WakeupStatus
from heartbeat.models import Run, RunEvent, WakeupRequest
from issues.models import (
    Comment,
    Document,
    DocumentRevision,
    Issue,
    IssueDocument,
    IssueLabel,
    Label,
    Relation,
)
from paperclip.companies import tokens
from paperclip.companies.choices import ROLE_GRANTS, MemberRole
from paperclip.companies.models import (
    Activity,
    Agent,
    AgentApiKey,
    BoardApiToken,
    Company,
    Goal,
    Grant,
    Member,
    Project,
    ProjectGoal,
    User,
)
from paperclip.core import clock

PREFIX = "BENCH"
READERS = 16
WORKERS = 4
NO_OP = "/bin/true"
_BATCH = 2000
_SYLLABLES = [first + last for first in "bdfgklmnprstvw" for last in ("a", "e", "i", "o", "en", "or", "al")]
VOCABULARY = 3000


@dataclass
class Scene:
    """Who and what there is: API tokens in the clear, ids as text."""

    company: Company
    board_token: str
    reader_tokens: list[str]
    workers: list[Agent]
    user: User
    projects: list[Project]
    labels: list[Label]
    agents: list[Agent]
    issue_ids: list[str] = field(default_factory=list)

    @property
    def issues_path(self) -> str:
        """Return the address of the list of issues."""
        return f"/api/companies/{self.company.pk}/issues"


def make(issues: int) -> Scene:
    """Store a company with its people, agents and projects, and `issues` issues with all that hangs on them."""
    now = clock.now()
    company = Company.objects.create(name="Bench Works", issue_prefix=PREFIX)
    user = User.objects.create(username="bench-owner", email="owner@example.com", is_staff=True)
    _join(company, "user", user.pk, MemberRole.OWNER)
    board_token = tokens.new_board_token()
    BoardApiToken.objects.create(user=user, name="bench", key_hash=tokens.digest(board_token))
    lead = Agent.objects.create(company=company, name="Lead", role="ceo", adapter_config={"command": NO_OP})
    readers = [_agent(company, f"Reader {number}", lead) for number in range(READERS)]
    workers = [_agent(company, f"Worker {number}", lead) for number in range(WORKERS)]
    goals = [
        Goal.objects.create(
            company=company, title=f"Goal {number}", level="team" if number else "company", status="active"
        )
        for number in range(4)
    ]
    projects = [
        Project.objects.create(
            company=company, name=f"Project {number}", description="What it is about.", lead_agent=lead
        )
        for number in range(12)
    ]
    for number, project in enumerate(projects):
        ProjectGoal.objects.create(project=project, goal=goals[number % len(goals)])
    labels = [
        Label.objects.create(company=company, name=f"label-{number}", color="#336699") for number in range(10)
    ]
    scene = Scene(
        company, board_token, [_key(each) for each in readers], workers, user, projects, labels, readers
    )
    grow(scene, issues, now=now)
    return scene


def grow(scene: Scene, issues: int, *, now: datetime | None = None) -> None:
    """Add issues until the company has `issues` of them, then let PostgreSQL learn what its tables hold."""
    moment = now or clock.now()
    with _in_bulk():
        while len(scene.issue_ids) < issues:
            _batch(scene, min(_BATCH, issues - len(scene.issue_ids)), now=moment)
    Company.objects.filter(pk=scene.company.pk).update(issue_counter=issues)
    _learn()


def swell(scene: Scene, rows: int) -> None:
    """Copy the company's comments and runs, half of each, until it has `rows` of both together."""
    with _in_bulk():
        for model, without in ((Comment, ()), (Run, ("wakeup_request_id", "retry_of_run_id"))):
            has = model._default_manager.filter(company=scene.company).count()
            _copy(model, max(0, rows // 2 - has), without)
    _learn()


def _copy(model: type[Comment] | type[Run], rows: int, without: tuple[str, ...]) -> None:
    """Store `rows` copies of a table's rows, each with an id of its own and the columns of `without` empty."""
    columns = [each.column for each in model._meta.concrete_fields if not each.primary_key]
    own = [column for column in columns if column not in without]
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (id, {', '.join(own)}) SELECT gen_random_uuid(), {', '.join(own)}"
            f" FROM {table} CROSS JOIN generate_series(1, 100) AS times ORDER BY times LIMIT %s",
            [rows],
        )


@contextlib.contextmanager
def _in_bulk() -> Iterator[None]:
    """Store without triggers: of these rows nobody wants to hear, and they refer to one another as they should."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        try:
            yield
        finally:
            cursor.execute("RESET session_replication_role")


def _learn() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def text(source: random.Random, length: int) -> str:
    """Return about `length` characters of sentences; a few words are frequent, most are rare, as in any language."""
    found: list[str] = []
    size = 0
    while size < length:
        word = words()[int(VOCABULARY ** source.random()) - 1]
        found.append(f"{word}." if source.random() < 0.1 else word)
        size += len(found[-1]) + 1
    return " ".join(found).capitalize()


@cache
def words() -> list[str]:
    """Return the vocabulary, the most frequent word first."""
    source = random.Random(0)
    found: dict[str, None] = {}
    while len(found) < VOCABULARY:
        found["".join(source.choices(_SYLLABLES, k=source.choice((1, 2, 2, 3, 3, 4))))] = None
    return list(found)


# --- People and agents -----------------------------------------------------------------------------------


def _agent(company: Company, name: str, lead: Agent) -> Agent:
    made = Agent.objects.create(
        company=company,
        name=name,
        role="engineer",
        reports_to=lead,
        capabilities="Writes and reviews code.",
        adapter_config={"command": NO_OP},
        runtime_config={"heartbeat": {"enabled": False, "maxConcurrentRuns": 20}},
    )
    _join(company, "agent", made.pk, MemberRole.MEMBER)
    return made


def _join(company: Company, kind: str, principal_id: uuid.UUID, role: str) -> None:
    who = {"company": company, "principal_type": kind, "principal_id": principal_id}
    Member.objects.create(**who, membership_role=role)
    Grant.objects.bulk_create([Grant(**who, permission_key=key) for key in ROLE_GRANTS[role]])


def _key(agent: Agent) -> str:
    token = tokens.new_agent_token()
    AgentApiKey.objects.create(
        company=agent.company, agent=agent, name="bench", key_hash=tokens.digest(token)
    )
    return token


# --- Issues and what hangs on them -----------------------------------------------------------------------

_STATUSES = ("done", "cancelled", "backlog", "todo", "in_progress", "in_review", "blocked")
_SHARES = (45, 5, 12, 18, 5, 5, 10)
_PRIORITIES = ("critical", "high", "medium", "low")


def _batch(scene: Scene, count: int, *, now: datetime) -> None:
    first = len(scene.issue_ids) + 1
    source = random.Random(first)
    made = [_issue(scene, first + offset, source, now=now) for offset in range(count)]
    for offset, issue in enumerate(made):
        if offset and source.random() < 0.35:
            issue.parent = made[source.randrange(offset)]
    Issue.objects.bulk_create(made)
    _relations(scene, made, source)
    _talk(scene, made, source)
    _documents(scene, made, source)
    _runs(scene, made, source)
    scene.issue_ids += [str(issue.pk) for issue in made]


def _issue(scene: Scene, number: int, source: random.Random, *, now: datetime) -> Issue:
    status = source.choices(_STATUSES, _SHARES)[0]
    made_at = now - timedelta(minutes=source.randrange(2_000, 200_000))
    is_closed = status in ("done", "cancelled")
    return Issue(
        company=scene.company,
        project=source.choice(scene.projects) if source.random() < 0.7 else None,
        title=text(source, 50),
        description=text(source, 600),
        status=status,
        priority=source.choices(_PRIORITIES, (5, 20, 55, 20))[0],
        assignee_agent=source.choice(scene.agents) if is_closed else None,
        assignee_user=None if is_closed or status == "backlog" else scene.user,
        created_by_user=scene.user,
        issue_number=number,
        identifier=f"{PREFIX}-{number}",
        started_at=made_at if status in ("done", "in_progress", "in_review") else None,
        completed_at=made_at if status == "done" else None,
        cancelled_at=made_at if status == "cancelled" else None,
        last_activity_at=made_at + timedelta(minutes=source.randrange(1000)),
        created_at=made_at,
        updated_at=made_at,
    )


def _relations(scene: Scene, made: list[Issue], source: random.Random) -> None:
    labels, blocks = [], []
    for offset, issue in enumerate(made):
        for label in source.sample(scene.labels, source.choices((0, 1, 2, 3), (40, 30, 20, 10))[0]):
            labels.append(IssueLabel(issue=issue, label=label, company=scene.company))
        if issue.status == "blocked" or source.random() < 0.1:
            # A blocker that was stored later closes no circle.
            for blocker in source.sample(
                made[offset + 1 :], min(source.choice((1, 1, 2)), len(made) - offset - 1)
            ):
                blocks.append(Relation(company=scene.company, issue=blocker, related_issue=issue))
    IssueLabel.objects.bulk_create(labels)
    Relation.objects.bulk_create(blocks)


def _talk(scene: Scene, made: list[Issue], source: random.Random) -> None:
    comments, activity = [], []
    for issue in made:
        agent = source.choice(scene.agents)
        for _ in range(source.choices((0, 1, 3, 8), (25, 30, 35, 10))[0]):
            comments.append(
                Comment(
                    company=scene.company,
                    issue=issue,
                    author_agent=agent,
                    author_type="agent",
                    body=text(source, 300),
                )
            )
        for action in ("issue.created", "issue.updated", "issue.comment_added"):
            activity.append(
                Activity(
                    company=scene.company,
                    actor_type="agent",
                    actor_id=str(agent.pk),
                    action=action,
                    entity_type="issue",
                    entity_id=str(issue.pk),
                    agent=agent,
                    details={"identifier": issue.identifier},
                    created_at=issue.created_at,
                )
            )
    Comment.objects.bulk_create(comments)
    Activity.objects.bulk_create(activity)


def _documents(scene: Scene, made: list[Issue], source: random.Random) -> None:
    chosen = [issue for issue in made if source.random() < 0.15]
    documents = [
        Document(company=scene.company, title="Plan", latest_body=text(source, 2000)) for _ in chosen
    ]
    revisions = [
        DocumentRevision(company=scene.company, document=each, revision_number=1, body=each.latest_body)
        for each in documents
    ]
    for document, revision in zip(documents, revisions, strict=True):
        document.latest_revision_id = revision.pk
    Document.objects.bulk_create(documents)
    DocumentRevision.objects.bulk_create(revisions)
    IssueDocument.objects.bulk_create(
        IssueDocument(company=scene.company, issue=issue, document=document, key="plan")
        for issue, document in zip(chosen, documents, strict=True)
    )


def _runs(scene: Scene, made: list[Issue], source: random.Random) -> None:
    requests, runs = [], []
    for issue in made:
        for _ in range(source.choice((0, 1, 2, 4))):
            agent = source.choice(scene.agents)
            at = issue.created_at + timedelta(minutes=source.randrange(600))
            succeeded = source.random() < 0.9
            request = WakeupRequest(
                company=scene.company,
                agent=agent,
                issue=issue,
                source="assignment",
                reason="issue_assigned",
                status=WakeupStatus.COMPLETED if succeeded else WakeupStatus.FAILED,
                requested_at=at,
                finished_at=at,
                created_at=at,
            )
            requests.append(request)
            runs.append(_run(scene, issue, agent, request, source, succeeded=succeeded, at=at))
    WakeupRequest.objects.bulk_create(requests)
    Run.objects.bulk_create(runs)
    WakeupRequest.objects.bulk_update(
        [_linked(request, run) for request, run in zip(requests, runs, strict=True)], ["run"], batch_size=500
    )
    RunEvent.objects.bulk_create(
        RunEvent(
            company=scene.company,
            run=run,
            agent=run.agent,
            seq=seq,
            event_type=EventType.LIFECYCLE,
            message=message,
            created_at=run.created_at,
        )
        for run in runs
        for seq, message in enumerate(("Run started", "Run ended"), start=1)
    )


def _run(
    scene: Scene,
    issue: Issue,
    agent: Agent,
    request: WakeupRequest,
    source: random.Random,
    *,
    succeeded: bool,
    at: datetime,
) -> Run:
    return Run(
        company=scene.company,
        agent=agent,
        issue=issue,
        project=issue.project,
        task_key=str(issue.pk),
        invocation_source="assignment",
        status=RunStatus.SUCCEEDED if succeeded else RunStatus.FAILED,
        error=None if succeeded else "The program exited with code 1",
        error_code=None if succeeded else "adapter_failed",
        started_at=at,
        finished_at=at + timedelta(seconds=source.randrange(5, 900)),
        wakeup_request=request,
        exit_code=0 if succeeded else 1,
        result_json={"summary": text(source, 200)},
        stdout_excerpt=text(source, 500),
        context_snapshot={"issueId": str(issue.pk), "taskKey": str(issue.pk), "wakeReason": "issue_assigned"},
        next_event_seq=3,
        created_at=at,
        updated_at=at,
    )


def _linked(request: WakeupRequest, run: Run) -> WakeupRequest:
    request.run = run
    return request
