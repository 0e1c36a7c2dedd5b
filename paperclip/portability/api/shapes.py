"""What exports and imports read and answer (C-106, C-107)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from rest_framework import serializers

from paperclip.companies.models import Company
from paperclip.core.api.fields import Bool, Enum, Items, Object, Text, Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import Output
from paperclip.core.errors import Invalid
from paperclip.core.rows import one
from paperclip.portability import files as package_files
from paperclip.portability import importing, writing
from paperclip.portability.choices import Collision, Part, TargetMode
from paperclip.portability.exports import Export, kinds_of
from paperclip.portability.faults import Findings
from paperclip.portability.importing import Result
from paperclip.portability.planning import AdapterOverride, Options, Plan, Step
from paperclip.portability.shapes import File, IssuePart, RoutinePart
from paperclip.portability.sources import fetch
from paperclip.portability.taking.desk import Wish

_NAMES = 10_000


def _names() -> Items:
    return Items(child=Text(min_length=1, max_length=400), required=False, allow_null=True, max_length=_NAMES)


class IncludeIn(Input):
    """What of a company is meant."""

    company = Bool(required=False)
    agents = Bool(required=False)
    projects = Bool(required=False)
    issues = Bool(required=False)
    skills = Bool(required=False)


class SidebarIn(Input):
    """The order in which agents and projects are shown, by slug or id."""

    agents = _names()
    projects = _names()


class ExportIn(Input):
    """What is to be exported; by default the company and its agents."""

    include = IncludeIn(required=False, allow_null=True)
    agents = _names()
    skills = _names()
    projects = _names()
    issues = _names()
    project_issues = _names()
    selected_files = _names()
    expand_referenced_skills = Bool(required=False, allow_null=True)
    sidebar_order = SidebarIn(required=False, allow_null=True)


class SourceIn(Input):
    """Where the package is: in the request itself, or in a repository."""

    type = Enum(choices=[("inline", "inline"), ("github", "github")])
    root_path = Text(required=False, allow_null=True, max_length=400)
    files = Object(required=False, allow_null=True)
    url = Text(required=False, allow_null=True, max_length=2_000)


class TargetIn(Input):
    """Where it is to go."""

    mode = Enum(choices=TargetMode.choices)
    company_id = Uuid(required=False, allow_null=True)
    new_company_name = Text(required=False, allow_null=True, max_length=200)


class AdapterOverrideIn(Input):
    """Another way to run one agent."""

    adapter_type = Text(required=False, min_length=1, max_length=64)
    adapter_config = Object(required=False, allow_null=True)


class ImportIn(Input):
    """A package, and how it is to come in."""

    source = SourceIn()  # type: ignore[assignment]  # a field of this name, not where a field reads from
    include = IncludeIn(required=False, allow_null=True)
    target = TargetIn()
    agents = serializers.JSONField(required=False, allow_null=True, help_text='"all", or a list of slugs.')
    collision_strategy = Enum(choices=Collision.choices, required=False)
    selected_files = _names()
    name_overrides = Object(required=False, allow_null=True)
    adapter_overrides = Object(required=False, allow_null=True)


class ManifestOut(Output):
    """What a package holds."""

    schema = serializers.CharField()
    company = serializers.JSONField(allow_null=True)
    goals = serializers.JSONField()
    agents = serializers.JSONField()
    projects = serializers.JSONField()
    issues = serializers.JSONField()
    skills = serializers.JSONField()
    env_inputs = serializers.JSONField()
    sidebar = serializers.JSONField()


class ExportOut(Output):
    """A package: each file is a text, or base64 with its type."""

    root_path = serializers.CharField()
    manifest = ManifestOut()
    files = serializers.DictField(child=serializers.JSONField())
    warnings = serializers.ListField(child=serializers.CharField())
    paperclip_extension_path = serializers.CharField()


class FileOut(Output):
    """One file of a package."""

    path = serializers.CharField()
    kind = serializers.CharField()


class ExportPreviewOut(ExportOut):
    """A package that is looked at before it is taken."""

    file_inventory = FileOut(many=True)
    counts = serializers.DictField(child=serializers.IntegerField())


class PlanOut(Output):
    """What an import does to each thing."""

    company_action = serializers.CharField()
    agent_plans = serializers.JSONField()
    project_plans = serializers.JSONField()
    issue_plans = serializers.JSONField()


class ImportPreviewOut(Output):
    """What an import would do."""

    include = IncludeIn()
    target_company_id = serializers.UUIDField(allow_null=True)
    target_company_name = serializers.CharField(allow_null=True)
    collision_strategy = serializers.CharField()
    selected_agent_slugs = serializers.ListField(child=serializers.CharField())
    plan = PlanOut()
    manifest = ManifestOut()
    files = serializers.DictField(child=serializers.JSONField())
    env_inputs = serializers.JSONField()
    warnings = serializers.ListField(child=serializers.CharField())
    errors = serializers.ListField(child=serializers.CharField())  # type: ignore[assignment]


class ImportedCompanyOut(Output):
    """The company that was imported into."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    action = serializers.CharField()


