"""Documents as the demo's agents write and read them.

A document opens with its finding, then comes a table of figures, then whatever else there is to show. The
figures are read back by the agents that compare and sum up, so one table serves people and programs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

_FIGURES_HEADING = "## Figures"
_FIGURE = re.compile(r"^\| (?P<name>[^|`]+?) \| (?P<value>-?[\d,]+(?:\.\d+)?) \|$", re.MULTILINE)
# What would end a table cell, a code span or a line early; and what some viewers act upon.
_UNSAFE = re.compile(r"[`|\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_KEPT_CHARACTERS = 120


@dataclass(frozen=True)
class Findings:
    """What a measurement came to: a sentence or two, the figures behind them, tables to look things up."""

    headline: str
    figures: Mapping[str, float]
    sections: Sequence[str] = ()
    remarks: Sequence[str] = field(default_factory=list)

    def document(self) -> str:
        """Return the Markdown document."""
        parts = [self.headline, _FIGURES_HEADING, _figure_table(self.figures), *self.sections]
        if self.remarks:
            parts += ["## Left out", "\n".join(f"- {remark}" for remark in self.remarks)]
        return "\n\n".join(parts) + "\n"


def read_headline(document: str) -> str:
    """Return the finding a document opens with."""
    return document.strip().partition("\n\n")[0].strip()


def read_figures(document: str) -> dict[str, float]:
    """Return the figures of a document; empty when it has none."""
    _, found, rest = document.partition(_FIGURES_HEADING)
    figures = rest.partition("\n## ")[0] if found else ""
    return {match["name"]: float(match["value"].replace(",", "")) for match in _FIGURE.finditer(figures)}


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Return a Markdown table; the columns in `right` are set flush right. Cells must be safe: see `code`."""
    rule = ["---:" if column in right else "---" for column in range(len(headings))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, rule, *rows))


def section(title: str, *parts: str) -> str:
    """Return a section of a document."""
    return "\n\n".join([f"## {title}", *parts])


def code(text: str) -> str:
    """Return foreign text, such as a file's name, as a code span that cannot break out of a table."""
    plain = _UNSAFE.sub("?", text)
    if len(plain) > _KEPT_CHARACTERS:
        plain = "…" + plain[1 - _KEPT_CHARACTERS :]
    return f"`{plain}`" if plain.strip() else "(blank)"


def number(value: float) -> str:
    """Return a number for people: whole ones with separators, others with two decimals."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def count(amount: int, one: str, many: str | None = None) -> str:
    """Return `1 file` or `2,000 files`."""
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"


def size(byte_count: float) -> str:
    """Return an amount of bytes for people."""
    for unit in ("bytes", "KB", "MB"):
        if byte_count < 1024:
            return f"{byte_count:,.0f} {unit}" if unit == "bytes" else f"{byte_count:,.1f} {unit}"
        byte_count /= 1024
    return f"{byte_count:,.1f} GB"


def share(part: float, whole: float) -> str:
    """Return a part of a whole in per cent."""
    percent = 100 * part / whole if whole else 0
    return "under 1 %" if 0 < percent < 0.5 else f"{percent:.0f} %"


def _figure_table(figures: Mapping[str, float]) -> str:
    return table(["Figure", "Value"], [[name, number(value)] for name, value in figures.items()], right=[1])
