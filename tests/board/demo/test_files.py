from __future__ import annotations

import os

import pytest

from paperclip.board.demo import files, languages


def paths(surveyed):
    return [file.path for file in surveyed.files]


def test_counts_what_people_wrote_and_leaves_out_what_tools_made(repository):
    surveyed = files.survey(repository.root)
    assert paths(surveyed) == [
        "README.md", "empty.txt", "logo.png", "shapes.py",
        "tests/test_shapes.py", "web/app.spec.ts", "web/app.ts",
    ]  # fmt: skip
    assert surveyed.skipped_folders == 3, ".git, __pycache__ and the virtual environment of another name"
    assert surveyed.size == sum((repository.root / path).stat().st_size for path in paths(surveyed))


def test_links_are_neither_followed_nor_counted(repository, tmp_path):
    before = files.survey(repository.root)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.py").write_text("x = 1\n")
    os.symlink(tmp_path / "elsewhere", repository.root / "link")
    os.symlink(repository.root, repository.root / "loop")
    os.symlink("shapes.py", repository.root / "alias.py")
    assert files.survey(repository.root) == before


def test_counting_stops_at_the_limit_and_says_so(repository):
    surveyed = files.survey(repository.root, most=3)
    assert len(surveyed.files) == 3
    assert surveyed.is_cut_short
    assert "Counting stopped at 3 files: the repository has more" in surveyed.remarks()


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        files.survey(tmp_path / "nowhere")


def test_reads_text_and_says_what_it_did_not_read(repository):
    repository.write("huge.txt", b"a" * (files.LARGEST_READ_BYTES + 1))
    texts = files.Texts(files.survey(repository.root))
    read = {file.path for file, _ in texts}
    assert not {"logo.png", "huge.txt"} & read
    assert (texts.read, texts.binary, texts.too_large) == (len(read), 1, 1) == (6, 1, 1)
    reasons = [remark.split(":")[0] for remark in texts.remarks()]
    assert reasons == ["1 file binary", "1 file larger than 1,024 KB"]


def test_reading_ends_when_its_time_is_over(repository):
    texts = files.Texts(files.survey(repository.root), seconds=-1)
    assert list(texts) == []
    assert texts.too_late == 7
    assert "the time for it" in texts.remarks()[0]


def test_a_file_that_went_away_is_counted_as_unreadable(repository):
    surveyed = files.survey(repository.root)
    (repository.root / "shapes.py").unlink()
    texts = files.Texts(surveyed)
    assert "shapes.py" not in {file.path for file, _ in texts}
    assert texts.unreadable == 1


@pytest.mark.parametrize(
    ("content", "lines", "blank"),
    [(b"", 0, 0), (b"a", 1, 0), (b"a\n", 1, 0), (b"a\n\n  \nb", 4, 2), (b"\n", 1, 1)],
)
def test_counts_lines(content, lines, blank):
    assert (files.lines(content), files.blank_lines(content)) == (lines, blank)


@pytest.mark.parametrize(
    ("path", "language", "is_code", "is_test"),
    [
        ("a.py", "Python", True, False),
        ("A.PY", "Python", True, False),
        ("tests/deep/a.py", "Python", True, True),
        ("src/test_a.py", "Python", True, True),
        ("conftest.py", "Python", True, True),
        ("src/contest.py", "Python", True, False),
        ("src/a_test.go", "Go", True, True),
        ("src/latest.go", "Go", True, False),
        ("src/a.spec.ts", "TypeScript", True, True),
        ("src/ShapeTest.java", "Java", True, True),
        ("src/Contest.java", "Java", True, False),
        ("lib/a_spec.rb", "Ruby", True, True),
        ("Makefile", "Makefile", True, False),
        ("docs/a.md", "Markdown", False, False),
        ("data.json", "JSON", False, False),
        ("LICENSE", "Other", False, False),
        (".gitignore", "Other", False, False),
    ],
)
def test_tells_language_and_tests_by_name(path, language, is_code, is_test):
    assert languages.language(path) == language
    assert languages.is_code(path) is is_code
    assert languages.is_test(path) is is_test
