"""Skills: those of an agent, and the texts of the product's own (C-39, C-52, C-61)."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies import rights, skill_sync, skills
from paperclip.companies.api.agents import COMPANY_QUERY, AgentView
from paperclip.companies.api.base import ActorView
from paperclip.companies.api.instructions import find_readable
from paperclip.companies.choices import SkillSync
from paperclip.core.api.fields import Enum, Items, Text
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import Output
from paperclip.core.api.schema import operation

MARKDOWN = "text/markdown"


class SkillSyncInput(Input):
    """The skills an agent is to want."""

    desired_skills = Items(child=Text(min_length=1, max_length=200), max_length=200)
    mode = Enum(choices=SkillSync.choices, required=False, default=SkillSync.REPLACE)


class AgentSkillOut(Output):
    """How one skill stands with an agent."""

    key = serializers.CharField()
    runtime_name = serializers.CharField()
    desired = serializers.BooleanField()
    managed = serializers.BooleanField()
    required = serializers.BooleanField()  # type: ignore[assignment]  # a word of the interface
    required_reason = serializers.CharField(allow_null=True)
    state = serializers.ChoiceField(choices=["configured", "available", "missing", "unsupported"])
    detail = serializers.CharField(allow_null=True)


class AgentSkillsOut(Output):
    """How skills stand with an agent."""

    adapter_type = serializers.CharField()
    supported = serializers.BooleanField()
    mode = serializers.ChoiceField(choices=["ephemeral", "unsupported"])
    desired_skills = serializers.ListField(child=serializers.CharField())
    entries = AgentSkillOut(many=True)
    warnings = serializers.ListField(child=serializers.CharField())


class SkillOut(Output):
    """A skill of the product."""

    key = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    required = serializers.BooleanField(source="is_required")  # type: ignore[assignment]  # a word of the interface


class SkillLinkOut(Output):
    """Where the text of a skill is."""

    name = serializers.CharField()
    path = serializers.CharField()


class SkillIndexOut(Output):
    """The product's skills, by name."""

    skills = SkillLinkOut(many=True)


class SkillListOut(Output):
    """The product's skills, with what they are for."""

    skills = SkillOut(many=True)


class AgentSkills(AgentView):
    """The skills of an agent."""

    @operation("Get how skills stand with an agent [C-52]", answers=AgentSkillsOut, query=[COMPANY_QUERY])
    def get(self, request: Request, agent_ref: str) -> Response:
        return Response(AgentSkillsOut.render(skills.of(find_readable(self, agent_ref))))


class AgentSkillSync(AgentView):
    """Setting the skills of an agent."""

    @operation(
        "Set which skills an agent wants [C-61]",
        reads=SkillSyncInput,
        answers=AgentSkillsOut,
        query=[COMPANY_QUERY],
    )
    def post(self, request: Request, agent_ref: str) -> Response:
        agent = self.find_agent(agent_ref)
        rights.require_agent_editor(self.actor, agent)
        fields = SkillSyncInput.read(request.data)
        agent = skill_sync.sync(
            agent=agent,
            named=fields["desired_skills"],
            mode=SkillSync(fields["mode"]),
            actor=self.actor,
            now=self.now,
        )
        return Response(AgentSkillsOut.render(skills.of(agent)))


class SkillsAvailable(ActorView):
    """The product's skills."""

    @operation("List the product's skills [C-39]", answers=SkillListOut)
    def get(self, request: Request) -> Response:
        return Response({"skills": SkillOut.render_many(skills.catalogue())})


class SkillsIndex(ActorView):
    """Where the texts of the product's skills are."""

    @operation("List where the texts of skills are [C-39]", answers=SkillIndexOut)
    def get(self, request: Request) -> Response:
        links = [{"name": skill.name, "path": f"/api/skills/{skill.name}"} for skill in skills.catalogue()]
        return Response({"skills": links})


class SkillText(ActorView):
    """The text of one skill."""

    @operation("Read a skill [C-39]", answers=OpenApiTypes.STR, media_type=MARKDOWN)
    def get(self, request: Request, name: str) -> HttpResponse:
        return HttpResponse(skills.text_of(name), content_type=f"{MARKDOWN}; charset=utf-8")


class SkillPage(ActorView):
    """A page that a skill refers to."""

    @operation("Read a page of a skill", answers=OpenApiTypes.STR, media_type=MARKDOWN)
    def get(self, request: Request, name: str, file: str) -> HttpResponse:
        return HttpResponse(skills.text_of(name, file), content_type=f"{MARKDOWN}; charset=utf-8")
