"""The board's pages for taking a company along and for bringing one in."""

from __future__ import annotations

import io
from typing import Any
from uuid import UUID

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from paperclip.companies.models import Company
from paperclip.core import clock
from paperclip.core.admin import Crumb
from paperclip.core.api import downloads
from paperclip.core.errors import Refusal
from paperclip.core.scope import COMPANY_KEY, scope_of
from paperclip.portability import archives, exports, imports, shelf, sources
from paperclip.portability.choices import Part
from paperclip.portability.faults import Findings
from paperclip.portability.forms import NEW, ExportForm, ImportForm
from paperclip.portability.importing import Result, steps_done
from paperclip.portability.planning import Options, Plan
from paperclip.portability.shelf import Ticket
from paperclip.portability.taking.desk import Wish

_DONE_KEY = "imports_done"
_DONE_KEPT = 5
_FILES_SHOWN = 200


def urls(site: Any) -> list[URLPattern]:
    """Return the addresses of the pages, for the board's site."""

    def page(view: Any) -> Any:
        return site.admin_view(lambda request, **words: view(request, site, **words))

    return [
        path("export/<uuid:company_id>/", page(export_page), name="board_export"),
        path("import/", page(import_page), name="board_import"),
        path("import/do/", page(apply_page), name="board_import_apply"),
        path("import/done/<slug:number>/", page(done_page), name="board_import_done"),
    ]


# --- Out -------------------------------------------------------------------------------------------------


def export_page(request: HttpRequest, site: AdminSite, company_id: UUID) -> HttpResponse:
    """Show what an export would hold and what stays behind; a post downloads it."""
    company = _writable(request, company_id)
    form = ExportForm(request.POST or None, scope=scope_of(request))
    refused = ""
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        wish = Wish(parts=values["parts_wanted"], expand_skills=values["expand_skills"])
        try:
            made = exports.export(company=company, wish=wish, actor=scope_of(request).actor, now=clock.now())
        except Refusal as refusal:
            refused = refusal.message
        else:
            return _download(made)
    context: dict[str, Any] = {"form": form, "company": company, "refused": refused, "made": None}
    try:
        context["made"] = exports.preview(company=company, wish=Wish(parts=Part.values))
    except Refusal as refusal:
        context["refused"] = refused or refusal.message
    if context["made"] is not None:
        context["paths"] = list(context["made"].files)[:_FILES_SHOWN]
        context["more_paths"] = max(len(context["made"].files) - _FILES_SHOWN, 0)
    crumbs = [Crumb(company.name, reverse("admin:companies_company_change", args=[company.pk]))]
    return _page(request, site, "portability/export.html", f"Export {company.name}", crumbs, **context)


def _download(made: exports.Export) -> HttpResponse:
    response = HttpResponse(archives.write_zip(made.files), content_type="application/zip")
    response["Content-Disposition"] = downloads.disposition("application/zip", f"{made.root_path}.zip")
    response["Cache-Control"] = "no-store"
    return response


def _writable(request: HttpRequest, company_id: UUID) -> Company:
    scope = scope_of(request)
    found = next((company for company in scope.companies if company.pk == company_id), None)
    if found is None:
        raise Http404("There is no such company.")
    if found.pk not in scope.writable:
        raise PermissionDenied
    company: Company = found
    return company


# --- In: choose, look, do --------------------------------------------------------------------------------


def import_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Take a package and show what it would do. Nothing is written but the package itself, for an hour."""
    scope = scope_of(request)
    if not scope.is_instance_admin and not scope.writable:
        raise PermissionDenied
    first = {"target": str(scope.company_id)} if request.GET.get("into") == str(scope.company_id) else None
    if "again" in request.POST:
        return _choose_again(request, site)
    form = ImportForm(request.POST or None, request.FILES or None, scope=scope, initial=first)
    if request.method == "POST" and form.is_valid():
        try:
            ticket = _ticket(request, form.cleaned_data)
            return _show_plan(request, site, ticket, _planned(request, ticket))
        except Refusal as refusal:
            form.add_error(None, imports.faults_of(refusal))
    kept = _kept(request, form)
    return _page(request, site, "portability/import.html", "Import a company", [], form=form, kept=kept)


def apply_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Do what was previewed, once; whoever comes back is shown what was done."""
    if request.method != "POST":
        return redirect("admin:board_import")
    try:
        ticket = shelf.read(request.POST.get("ticket", ""), person=_person(request))
    except Refusal as refusal:
        form = ImportForm(scope=scope_of(request))
        context = {"form": form, "kept": "", "refused": refusal.message}
        return _page(request, site, "portability/import.html", "Import a company", [], **context)
    if ticket.number not in request.session.get(_DONE_KEY, {}):
        plan = _planned(request, ticket)
        try:
            result = imports.apply(plan=plan, actor=scope_of(request).actor, now=clock.now())
        except Refusal as refusal:
            return _show_plan(request, site, ticket, plan, refused=imports.faults_of(refusal))
        _remember(request, ticket, result)
    return HttpResponseRedirect(reverse("admin:board_import_done", args=[ticket.number]))


def done_page(request: HttpRequest, site: AdminSite, number: str) -> HttpResponse:
    """Show what an import did, with the way to everything it made."""
    done = request.session.get(_DONE_KEY, {}).get(number)
    if done is None:
        raise Http404("There is no such import.")
    return _page(request, site, "portability/done.html", f"Imported {done['name']}", [], done=done)


