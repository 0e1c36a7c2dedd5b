"""The page where people write what an agent reads first, and what it may look up."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode

from paperclip.companies import auth, instruction_changes, instructions, rights, told
from paperclip.companies.models import Activity, Agent
from paperclip.core import clock
from paperclip.core.admin import Crumb
from paperclip.core.errors import NotFound, Refusal, Unprocessable
from paperclip.core.forms import sentence
from paperclip.core.scope import scope_of

_WRITTEN = (
    "agent.instructions_file_updated",
    "agent.instructions_file_deleted",
    "agent.instructions_bundle_updated",
    "agent.instructions_path_updated",
)
_ENTRIES_SHOWN = 10


class InstructionPages:
    """For the pages of agents."""

    def get_custom_urls(self: Any) -> tuple[tuple[str, str, Any], ...]:
        """Return the addresses beside those every page has."""
        page = (
            "<str:object_id>/instructions/",
            "companies_agent_instructions",
            self.instructions_view,
        )
        return (*super().get_custom_urls(), page)  # type: ignore[misc]

    def instructions_view(self: Any, request: HttpRequest, object_id: str, **_: Any) -> HttpResponse:
        """Show a file of an agent's instructions; a post shows what was typed as it will read, or keeps it."""
        row = self.find(request, object_id, to_write=request.method == "POST")
        if not auth.may_manage_agents(scope_of(request).actor, row.company_id):
            raise PermissionDenied
        if request.method != "POST":
            return _shown(self, request, row, **_asked(row, request.GET.get("file")))
        typed: dict[str, Any] = {
            "path": request.POST.get("path", "").strip(),
            "content": request.POST.get("content", "").replace("\r\n", "\n"),
            "base": request.POST.get("base", ""),
            "is_new": request.POST.get("is_new") == "1",
        }
        if request.POST.get("act") != "save":
            return _shown(self, request, row, **typed, is_preview=True)
        try:
            written = instruction_changes.put(
                agent=row,
                path=typed["path"],
                content=typed["content"],
                clear_legacy=False,
                base=typed["base"],
                actor=_manager(request, row),
                now=clock.now(),
            )
        except Refusal as refusal:
            messages.error(request, sentence(refusal))
            return _shown(self, request, row, **typed)
        messages.success(request, f"{written.path} is saved. {row.name} reads it from its next run on.")
        return HttpResponseRedirect(page_url(row, written.path))

    def delete_file(self, request: HttpRequest, row: Agent) -> HttpResponse:
        """Remove a file of the instructions."""
        path = request.POST.get("path", "")
        try:
            instruction_changes.delete(agent=row, path=path, actor=_manager(request, row), now=clock.now())
            messages.success(request, f"{path} is deleted.")
        except Refusal as refusal:
            messages.error(request, sentence(refusal))
        return HttpResponseRedirect(page_url(row))


def page_url(agent: Agent, path: str = "") -> str:
    """Return the address of an agent's instructions, with one of its files open."""
    page = reverse("admin:companies_agent_instructions", args=[agent.pk])
    return f"{page}?{urlencode({'file': path})}" if path else page


def _asked(agent: Agent, path: str | None) -> dict[str, Any]:
    """Return the file to be shown: the one that is asked for, else the one that is read first, else a new one."""
    asked = path or instructions.entry_of(agent)
    if path == "new":
        return {"path": "", "content": "", "base": "", "is_new": True}
    try:
        content = instructions.read(agent, asked).content or ""
    except (NotFound, Unprocessable) as refusal:
        if path is not None:
            raise Http404(refusal.message) from refusal
        return {"path": asked, "content": "", "base": "", "is_new": True}
    return {"path": asked, "content": content, "base": instruction_changes.digest(content), "is_new": False}


def _manager(request: HttpRequest, row: Agent) -> Any:
    actor = scope_of(request).actor
    rights.require_agent_manager(actor, row.company_id)
    return actor


def _shown(
    page: Any,
    request: HttpRequest,
    row: Agent,
    *,
    path: str,
    content: str,
    base: str,
    is_new: bool,
    is_preview: bool = False,
) -> HttpResponse:
    about = Activity.objects.filter(entity_type="agent", entity_id=str(row.pk), action__in=_WRITTEN)
    entries = about.select_related("agent").order_by("-created_at")[:_ENTRIES_SHOWN]
    bundle = instructions.bundle(row)
    context = {
        **page.admin_site.each_context(request),
        "title": f"Instructions of {row.name}",
        "crumbs": [*page.crumbs(), Crumb(row.name, page.row_url(row))],
        "row": row,
        "bundle": bundle,
        "path": path,
        "content": content,
        "base": base,
        "is_new": is_new,
        "is_preview": is_preview,
        "is_markdown": path.lower().endswith((".md", ".markdown")),
        "is_entry": path == bundle.entry_file,
        "entries": told.tell(list(entries), company_id=row.company_id),
        "may_write": page.has_change_permission(request, row),
    }
    request.current_app = page.admin_site.name  # type: ignore[attr-defined]
    return TemplateResponse(request, "companies/agent_instructions.html", context)
