"""The dashboard and the sidebar's badges (C-98, C-99)."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies import auth, dashboard, preferences
from paperclip.companies.api.base import CompanyView
from paperclip.companies.choices import Permission
from paperclip.core.api.outputs import Output
from paperclip.core.api.schema import operation


class BadgesOut(Output):
    """Numbers beside the sidebar's entries."""

    inbox = serializers.IntegerField()
    approvals = serializers.IntegerField()
    failed_runs = serializers.IntegerField()
    join_requests = serializers.IntegerField()


class Dashboard(CompanyView):
    """A company at a glance."""

    @operation("Get a company's dashboard [C-98]", answers=OpenApiTypes.OBJECT)
    def get(self, request: Request, company_id: str) -> Response:
        return Response(dashboard.gather(self.company.id, now=self.now))


class SidebarBadges(CompanyView):
    """What waits for a person."""

    @operation("Count what waits for a person [C-99]", answers=BadgesOut)
    def get(self, request: Request, company_id: str) -> Response:
        place = self.company.id
        counts = dashboard.badges(
            place,
            now=self.now,
            dismissed=preferences.dismissed(user=self.actor.user, company_id=place),
            sees_joins=auth.has_permission(self.actor, place, Permission.JOINS_APPROVE),
        )
        return Response(counts)
