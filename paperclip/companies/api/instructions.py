"""What agents are told: where their instructions are, and what they say (C-61)."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies import instruction_changes, instructions, rights
from paperclip.companies.api.agents import COMPANY_QUERY, AgentView
from paperclip.companies.choices import BundleMode
from paperclip.companies.models import Agent
from paperclip.core import folders
from paperclip.core.api.fields import Bool, Enum, Text
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import Output
from paperclip.core.api.schema import operation, query
from paperclip.core.errors import Unprocessable

_PATH_QUERY = [query("path", text="The file, by its path in the folder."), COMPANY_QUERY]


class InstructionsPathInput(Input):
    """The one file of instructions, or none, and the key it stands under."""

    path = Text(allow_null=True, min_length=1, max_length=4_000)
    adapter_config_key = Text(required=False, allow_null=True, min_length=1, max_length=64)


class InstructionsPathOut(Output):
    """Where the file of instructions is."""

    agent_id = serializers.UUIDField()
    adapter_type = serializers.CharField()
    adapter_config_key = serializers.CharField()
    path = serializers.CharField(allow_null=True)


class InstructionsPlaceInput(Input):
    """Where the folder of instructions is, and which file is read first."""

    mode = Enum(choices=BundleMode.choices, required=False)
    root_path = Text(required=False, allow_null=True, max_length=4_000)
    entry_file = Text(required=False, min_length=1, max_length=folders.MAX_PATH)
    clear_legacy_prompt_template = Bool(default=False)


class InstructionsFileInput(Input):
    """A file to write."""

    path = Text(min_length=1, max_length=folders.MAX_PATH)
    content = Text(max_length=folders.MAX_BYTES)
    clear_legacy_prompt_template = Bool(default=False)


class InstructionsEntryOut(Output):
    """A file of the folder."""

    path = serializers.CharField()
    size = serializers.IntegerField()
    is_entry_file = serializers.BooleanField()
    markdown = serializers.BooleanField()


class InstructionsFileOut(InstructionsEntryOut):
    """A file with what it says."""

    content = serializers.CharField()


class InstructionsOut(Output):
    """The folder of instructions."""

    agent_id = serializers.UUIDField()
    company_id = serializers.UUIDField()
    mode = serializers.ChoiceField(choices=BundleMode.choices, allow_null=True)
    root_path = serializers.CharField(allow_null=True)
    managed_root_path = serializers.CharField()
    entry_file = serializers.CharField()
    resolved_entry_path = serializers.CharField(allow_null=True)
    editable = serializers.BooleanField()
    warnings = serializers.ListField(child=serializers.CharField())
    legacy_prompt_template_active = serializers.BooleanField()
    legacy_bootstrap_prompt_template_active = serializers.BooleanField()
    files = InstructionsEntryOut(many=True)


class InstructionsPath(AgentView):
    """The one file of instructions."""

    board_only = True

    @operation(
        "Name an agent's file of instructions [C-61]",
        reads=InstructionsPathInput,
        answers=InstructionsPathOut,
    )
    def patch(self, request: Request, agent_ref: str) -> Response:
        agent = self.find_managed(agent_ref)
        fields = InstructionsPathInput.read(request.data)
        key, path = instruction_changes.set_path(
            agent=agent,
            path=fields["path"],
            key=fields.get("adapter_config_key"),
            actor=self.actor,
            now=self.now,
        )
        shown = {
            "agent_id": agent.id,
            "adapter_type": agent.adapter_type,
            "adapter_config_key": key,
            "path": path,
        }
        return Response(InstructionsPathOut.render(shown))


class InstructionsBundle(AgentView):
    """The folder of instructions."""

    board_methods = ("PATCH",)

    @operation("Get an agent's instructions [C-61]", answers=InstructionsOut, query=[COMPANY_QUERY])
    def get(self, request: Request, agent_ref: str) -> Response:
        return _bundle(find_readable(self, agent_ref))

    @operation(
        "Say where an agent's instructions are [C-61]",
        reads=InstructionsPlaceInput,
        answers=InstructionsOut,
        query=[COMPANY_QUERY],
    )
    def patch(self, request: Request, agent_ref: str) -> Response:
        agent = self.find_managed(agent_ref)
        fields = InstructionsPlaceInput.read(request.data)
        agent = instruction_changes.set_bundle(
            agent=agent,
            mode=fields.get("mode"),
            root_path=fields.get("root_path"),
            entry_file=fields.get("entry_file"),
            clear_legacy=fields["clear_legacy_prompt_template"],
            actor=self.actor,
            now=self.now,
        )
        return _bundle(agent)


class InstructionsFile(AgentView):
    """One file of the folder."""

    board_methods = ("PUT", "DELETE")

    @operation(
        "Read a file of an agent's instructions [C-61]",
        answers=InstructionsFileOut,
        query=_PATH_QUERY,
        refuses=(422,),
    )
    def get(self, request: Request, agent_ref: str) -> Response:
        agent = find_readable(self, agent_ref)
        return Response(InstructionsFileOut.render(instructions.read(agent, self._path())))

    @operation(
        "Write a file of an agent's instructions [C-61]",
        reads=InstructionsFileInput,
        answers=InstructionsFileOut,
        query=[COMPANY_QUERY],
    )
    def put(self, request: Request, agent_ref: str) -> Response:
        agent = self.find_managed(agent_ref)
        fields = InstructionsFileInput.read(request.data)
        written = instruction_changes.put(
            agent=agent,
            path=fields["path"],
            content=fields["content"],
            clear_legacy=fields["clear_legacy_prompt_template"],
            actor=self.actor,
            now=self.now,
        )
        return Response(InstructionsFileOut.render(written))

    @operation("Delete a file of an agent's instructions [C-61]", answers=InstructionsOut, query=_PATH_QUERY)
    def delete(self, request: Request, agent_ref: str) -> Response:
        agent = self.find_managed(agent_ref)
        return _bundle(
            instruction_changes.delete(agent=agent, path=self._path(), actor=self.actor, now=self.now)
        )

    def _path(self) -> str:
        path = self.request.query_params.get("path", "")
        if not path:
            raise Unprocessable("Query parameter 'path' is required")
        return path


def find_readable(view: AgentView, reference: str) -> Agent:
    """Return the agent, for any agent of its company and for people who manage agents (C-52, C-61)."""
    agent = view.find_agent(reference)
    if view.actor.is_board:
        rights.require_agent_creator(view.actor, agent.company_id)
    return agent


def _bundle(agent: Agent) -> Response:
    return Response(InstructionsOut.render(instructions.bundle(agent)))
