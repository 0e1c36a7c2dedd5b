"""Projects (C-65 to C-68). Their workspaces have views of their own on a higher floor."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies import auth, projects, shortnames
from paperclip.companies.api import repeating
from paperclip.companies.api.base import ActorView, CompanyView
from paperclip.companies.choices import ProjectStatus
from paperclip.companies.models import Project
from paperclip.core import naming, redaction
from paperclip.core.api.fields import Bool, Enum, Items, Moment, Object, Text, Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import ModelOutput, Output
from paperclip.core.api.schema import operation, query
from paperclip.core.errors import BadRequest, Invalid, NotFound

COMPANY_QUERY = query("companyId", text="Company of a shortname; an agent's own company is assumed.")
_MODES = ("shared_workspace", "isolated_workspace", "operator_branch", "adapter_default")


class Day(serializers.DateField):
    """A date as `2026-01-31`."""

    def to_internal_value(self, value: Any) -> date:
        if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            self.fail("invalid", format="YYYY-MM-DD")
        return super().to_internal_value(value)


class WorkspaceStrategyInput(Input):
    """How an isolated folder is made."""

    strict = True

    type = Text(required=False, max_length=64)
    base_ref = Text(required=False, allow_null=True, max_length=500)
    branch_template = Text(required=False, allow_null=True, max_length=500)
    worktree_parent_dir = Text(required=False, allow_null=True, max_length=4_000)
    provision_command = Text(required=False, allow_null=True, max_length=20_000)
    teardown_command = Text(required=False, allow_null=True, max_length=20_000)


class WorkspacePolicyInput(Input):
    """Where the work of a project's issues is done."""

    strict = True

    enabled = Bool()
    default_mode = Enum(choices=[(mode, mode) for mode in _MODES], required=False)
    allow_issue_override = Bool(required=False)
    default_project_workspace_id = Uuid(required=False, allow_null=True)
    environment_id = Uuid(required=False, allow_null=True)
    workspace_strategy = WorkspaceStrategyInput(required=False, allow_null=True)
    workspace_runtime = Object(required=False, allow_null=True)
    branch_policy = Object(required=False, allow_null=True)
    pull_request_policy = Object(required=False, allow_null=True)
    runtime_policy = Object(required=False, allow_null=True)
    cleanup_policy = Object(required=False, allow_null=True)


class ProjectPatch(Input):
    """Changes of a project."""

    name = Text(min_length=1, max_length=200)
    description = Text(required=False, allow_null=True, max_length=100_000, multiline=True)
    status = Enum(choices=ProjectStatus.choices, required=False)
    target_date = Day(required=False, allow_null=True)
    goal_id = Uuid(required=False, allow_null=True)
    goal_ids = Items(child=Uuid(), required=False, max_length=100)
    lead_agent_id = Uuid(required=False, allow_null=True)
    color = Text(required=False, allow_null=True, max_length=32)
    env = Object(required=False, allow_null=True)
    archived_at = Moment(required=False, allow_null=True)
    execution_workspace_policy = WorkspacePolicyInput(required=False, allow_null=True)


class ProjectInput(ProjectPatch):
    """A project to start."""

    workspace = Object(required=False, allow_null=True)


class ProjectGoalOut(Output):
    """A goal a project serves."""

    id = serializers.UUIDField()
    title = serializers.CharField()


class ProjectOut(ModelOutput):
    """A project with its goals and folders."""

    url_key = serializers.CharField()
    goal_id = serializers.UUIDField(allow_null=True)
    goal_ids = serializers.ListField(child=serializers.UUIDField())
    goals = ProjectGoalOut(many=True)
    env = serializers.DictField(allow_null=True)
    execution_workspace_policy = serializers.DictField(allow_null=True)
    workspaces = serializers.ListField(child=serializers.DictField())
    primary_workspace = serializers.DictField(allow_null=True)
    codebase = serializers.DictField()
    managed_by_plugin = serializers.DictField(allow_null=True)

    class Meta:
        model = Project
        fields: ClassVar = [
            "id", "company_id", "name", "url_key", "description", "status", "target_date", "goal_id",
            "goal_ids", "goals", "lead_agent_id", "color", "env", "pause_reason", "paused_at", "archived_at",
            "execution_workspace_policy", "workspaces", "primary_workspace", "codebase", "managed_by_plugin",
            "created_at", "updated_at",
        ]  # fmt: skip


