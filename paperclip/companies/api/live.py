"""The live events of a company: as a WebSocket, and as server-sent events (K-46 to K-48)."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies import auth
from paperclip.companies.actors import Actor
from paperclip.companies.api.base import CompanyView
from paperclip.companies.live import standing, tail
from paperclip.companies.live.hub import hub
from paperclip.companies.live.streams import Listener, Stream
from paperclip.companies.models import User
from paperclip.core import handover
from paperclip.core.api import document
from paperclip.core.api.rendering import JSON_TYPE, JsonRenderer
from paperclip.core.api.schema import operation, query
from paperclip.core.errors import Forbidden, NotFound, Unauthorized, Unavailable
from paperclip.core.wires import EventStream, WebSocket, Wire, wants_websocket

_LAST_SEEN = "Last-Event-ID"
_NOT_HERE = "This web server cannot keep a WebSocket open; ask for the events as a stream"
_TOKEN = query("token", str, "An agent's API key, for clients that cannot send headers.")
_SINCE = query("lastEventId", str, "The `id` of the last message that was read; the header wins.")
_SINCE_HEADER = OpenApiParameter(
    _LAST_SEEN, str, OpenApiParameter.HEADER, description="What was missed since then comes first."
)


class StreamAuthentication(auth.ActorAuthentication):
    """As everywhere, and by an agent's key in the query: the reference's clients send it there (K-46)."""

    def authenticate(self, request: Request) -> tuple[User | AnonymousUser, Actor]:
        """Return the caller. Raises Unauthorized for credentials that do not verify."""
        if "Authorization" in request.headers or "token" not in request.query_params:
            return super().authenticate(request)
        return standing.caller_by(standing.credential_of(request._request))


class LiveView(CompanyView):
    """What both kinds of stream share."""

    authentication_classes = [StreamAuthentication]
    credentials = (*CompanyView.credentials, document.STREAM_KEY)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[JsonRenderer, str]:
        """Refuse in JSON whatever the client accepts: what it accepts is the stream."""
        return JsonRenderer(), JSON_TYPE

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let those in who may listen; a browser only from a page of ours."""
        super().initial(request, *args, **kwargs)
        standing.admit(self.actor, self.company.pk)
        if self.actor.source == "session":
            auth.require_no_foreign_page(request)

    def open(self, request: Request, wire: Wire, *, since: tail.Cursor | None) -> HttpResponse:
        """Give the connection away; what is returned is sent to nobody."""
        plain = request._request
        listener = Listener(
            company_id=self.company.pk,
            caller=f"{self.actor.type}:{self.actor.id}",
            credential=standing.credential_of(plain),
        )
        hub.join(listener.caller, lambda: Stream(handover.take(plain), wire, listener, since=since))
        return HttpResponse()


class EventStreamView(LiveView):
    """`GET /companies/:id/events/stream`."""

    @operation(
        "Follow what happens in a company, as server-sent events [K-48]",
        answers=OpenApiResponse(
            OpenApiTypes.STR, description="Messages with an event as JSON; `ready`, `ping`, `reset`."
        ),
        query=[_SINCE_HEADER, _SINCE, _TOKEN],
        media_type="text/event-stream",
        refuses=(429,),
    )
    def get(self, request: Request, company_id: str) -> HttpResponse:
        """Answer with the stream. A web server that cannot keep it open sends what there is, and is asked again."""
        seen = request.headers.get(_LAST_SEEN) or request.query_params.get("lastEventId") or ""
        # A mark that cannot be read is as good as one that is too old: the client is told to load anew.
        since = (tail.parse(seen) or tail.LONG_AGO) if seen else None
        if handover.is_offered(request._request):
            return self.open(request, EventStream(), since=since)
        return HttpResponse(
            self._in_one_piece(since), content_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    def _in_one_piece(self, since: tail.Cursor | None) -> bytes:
        begin = EventStream.retry()
        if since is None:
            return begin + EventStream.control("ready", str(tail.now()))
        reading = tail.read([self.company.pk], since=since)
        if reading.is_cut:
            return begin + EventStream.control("reset", str(reading.cursor))
        texts = [event.frame for event in reading.events]
        cursor = str(reading.cursor)
        return begin + (EventStream.spell(texts, cursor) if texts else EventStream.control("ready", cursor))


class EventSocketView(LiveView):
    """`GET /companies/:id/events/ws`."""

    @operation(
        "Follow what happens in a company, over a WebSocket [K-46]",
        answers=OpenApiResponse(description="The protocol is changed."),
        status=101,
        refuses=(426, 429),
        query=[_TOKEN],
    )
    def get(self, request: Request, company_id: str) -> HttpResponse:
        """Answer the handshake."""
        plain = request._request
        if not wants_websocket(plain):
            response = Response({"error": "Expected a WebSocket handshake"}, status=426)
            response["Upgrade"] = "websocket"
            return response
        if not handover.is_offered(plain):
            raise Unavailable(_NOT_HERE)
        return self.open(request, WebSocket(plain), since=None)

    def handle_exception(self, exc: Exception) -> Response:
        """Refuse as the interface does: 403 `forbidden`, whoever calls (K-46)."""
        if isinstance(exc, Unauthorized | Forbidden | NotFound):
            exc = Forbidden("forbidden")
        return super().handle_exception(exc)
