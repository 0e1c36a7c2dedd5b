"""The public addresses of webhooks (R-127)."""

from __future__ import annotations

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.core import clock, hosts
from paperclip.core.api.schema import operation
from paperclip.core.api.views import ApiView
from paperclip.core.errors import TooLarge
from routines import webhooks
from routines.api import shapes


class FireWebhook(ApiView):
    """`POST /routine-triggers/public/:publicId/fire`: anybody, with what the trigger asks for."""

    # The Authorization header is the webhook's own.
    authentication_classes = []

    @operation(
        "Set a routine off by webhook [R-127]",
        answers=shapes.RoutineRunOut,
        status=202,
        refuses=(401, 413, 429),
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Set the routine off and answer its run, whatever became of it."""
        # The body counts as it was sent: it is what senders sign.
        body = request._request.body
        if len(body) > settings.REQUEST_MAX_BYTES:
            raise TooLarge("Request body is larger than 10 MB")
        arrived = webhooks.Request(public_id, request.headers, body, hosts.client_address(request._request))
        return Response(shapes.run(webhooks.fire(arrived, now=clock.now())), status=202)
