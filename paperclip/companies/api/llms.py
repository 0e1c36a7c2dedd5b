"""Texts for agents that configure agents: `/llms/…`, and `/api/llms/…` for newer clients (C-53, K-38)."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.urls import URLPattern, path
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request

from paperclip.companies import llms
from paperclip.companies.api.base import ActorView
from paperclip.core.api.schema import operation
from paperclip.core.errors import Forbidden

PLAIN = "text/plain"


class TextView(ActorView):
    """A page of text for people, and for agents that may hire."""

    def require_reader(self) -> None:
        """Raise Forbidden for an agent that may not hire."""
        if self.actor.agent is not None and not self.actor.agent.can_create_agents:
            raise Forbidden("Missing permission: can create agents")

    def base(self) -> str:
        """Return the path under which the pages were asked for."""
        return self.request.path.rpartition("/llms/")[0] + "/llms"


class ConfigurationIndex(TextView):
    """How agents are configured."""

    @operation("Read how agents are configured [C-53]", answers=OpenApiTypes.STR, media_type=PLAIN)
    def get(self, request: Request) -> HttpResponse:
        self.require_reader()
        return _plain(llms.index(self.base()))


class ConfigurationPage(TextView):
    """How agents of one kind are configured."""

    @operation("Read how one adapter is configured [C-53]", answers=OpenApiTypes.STR, media_type=PLAIN)
    def get(self, request: Request, kind: str) -> HttpResponse:
        self.require_reader()
        return _plain(llms.adapter(kind))


class Icons(TextView):
    """The icons there are."""

    @operation("Read which icons agents may have [C-53]", answers=OpenApiTypes.STR, media_type=PLAIN)
    def get(self, request: Request) -> HttpResponse:
        self.require_reader()
        return _plain(llms.icons())


def _plain(text: str) -> HttpResponse:
    return HttpResponse(text, content_type=f"{PLAIN}; charset=utf-8")


def _patterns(**options: Any) -> list[URLPattern]:
    return [
        path("llms/agent-configuration.txt", ConfigurationIndex.as_view(**options)),
        path("llms/agent-configuration/<str:kind>.txt", ConfigurationPage.as_view(**options)),
        path("llms/agent-icons.txt", Icons.as_view(**options)),
    ]


urlpatterns = _patterns()
# The same pages at the older address; the OpenAPI document names them once.
beside_the_api = _patterns(schema=None)
