"""The cross-check: do the documents of the other parts tell the same story?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from paperclip.board.demo import markdown, parts, shift
from paperclip.board.demo.files import Survey
from paperclip.board.demo.markdown import Findings
from paperclip.board.demo.shift import Json, Shift

_OWN_COUNT = "counted again"
_TRACKED = "files tracked by git"


@dataclass(frozen=True)
class Comparison:
    """One figure as several documents give it: source to value."""

    figure: str
    values: Mapping[str, float]

    @property
    def agrees(self) -> bool:
        """Whether all say the same."""
        return len(set(self.values.values())) == 1


def check(at: Shift, issue: Json, surveyed: Survey) -> Findings:
    """Read the siblings' documents through the API and compare what they have in common."""
    documents, missing = _documents(at, issue)
    figures = {source: markdown.read_figures(body) for source, body in documents.items()}
    own = {"files counted": float(len(surveyed.files)), "bytes counted": float(surveyed.size)}
    comparisons = compare({**figures, _OWN_COUNT: own})
    wrong = [comparison for comparison in comparisons if not comparison.agrees]
    for comparison in comparisons:
        at.say(f"{comparison.figure}: {'agree' if comparison.agrees else 'differ'}")
    return Findings(
        headline=_headline(comparisons, wrong, missing),
        figures={
            "documents read": len(documents),
            "figures compared": len(comparisons),
            "figures that differ": len(wrong),
        },
        sections=[
            markdown.section("Figures that several parts give", _table(comparisons)),
            *_about_git(figures, own),
        ],
        remarks=[f"{title} left no document" for title in missing],
    )


def compare(figures: Mapping[str, Mapping[str, float]]) -> list[Comparison]:
    """Return every figure that at least two sources give."""
    by_figure: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for source, values in figures.items():
        for figure, value in values.items():
            by_figure[figure][source] = value
    return [Comparison(figure, values) for figure, values in by_figure.items() if len(values) > 1]


def _documents(at: Shift, issue: Json) -> tuple[dict[str, str], list[str]]:
    """Return the siblings' documents by identifier, and the titles of those that have none."""
    found: dict[str, str] = {}
    missing: list[str] = []
    for sibling in shift.children(at, issue["parentId"]) if issue["parentId"] else []:
        part = parts.of(sibling["description"])
        if part is None or sibling["id"] == issue["id"]:
            continue
        document = shift.find_document(at, sibling, part.key)
        if document is None:
            missing.append(f"{sibling['identifier']}, {part.title}")
        else:
            found[sibling["identifier"]] = document["body"]
            at.say(f"Read the document `{part.key}` of {sibling['identifier']}")
    return found, missing


def _headline(comparisons: list[Comparison], wrong: list[Comparison], missing: list[str]) -> str:
    absent = f" {markdown.count(len(missing), 'part')} left no document." if missing else ""
    if not comparisons:
        return f"There is nothing to compare.{absent}"
    if not wrong:
        return (
            f"The parts agree: {markdown.count(len(comparisons), 'figure')} given by several of them"
            f" {'is' if len(comparisons) == 1 else 'are'} the same everywhere.{absent}"
        )
    names = ", ".join(comparison.figure for comparison in wrong)
    return (
        f"{len(wrong)} of {markdown.count(len(comparisons), 'figure')} differ between the parts ({names}):"
        f" the folder was changed while it was measured, or reading ended early.{absent}"
    )


def _table(comparisons: list[Comparison]) -> str:
    rows = [
        [
            comparison.figure,
            ", ".join(f"{source}: {markdown.number(value)}" for source, value in comparison.values.items()),
            "yes" if comparison.agrees else "**no**",
        ]
        for comparison in comparisons
    ]
    return markdown.table(["Figure", "Given as", "Agree"], rows)


def _about_git(figures: Mapping[str, Mapping[str, float]], own: Mapping[str, float]) -> list[str]:
    known = [values[_TRACKED] for values in figures.values() if _TRACKED in values]
    if not known:
        return []
    tracked = known[0]
    counted = own["files counted"]
    text = f"git tracks {tracked:,.0f} files; {counted:,.0f} were counted in the folder."
    if counted > tracked:
        text += f" At least {counted - tracked:,.0f} of them are not under git."
    return [markdown.section("Beside git", text)]
