"""JSON in: bounded, strict, and free of what the database cannot hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

import orjson
from django.conf import settings
from rest_framework.parsers import BaseParser

from paperclip.core.api.rendering import JSON_TYPE
from paperclip.core.errors import BadRequest, TooLarge

MAX_DEPTH = 64


class JsonParser(BaseParser):
    """Reads the body as one JSON value. An empty body reads as nothing (K-54)."""

    media_type = JSON_TYPE

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the parsed value, None for an empty body. Raises BadRequest or TooLarge."""
        body = stream.read(settings.REQUEST_MAX_BYTES + 1)
        if len(body) > settings.REQUEST_MAX_BYTES:
            raise TooLarge("Request body is larger than 10 MB")
        if not body.strip():
            return None
        return loads(body)


def loads(body: bytes) -> Any:
    """Return the JSON value in `body`. Raises BadRequest for anything that is not clean JSON."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"Request body is not valid JSON: {error}") from error
    # A NUL reaches a JSON string only through this escape; looking for it first keeps the walk off the hot path.
    if rb"\u0000" in body:
        _refuse_nul(value, [])
    _refuse_depth(value)
    return value


def _refuse_nul(value: Any, path: list[str | int]) -> None:
    if isinstance(value, str) and "\x00" in value:
        where = ".".join(str(part) for part in path) or "body"
        raise BadRequest(f"{where}: text may not contain a NUL character")
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_nul(key, [*path, "key"])
            _refuse_nul(item, [*path, key])
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_nul(item, [*path, index])


def _refuse_depth(value: Any) -> None:
    layer = [value]
    for _ in range(MAX_DEPTH):
        layer = [
            child
            for item in layer
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not layer:
            return
    raise BadRequest(f"Request body is nested deeper than {MAX_DEPTH} levels")
