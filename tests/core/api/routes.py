"""Every address of the API, with what the OpenAPI document says about its bodies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator

METHODS = ("get", "post", "patch", "put", "delete")
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True)
class Route:
    """One address, such as `api/companies/<str:company_id>/agents`."""

    template: str
    view: Any

    @property
    def parameters(self) -> list[str]:
        return _PARAMETER.findall(self.template)

    @property
    def methods(self) -> list[str]:
        return [method for method in METHODS if hasattr(self.view, method)]

    def path(self, **values: Any) -> str:
        return "/" + _PARAMETER.sub(lambda found: str(values[found[1]]), self.template)

    def body_schema(self, method: str) -> dict[str, Any] | None:
        """Return the JSON schema of the body, or None when the operation reads none."""
        document = _document()
        operation = document["paths"].get("/" + _PARAMETER.sub(r"{\1}", self.template), {}).get(method, {})
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        return _resolved(content["schema"]) if "schema" in content else None

    def __str__(self) -> str:
        return self.template.removeprefix("api/")


def every() -> list[Route]:
    """Return all addresses that a view of the API answers."""
    return [
        Route(template, view) for template, view in _walk(get_resolver().url_patterns, "") if view is not None
    ]


def _walk(patterns: list[Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        where = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, where)
        elif isinstance(pattern, URLPattern) and where.startswith("api/"):
            view = getattr(pattern.callback, "cls", None)
            # The document describes the others and is not described by itself.
            yield (
                where,
                view if view is not None and not view.__module__.startswith("drf_spectacular") else None,
            )


@cache
def _document() -> dict[str, Any]:
    return SchemaGenerator().get_schema(request=None, public=True)


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return _resolved(_document()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    if len(schema.get("allOf", ())) == 1:
        return _resolved(schema["allOf"][0])
    return schema


def example(schema: dict[str, Any]) -> Any:
    """Return a small valid value: of objects, the required properties only."""
    schema = _resolved(schema)
    if "enum" in schema:
        return next(value for value in schema["enum"] if value)
    match schema.get("type"):
        case "string":
            texts = {"uuid": "7f1c2f0e-5f0a-4a52-9d5b-0f6f3c0a1b2c", "date-time": "2026-01-31T08:15:00.000Z"}
            return texts.get(schema.get("format", ""), "x" * max(schema.get("minLength", 1), 1))
        case "integer" | "number":
            return max(schema.get("minimum", 1), 1)
        case "boolean":
            return True
        case "array":
            return [example(schema["items"])] * schema.get("minItems", 0)
        case "object":
            wanted = schema.get("required", [])
            return {
                name: example(inner) for name, inner in schema.get("properties", {}).items() if name in wanted
            }
    return {}
