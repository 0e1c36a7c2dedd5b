"""How people name things at the terminal: a company by its prefix, an agent by its name, a run by its first letters.

Everything raises CommandError with one line that says what to type instead.
"""

from __future__ import annotations

from uuid import UUID

from django.core.management.base import CommandError
from django.db.models import Q

from heartbeat.models import Run
from issues.models import Issue
from paperclip.companies import actors, signin
from paperclip.companies.actors import Actor
from paperclip.companies.choices import AgentStatus
from paperclip.companies.models import Agent, Company, User
from paperclip.core import naming

_FEW = 5
_ID_CHARS = 36


def company(text: str) -> Company:
    """Return the company of an id, issue prefix or name."""
    row_id = naming.as_field_uuid(text)
    found = Company.objects.filter(
        Q(pk=row_id) if row_id else Q(issue_prefix__iexact=text) | Q(name__iexact=text)
    )
    rows = list(found.order_by("created_at")[: _FEW + 1])
    if len(rows) == 1:
        return rows[0]
    if not rows:
        known = ", ".join(Company.objects.order_by("created_at").values_list("issue_prefix", flat=True)[:20])
        raise CommandError(f"There is no company {text!r}; known prefixes: {known or 'none'}")
    raise CommandError(f"Several companies are called {text!r}: name one by its prefix")


def agent(text: str, *, within: Company | None = None) -> Agent:
    """Return the agent of an id, name or shortname, who may have been let go only when named by id."""
    row_id = naming.as_field_uuid(text)
    rows = Agent.objects.select_related("company")
    if within is not None:
        rows = rows.filter(company=within)
    if row_id is not None:
        found = list(rows.filter(pk=row_id))
    else:
        there = rows.exclude(status=AgentStatus.TERMINATED).order_by("company__created_at", "created_at")
        found = list(there.filter(name__iexact=text)[: _FEW + 1]) or [
            each
            for each in there.only("id", "name", "company")
            if naming.slug(each.name) == naming.slug(text)
        ]
    if len(found) == 1:
        return Agent.objects.select_related("company").get(pk=found[0].pk)
    if not found:
        raise CommandError(f"There is no agent {text!r}{f' in {within.name}' if within is not None else ''}")
    places = ", ".join(f"{each.company.issue_prefix} ({each.pk})" for each in found[:_FEW])
    raise CommandError(f"Several agents are called {text!r}: {places}. Add --company, or name one by id")


def issue(text: str, *, of: Company) -> Issue:
    """Return the issue of an id or identifier such as PAP-12."""
    row_id, identifier = naming.as_field_uuid(text), naming.as_identifier(text)
    rows = Issue.objects.filter(company=of, hidden_at__isnull=True)
    found = (
        rows.filter(pk=row_id).first()
        if row_id is not None
        else rows.filter(identifier=identifier).first()
        if identifier is not None
        else None
    )
    if found is None:
        raise CommandError(f"There is no issue {text!r} in {of.name}")
    return found


def run(text: str) -> Run:
    """Return the run of an id, or of its first letters when no other run begins so."""
    rows = Run.objects.select_related("agent", "company", "issue", "runner", "wakeup_request")
    row_id = naming.as_field_uuid(text)
    ids = [row_id] if row_id is not None else _beginning_with(text)
    found = list(rows.filter(pk__in=ids))
    if not found:
        raise CommandError(f"There is no run {text!r}; `runs list` shows the newest")
    if len(found) > 1:
        raise CommandError(f"Several runs begin with {text!r}: type more of it")
    return found[0]


def _beginning_with(text: str) -> list[UUID]:
    """Ids are ordered as their letters are, so those with a common beginning lie together."""
    digits = text.lower().replace("-", "")
    if not digits or len(digits) >= _ID_CHARS or not all(letter in "0123456789abcdef" for letter in digits):
        return []
    low, high = (UUID(digits.ljust(32, end)) for end in "0f")
    return list(Run.objects.filter(pk__gte=low, pk__lte=high).values_list("pk", flat=True)[:2])


def person(username: str | None) -> Actor:
    """Return who acts: the named person, or the first one."""
    found = (
        signin.first_user()
        if username is None
        else User.objects.filter(username=username, is_active=True).first()
    )
    if found is None:
        raise CommandError(f"There is nobody who signs in as {username!r}")
    return actors.for_user(found, source="command")
