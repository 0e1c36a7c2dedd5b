"""How much of the code is there to test the rest."""

from __future__ import annotations

from collections import Counter, defaultdict

from paperclip.board.demo import files, languages, markdown
from paperclip.board.demo.files import Survey
from paperclip.board.demo.markdown import Findings
from paperclip.board.demo.voice import Voice

_SHOWN_FOLDERS = 12


def measure(surveyed: Survey, say: Voice) -> Findings:
    """Count lines of tests and of other code, by language and by folder."""
    texts = files.Texts(surveyed)
    code: Counter[str] = Counter()
    tests: Counter[str] = Counter()
    by_folder: defaultdict[str, Counter[bool]] = defaultdict(Counter)
    programs = test_files = all_lines = 0
    for file, content in texts:
        count = files.lines(content)
        all_lines += count
        if not languages.is_code(file.path):
            continue
        is_test = languages.is_test(file.path)
        (tests if is_test else code)[languages.language(file.path)] += count
        by_folder[file.path.partition("/")[0] + "/" if "/" in file.path else "(top)"][is_test] += count
        programs += 1
        test_files += is_test
    code_lines, test_lines = code.total(), tests.total()
    by_language = {name: (code[name], tests[name]) for name in code | tests}
    say(f"{test_lines:,} lines of tests beside {code_lines:,} lines of other code")
    return Findings(
        headline=_headline(code_lines, test_lines, test_files, programs),
        figures={
            "files counted": len(surveyed.files),
            "text files read": texts.read,
            "lines counted": all_lines,
            "code lines": code_lines,
            "test lines": test_lines,
            "test files": test_files,
            **({"test lines per code line": round(test_lines / code_lines, 2)} if code_lines else {}),
        },
        sections=[
            markdown.section("By language", _table("Language", by_language)),
            markdown.section("By folder", _table("Folder", _largest_folders(by_folder))),
        ]
        if programs
        else [],
        remarks=[*surveyed.remarks(), *texts.remarks()],
    )


def _headline(code_lines: int, test_lines: int, test_files: int, programs: int) -> str:
    if not programs:
        return "There are no programs here, so there is nothing to test."
    if not test_lines:
        return (
            f"None of the {markdown.count(programs, 'program')} is a test: {code_lines:,} lines are untested."
        )
    belong = f"{test_files:,} of {markdown.count(programs, 'program')} belong to a test suite."
    if not code_lines:
        return f"All code is tests: {belong}"
    return f"{test_lines / code_lines:.2f} lines of tests stand beside each line of code: {belong}"


def _largest_folders(by_folder: dict[str, Counter[bool]]) -> dict[str, tuple[int, int]]:
    ranked = sorted(by_folder, key=lambda name: (-by_folder[name].total(), name))[:_SHOWN_FOLDERS]
    return {markdown.code(name): (by_folder[name][False], by_folder[name][True]) for name in ranked}


def _table(heading: str, amounts: dict[str, tuple[int, int]]) -> str:
    ranked = sorted(amounts.items(), key=lambda item: (-sum(item[1]), item[0]))
    rows = [[name, f"{code:,}", f"{tests:,}", _ratio(code, tests)] for name, (code, tests) in ranked]
    return markdown.table([heading, "Code lines", "Test lines", "Tests per code line"], rows, right=[1, 2, 3])


def _ratio(code: int, tests: int) -> str:
    return f"{tests / code:.2f}" if code else "–"
