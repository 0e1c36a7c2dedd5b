"""Revisions of a routine on the board: what each changed, and bringing one back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from issues.choices import IssuePriority
from paperclip.core import clock, diffs, links, naming, status_look
from paperclip.core.admin import Crumb
from paperclip.core.errors import BadRequest
from paperclip.core.links import Link
from paperclip.core.scope import scope_of
from routines import restore, values, words
from routines.choices import REVISIONS_MAX, RoutineStatus
from routines.models import Routine, RoutineRevision

Named = Mapping[tuple[str, str], Link]
# What a snapshot names by id: its key, the word for it, the kind of row.
_REFERENCES = (
    ("assigneeAgentId", "Agent", "agent"),
    ("projectId", "Project", "project"),
    ("goalId", "Goal", "goal"),
    ("parentIssueId", "Part of", "issue"),
)


class RevisionPages:
    """For the routine's page."""

    def get_custom_urls(self: Any) -> tuple[tuple[str, str, Any], ...]:
        """Return the address of a revision beside those every page has."""
        return (
            *super().get_custom_urls(),  # type: ignore[misc]
            ("<str:object_id>/revision/<int:number>/", "routines_routine_revision", self.revision_view),
        )

    def revision_view(
        self: Any, request: HttpRequest, object_id: str, number: int, model_admin: Any = None
    ) -> HttpResponse:
        """Show what a revision changed, and all of what it says."""
        routine = self.find(request, object_id)
        # A page of a number the column cannot hold is not found, like any other that is not there.
        around = [number, number - 1] if number < 2**31 else []
        rows = RoutineRevision.objects.filter(routine=routine)
        found = {row.revision_number: row for row in rows.filter(revision_number__in=around)}
        if number not in found:
            raise Http404("There is no such revision of the routine.")
        chosen, before = found[number], found.get(number - 1)
        names = _names(routine, [row.snapshot for row in found.values()])
        text = as_text(chosen.snapshot, names)
        listed = rows.select_related("created_by_agent", "created_by_user").defer("snapshot")
        context = {
            **self.admin_site.each_context(request),
            "title": f"Revision {number} of {self.title_of(routine)}",
            "crumbs": [*self.crumbs(), Crumb(self.title_of(routine), self.row_url(routine))],
            "row": routine,
            "shown": chosen,
            "before": before,
            "changes": diffs.lines(as_text(before.snapshot, names) if before else "", text),
            "revisions": list(listed.order_by("-revision_number")[:REVISIONS_MAX]),
            "is_latest": chosen.pk == routine.latest_revision_id,
            "may_restore": self.may_manage(request, routine) and routine.status != RoutineStatus.ARCHIVED,
            "consequences": _consequences(routine, chosen.snapshot),
        }
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        return TemplateResponse(request, "routines/revision_page.html", context)

    def restore(self: Any, request: HttpRequest, row: Routine) -> str | HttpResponse:
        """Bring a revision back; the new secrets of webhooks that return are shown this once."""
        revision_id = naming.as_field_uuid(request.POST.get("revision", ""))
        if revision_id is None:
            raise BadRequest("Choose a revision")
        restored = restore.restore(
            routine_id=row.pk, revision_id=revision_id, actor=scope_of(request).actor, now=clock.now()
        )
        if restored.materials:
            answer: HttpResponse = self.show_secrets(request, row, restored.materials)
            return answer
        return f"The routine is again what revision {restored.source.revision_number} says."


def as_text(snapshot: Mapping[str, Any], names: Named) -> str:
    """Return a snapshot as lines that people compare."""
    told = snapshot["routine"]
    lines = [f"Title: {told['title']}", f"Status: {status_look.of(told['status']).label}"]
    for key, word, kind in _REFERENCES:
        if told[key] is not None:
            link = names.get((kind, told[key]))
            lines.append(f"{word}: {link.text if link is not None else told[key]}")
    lines += [
        f"Priority: {IssuePriority(told['priority']).label}",
        f"While the same work goes on: {words.CONCURRENCY[told['concurrencyPolicy']]}",
        f"Times missed: {words.CATCH_UP[told['catchUpPolicy']]}",
    ]
    lines += [f"Variable {_variable(each)}" for each in told["variables"]]
    lines += [f"{words.KINDS[each['kind']]} {_trigger(each)}" for each in snapshot["triggers"]]
    lines += ["What is to be done:", *(f"  {line}" for line in (told["description"] or "").splitlines())]
    return "\n".join(lines)


def _variable(told: Mapping[str, Any]) -> str:
    parts = [words.VARIABLE_TYPES[told["type"]].lower(), "must be given" if told["required"] else "optional"]
    if told["options"]:
        parts.append(f"one of {', '.join(told['options'])}")
    if told["defaultValue"] is not None:
        parts.append(f"else {values.as_text(told['defaultValue'])}")
    label = f' "{told["label"]}"' if told["label"] else ""
    return f"{told['name']}{label}: {', '.join(parts)}"


def _trigger(told: Mapping[str, Any]) -> str:
    parts = [f'"{told["label"]}"'] if told["label"] else []
    if told["cronExpression"] is not None:
        parts.append(f"{told['cronExpression']} in {told['timezone']}")
    if told["signingMode"] is not None:
        parts.append(f"{words.SIGNING[told['signingMode']].lower()}, within {told['replayWindowSec']} s")
    if "clockChanges" in told:
        parts.append("as often as the clock shows it")
    if "graceSec" in told:
        parts.append(f"at most {told['graceSec']} s late")
    parts.append("on" if told["enabled"] else "off")
    return f"{told['id'][:8]}: {', '.join(parts)}"


def _names(routine: Routine, snapshots: Iterable[Mapping[str, Any]]) -> Named:
    """Return what the ids in snapshots stand for, in one query for each kind."""
    wanted = {
        (kind, told["routine"][key])
        for told in snapshots
        for key, _, kind in _REFERENCES
        if told["routine"][key] is not None
    }
    return links.resolve(routine.company_id, sorted(wanted))


def _consequences(routine: Routine, snapshot: Mapping[str, Any]) -> list[str]:
    """Return what restoring does to the triggers there are: it is asked about before it is done."""
    wanted = {each["id"]: each for each in snapshot["triggers"]}
    present = {str(pk): kind for pk, kind in routine.triggers.values_list("pk", "kind")}
    going = [kind for pk, kind in present.items() if pk not in wanted]
    coming = [each["kind"] for pk, each in wanted.items() if pk not in present]
    told = []
    if going:
        told.append(f"{_count(going)} made since {'is' if len(going) == 1 else 'are'} deleted.")
    if coming:
        told.append(f"{_count(coming)} deleted since {'comes' if len(coming) == 1 else 'come'} back.")
    if "webhook" in coming:
        told.append("A webhook that comes back gets a new address and a new secret, shown next.")
    return told


def _count(kinds: list[str]) -> str:
    return f"{len(kinds)} trigger{'s' if len(kinds) > 1 else ''}"
