"""Whether the server can work (C-22)."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies import invites
from paperclip.companies.models import User
from paperclip.core import clock
from paperclip.core.api.outputs import Output
from paperclip.core.api.schema import operation
from paperclip.core.api.views import ApiView
from paperclip.core.errors import Unauthorized


class HealthOut(Output):
    """The state of the server; callers nobody knows see four fields."""

    status = serializers.CharField()
    deployment_mode = serializers.CharField()
    bootstrap_status = serializers.ChoiceField(choices=["ready", "bootstrap_pending"])
    bootstrap_invite_active = serializers.BooleanField()
    version = serializers.CharField(required=False)
    server_version = serializers.CharField(required=False)
    deployment_exposure = serializers.CharField(required=False)
    auth_ready = serializers.BooleanField(required=False)
    features = serializers.DictField(child=serializers.BooleanField(), required=False)


class Health(ApiView):
    """The state of the server, for anybody."""

    def perform_authentication(self, request: Request) -> None:
        """Look at the database first: who calls cannot be known without it."""

    @operation("Get the server's health [C-22]", answers=HealthOut, also={503: HealthOut})
    def get(self, request: Request) -> Response:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            return Response(self._state(request))
        except (DatabaseError, InterfaceError):
            unhealthy = {"status": "unhealthy", "version": settings.VERSION, "error": "database_unreachable"}
            return Response(unhealthy, status=503)

    def _state(self, request: Request) -> dict[str, Any]:
        has_admin = User.objects.filter(is_superuser=True, is_active=True).exists()
        state = {
            "status": "ok",
            "deploymentMode": "authenticated",
            "bootstrapStatus": "ready" if has_admin else "bootstrap_pending",
            "bootstrapInviteActive": not has_admin and invites.bootstrap_is_open(clock.now()),
        }
        if _is_unknown(request):
            return state
        return state | {
            "version": settings.VERSION,
            "serverVersion": settings.VERSION,
            "deploymentExposure": "private",
            "authReady": True,
            "features": {"companyDeletionEnabled": settings.COMPANY_DELETION},
        }


def _is_unknown(request: Request) -> bool:
    """A bad token must not make a healthy server look ill; its bearer is nobody."""
    try:
        caller: Any = request.auth
        return bool(caller.is_nobody)
    except Unauthorized:
        return True
