"""Input schemas: declared in snake_case, spoken in camelCase, refused in the interface's shape (C-5, C-6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rest_framework import serializers

from paperclip.core import naming
from paperclip.core.api import fields
from paperclip.core.errors import Invalid

_EXPECTED: list[tuple[type, str]] = [
    (serializers.BooleanField, "boolean"),
    (serializers.IntegerField, "number"),
    (serializers.FloatField, "number"),
    (serializers.ListField, "array"),
    (serializers.ListSerializer, "array"),
    (serializers.DictField, "object"),
    (serializers.Serializer, "object"),
    (serializers.CharField, "string"),
]


class Input(serializers.Serializer):
    """Base of every input schema. Unknown keys are dropped, or refused when `strict`."""

    strict = False

    def get_fields(self) -> dict[str, serializers.Field]:
        """Return the declared fields under their wire names."""
        return dict(spoken(super().get_fields()))

    def to_internal_value(self, data: Any) -> Any:
        if self.strict and isinstance(data, Mapping):
            unknown = [key for key in data if key not in self.fields]
            if unknown:
                raise serializers.ValidationError({"": unknown}, code="unrecognized_keys")
        return super().to_internal_value(data)

    @classmethod
    def read(cls, data: Any, *, partial: bool = False) -> dict[str, Any]:
        """Return the validated values by their snake_case names; on `partial`, only those that were sent.

        Raises Invalid, whose details name each fault by path.
        """
        if not isinstance(data, Mapping):
            raise Invalid([_type_issue([], "object", data)])
        schema = cls(data=data, partial=partial)
        if schema.is_valid():
            return dict(schema.validated_data)
        raise Invalid(list(_issues(schema, schema.errors, data, [])))


def spoken(declared: Mapping[str, serializers.Field]) -> Iterator[tuple[str, serializers.Field]]:
    """Yield each field under its camelCase name, bound to its snake_case source."""
    for name, field in declared.items():
        wire = naming.camel(name)
        if wire != name and field.source is None:
            field.source = name
        yield wire, field


def _issues(field: Any, errors: Any, value: Any, path: list[str | int]) -> Iterator[dict[str, Any]]:
    if isinstance(errors, Mapping):
        for key, inner in errors.items():
            yield from _inner_issues(field, key, inner, value, path)
        return
    for index, error in enumerate(errors):
        if isinstance(
            error, Mapping
        ):  # a list of objects: one mapping per item, empty where the item is fine
            item = value[index] if isinstance(value, list) and index < len(value) else None
            yield from _issues(field.child, error, item, [*path, index])
        else:
            yield _issue(field, error, value, path)


def _inner_issues(
    field: Any, key: Any, inner: Any, value: Any, path: list[str | int]
) -> Iterator[dict[str, Any]]:
    if key == "" or key == "non_field_errors":
        if inner and getattr(inner[0], "code", "") == "unrecognized_keys":
            keys = [str(name) for name in inner]
            message = f"Unrecognized key(s) in object: {', '.join(repr(name) for name in keys)}"
            yield {"code": "unrecognized_keys", "keys": keys, "path": path, "message": message}
        else:
            yield from _issues(field, inner, value, path)
        return
    children = getattr(field, "fields", {})
    child = children.get(key) if isinstance(key, str) else None
    if child is None:
        child = getattr(field, "child", field)
    item: Any = None
    if isinstance(value, Mapping):
        item = value.get(key, serializers.empty)
    elif isinstance(value, list) and isinstance(key, int) and key < len(value):
        item = value[key]
    yield from _issues(child, inner, item, [*path, key])


def _issue(field: Any, error: Any, value: Any, path: list[str | int]) -> dict[str, Any]:
    code = getattr(error, "code", "custom")
    match code:
        case "required":
            return _type_issue(path, _expected(field), serializers.empty)
        case "null":
            return _type_issue(path, _expected(field), None)
        case "blank" | "min_length" | "min_value" | "empty":
            least = getattr(field, "min_length", None) or getattr(field, "min_value", None) or 1
            return _size_issue("too_small", "minimum", least, field, str(error), path)
        case "max_length" | "max_value" | "max_string_length":
            most = getattr(field, "max_length", None) or getattr(field, "max_value", None) or 0
            return _size_issue("too_big", "maximum", most, field, str(error), path)
        case "invalid_choice":
            options = list(field.choices)
            message = f"Invalid enum value. Expected {' | '.join(repr(option) for option in options)}"
            return {
                "code": "invalid_enum_value",
                "options": options,
                "received": value,
                "path": path,
                "message": message,
            }
        case "invalid" | "not_a_dict" | "not_a_list":
            if isinstance(field, fields.Uuid | fields.Moment) and isinstance(value, str):
                kind = "uuid" if isinstance(field, fields.Uuid) else "datetime"
                return {
                    "code": "invalid_string",
                    "validation": kind,
                    "path": path,
                    "message": f"Invalid {kind}",
                }
            if _expected(field) != _received(value):
                return _type_issue(path, _expected(field), value)
    return {"code": "custom", "path": path, "message": str(error)}


def _type_issue(path: list[str | int], expected: str, value: Any) -> dict[str, Any]:
    received = _received(value)
    message = "Required" if received == "undefined" else f"Expected {expected}, received {received}"
    return {
        "code": "invalid_type",
        "expected": expected,
        "received": received,
        "path": path,
        "message": message,
    }


def _size_issue(
    code: str, bound: str, size: Any, field: Any, message: str, path: list[str | int]
) -> dict[str, Any]:
    kind = _expected(field)
    return {
        "code": code,
        bound: size,
        "type": kind,
        "inclusive": True,
        "exact": False,
        "path": path,
        "message": message,
    }


def _expected(field: Any) -> str:
    return next((name for kind, name in _EXPECTED if isinstance(field, kind)), "string")


def _received(value: Any) -> str:
    if value is serializers.empty:
        return "undefined"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"
