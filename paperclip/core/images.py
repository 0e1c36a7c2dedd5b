"""Pictures that stand on pages: they must be what they say, and drawings must not do anything."""

from __future__ import annotations

import re
from typing import BinaryIO
from xml.parsers import expat

SVG = "image/svg+xml"

_SIGNATURES = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/jpg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
}
_LONGEST_SIGNATURE = 16
_ACTIVE = {
    "script", "foreignobject", "iframe", "object", "embed", "handler", "listener", "audio", "video", "canvas",
}  # fmt: skip
_LINKS = ("href", "src", "base", "action", "formaction")
_SAFE_LINK = re.compile(r"\s*(?:#|data:image/(?:png|jpe?g|gif|webp)[;,])", re.IGNORECASE)
_LOADS = re.compile(r"@import|expression\s*\(|javascript:|url\(\s*['\"]?\s*(?!#|['\"\s#])", re.IGNORECASE)


def fault(file: BinaryIO, content_type: str) -> str | None:
    """Return what is wrong with a picture of that type, or None. Types that are not known here pass."""
    if content_type == SVG:
        return _drawing_fault(file)
    signature = _SIGNATURES.get(content_type)
    if signature is not None and not signature.match(file.read(_LONGEST_SIGNATURE)):
        return f"is not of the type {content_type}"
    return None


class _Unsafe(Exception):
    """A part of a drawing that could act or load something."""


def _drawing_fault(file: BinaryIO) -> str | None:
    watch = _Watch()
    try:
        watch.parser.ParseFile(file)
    except _Unsafe as found:
        return f"has a part that could act: {found}"
    except (expat.ExpatError, ValueError, LookupError):
        return "is not a readable SVG drawing"
    return None if watch.is_drawing else "is not a readable SVG drawing"


class _Watch:
    """Looks at a drawing as it is parsed and stops at the first part that is more than a picture."""

    def __init__(self) -> None:
        self.is_drawing = False
        self._depth = 0
        self._style_depth: int | None = None
        self._style = ""
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.ProcessingInstructionHandler = self._instruction
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _doctype(self, name: str, *declared: object) -> None:
        if declared[-1]:  # entities may stand for anything
            raise _Unsafe("a document type with declarations")

    def _instruction(self, target: str, data: str) -> None:
        raise _Unsafe(f"the instruction {target[:40]}")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = _local(tag)
        if self._depth == 0:
            self.is_drawing = name == "svg"
        self._depth += 1
        if name in _ACTIVE:
            raise _Unsafe(f"<{name}>")
        if name == "style":
            self._style_depth, self._style = self._depth, ""
        for attribute, value in attributes.items():
            self._look(name, _local(attribute), value)

    def _look(self, tag: str, attribute: str, value: str) -> None:
        changes = tag in ("set", "animate") and attribute == "attributename"
        target = _local(value.strip())
        if attribute.startswith("on") or (changes and (target == "href" or target.startswith("on"))):
            raise _Unsafe(f"{attribute} on <{tag}>")
        if attribute in _LINKS and not _SAFE_LINK.match(value or "#"):
            raise _Unsafe(f"{attribute} on <{tag}>")
        if _LOADS.search(value):
            raise _Unsafe(f"{attribute} on <{tag}>")

    def _text(self, text: str) -> None:
        if self._style_depth is not None:
            self._style += text

    def _end(self, tag: str) -> None:
        if self._style_depth == self._depth:
            # Escapes of style sheets could spell what is looked for.
            if "\\" in self._style or _LOADS.search(self._style):
                raise _Unsafe("a style that loads something")
            self._style_depth = None
        self._depth -= 1


def _local(name: str) -> str:
    return name.rpartition(":")[2].lower()