class DoneOut(Output):
    """What became of one thing."""

    slug = serializers.CharField()
    id = serializers.UUIDField(allow_null=True)
    action = serializers.CharField()
    name = serializers.CharField()
    reason = serializers.CharField(allow_null=True)


class ImportOut(Output):
    """What an import did."""

    company = ImportedCompanyOut()
    agents = DoneOut(many=True)
    projects = DoneOut(many=True)
    issues = DoneOut(many=True)
    env_inputs = serializers.JSONField()
    warnings = serializers.ListField(child=serializers.CharField())


# --- In --------------------------------------------------------------------------------------------------


def wish_of(fields: dict[str, Any]) -> Wish:
    """Return what a body asks to be exported."""
    sidebar = fields.get("sidebar_order") or {}
    return Wish(
        parts=_parts(fields),
        agents=fields.get("agents") or (),
        projects=fields.get("projects") or (),
        issues=fields.get("issues") or (),
        project_issues=fields.get("project_issues") or (),
        skills=fields.get("skills") or (),
        selected_files=fields.get("selected_files") or (),
        expand_skills=bool(fields.get("expand_referenced_skills")),
        sidebar={kind: names for kind, names in sidebar.items() if names},
    )


def options_of(fields: dict[str, Any]) -> Options:
    """Return how a body asks a package to be imported; the company is looked up among all there are.

    Raises Invalid. A company that does not exist is told apart from none by `missing_company`.
    """
    target = fields["target"]
    company = None
    if target["mode"] == TargetMode.EXISTING_COMPANY:
        if target.get("company_id") is None:
            raise Invalid.at("target", "companyId", message="Required", code="invalid_type")
        company = one(Company.objects.filter(pk=target["company_id"])) or _elsewhere(target["company_id"])
    return Options(
        company=company,
        new_name=target.get("new_company_name"),
        parts=_parts(fields),
        agents=_agents(fields.get("agents")),
        collision=fields.get("collision_strategy") or Collision.RENAME.value,
        names=_overridden(fields.get("name_overrides") or {}),
        adapters=_adapters(fields.get("adapter_overrides") or {}),
    )


def files_of(fields: dict[str, Any], findings: Findings) -> dict[str, File]:
    """Return the files of a body's package, fetched if need be. Raises Invalid or Unprocessable."""
    source = fields["source"]
    if source["type"] == "github":
        if not source.get("url"):
            raise Invalid.at("source", "url", message="Required", code="invalid_type")
        return fetch(source["url"], findings)
    if source.get("files") is None:
        raise Invalid.at("source", "files", message="Required", code="invalid_type")
    return package_files.of_wire(source["files"], findings)


def _parts(fields: dict[str, Any]) -> list[str]:
    include = fields.get("include")
    if include is None:
        return [Part.COMPANY.value, Part.AGENTS.value]
    return [part.value for part in Part if include.get(part.value, part in (Part.COMPANY, Part.AGENTS))]


def _agents(value: Any) -> list[str] | None:
    if value is None or value == "all":
        return None
    if not isinstance(value, list) or not all(isinstance(slug, str) for slug in value):
        raise Invalid.at("agents", message='Expected "all" or a list of slugs')
    return value


