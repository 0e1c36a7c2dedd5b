"""What helps to configure an agent: models, profiles, and a look at the host (A-75, A-77, section 5.1 of companies)."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from heartbeat.adapters import checks, registry
from paperclip.companies import adapter_config, rights
from paperclip.companies.api.base import CompanyView
from paperclip.core.api.fields import Object, Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import Output
from paperclip.core.api.schema import operation
from paperclip.core.errors import Unprocessable


class AdapterModelOut(Output):
    """A model an adapter may ask."""

    id = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a word of the interface


class AdapterProfileOut(Output):
    """A named set of settings laid over an agent's own."""

    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a word of the interface


class AdapterDetectedOut(Output):
    """The model an installed program is set to."""

    model = serializers.CharField()
    provider = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]  # a word of the interface


class AdapterTestInput(Input):
    """A configuration to look at."""

    adapter_config = Object(required=False)
    environment_id = Uuid(required=False, allow_null=True)


class AdapterCheckOut(Output):
    """One finding."""

    code = serializers.CharField()
    level = serializers.ChoiceField(choices=["info", "warn", "error"])
    message = serializers.CharField()
    detail = serializers.CharField(allow_null=True)
    hint = serializers.CharField(allow_null=True)


class AdapterReportOut(Output):
    """All findings about a configuration."""

    adapter_type = serializers.CharField()
    status = serializers.ChoiceField(choices=["pass", "warn", "fail"])
    checks = AdapterCheckOut(many=True)
    tested_at = serializers.DateTimeField()


class ModelsView(CompanyView):
    """`GET /companies/:c/adapters/:type/models`."""

    @operation("List the models of an adapter [A-77]", answers=AdapterModelOut, many=True, refuses=(422,))
    def get(self, request: Request, company_id: str, kind: str) -> Response:
        """Answer the models an adapter is known to take; any other may be named as well."""
        adapter_config.require_known_type(kind)
        rows = [{"id": model, "label": model} for model in registry.models_of(kind)]
        return Response(AdapterModelOut.render_many(rows))


class ProfilesView(CompanyView):
    """`GET /companies/:c/adapters/:type/model-profiles`."""

    @operation(
        "List the model profiles of an adapter [A-2]", answers=AdapterProfileOut, many=True, refuses=(422,)
    )
    def get(self, request: Request, company_id: str, kind: str) -> Response:
        """Answer the profiles the adapter brings settings for."""
        adapter_config.require_known_type(kind)
        rows = [{"key": key, "label": key.capitalize()} for key in registry.profiles_of(kind)]
        return Response(AdapterProfileOut.render_many(rows))


class DetectModelView(CompanyView):
    """`GET /companies/:c/adapters/:type/detect-model`."""

    @operation(
        "Find the model an installed program is set to [A-2]",
        answers=AdapterDetectedOut,
        may_answer_null=True,
        refuses=(422,),
    )
    def get(self, request: Request, company_id: str, kind: str) -> Response:
        """Answer null: no adapter that runs here can tell."""
        adapter_config.require_known_type(kind)
        return Response(None)


class TestEnvironmentView(CompanyView):
    """`POST /companies/:c/adapters/:type/test-environment`."""

    @operation(
        "Look whether a configuration could work on this host [A-75]",
        reads=AdapterTestInput,
        answers=AdapterReportOut,
    )
    def post(self, request: Request, company_id: str, kind: str) -> Response:
        """Answer the findings. For a person the program is asked to say hello, which takes up to a minute."""
        rights.require_agent_creator(self.actor, self.company.id)
        adapter_config.require_known_type(kind)
        fields = AdapterTestInput.read(request.data)
        if fields.get("environment_id") is not None:
            raise Unprocessable("environmentId: environment not found in this company")
        report = checks.look(kind, fields.get("adapter_config") or {}, may_start=not self.actor.is_agent)
        shown = {
            "adapter_type": report.adapter_type,
            "status": report.status,
            "checks": report.checks,
            "tested_at": self.now,
        }
        return Response(AdapterReportOut.render(shown))
