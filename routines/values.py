"""Values of variables: read as the type a variable has, and written into a text (R-33)."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import orjson

from paperclip.core.errors import Unprocessable
from routines.choices import VariableType

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_NUMBER_CHARS = 64
_YES = ("true", "1", "yes", "y", "on")
_NO = ("false", "0", "no", "n", "off")
# Beyond it a number no longer names one whole number, and is written as it came.
_EXACT = 2**53


def coerce(name: str, kind: str, options: Sequence[str], value: Any) -> Any:
    """Return `value`, which is not null, as the variable's type has it. Raises Unprocessable, naming the variable."""
    match kind:
        case VariableType.BOOLEAN:
            return _boolean(name, value)
        case VariableType.NUMBER:
            return _number(name, value)
        case VariableType.SELECT:
            text = as_text(value)
            if text not in options:
                raise Unprocessable(f'Variable "{name}" must match one of: {", ".join(options)}')
            return text
    return as_text(value)


def is_missing(value: Any) -> bool:
    """Whether a value counts as none: null, or nothing but white space (R-34)."""
    return value is None or (isinstance(value, str) and not value.strip())


def as_text(value: Any) -> str:
    """Return a JSON value as it stands in a text: objects as JSON, whole numbers without a point."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        value = int(value)
    return (
        orjson.dumps(value).decode() if not isinstance(value, int) or isinstance(value, bool) else str(value)
    )


def _boolean(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    word = value.strip().lower() if isinstance(value, str) else None
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise Unprocessable(f'Variable "{name}" must be a boolean')


def _number(name: str, value: Any) -> int | float:
    if isinstance(value, str):
        text = value.strip()
        if len(text) <= _NUMBER_CHARS and _NUMBER.fullmatch(text):
            value = float(text)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Unprocessable(f'Variable "{name}" must be a number')
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT else value
