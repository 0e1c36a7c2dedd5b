"""One thing of a package as its file and the sidecar describe it, read field by field and refused by field."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from paperclip.core.api.fields import MAX_BIG_INT
from paperclip.portability.faults import Fault

LINE = 2_000
BODY = 524_288
ITEMS = 500


class Sheet:
    """The named values of one thing. Every reader raises Fault, naming file and field, for what does not fit."""

    def __init__(self, path: str, values: Mapping[str, Any]) -> None:
        self.path = path
        self._values = values

    def has(self, name: str) -> bool:
        """Whether anything is said under `name`."""
        return self._values.get(name) is not None

    def fault(self, name: str, message: str) -> Fault:
        """Return the fault of one field."""
        return Fault(self.path, message, name=name)

    def text(self, name: str, *, most: int = LINE) -> str | None:
        """Return a text of at most `most` characters; None when it is absent or empty."""
        value = self._values.get(name)
        if value is None or value == "":
            return None
        # A name such as `2026` or `true` is a text to whoever wrote it without quotes.
        if isinstance(value, bool):
            value = "true" if value else "false"
        if isinstance(value, int | float):
            value = str(value)
        if not isinstance(value, str):
            raise self.fault(name, "must be a text")
        if len(value) > most:
            raise self.fault(name, f"is longer than {most} characters")
        return value

    def required(self, name: str, most: int) -> str:
        """Return a text that has to be there."""
        value = self.text(name, most=most)
        if value is None or not value.strip():
            raise self.fault(name, "is missing")
        return value

    def word(self, name: str, choices: Collection[str], default: str) -> str:
        """Return one of `choices`."""
        value = self.text(name)
        if value is None:
            return default
        if value not in choices:
            raise self.fault(name, f"is {value[:80]!r}; expected one of {', '.join(choices)}")
        return value

    def flag(self, name: str) -> bool | None:
        """Return true or false, None when nothing is said."""
        value = self._values.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.fault(name, "must be true or false")
        return value

    def number(self, name: str, *, least: int = 0, most: int = MAX_BIG_INT) -> int | None:
        """Return a whole number within bounds, None when nothing is said."""
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.fault(name, f"must be a whole number from {least} to {most}")
        return value

    def day(self, name: str) -> str | None:
        """Return a date as `2026-01-31`."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError as error:
            raise self.fault(name, "must be a date such as 2026-01-31") from error

    def object(self, name: str) -> dict[str, Any]:
        """Return an object, empty when nothing is said."""
        value = self._values.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.fault(name, "must be an object")
        return value

    def sheet(self, name: str) -> Sheet:
        """Return an object as a sheet of its own."""
        return Sheet(f"{self.path}: {name}", self.object(name))

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts, each once and in order."""
        value = self._values.get(name)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise self.fault(name, "must be a list of texts")
        if len(value) > ITEMS:
            raise self.fault(name, f"has more than {ITEMS} entries")
        return tuple(dict.fromkeys(value))

    def objects(self, name: str) -> list[dict[str, Any]]:
        """Return a list of objects."""
        value = self._values.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.fault(name, "must be a list of objects")
        if len(value) > ITEMS:
            raise self.fault(name, f"has more than {ITEMS} entries")
        return value