def _overridden(names: dict[str, Any]) -> dict[str, str]:
    for slug, name in names.items():
        if not isinstance(name, str) or not 1 <= len(name.strip()) <= 200:
            raise Invalid.at("nameOverrides", slug, message="Expected a name of 1 to 200 characters")
    return names


def _adapters(overrides: dict[str, Any]) -> dict[str, AdapterOverride]:
    found: dict[str, AdapterOverride] = {}
    for slug, sent in overrides.items():
        try:
            values = AdapterOverrideIn.read(sent)
        except Invalid as error:
            raise error.below("adapterOverrides", slug) from error
        found[slug] = AdapterOverride(values.get("adapter_type"), values.get("adapter_config"))
    return found


def _elsewhere(company_id: UUID) -> Company:
    """Return a company that is not there: whoever looks for it is told what one of others is told."""
    return Company(pk=company_id)


# --- Out -------------------------------------------------------------------------------------------------


def export_told(export: Export) -> dict[str, Any]:
    """Return an export as the interface answers it."""
    return {
        "rootPath": export.root_path,
        "manifest": writing.manifest_of(export.package),
        "files": package_files.to_wire(export.files),
        "warnings": list(export.warnings),
        "paperclipExtensionPath": writing.SIDECAR,
    }


def preview_told(export: Export) -> dict[str, Any]:
    """Return an export that is only looked at."""
    inventory = [{"path": path, "kind": kind} for path, kind in kinds_of(export).items()]
    return export_told(export) | {"fileInventory": inventory, "counts": export.counts}


def plan_told(plan: Plan) -> dict[str, Any]:
    """Return a plan as the interface answers it."""
    company = plan.options.company
    return {
        "include": {part.value: part.value in plan.options.parts for part in Part},
        "targetCompanyId": company.pk if company is not None else None,
        "targetCompanyName": plan.company_name or None,
        "collisionStrategy": plan.options.collision,
        "selectedAgentSlugs": plan.selected_agents,
        "plan": {
            "companyAction": plan.company_action,
            "agentPlans": [_step(step, "existingAgentId") for step in plan.agents],
            "projectPlans": [_step(step, "existingProjectId") for step in plan.projects],
            "issuePlans": _issues(plan),
        },
        "manifest": writing.manifest_of(plan.package),
        "files": package_files.to_wire(plan.files),
        "envInputs": writing.inputs_told(plan.env_inputs),
        "warnings": list(plan.warnings),
        "errors": list(plan.errors),
    }


def result_told(result: Result) -> dict[str, Any]:
    """Return what an import did as the interface answers it."""
    plan = result.plan
    return {
        "company": {"id": result.company.pk, "name": result.company.name, "action": result.company_action},
        "agents": importing.steps_done(plan.agents, result.ids["agents"]),
        "projects": importing.steps_done(plan.projects, result.ids["projects"]),
        "issues": importing.steps_done(
            [*plan.issues, *plan.routines], {**result.ids["issues"], **result.ids["routines"]}
        ),
        "envInputs": writing.inputs_told(plan.env_inputs),
        "warnings": list(plan.warnings),
    }


def _step(step: Step, existing: str) -> dict[str, Any]:
    return {
        "slug": step.slug,
        "action": step.action,
        "plannedName": step.name,
        existing: step.existing_id,
        "reason": step.reason,
    }


def _issues(plan: Plan) -> list[dict[str, Any]]:
    tasks: list[IssuePart | RoutinePart] = [*plan.package.issues, *plan.package.routines]
    parts = {part.slug: part for part in tasks}
    steps: Sequence[Step] = [*plan.issues, *plan.routines]
    return [
        {
            "slug": step.slug,
            "action": step.action,
            "plannedTitle": step.name,
            "existingIssueId": step.existing_id,
            "projectSlug": parts[step.slug].project,
            "assigneeAgentSlug": parts[step.slug].assignee,
            "reason": step.reason,
        }
        for step in steps
    ]
