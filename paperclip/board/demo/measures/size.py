"""How large the repository is, and in which languages it is written."""

from __future__ import annotations

from collections import Counter, defaultdict

from paperclip.board.demo import files, languages, markdown
from paperclip.board.demo.files import Survey
from paperclip.board.demo.markdown import Findings
from paperclip.board.demo.voice import Voice

_SHOWN_FOLDERS = 12


class _Amount:
    def __init__(self) -> None:
        self.files = self.lines = self.blank = self.size = 0


def measure(surveyed: Survey, say: Voice) -> Findings:
    """Count files, lines and bytes by language and by top folder."""
    texts = files.Texts(surveyed)
    by_language: defaultdict[str, _Amount] = defaultdict(_Amount)
    for file in surveyed.files:
        amount = by_language[languages.language(file.path)]
        amount.files += 1
        amount.size += file.size
    for file, content in texts:
        amount = by_language[languages.language(file.path)]
        amount.lines += files.lines(content)
        amount.blank += files.blank_lines(content)
    total = sum(amount.lines for amount in by_language.values())
    largest = _largest(by_language)
    say(f"{markdown.count(texts.read, 'text file')} read: {total:,} lines in {len(by_language)} languages")
    return Findings(
        headline=(
            f"The repository holds {'more than ' if surveyed.is_cut_short else ''}"
            f"{markdown.count(len(surveyed.files), 'file')} and {total:,} lines of text,"
            f" {markdown.size(surveyed.size)} in all; {largest} is the main language."
        ),
        figures={
            "files counted": len(surveyed.files),
            "bytes counted": surveyed.size,
            "text files read": texts.read,
            "lines counted": total,
            "languages": len(by_language.keys() - {languages.OTHER}),
        },
        sections=[
            markdown.section("By language", _language_table(by_language, total)),
            markdown.section("By folder", _folder_table(surveyed)),
        ],
        remarks=[*surveyed.remarks(), *texts.remarks()],
    )


def _largest(by_language: dict[str, _Amount]) -> str:
    """Return the main language: that with most lines of code, or of anything when there is no code."""
    ranked = sorted(by_language, key=lambda name: by_language[name].lines, reverse=True)
    code = [name for name in ranked if name not in languages.PROSE_AND_DATA]
    return (code or ranked)[0]


def _language_table(by_language: dict[str, _Amount], total: int) -> str:
    ranked = sorted(by_language.items(), key=lambda item: (-item[1].lines, -item[1].size, item[0]))
    rows = [
        [
            name,
            f"{amount.files:,}",
            f"{amount.lines:,}",
            f"{amount.blank:,}",
            markdown.size(amount.size),
            markdown.share(amount.lines, total),
        ]
        for name, amount in ranked
    ]
    headings = ["Language", "Files", "Lines", "Of them blank", "Size", "Share of lines"]
    return markdown.table(headings, rows, right=range(1, 6))


def _folder_table(surveyed: Survey) -> str:
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for file in surveyed.files:
        folder, inside, _ = file.path.partition("/")
        name = f"{folder}/" if inside else "(top)"
        counts[name] += 1
        sizes[name] += file.size
    rows = [
        [markdown.code(name), f"{counts[name]:,}", markdown.size(byte_count)]
        for name, byte_count in sizes.most_common(_SHOWN_FOLDERS)
    ]
    return markdown.table(["Folder", "Files", "Size"], rows, right=[1, 2])
