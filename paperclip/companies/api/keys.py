"""Keys of agents (C-59)."""

from __future__ import annotations

from typing import ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies import keys, throttles
from paperclip.companies.api.agents import AgentView
from paperclip.companies.models import AgentApiKey
from paperclip.core import naming
from paperclip.core.api.fields import Text
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import ModelOutput
from paperclip.core.api.schema import Ok, operation


class KeyInput(Input):
    """A key to make."""

    name = Text(min_length=1, max_length=200, default="default")


class KeyOut(ModelOutput):
    """A key, without its token."""

    class Meta:
        model = AgentApiKey
        fields: ClassVar = ["id", "name", "created_at", "revoked_at"]


class NewKeyOut(ModelOutput):
    """A key with its token, which is never shown again."""

    token = serializers.CharField()

    class Meta:
        model = AgentApiKey
        fields: ClassVar = ["id", "name", "token", "created_at"]


class KeyList(AgentView):
    """The keys of an agent."""

    board_only = True

    @operation("List an agent's keys [C-59]", answers=KeyOut, many=True)
    def get(self, request: Request, agent_ref: str) -> Response:
        agent = self.find_managed(agent_ref)
        return Response(KeyOut.render_many(agent.api_keys.order_by("created_at", "id")))

    @operation(
        "Create a key; its token is shown only now [C-59]",
        reads=KeyInput,
        answers=NewKeyOut,
        status=201,
        refuses=(429,),
    )
    def post(self, request: Request, agent_ref: str) -> Response:
        agent = self.find_managed(agent_ref)
        fields = KeyInput.read(request.data or {})
        throttles.spend(throttles.KEY_CREATE, self.actor.id, now=self.now)
        key, token = keys.create(agent=agent, name=fields["name"], actor=self.actor, now=self.now)
        return Response(NewKeyOut.render(key, token=token), status=201)


class KeyDetail(AgentView):
    """One key of an agent."""

    board_only = True

    @operation("Revoke a key [C-59]", answers=Ok)
    def delete(self, request: Request, agent_ref: str, key_id: str) -> Response:
        agent = self.find_managed(agent_ref)
        keys.revoke(agent=agent, key_id=naming.as_uuid(key_id), actor=self.actor, now=self.now)
        return Response({"ok": True})
