"""One line to make a thing."""

from __future__ import annotations

import itertools
import uuid
from datetime import datetime, timedelta
from typing import Any

from heartbeat.models import Run, Runner
from issues.models import Comment, Issue, Relation
from paperclip.companies import tokens
from paperclip.companies.choices import ROLE_GRANTS, MemberRole, PrincipalType
from paperclip.companies.models import (
    Agent,
    AgentApiKey,
    BoardApiToken,
    Company,
    Goal,
    Grant,
    Member,
    Project,
    User,
)
from paperclip.core import clock

# An id nothing has; fixed, so that test ids are the same in every process.
NO_SUCH_ID = "00000000-0000-4000-8000-000000000000"
_numbers = itertools.count(1)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def company(**fields: Any) -> Company:
    number = next(_numbers)
    letters = "".join(_LETTERS[(number // 26**place) % 26] for place in (3, 2, 1, 0))
    return Company.objects.create(**{"name": f"Company {number}", "issue_prefix": f"T{letters}"} | fields)


def user(*, member_of: Company | None = None, role: str = MemberRole.OWNER, **fields: Any) -> User:
    number = next(_numbers)
    made = User.objects.create(
        **{"username": f"person-{number}", "email": f"p{number}@example.com", "is_staff": True} | fields
    )
    if member_of is not None:
        member(member_of, made, role=role)
    return made


def member(place: Company, person: User, *, role: str = MemberRole.OWNER) -> Member:
    for key in ROLE_GRANTS[role]:
        Grant.objects.create(
            company=place, principal_type=PrincipalType.USER, principal_id=person.id, permission_key=key
        )
    return Member.objects.create(
        company=place, principal_type=PrincipalType.USER, principal_id=person.id, membership_role=role
    )


def agent(place: Company, **fields: Any) -> Agent:
    """An agent as the API makes them: a member who may assign tasks (C-54)."""
    number = next(_numbers)
    made = Agent.objects.create(
        **{
            "company": place,
            "name": f"agent-{number}",
            "permissions": {"canCreateAgents": fields.get("role") == "ceo"},
            "runtime_config": {"heartbeat": {"enabled": False, "maxConcurrentRuns": 20}},
        }
        | fields
    )
    principal = {"company": place, "principal_type": PrincipalType.AGENT, "principal_id": made.id}
    Member.objects.create(**principal, membership_role=MemberRole.MEMBER)
    Grant.objects.create(**principal, permission_key="tasks:assign")
    return made


def agent_key(who: Agent) -> str:
    token = tokens.new_agent_token()
    AgentApiKey.objects.create(company=who.company, agent=who, name="test", key_hash=tokens.digest(token))
    return token


def board_token(who: User) -> str:
    token = tokens.new_board_token()
    BoardApiToken.objects.create(user=who, name="test", key_hash=tokens.digest(token))
    return token


def issue(place: Company, **fields: Any) -> Issue:
    """A stored issue, bypassing the verbs: for setting a scene."""
    number = next(_numbers)
    fields.setdefault("issue_number", number)
    fields.setdefault("identifier", f"{place.issue_prefix}-{fields['issue_number']}")
    Company.objects.filter(pk=place.pk).update(issue_counter=fields["issue_number"])
    return Issue.objects.create(**{"company": place, "title": f"Issue {number}", "status": "todo"} | fields)


def blocks(blocker: Issue, blocked: Issue) -> Relation:
    return Relation.objects.create(company=blocker.company, issue=blocker, related_issue=blocked)


def comment(on: Issue, body: str = "A word", *, at: datetime | None = None, **fields: Any) -> Comment:
    fields.setdefault(
        "author_type",
        "agent" if "author_agent" in fields else "user" if "author_user" in fields else "system",
    )
    return Comment.objects.create(
        company=on.company, issue=on, body=body, created_at=at or clock.now(), **fields
    )


def project(place: Company, **fields: Any) -> Project:
    return Project.objects.create(**{"company": place, "name": f"Project {next(_numbers)}"} | fields)


def goal(place: Company, **fields: Any) -> Goal:
    return Goal.objects.create(**{"company": place, "title": f"Goal {next(_numbers)}"} | fields)


def runner(**fields: Any) -> Runner:
    """A runner whose lease holds for an hour."""
    now = clock.now()
    lease = {"last_seen_at": now, "lease_expires_at": now + timedelta(hours=1)}
    return Runner.objects.create(
        **{"name": f"runner-{next(_numbers)}", "host": "test", "pid": 1, "capacity": 8} | lease | fields
    )


def run(who: Agent, **fields: Any) -> Run:
    """A stored run, `running` unless told otherwise; a running one is claimed by a runner of its own."""
    now = clock.now()
    fields.setdefault("status", "running")
    if fields["status"] == "running":
        fields.setdefault("claim_token", uuid.uuid4())
        fields.setdefault("started_at", now)
        if "runner" not in fields:
            fields["runner"] = runner()
    if fields.get("issue") is not None:
        fields.setdefault(
            "context_snapshot", {"issueId": str(fields["issue"].pk), "taskKey": str(fields["issue"].pk)}
        )
        fields.setdefault("task_key", str(fields["issue"].pk))
    return Run.objects.create(**{"company": who.company, "agent": who} | fields)
