"""What the OpenAPI document promises of each answer, held against the answers the tests get.

Stricter than the document: a key it does not name is a contradiction too, for whoever reads the document cannot know
of it.
"""

from __future__ import annotations

import json
import re
import threading
from functools import cache
from typing import Any

import jsonschema_rs
from drf_spectacular.generators import SchemaGenerator

_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
_DOCUMENT = "urn:paperclip:openapi"
_MAKING = threading.Lock()
# Answers of the framework, not of an operation: there is no such method, or nobody asked for JSON.
_OF_NO_OPERATION = (405, 406)


def document() -> dict[str, Any]:
    """The OpenAPI document as clients get it. Tests that call from several threads must not make it at once."""
    with _MAKING:
        return _document()


@cache
def _document() -> dict[str, Any]:
    made = SchemaGenerator().get_schema(request=None, public=True)
    return json.loads(json.dumps(made, default=str))


def contradiction(response: Any) -> str | None:
    """Return what the document says against an answer of the test client, or None when it agrees."""
    match = response.resolver_match
    template = "/" + _PARAMETER.sub(r"{\1}", match.route)
    method = response.request["REQUEST_METHOD"].lower()
    operation = document()["paths"].get(template, {}).get(method)
    if operation is None or response.status_code in _OF_NO_OPERATION:
        return None
    described = operation["responses"].get(str(response.status_code))
    if described is None:
        return f"{method} {template} may not answer {response.status_code}: {_start(response)}"
    return _body_contradiction(f"{method} {template} {response.status_code}", described, response)


def _body_contradiction(what: str, described: dict[str, Any], response: Any) -> str | None:
    content = described.get("content")
    if not content or response.streaming:
        return None
    kind = response.headers.get("Content-Type", "").partition(";")[0]
    media = content.get(kind) or content.get("*/*")
    if media is None:
        return f"{what} is {kind}, promised was {' or '.join(content)}"
    if kind != "application/json" or "schema" not in media:
        return None
    fault = next(_validator(json.dumps(media["schema"])).iter_errors(json.loads(response.content)), None)
    if fault is None:
        return None
    where = "/".join(str(step) for step in fault.instance_path)
    return f"{what} at /{where}: {fault.message[:400]}"


def _start(response: Any) -> str:
    return "a stream" if response.streaming else response.content[:200].decode(errors="replace")


@cache
def _validator(schema: str) -> Any:
    wanted = _within(json.loads(schema))
    return jsonschema_rs.validator_for(wanted, registry=_registry(), validate_formats=True)


def _within(schema: Any) -> Any:
    """Return the schema with its references pointing into the document."""
    if isinstance(schema, dict):
        return {
            key: f"{_DOCUMENT}{value}" if key == "$ref" else _within(value) for key, value in schema.items()
        }
    return [_within(each) for each in schema] if isinstance(schema, list) else schema


@cache
def _registry() -> Any:
    components = {name: _closed(schema) for name, schema in document()["components"]["schemas"].items()}
    return jsonschema_rs.Registry([(_DOCUMENT, {"components": {"schemas": components}})])


def _closed(schema: Any) -> Any:
    """Return the schema with no keys allowed in its objects but those it names."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
        closed["additionalProperties"] = False
    return closed
