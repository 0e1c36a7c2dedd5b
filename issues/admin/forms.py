"""What a person types about an issue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from issues.choices import IssuePriority, IssueStatus
from issues.fields import Fields
from paperclip.companies.choices import AGENT_UNASSIGNABLE, MemberStatus, PrincipalType
from paperclip.companies.models import Agent, Goal, Member, Project, User
from paperclip.core import naming
from paperclip.core.errors import BadRequest
from paperclip.core.forms import BoardForm, choice, text
from paperclip.core.status_look import of as look_of

_OFFERED = 500


def status_choices() -> list[tuple[str, str]]:
    """Return every status with the words the board uses for it."""
    return [(status, look_of(status).label) for status in IssueStatus.values]


def assignee_choices(company_id: UUID) -> list[tuple[str, str]]:
    """Return who may own an issue of the company: nobody, its agents, its people. Two queries."""
    agents = (
        Agent.objects.filter(company_id=company_id).exclude(status__in=AGENT_UNASSIGNABLE).order_by("name")
    )
    members = Member.objects.filter(
        company_id=company_id, principal_type=PrincipalType.USER, status=MemberStatus.ACTIVE
    )
    people = User.objects.filter(pk__in=members.values("principal_id")).order_by("username")[:_OFFERED]
    return [
        ("", "Nobody"),
        *((f"agent:{pk}", name) for pk, name in agents.values_list("pk", "name")[:_OFFERED]),
        *((f"user:{person.pk}", person.display_name) for person in people),
    ]


def assignee_fields(value: str) -> Fields:
    """Return the columns that `agent:<id>`, `user:<id>` or nothing stands for; else raise BadRequest."""
    if not value:
        return {"assignee_agent_id": None, "assignee_user_id": None}
    kind, _, text_id = value.partition(":")
    owner_id = naming.as_field_uuid(text_id)
    if owner_id is None or kind not in ("agent", "user"):
        raise BadRequest("assignee: choose an agent, a person or nobody")
    return {
        "assignee_agent_id": owner_id if kind == "agent" else None,
        "assignee_user_id": owner_id if kind == "user" else None,
    }


def read_changes(sent: Mapping[str, str]) -> Fields:
    """Return the columns the properties in `sent` stand for, or raise BadRequest naming the wrong one."""
    wanted: Fields = {}
    if "title" in sent:
        wanted["title"] = sent["title"].strip()
        if not wanted["title"]:
            raise BadRequest("title: it cannot be empty")
    if "description" in sent:
        wanted["description"] = sent["description"] or None
    if "status" in sent:
        wanted["status"] = _one_of(IssueStatus.values, "status", sent["status"])
    if "priority" in sent:
        wanted["priority"] = _one_of(IssuePriority.values, "priority", sent["priority"])
    if "assignee" in sent:
        wanted.update(assignee_fields(sent["assignee"]))
    if "project" in sent:
        wanted["project_id"] = naming.as_field_uuid(sent["project"])
    if not wanted:
        raise BadRequest("Nothing to change")
    return wanted


def _one_of(known: Sequence[str], name: str, value: str) -> str:
    if value not in known:
        raise BadRequest(f"{name}: choose one of {', '.join(known)}")
    return value


def project_choices(company_id: UUID) -> list[tuple[str, str]]:
    """Return the company's projects that are not archived."""
    rows = Project.objects.filter(company_id=company_id, archived_at__isnull=True).order_by("name")
    return [("", "None"), *((str(pk), name) for pk, name in rows.values_list("pk", "name")[:_OFFERED])]


class IssueForm(BoardForm):
    """A new issue."""

    title = text("Title")
    description = text(
        "Description", required=False, wide=True, help_text="Markdown. Say what is wanted and why."
    )
    status = choice("Status")
    priority = choice("Priority", IssuePriority.choices)
    assignee = choice("Assignee", required=False, help_text="An agent that is assigned is woken at once.")
    project = choice("Project", required=False)
    goal = choice("Goal", required=False)

    halves = ("status", "priority", "assignee", "project")

    def offer(self) -> None:
        """Offer the company's agents, people, projects and goals."""
        company_id = self.scope.company_id
        goals = Goal.objects.filter(company_id=company_id).order_by("created_at").values_list("pk", "title")
        self.initial = {"status": IssueStatus.TODO, "priority": IssuePriority.MEDIUM, **self.initial}
        self.set_choices("status", status_choices())
        self.set_choices("assignee", assignee_choices(company_id))
        self.set_choices("project", project_choices(company_id))
        self.set_choices("goal", [("", "None"), *((str(pk), title) for pk, title in goals[:_OFFERED])])
