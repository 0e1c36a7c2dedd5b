"""`Idempotency-Key`: a request that makes something may be sent again when its answer was lost."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import orjson
from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies import replies
from paperclip.companies.api.base import ActorView
from paperclip.core.api.rendering import dumps

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"

_Method = TypeVar("_Method", bound=Callable[..., Response])


def once(method: _Method) -> _Method:
    """Let a view method be repeated: with the same key it is done once, and answered the same for a day."""

    @wraps(method)
    def done_once(view: ActorView, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get(HEADER, "").strip()
        if not key:
            return method(view, request, *args, **kwargs)
        body = orjson.dumps(request.data, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
        digest = replies.digest_of(request.method or "", request.path, body)
        with transaction.atomic():
            known = replies.claim(actor=view.actor, key=key, digest=digest, now=view.now)
            if known is not None:
                return Response(orjson.loads(known.body), status=known.status, headers={REPLAYED: "true"})
            response = method(view, request, *args, **kwargs)
            said = dumps(response.data)
            replies.keep(actor=view.actor, key=key, status=response.status_code, body=said.decode())
        return response

    return cast(_Method, done_once)
