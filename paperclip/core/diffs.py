"""What changed between two texts, line by line, for people to read."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

MAX_LINES = 3000
_AROUND = 3


@dataclass(frozen=True)
class Line:
    """One line: `kind` is kept, added, removed or gap; `gap` stands for lines that stayed and are not shown."""

    kind: str
    text: str = ""


def lines(before: str, after: str) -> list[Line] | None:
    """Return what became of each line, with three lines around each change; None for texts too long to compare."""
    old, new = before.splitlines(), after.splitlines()
    if max(len(old), len(new)) > MAX_LINES:
        return None
    found: list[Line] = []
    groups = list(difflib.SequenceMatcher(a=old, b=new, autojunk=False).get_grouped_opcodes(_AROUND))
    for number, group in enumerate(groups):
        if number or group[0][1] > 0:
            found.append(Line("gap"))
        for kind, start, end, new_start, new_end in group:
            if kind == "equal":
                found += _as("kept", old[start:end])
                continue
            found += _as("removed", old[start:end])
            found += _as("added", new[new_start:new_end])
    if groups and groups[-1][-1][2] < len(old):
        found.append(Line("gap"))
    return found


def _as(kind: str, texts: Sequence[str]) -> list[Line]:
    return [Line(kind, text) for text in texts]
