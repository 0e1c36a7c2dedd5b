"""What the agents make of each other's documents."""

from __future__ import annotations

import pytest

from paperclip.board.demo import crosscheck, markdown, parts, report
from paperclip.board.demo.crosscheck import Comparison
from paperclip.board.demo.markdown import Findings
from paperclip.board.demo.parts import PARTS
from paperclip.board.demo.report import Chapter


def test_figures_that_several_sources_give_are_compared():
    figures = {"A-1": {"files": 7, "lines": 20}, "A-2": {"files": 7}, "A-3": {"lines": 21, "alone": 1}}
    compared = {comparison.figure: comparison for comparison in crosscheck.compare(figures)}
    assert compared == {
        "files": Comparison("files", {"A-1": 7, "A-2": 7}),
        "lines": Comparison("lines", {"A-1": 20, "A-3": 21}),
    }
    assert compared["files"].agrees
    assert not compared["lines"].agrees


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (7, "7"), (1234567, "1,234,567"), (0.5, "0.50"), (1234.5, "1,234.50"), (-3, "-3")],
)
def test_figures_are_read_back_as_they_were_written(value, text):
    document = Findings(
        headline="One.", figures={"of it": value}, sections=["## Next\n\n| other | 9 |"]
    ).document()
    assert f"| of it | {text} |" in document
    assert markdown.read_figures(document) == {"of it": value}


def test_a_document_of_somebody_else_has_no_figures():
    assert markdown.read_figures("# Any\n\nwords | and | bars\n") == {}
    assert markdown.read_figures("") == {}
    assert markdown.read_headline("") == ""


@pytest.mark.parametrize(
    ("byte_count", "text"),
    [
        (0, "0 bytes"),
        (1023, "1,023 bytes"),
        (1024, "1.0 KB"),
        (5 * 1024**2, "5.0 MB"),
        (3 * 1024**4, "3,072.0 GB"),
    ],
)
def test_sizes_are_for_people(byte_count, text):
    assert markdown.size(byte_count) == text


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.key)
def test_a_part_is_known_by_the_description_of_its_issue(part):
    assert parts.of(part.description()) == part
    assert parts.of(f"Edited by a person.\r\n\r\nPart: {part.key}\n".replace("\r", "")) == part


@pytest.mark.parametrize("description", [None, "", "Part:", "Part: `unknown`", "This Part: size"])
def test_other_issues_name_no_part(description):
    assert parts.of(description) is None


def chapters(**documents):
    made = []
    for number, part in enumerate(PARTS, start=2):
        document = documents.get(part.key.replace("-", "_"))
        made.append(Chapter(part, f"A-{number}", "done" if document else "cancelled", document))
    return made


def test_the_report_holds_every_finding_and_the_main_figures():
    size = Findings(
        headline="Seven files.", figures={"files counted": 7, "bytes counted": 2048, "languages": 2}
    ).document()
    tests = Findings(headline="Half is tests.", figures={"test lines per code line": 0.5}).document()
    written = report.write(chapters(size=size, tests=tests))
    assert written.startswith("Seven files. Half is tests.\n\n## Figures")
    assert "| Files | 7 |" in written
    assert "| Size | 2.0 KB |" in written
    assert "| Test lines per code line | 0.50 |" in written
    assert "- Seven files. (A-2)" in written
    assert "- Nothing was measured: A-3 is cancelled without a document. (A-3)" in written
    assert "| Measure size and languages | A-2 | `size` |" in written


def test_a_report_of_nothing_says_so():
    assert report.summary(chapters()) == "Nothing was measured: no part left a document."