def render_many(rows: Sequence[Project], view: ActorView) -> list[dict[str, Any]]:
    """Return the answers for projects of one company, with what higher floors add to them.

    Values of the environment are for those who manage agents; others see its names, and values without
    secrets.
    """
    added = projects.extensions(rows)
    has_env = [row for row in rows if row.env]
    sees_env = bool(has_env) and auth.may_manage_agents(view.actor, has_env[0].company_id)
    return [_render(row, added[row.id], sees_env=sees_env) for row in rows]


def _render(project: Project, added: dict[str, Any], *, sees_env: bool) -> dict[str, Any]:
    goals = [link.goal for link in project.goal_links.all()]
    return ProjectOut.render(
        project,
        goalId=goals[0].id if goals else None,
        goalIds=[goal.id for goal in goals],
        goals=ProjectGoalOut.render_many(goals),
        managedByPlugin=None,
        env=project.env if sees_env else redaction.data(project.env),
        **added,
    )


class ProjectList(CompanyView):
    """The projects of a company."""

    @operation("List projects [C-67]", answers=ProjectOut, many=True)
    def get(self, request: Request, company_id: str) -> Response:
        return Response(render_many(list(projects.of_company(self.company.id)), self))

    @operation("Create a project [C-67]", reads=ProjectInput, answers=ProjectOut, status=201)
    @repeating.once
    def post(self, request: Request, company_id: str) -> Response:
        fields = _read(ProjectInput, request, partial=False)
        project = projects.create(company=self.company, fields=fields, actor=self.actor, now=self.now)
        return Response(render_many([project], self)[0], status=201)


class ProjectView(ActorView):
    """A view of one project, named in the path by id or shortname."""

    def find_project(self, reference: str) -> Project:
        """Return the project that `reference` names (C-67), within the caller's companies."""
        rows = Project.objects.prefetch_related("goal_links__goal")
        if naming.as_uuid(reference) is not None:
            return self.find(rows, reference, what="Project")
        company_id = self._company_of_shortname()
        self.admit(company_id)
        ambiguous = "Project shortname is ambiguous in this company. Use the project ID."
        named = Project.objects.filter(company_id=company_id).only("id", "name")
        return rows.get(pk=shortnames.find(named, reference, what="Project", ambiguous=ambiguous).pk)

    def _company_of_shortname(self) -> UUID:
        text = self.request.query_params.get("companyId")
        if text is None and self.actor.agent is not None:
            return self.actor.agent.company_id
        if text is None:
            raise NotFound("Project not found")
        company_id = naming.as_field_uuid(text)
        if company_id is None:
            raise BadRequest("companyId must be a company id")
        return company_id


class ProjectDetail(ProjectView):
    """One project."""

    @operation("Get a project [C-67]", answers=ProjectOut, query=[COMPANY_QUERY])
    def get(self, request: Request, project_ref: str) -> Response:
        return Response(render_many([self.find_project(project_ref)], self)[0])

    @operation("Change a project [C-67]", reads=ProjectPatch, answers=ProjectOut, query=[COMPANY_QUERY])
    def patch(self, request: Request, project_ref: str) -> Response:
        project = self.find_project(project_ref)
        fields = _read(ProjectPatch, request, partial=True)
        project = projects.update(project=project, fields=fields, actor=self.actor, now=self.now)
        return Response(render_many([project], self)[0])

    @operation("Delete a project [C-67]", answers=ProjectOut, query=[COMPANY_QUERY])
    def delete(self, request: Request, project_ref: str) -> Response:
        project = self.find_project(project_ref)
        answer = render_many([project], self)[0]
        projects.delete(project=project, actor=self.actor, now=self.now)
        return Response(answer)


def _read(schema: type[Input], request: Request, *, partial: bool) -> dict[str, Any]:
    """Return the validated fields; the workspace policy is kept as it was sent, under its wire names."""
    fields = schema.read(request.data, partial=partial)
    if fields.get("execution_workspace_policy") is not None:
        body: Any = request.data
        sent = body["executionWorkspacePolicy"]
        _require_whole_policy(sent)
        fields["execution_workspace_policy"] = sent
    return fields


def _require_whole_policy(sent: Any) -> None:
    """A policy is replaced as a whole, so that one in a patch must be complete too."""
    try:
        WorkspacePolicyInput.read(sent)
    except Invalid as error:
        raise error.below("executionWorkspacePolicy") from error
