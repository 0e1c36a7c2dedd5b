"""The OpenAPI document as a page that can be read and searched without any script."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.generators import SchemaGenerator

_METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Operation:
    """One method of one address, in the words of its schema."""

    method: str
    path: str
    summary: str
    query: tuple[str, ...]
    body: tuple[str, ...]
    answer: tuple[str, ...]


def page(request: HttpRequest) -> HttpResponse:
    """Show every operation of the API, grouped by resource."""
    return render(request, "core/api_docs.html", {"groups": _groups()})


@cache
def _groups() -> list[tuple[str, list[Operation]]]:
    generator: Any = SchemaGenerator  # it comes without types
    document: dict[str, Any] = generator().get_schema(request=None, public=True)
    schemas = document.get("components", {}).get("schemas", {})
    groups: dict[str, list[Operation]] = defaultdict(list)
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                tag = (item[method].get("tags") or ["other"])[0]
                groups[tag].append(_operation(method, path, item[method], schemas))
    return sorted(groups.items())


def _operation(method: str, path: str, described: dict[str, Any], schemas: dict[str, Any]) -> Operation:
    named = [each for each in described.get("parameters", ()) if each["in"] == "query"]
    success: dict[str, Any] = next(
        (each for code, each in described["responses"].items() if str(code).startswith("2")), {}
    )
    return Operation(
        method=method.upper(),
        path=path,
        summary=described.get("summary", ""),
        query=tuple(each["name"] for each in named),
        body=_fields(described.get("requestBody", {}), schemas),
        answer=_fields(success, schemas),
    )


def _fields(holder: dict[str, Any], schemas: dict[str, Any]) -> tuple[str, ...]:
    """Return the field names of a body, required ones marked with `*`."""
    schema: dict[str, Any] = next((each.get("schema", {}) for each in holder.get("content", {}).values()), {})
    schema = schema.get("items", schema)
    schema = schemas.get(str(schema.get("$ref", "")).rsplit("/", 1)[-1], schema)
    required = set(schema.get("required", ()))
    return tuple(f"{name}*" if name in required else name for name in schema.get("properties", {}))
