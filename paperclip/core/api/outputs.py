"""Output schemas: one declaration gives both the OpenAPI component and the code that writes it.

DRF's own `to_representation` is a hundred times slower than reading attributes; a list of a thousand issues
must not pay that. The declared fields are compiled once into plain getters; values are left as they are, for
the renderer writes UUIDs and times itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from operator import attrgetter
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from rest_framework import serializers

from paperclip.core.api import inputs

_Getter = tuple[str, Callable[[Any], Any]]


class Output(serializers.Serializer):
    """Base of output schemas that are not drawn from a model."""

    def get_fields(self) -> dict[str, serializers.Field]:
        """Return the declared fields under their wire names."""
        return dict(inputs.spoken(super().get_fields()))

    @classmethod
    def render(cls, source: Any, **extra: Any) -> dict[str, Any]:
        """Return the JSON object of `source` (a model row, dataclass or mapping).

        `extra` gives values by wire name, for fields the source does not have or that must not be shown as they
        are; those fields are not read from the source.
        """
        if not extra:
            return _render(cls, source)
        return {name: read(source) for name, read in _getters(cls, source) if name not in extra} | extra

    @classmethod
    def render_many(cls, sources: Iterable[Any]) -> list[dict[str, Any]]:
        """Return the JSON objects of `sources`, in order."""
        return [_render(cls, source) for source in sources]


class ModelOutput(Output, serializers.ModelSerializer):
    """Base of output schemas drawn from a model: `Meta.fields` lists column names, `_id` columns included."""

    serializer_choice_field = serializers.ChoiceField

    def build_property_field(self, field_name: str, model_class: Any) -> tuple[type, dict[str, Any]]:
        """Declare `<relation>_id` columns as nullable or plain UUIDs."""
        try:
            relation = model_class._meta.get_field(field_name.removesuffix("_id"))
        except FieldDoesNotExist:
            return super().build_property_field(field_name, model_class)
        return serializers.UUIDField, {"read_only": True, "allow_null": relation.null}


def columns(schema: type[ModelOutput]) -> list[str]:
    """Return the column names an output reads, for `QuerySet.values(...)` on hot lists."""
    return [str(field.source) for field in schema().fields.values()]


def _render(schema: type[Output], source: Any) -> dict[str, Any]:
    return {name: read(source) for name, read in _getters(schema, source)}


def _getters(schema: type[Output], source: Any) -> list[_Getter]:
    return _mapping_getters(schema) if isinstance(source, Mapping) else _object_getters(schema)


@cache
def _object_getters(schema: type[Output]) -> list[_Getter]:
    return [(name, _shaped(field, attrgetter(str(field.source)))) for name, field in schema().fields.items()]


@cache
def _mapping_getters(schema: type[Output]) -> list[_Getter]:
    return [(name, _shaped(field, _key_getter(str(field.source)))) for name, field in schema().fields.items()]


def _key_getter(key: str) -> Callable[[Any], Any]:
    def get(source: Any) -> Any:
        return source[key]

    return get


def _shaped(field: serializers.Field, get: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Nested outputs are rendered by their own schema; everything else is passed on as it is."""
    if isinstance(field, serializers.ListSerializer) and isinstance(field.child, Output):
        inner = type(field.child)
        return lambda source: [_render(inner, item) for item in get(source)]
    if isinstance(field, Output):
        nested = type(field)

        def render_nested(source: Any) -> Any:
            value = get(source)
            return None if value is None else _render(nested, value)

        return render_nested
    return get
