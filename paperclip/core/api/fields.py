"""Input fields as the interface reads them: no value is bent into another type (C-5, C-7)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from rest_framework import serializers

from paperclip.core import clock, naming

MAX_INT = 2**31 - 1
MAX_BIG_INT = 2**53 - 1


class Text(serializers.CharField):
    """A JSON string. Blank is allowed unless `min_length` says otherwise; nothing is trimmed unless asked."""

    def __init__(self, *, multiline: bool = False, **options: Any) -> None:
        options.setdefault("trim_whitespace", False)
        options.setdefault("allow_blank", not options.get("min_length"))
        self.multiline = multiline
        super().__init__(**options)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """Turn the two-character sequences `\\n` into line feeds before anything is checked (I-5)."""
        if self.multiline and isinstance(data, str):
            data = data.replace("\\r\\n", "\n").replace("\\n", "\n").replace("\\r", "\n")
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return data.strip() if self.trim_whitespace else data


class Int(serializers.IntegerField):
    """A whole JSON number within 32 bits, or within `max_value`."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("max_value", MAX_INT)
        options.setdefault("min_value", -MAX_INT)
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, float) and data.is_integer() and abs(data) <= MAX_BIG_INT:
            data = int(data)
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return int(data)


class Bool(serializers.BooleanField):
    """`true` or `false`, never a word that sounds like it."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Uuid(serializers.UUIDField):
    """Any 8-4-4-4-12 hex string (C-7)."""

    def to_internal_value(self, data: Any) -> UUID:
        found = naming.as_field_uuid(data) if isinstance(data, str) else None
        if found is None:
            self.fail("invalid", value=data)
        return found


class Enum(serializers.ChoiceField):
    """One of the listed words."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or data not in self.choices:
            self.fail("invalid_choice", input=data)
        return data


class Moment(serializers.DateTimeField):
    """An ISO 8601 time with offset `Z` (C-7)."""

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str):
            self.fail("invalid", format="ISO 8601 with Z")
        try:
            return clock.parse_zulu(value)
        except ValueError:
            self.fail("invalid", format="ISO 8601 with Z")


class Object(serializers.DictField):
    """A JSON object whose inside is the sender's business."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("not_a_dict", input_type=type(data).__name__)
        return data


class Items(serializers.ListField):
    """A JSON array of one kind of thing."""

    def to_internal_value(self, data: Any) -> list[Any]:
        if not isinstance(data, list):
            self.fail("not_a_list", input_type=type(data).__name__)
        return super().to_internal_value(data)
