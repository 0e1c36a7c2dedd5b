"""Which files are the largest, and how much of the whole they are."""

from __future__ import annotations

from paperclip.board.demo import files, languages, markdown
from paperclip.board.demo.files import File, Survey
from paperclip.board.demo.markdown import Findings
from paperclip.board.demo.voice import Voice

_SHOWN = 15
_LONG_LINES = 500


def measure(surveyed: Survey, say: Voice) -> Findings:
    """Rank files by bytes, and programs by lines."""
    texts = files.Texts(surveyed)
    lengths = {file.path: files.lines(content) for file, content in texts}
    by_size = sorted(surveyed.files, key=lambda file: (-file.size, file.path))[:_SHOWN]
    code = [path for path in lengths if languages.is_code(path)]
    code.sort(key=lambda path: (-lengths[path], path))
    long_ones = [path for path in code if lengths[path] > _LONG_LINES]
    say(f"The largest of {markdown.count(len(surveyed.files), 'file')} has {markdown.size(by_size[0].size)}")
    return Findings(
        headline=(
            f"The {markdown.count(len(by_size), 'largest file holds', 'largest files hold')}"
            f" {markdown.share(sum(file.size for file in by_size), surveyed.size)} of all bytes;"
            f" {_about_code(code, long_ones, lengths)}"
        ),
        figures={
            "files counted": len(surveyed.files),
            "bytes counted": surveyed.size,
            "text files read": texts.read,
            "lines counted": sum(lengths.values()),
            "bytes of the largest file": by_size[0].size,
            f"programs over {_LONG_LINES} lines": len(long_ones),
        },
        sections=[
            markdown.section("By size", _size_table(by_size, surveyed.size, lengths)),
            *([markdown.section("Longest programs", _length_table(code[:_SHOWN], lengths))] if code else []),
        ],
        remarks=[*surveyed.remarks(), *texts.remarks()],
    )


def _about_code(code: list[str], long_ones: list[str], lengths: dict[str, int]) -> str:
    if not code:
        return "there is no program among the files."
    return (
        f"the longest program is {markdown.code(code[0])} with {markdown.count(lengths[code[0]], 'line')},"
        f" and {len(long_ones):,} of {markdown.count(len(code), 'program')} have more than {_LONG_LINES}."
    )


def _size_table(ranked: list[File], total: int, lengths: dict[str, int]) -> str:
    rows = [
        [
            markdown.code(file.path),
            languages.language(file.path),
            markdown.size(file.size),
            markdown.share(file.size, total),
            f"{lengths[file.path]:,}" if file.path in lengths else "–",
        ]
        for file in ranked
    ]
    return markdown.table(["File", "Language", "Size", "Share", "Lines"], rows, right=[2, 3, 4])


def _length_table(paths: list[str], lengths: dict[str, int]) -> str:
    rows = [[markdown.code(path), languages.language(path), f"{lengths[path]:,}"] for path in paths]
    return markdown.table(["Program", "Language", "Lines"], rows, right=[2])
