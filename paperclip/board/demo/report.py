"""The report of an audit, made of the workers' documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from paperclip.board.demo import markdown
from paperclip.board.demo.parts import Part

# What the table at the top shows: label, part, figure of that part's document, and whether it counts bytes.
_SHOWN = (
    ("Files", "size", "files counted", False),
    ("Lines", "size", "lines counted", False),
    ("Size", "size", "bytes counted", True),
    ("Languages", "size", "languages", False),
    ("Largest file", "largest", "bytes of the largest file", True),
    ("Programs over 500 lines", "largest", "programs over 500 lines", False),
    ("Commits read", "churn", "commits read", False),
    ("Contributors", "churn", "contributors", False),
    ("Files that changed", "churn", "files changed", False),
    ("TODO, FIXME and the like", "markers", "markers", False),
    ("Test lines per code line", "tests", "test lines per code line", False),
    ("Figures that differ between parts", "cross-check", "figures that differ", False),
)


@dataclass(frozen=True)
class Chapter:
    """A part of the audit, with what its worker wrote; None when it wrote nothing."""

    part: Part
    identifier: str
    status: str
    document: str | None

    @property
    def finding(self) -> str:
        """The main thing, or why there is none."""
        if self.document is None:
            return f"Nothing was measured: {self.identifier} is {self.status} without a document."
        return markdown.read_headline(self.document)


def write(chapters: Sequence[Chapter]) -> str:
    """Return the report as Markdown."""
    findings = "\n".join(f"- {chapter.finding} ({chapter.identifier})" for chapter in chapters)
    details = [
        [chapter.part.title, chapter.identifier, f"`{chapter.part.key}`" if chapter.document else "–"]
        for chapter in chapters
    ]
    parts = [
        summary(chapters),
        markdown.section("Figures", _figures(chapters)),
        markdown.section("Findings", findings),
        markdown.section("Where to look", markdown.table(["Part", "Issue", "Document"], details)),
    ]
    return "\n\n".join(parts) + "\n"


def summary(chapters: Sequence[Chapter]) -> str:
    """Return the audit in two or three sentences."""
    told = {chapter.part.key: chapter.finding for chapter in chapters if chapter.document is not None}
    sentences = [told[key] for key in ("size", "tests", "cross-check") if key in told]
    return " ".join(sentences) or "Nothing was measured: no part left a document."


def _figures(chapters: Sequence[Chapter]) -> str:
    read = {chapter.part.key: markdown.read_figures(chapter.document or "") for chapter in chapters}
    rows = [
        [label, markdown.size(value) if is_size else markdown.number(value)]
        for label, part, figure, is_size in _SHOWN
        if (value := read.get(part, {}).get(figure)) is not None
    ]
    return markdown.table(["Figure", "Value"], rows, right=[1])
