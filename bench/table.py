"""The table of results, for a terminal or for the documentation."""

from __future__ import annotations

from collections.abc import Sequence

from bench.measures import Measure

_HEAD = ("what", "median", "p95", "goal", "times goal", "")


def plain(found: Sequence[Measure]) -> str:
    """Return the results as aligned text."""
    lines = [_HEAD, *(_cells(each) for each in found)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    return "\n".join(_aligned(line, widths) for line in lines)


def markdown(found: Sequence[Measure]) -> str:
    """Return the results as a Markdown table."""
    head = ["| " + " | ".join((*_HEAD[:-1], "note")) + " |", "|---|---:|---:|---:|---:|---|"]
    return "\n".join([*head, *("| " + " | ".join(_cells(each)) + " |" for each in found)])


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    first, *middle, last = line
    cells = [
        first.ljust(widths[0]),
        *(cell.rjust(width) for cell, width in zip(middle, widths[1:-1], strict=True)),
        last,
    ]
    return "  ".join(cells).rstrip()


def _cells(each: Measure) -> tuple[str, ...]:
    met = each.times_goal
    return (
        each.name,
        _amount(each.value, each.unit),
        "" if each.p95 is None else _amount(each.p95, each.unit),
        "" if each.goal is None else _goal(each),
        "" if met is None else f"{met:.2f}",
        each.note,
    )


def _goal(each: Measure) -> str:
    sign = "≥" if each.unit == "/s" else "≤"
    return f"{sign} {each.goal:g} {each.unit}".replace(" /s", "/s")


def _amount(value: float, unit: str) -> str:
    if unit == "x":
        return f"{value:.2f} x"
    digits = 1 if value < 100 and unit in ("ms", "s") else 0
    return f"{value:.{digits}f} {unit}".replace(" /s", "/s")
