"""What the command palette finds: issues, agents and projects of the chosen company."""

from __future__ import annotations

import time

from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.dataclasses import SearchResult

from issues.models import Issue
from paperclip.companies.models import Agent, Project
from paperclip.core import naming
from paperclip.core.scope import scope_of
from paperclip.core.status_look import of as look_of

_OF_EACH = 8
_LONGEST_TERM = 200


def page(request: HttpRequest) -> HttpResponse:
    """Return the results as the theme's command palette draws them, fresh for every question."""
    started = time.perf_counter()
    term = request.GET.get("s", "").strip()[:_LONGEST_TERM]
    found = Paginator(find(request, term) if term else [], 3 * _OF_EACH)
    context = {
        "page_obj": found,
        "results": found.page(1),
        "page_counter": 0,
        "execution_time": time.perf_counter() - started,
    }
    return TemplateResponse(
        request, "unfold/helpers/command_results.html", context, headers={"HX-Trigger": "search"}
    )


def find(request: HttpRequest, term: str) -> list[SearchResult]:
    """Return what is called like `term`."""
    company_id = scope_of(request).company_id
    if company_id is None:
        return []
    named = Q(title__icontains=term)
    if (identifier := naming.as_identifier(term)) is not None:
        named |= Q(identifier=identifier)
    issues = Issue.objects.filter(named, company_id=company_id, hidden_at__isnull=True).only(
        "id", "identifier", "title", "status"
    )
    agents = Agent.objects.filter(company_id=company_id, name__icontains=term).only(
        "id", "name", "status", "title"
    )
    projects = Project.objects.filter(company_id=company_id, name__icontains=term).only(
        "id", "name", "status"
    )
    return [
        *(_result(row, row.name, row.status, "smart_toy", "companies_agent") for row in agents[:_OF_EACH]),
        *(
            _result(row, f"{row.identifier} {row.title}", row.status, "task_alt", "issues_issue")
            for row in issues.order_by("-last_activity_at")[:_OF_EACH]
        ),
        *(_result(row, row.name, row.status, "folder", "companies_project") for row in projects[:_OF_EACH]),
    ]


def _result(row: Issue | Agent | Project, title: str, status: str, icon: str, page: str) -> SearchResult:
    url = reverse(f"admin:{page}_change", args=[row.pk])
    return SearchResult(title=title, description=look_of(status).label, link=url, icon=icon)
