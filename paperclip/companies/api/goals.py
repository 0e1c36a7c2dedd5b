"""Goals (C-69, C-70)."""

from __future__ import annotations

from typing import ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies import goals
from paperclip.companies.api import repeating
from paperclip.companies.api.base import ActorView, CompanyView
from paperclip.companies.choices import GoalLevel, GoalStatus
from paperclip.companies.models import Goal
from paperclip.core.api.fields import Enum, Text, Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import ModelOutput
from paperclip.core.api.schema import operation


class GoalOut(ModelOutput):
    """A goal."""

    class Meta:
        model = Goal
        fields: ClassVar = [
            "id", "company_id", "title", "description", "level", "status", "parent_id", "owner_agent_id",
            "created_at", "updated_at",
        ]  # fmt: skip


class GoalInput(Input):
    """A goal to set."""

    title = Text(min_length=1, max_length=1_000)
    description = Text(required=False, allow_null=True, max_length=100_000, multiline=True)
    level = Enum(choices=GoalLevel.choices, required=False)
    status = Enum(choices=GoalStatus.choices, required=False)
    parent_id = Uuid(required=False, allow_null=True)
    owner_agent_id = Uuid(required=False, allow_null=True)


class GoalList(CompanyView):
    """The goals of a company."""

    @operation("List goals [C-70]", answers=GoalOut, many=True)
    def get(self, request: Request, company_id: str) -> Response:
        return Response(GoalOut.render_many(goals.of_company(self.company.id)))

    @operation("Create a goal [C-70]", reads=GoalInput, answers=GoalOut, status=201)
    @repeating.once
    def post(self, request: Request, company_id: str) -> Response:
        fields = GoalInput.read(request.data)
        goal = goals.create(company=self.company, fields=fields, actor=self.actor, now=self.now)
        return Response(GoalOut.render(goal), status=201)


class GoalDetail(ActorView):
    """One goal."""

    def find_goal(self, reference: str) -> Goal:
        """Return the goal a path names."""
        return self.find(Goal.objects.all(), reference, what="Goal")

    @operation("Get a goal [C-70]", answers=GoalOut)
    def get(self, request: Request, goal_id: str) -> Response:
        return Response(GoalOut.render(self.find_goal(goal_id)))

    @operation("Change a goal [C-70]", reads=GoalInput, answers=GoalOut)
    def patch(self, request: Request, goal_id: str) -> Response:
        goal = self.find_goal(goal_id)
        fields = GoalInput.read(request.data, partial=True)
        goal = goals.update(goal=goal, fields=fields, actor=self.actor, now=self.now)
        return Response(GoalOut.render(goal))

    @operation("Delete a goal [C-70]", answers=GoalOut)
    def delete(self, request: Request, goal_id: str) -> Response:
        goal = goals.delete(goal=self.find_goal(goal_id), actor=self.actor, now=self.now)
        return Response(GoalOut.render(goal))
