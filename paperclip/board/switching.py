"""The company switcher."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect

from paperclip.board import scoping
from paperclip.core import naming
from paperclip.core.scope import scope_of


def switch(request: HttpRequest) -> HttpResponse:
    """Choose another company and go home. Only the person's own companies exist here."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    company_id = naming.as_field_uuid(request.POST.get("company", ""))
    if company_id is None or company_id not in scope_of(request).company_ids:
        raise Http404("There is no such company.")
    scoping.choose(request, company_id)
    return redirect("admin:index")
