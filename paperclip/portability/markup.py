"""YAML and the Markdown files that begin with it, read without trust.

Only what JSON could say as well is taken: no tags, no anchors, no dates, no keys but texts, bounded in depth.
Values are built from the parser's events, so nothing is made before it was looked at.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from paperclip.portability.faults import Fault

MAX_DEPTH = 32

_HEAD = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)(?:\r?\n)?", re.DOTALL | re.MULTILINE)
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,30})?(?:[eE][-+]?[0-9]{1,3})?")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_FLAGS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_TEXT_TAG = "tag:yaml.org,2002:str"
# Lines are never folded: a text that is broken over lines is hard to compare.
_WIDE = 2**31 - 1

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def split(text: str, path: str) -> tuple[dict[str, Any], str]:
    """Return the front matter of a Markdown text and what stands behind it. Raises Fault."""
    head = _HEAD.match(text)
    if head is None:
        return {}, text
    return load(head[1], path), text[head.end() :]


def joined(values: Mapping[str, Any], body: str) -> str:
    """Return a Markdown text with front matter, such that `split` returns both again."""
    return f"---\n{dump(values)}---\n\n{body}"


def dump(values: Mapping[str, Any]) -> str:
    """Return an object as YAML: the same bytes for the same values, keys in the order given."""
    text: str = yaml.dump(
        _plain(values),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=_WIDE,
    )
    return text


def load(text: str, path: str) -> dict[str, Any]:
    """Return the object a YAML text says; an empty text is an empty object. Raises Fault."""
    try:
        events = yaml.parse(text, Loader=_Loader)
        value = _document(events, path)
    except yaml.YAMLError as error:
        raise Fault(path, f"is no valid YAML{_where(error)}") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Fault(path, "must be an object of names and values")
    return value


def _document(events: Iterator[Any], path: str) -> Any:
    value: Any = None
    count = 0
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            count += 1
            if count > 1:
                raise Fault(path, "must be a single YAML document")
            value = _value(next(events), events, path, 0)
    return value


def _value(event: Any, events: Iterator[Any], path: str, depth: int) -> Any:
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
        raise Fault(path, f"anchors and aliases are not taken{_line(event.start_mark)}")
    if depth > MAX_DEPTH:
        raise Fault(path, f"is nested deeper than {MAX_DEPTH} levels")
    if event.tag is not None and event.tag not in (_TEXT_TAG, "!"):
        raise Fault(path, f"tags are not taken{_line(event.start_mark)}")
    if isinstance(event, yaml.ScalarEvent):
        is_plain = not event.style and event.tag is None
        return (_scalar if is_plain else _storable)(event.value, path, event.start_mark)
    if isinstance(event, yaml.SequenceStartEvent):
        return list(_items(events, path, depth))
    return _object(events, path, depth)


def _items(events: Iterator[Any], path: str, depth: int) -> Iterator[Any]:
    for event in events:
        if isinstance(event, yaml.SequenceEndEvent):
            return
        yield _value(event, events, path, depth + 1)


def _object(events: Iterator[Any], path: str, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for event in events:
        if isinstance(event, yaml.MappingEndEvent):
            break
        mark = event.start_mark
        if not isinstance(event, yaml.ScalarEvent) or event.anchor is not None:
            raise Fault(path, f"names must be plain texts{_line(mark)}")
        name = _storable(event.value, path, mark)
        if name in found:
            raise Fault(path, f"says {name[:80]!r} twice{_line(mark)}")
        found[name] = _value(next(events), events, path, depth + 1)
    return found


def _scalar(text: str, path: str, mark: Any) -> Any:
    if text in _NULLS:
        return None
    if text in _FLAGS:
        return _FLAGS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return _storable(text, path, mark)


def _storable(text: str, path: str, mark: Any) -> str:
    """Return a text as it is, unless the database could not hold it."""
    if "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise Fault(path, f"holds a character that is none{_line(mark)}")
    return text


def _plain(value: Any) -> Any:
    """Return `value` in the types the writer knows."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _where(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None)
    said = f" ({problem})" if problem else ""
    return f"{said}{_line(mark)}"


def _line(mark: Any) -> str:
    return f" in line {mark.line + 1}" if mark is not None else ""
