"""What the authors promised to come back to: TODO, FIXME and their like."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from paperclip.board.demo import files, languages, markdown
from paperclip.board.demo.files import Survey
from paperclip.board.demo.markdown import Findings
from paperclip.board.demo.voice import Voice

WORDS = ("TODO", "FIXME", "HACK", "XXX")
_WORD = re.compile(
    rb"(TODO|FIXME|HACK|XXX)\b(?=[:(\s]|$)(?:\([^)\n]{0,40}\))?[: \t-]*([^\n]{0,200})", re.MULTILINE
)
# Only what a comment says counts: the same word in a string or a name is no promise.
_IN_COMMENT = re.compile(rb"(?:(?:^|[\s;,{}])(?:#|//|/\*|<!--|--)|^[ \t]*[*;%]+)[^\"'`]{0,40}(?<!\w)$")
_SHOWN_FILES = 12
_SHOWN_PROMISES = 20
_KEPT_TEXT = 80


def measure(surveyed: Survey, say: Voice) -> Findings:
    """Find the markers in programs; prose that merely speaks of them is not searched."""
    texts = files.Texts(surveyed)
    by_word: Counter[str] = Counter()
    by_file: Counter[str] = Counter()
    promises: list[list[str]] = []
    line_count = 0
    for file, content in texts:
        line_count += files.lines(content)
        if not languages.is_code(file.path):
            continue
        for match in _markers(content):
            by_word[match[1].decode()] += 1
            by_file[file.path] += 1
            if len(promises) < _SHOWN_PROMISES:
                line = content.count(b"\n", 0, match.start()) + 1
                promises.append([markdown.code(f"{file.path}:{line}"), match[1].decode(), _text(match[2])])
    total = by_word.total()
    say(f"{markdown.count(total, 'marker')} in {markdown.count(len(by_file), 'file')}")
    return Findings(
        headline=_headline(by_word, by_file, line_count),
        figures={
            "files counted": len(surveyed.files),
            "text files read": texts.read,
            "lines counted": line_count,
            "markers": total,
            **{f"{word} markers": by_word[word] for word in WORDS},
            "files with markers": len(by_file),
        },
        sections=_sections(by_file, promises) if total else [],
        remarks=[*surveyed.remarks(), *texts.remarks()],
    )


def _markers(content: bytes) -> Iterator[re.Match[bytes]]:
    if not any(word.encode() in content for word in WORDS):
        return  # by far most files, and much quicker found out than by the pattern
    for match in _WORD.finditer(content):
        line_start = content.rfind(b"\n", 0, match.start()) + 1
        if _IN_COMMENT.search(content[line_start : match.start()]):
            yield match


def _headline(by_word: Counter[str], by_file: Counter[str], line_count: int) -> str:
    total = by_word.total()
    if not total:
        return "No TODO, FIXME, HACK or XXX stands in any program."
    words = ", ".join(f"{amount:,} {word}" for word, amount in by_word.most_common())
    densest, amount = by_file.most_common(1)[0]
    return (
        f"{markdown.count(total, 'marker')} ({words}) in {markdown.count(len(by_file), 'file')}: one in"
        f" {line_count // total:,} lines. {markdown.code(densest)} has the most, {amount:,}."
    )


def _sections(by_file: Counter[str], promises: list[list[str]]) -> list[str]:
    rows = [[markdown.code(path), f"{amount:,}"] for path, amount in by_file.most_common(_SHOWN_FILES)]
    return [
        markdown.section("Where they stand", markdown.table(["File", "Markers"], rows, right=[1])),
        markdown.section(
            "What they say",
            f"The first {len(promises)}, in order of the files.",
            markdown.table(["Place", "Marker", "Text"], promises),
        ),
    ]


def _text(said: bytes) -> str:
    text = said.decode(errors="replace").strip().removesuffix("*/").strip()
    return markdown.code(text if len(text) <= _KEPT_TEXT else text[: _KEPT_TEXT - 1] + "…")