def _choose_again(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show the form as it was when the package was looked at."""
    ticket = shelf.read(request.POST.get("kept", ""), person=_person(request))
    chosen = {
        "kept": shelf.signed(ticket, person=_person(request)),
        "target": ticket.company_id or NEW,
        "new_name": ticket.new_name or "",
        "parts_wanted": ticket.parts,
        "collision": ticket.collision,
    }
    form = ImportForm(scope=scope_of(request), initial=chosen)
    return _page(
        request, site, "portability/import.html", "Import a company", [], form=form, kept=ticket.name
    )


def _ticket(request: HttpRequest, values: dict[str, Any]) -> Ticket:
    """Keep the package that was sent and return what refers to it."""
    if values["file"] is not None:
        sha256, name = shelf.keep(values["file"]), values["file"].name
    elif values["url"]:
        findings = Findings()
        files = sources.fetch(values["url"], findings)
        sha256, name = shelf.keep(io.BytesIO(archives.write_zip(files))), values["url"]
    else:
        kept = shelf.read(values["kept"], person=_person(request))
        sha256, name = kept.sha256, kept.name
    return Ticket(
        sha256=sha256,
        name=name,
        company_id=None if values["target"] == NEW else values["target"],
        new_name=values["new_name"].strip() or None,
        parts=values["parts_wanted"],
        collision=values["collision"],
    )


def _planned(request: HttpRequest, ticket: Ticket) -> Plan:
    """Return what a kept package would do now. Raises what the person may not do, or Unprocessable."""
    actor = scope_of(request).actor
    company = _writable(request, UUID(ticket.company_id)) if ticket.company_id is not None else None
    imports.require_importer(actor, company)
    findings = Findings()
    files = shelf.files_of(ticket.sha256, findings)
    options = Options(
        company=company, new_name=ticket.new_name, parts=ticket.parts, collision=ticket.collision
    )
    plan = imports.plan(files, options, findings)
    imports.require_hiring(actor, plan)
    return plan


def _show_plan(
    request: HttpRequest, site: AdminSite, ticket: Ticket, plan: Plan, *, refused: str = ""
) -> HttpResponse:
    kinds = [
        ("agent", "Agents", plan.agents),
        ("project", "Projects", plan.projects),
        ("goal", "Goals", plan.goals),
        ("issue", "Issues", plan.issues),
        ("routine", "Routines", plan.routines),
    ]
    counts = imports.counts_of(plan)
    context = {
        "plan": plan,
        "groups": [(title, steps, counts[f"{kind}s"]) for kind, title, steps in kinds if steps],
        "ticket": shelf.signed(ticket, person=_person(request)),
        "name": ticket.name,
        "refused": refused,
        "is_new": plan.options.company is None,
    }
    title = f"Import into {plan.company_name}" if plan.options.company else f"Import {plan.company_name}"
    crumbs = [Crumb("Import a company", reverse("admin:board_import"))]
    return _page(request, site, "portability/plan.html", title, crumbs, **context)


def _kept(request: HttpRequest, form: ImportForm) -> str:
    """Keep a file that came with a form that has to be filled in once more; return its name."""
    file = form.files.get("file") if form.is_bound else None
    if file is None or "file" in form.errors:
        return ""
    file.seek(0)
    name = str(file.name)
    data = request.POST.copy()
    ticket = Ticket(shelf.keep(file), name, None, None, [], "")
    data["kept"] = shelf.signed(ticket, person=_person(request))
    form.data = data
    return name


def _remember(request: HttpRequest, ticket: Ticket, result: Result) -> None:
    """Keep in the session what was done, so that a second click does not do it again."""
    done = dict(list(request.session.get(_DONE_KEY, {}).items())[-(_DONE_KEPT - 1) :])
    done[ticket.number] = {
        "id": str(result.company.pk),
        "name": result.company.name,
        "action": result.company_action,
        "agents": _rows(steps_done(result.plan.agents, result.ids["agents"])),
        "projects": _rows(steps_done(result.plan.projects, result.ids["projects"])),
        "issues": sum(
            step["action"] == "created" for step in steps_done(result.plan.issues, result.ids["issues"])
        ),
        "routines": len(result.ids["routines"]),
        "inputs": [
            {
                "key": each.key,
                "kind": each.kind,
                "owner": each.owner,
                "url": _owner_url(result, each.agent_slug, each.project_slug),
            }
            for each in result.plan.env_inputs
        ],
        "warnings": list(result.plan.warnings)[:100],
    }
    request.session[_DONE_KEY] = done
    request.session[COMPANY_KEY] = str(result.company.pk)


def _rows(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**step, "id": str(step["id"]) if step["id"] else ""} for step in steps]


def _owner_url(result: Result, agent_slug: str | None, project_slug: str | None) -> str:
    kind, slug = ("agent", agent_slug) if agent_slug is not None else ("project", project_slug)
    row_id = result.ids[f"{kind}s"].get(slug or "")
    return reverse(f"admin:companies_{kind}_edit", args=[row_id]) if row_id is not None else ""


def _person(request: HttpRequest) -> UUID:
    person_id: UUID = scope_of(request).actor.user.pk
    return person_id


def _page(
    request: HttpRequest, site: AdminSite, template: str, title: str, crumbs: list[Crumb], **context: Any
) -> HttpResponse:
    request.current_app = site.name  # type: ignore[attr-defined]
    shown = {
        **site.each_context(request),
        "title": title,
        "crumbs": crumbs,
        "scope": scope_of(request),
        **context,
    }
    return TemplateResponse(request, template, shown)
