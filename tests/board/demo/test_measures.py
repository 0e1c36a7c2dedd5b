from __future__ import annotations

import shutil

import pytest

from paperclip.board.demo import files, markdown
from paperclip.board.demo.measures import churn, largest, markers, ratio, size

ALL = [size.measure, churn.measure, markers.measure, largest.measure, ratio.measure]


@pytest.fixture
def surveyed(repository):
    return files.survey(repository.root)


def test_size_counts_files_lines_and_languages(surveyed, say):
    findings = size.measure(surveyed, say)
    assert findings.figures == {
        "files counted": 7,
        "bytes counted": surveyed.size,
        "text files read": 6,
        "lines counted": 9 + 3 + 5 + 1 + 1,
        "languages": 4,
    }
    assert "Python is the main language" in findings.headline
    document = findings.document()
    assert "| Python | 2 | 14 |" in document
    assert "| `web/` | 2 |" in document
    assert "- 1 file binary: counted by size only" in document


def test_churn_ranks_files_by_how_often_they_changed(surveyed, say):
    findings = churn.measure(surveyed, say)
    assert findings.figures == {
        "commits read": 3,
        "contributors": 1,
        "files changed": 7,
        "lines added": 6 + 3 + 5 + 3 + 1 + 1 + 1,
        "lines removed": 1,
        "files tracked by git": 7,
    }
    assert "`shapes.py` changed most often, 3 times" in findings.headline
    assert "| `shapes.py` | 3 | 10 | 1 | yes |" in findings.document()


def test_churn_tells_files_that_are_gone(repository, say):
    (repository.root / "web" / "app.ts").unlink()
    repository.commit()
    document = churn.measure(files.survey(repository.root), say).document()
    assert "| `web/app.ts` | 2 | 1 | 1 | no |" in document


def test_churn_of_a_folder_inside_a_repository_is_about_that_folder(repository, say):
    findings = churn.measure(files.survey(repository.root / "web"), say)
    assert findings.figures["files tracked by git"] == 2
    assert "| `app.ts` | 1 | 1 | 0 | yes |" in findings.document()


def test_churn_says_that_there_is_no_history(empty, say):
    empty.write("a.py", "x = 1\n")
    findings = churn.measure(files.survey(empty.root), say)
    assert findings.headline.startswith("There is no history to read: fatal: not a git repository")
    assert findings.figures == {"commits read": 0}


def test_churn_says_that_nothing_was_committed(empty, say):
    empty.write("a.py", "x = 1\n")
    empty.git("init", "--quiet")
    findings = churn.measure(files.survey(empty.root), say)
    assert findings.headline == "The repository has no commits yet, so there is no history to read."


def test_churn_says_that_git_is_missing(surveyed, say, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("git") is None
    headline = churn.measure(surveyed, say).headline
    assert headline == "There is no history to read: git is not installed on this host"


def test_churn_reads_the_newest_commits_of_a_long_history(surveyed, say, monkeypatch):
    monkeypatch.setattr(churn, "MOST_COMMITS", 2)
    findings = churn.measure(surveyed, say)
    assert findings.figures["commits read"] == 2
    assert findings.remarks == ["Older history: the newest 2 commits were read"]


def test_churn_starts_no_program_a_repository_names(repository, tmp_path, say):
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    for key in ("core.fsmonitor", "core.pager", "diff.external", "gpg.program"):
        repository.git("config", key, str(trap))
    repository.git("config", "log.showSignature", "true")
    assert churn.measure(files.survey(repository.root), say).figures["commits read"] == 3
    assert not (tmp_path / "sprung").exists()


def test_markers_finds_promises_in_programs_only(surveyed, say):
    findings = markers.measure(surveyed, say)
    assert findings.figures["markers"] == 2
    assert findings.figures["TODO markers"] == 1
    assert findings.figures["FIXME markers"] == 1
    assert findings.figures["files with markers"] == 1
    document = findings.document()
    assert "| `shapes.py:5` | TODO | `refuse negative numbers` |" in document
    assert "| `shapes.py:6` | FIXME | `units` |" in document


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("// TODO: x", 1),
        ("/* FIXME x */", 1),
        (" * HACK x", 1),
        ("<!-- TODO x -->", 1),
        ("-- XXX x", 1),
        ("x = 1  # later: TODO", 1),
        ("TODO = 'todo'", 0),
        ("status = Status.TODO", 0),
        ("print('# TODO x')", 0),
        ("# todo: lower case is talk", 0),
        ("# TODOS and METODO", 0),
    ],
)
def test_markers_are_what_comments_say(empty, say, line, found):
    empty.write("a.py", f"x = 1\n{line}\n")
    assert markers.measure(files.survey(empty.root), say).figures["markers"] == found


def test_largest_ranks_by_bytes_and_by_lines(surveyed, say):
    findings = largest.measure(surveyed, say)
    assert findings.figures["bytes of the largest file"] == (surveyed.root / "logo.png").stat().st_size
    assert "the longest program is `shapes.py` with 9 lines" in findings.headline
    assert "0 of 4 programs have more than 500" in findings.headline
    document = findings.document()
    assert document.index("`logo.png`") < document.index("| `shapes.py` | Python |")


def test_ratio_sets_tests_beside_code(surveyed, say):
    findings = ratio.measure(surveyed, say)
    assert findings.figures["code lines"] == 10
    assert findings.figures["test lines"] == 6
    assert findings.figures["test files"] == 2
    assert findings.figures["test lines per code line"] == 0.6
    assert findings.headline.startswith("0.60 lines of tests stand beside each line of code: 2 of 4 programs")


def test_ratio_without_tests_and_without_code(empty, say):
    empty.write("a.md", "words\n")
    assert ratio.measure(files.survey(empty.root), say).headline.startswith("There are no programs")
    empty.write("a.py", "x = 1\n")
    assert ratio.measure(files.survey(empty.root), say).headline.startswith("None of the 1 program is a test")
    (empty.root / "a.py").rename(empty.root / "test_a.py")
    assert ratio.measure(files.survey(empty.root), say).headline.startswith("All code is tests")


@pytest.mark.parametrize("measure", ALL)
def test_a_document_opens_with_its_finding_and_gives_its_figures_back(measure, surveyed, say):
    findings = measure(surveyed, say)
    document = findings.document()
    assert markdown.read_headline(document) == findings.headline
    assert markdown.read_figures(document) == pytest.approx(dict(findings.figures))


@pytest.mark.parametrize("measure", ALL)
def test_hostile_file_names_stay_inside_their_cells(measure, empty, say):
    empty.write("a|b`c\n## Figures\n| files counted | 9 |.py", "# TODO: `|` x\n")
    empty.write("b\udcff.py".encode(errors="surrogateescape").decode(errors="surrogateescape"), "x = 1\n")
    empty.commit()
    document = measure(files.survey(empty.root), say).document()
    document.encode()
    tables = [block for block in document.split("\n\n") if block.startswith("|")]
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1
    assert markdown.read_figures(document).get("files counted", 2) == 2


@pytest.mark.parametrize("measure", ALL)
def test_folders_without_any_text_are_measured_too(measure, empty, say):
    empty.write("a.bin", b"\0\1\2")
    findings = measure(files.survey(empty.root), say)
    assert markdown.read_figures(findings.document()) == pytest.approx(dict(findings.figures))
