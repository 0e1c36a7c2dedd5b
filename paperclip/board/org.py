"""The org chart: who reports to whom, and how each of them does."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from paperclip.companies import org
from paperclip.core.scope import scope_of


def page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show the tree of the chosen company."""
    company_id = scope_of(request).company_id
    if company_id is None:
        return redirect("admin:index")
    context = {**site.each_context(request), "title": "Org chart", "nodes": org.tree(company_id)}
    request.current_app = site.name  # type: ignore[attr-defined]
    return TemplateResponse(request, "board/org.html", context)
