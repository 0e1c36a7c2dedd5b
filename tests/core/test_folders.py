"""Folders of texts: nothing in them leads out of them, and nobody reads half a file."""

from __future__ import annotations

import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperclip.core import folders
from paperclip.core.errors import NotFound, TooLarge, Unprocessable


@pytest.fixture
def root(tmp_path):
    return tmp_path / "kept"


def put(root, path: str, text: str = "said") -> None:
    folders.write(root, folders.path_of(path), text)


def test_what_is_written_is_read_and_listed(root):
    put(root, "a/b/deep.md", "tief — 日本")
    put(root, "AGENTS.md", "one")
    put(root, "AGENTS.md", "two")
    assert folders.read(root, folders.path_of("a/b/deep.md")) == "tief — 日本"
    assert folders.read(root, folders.path_of("AGENTS.md")) == "two"
    assert [(entry.path, entry.size) for entry in folders.listed(root)] == [
        ("AGENTS.md", 3),
        ("a/b/deep.md", 15),
    ]
    folders.remove(root, folders.path_of("AGENTS.md"))
    with pytest.raises(NotFound):
        folders.read(root, folders.path_of("AGENTS.md"))
    assert (root.stat().st_mode & 0o777, (root / "a/b/deep.md").stat().st_mode & 0o777) == (0o700, 0o600)


@pytest.mark.parametrize(
    "path",
    [
        "", "/", "/etc/passwd", "..", "../x", "a/../../x", "a//b", "./x", "a/.", "a\\b", "a\x00b", "a\nb",
        "x" * 401, "/".join("abcdefghi"), "é" * 200,
    ],
)  # fmt: skip
def test_path_that_is_none_is_refused(path):
    with pytest.raises(Unprocessable):
        folders.path_of(path)


@given(st.text(alphabet="ab./\\\0 ~", max_size=20))
def test_no_path_leads_out(text):
    try:
        path = folders.path_of(text)
    except Unprocessable:
        return
    assert os.path.normpath(f"/root/{path}") == f"/root/{text}"


@pytest.mark.parametrize("deed", ["read", "write", "remove"])
@pytest.mark.parametrize("where", ["file", "folder", "root"])
def test_links_are_not_followed(root, tmp_path, where, deed):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.md").write_text("the secret")
    root.mkdir()
    if where == "file":
        (root / "secret.md").symlink_to(outside / "secret.md")
        named = "secret.md"
    elif where == "folder":
        (root / "way").symlink_to(outside)
        named = "way/secret.md"
    else:
        root.rmdir()
        root.symlink_to(outside)
        named = "secret.md"
    path = folders.path_of(named)
    doing = {
        "read": lambda: folders.read(root, path),
        "write": lambda: folders.write(root, path, "taken over"),
        "remove": lambda: folders.remove(root, path),
    }
    with pytest.raises(Unprocessable):
        doing[deed]()
    assert (outside / "secret.md").read_text() == "the secret"
    assert os.listdir(outside) == ["secret.md"]


def test_links_are_not_listed(root, tmp_path):
    put(root, "a.md")
    (root / "b.md").symlink_to(root / "a.md")
    (root / "way").symlink_to(tmp_path)
    assert [entry.path for entry in folders.listed(root)] == ["a.md"]


def test_pipe_in_the_place_of_a_file_holds_nobody(root):
    root.mkdir()
    os.mkfifo(root / "pipe.md")
    with pytest.raises(Unprocessable):
        folders.read(root, folders.path_of("pipe.md"))
    with pytest.raises(Unprocessable):
        put(root, "pipe.md")
    assert folders.listed(root) == []


def test_size_and_number_are_bounded(root, monkeypatch):
    with pytest.raises(TooLarge):
        put(root, "big.md", "x" * (folders.MAX_BYTES + 1))
    root.mkdir()
    (root / "grown.md").write_bytes(b"x" * (folders.MAX_BYTES + 1))
    with pytest.raises(TooLarge):
        folders.read(root, folders.path_of("grown.md"))
    (root / "grown.md").unlink()
    for number in range(folders.MAX_FILES):
        (root / f"{number}.md").touch()
    put(root, "7.md", "again")
    with pytest.raises(Unprocessable):
        put(root, "one-more.md")


def test_what_is_no_text_is_refused(root):
    root.mkdir()
    (root / "picture.md").write_bytes(b"\x89PNG\xff")
    with pytest.raises(Unprocessable):
        folders.read(root, folders.path_of("picture.md"))


def test_readers_never_see_half_a_text(root):
    """Two writers at once: whoever reads meets one text or the other, whole."""
    texts = ["a" * 200_000, "b" * 200_000]
    put(root, "AGENTS.md", texts[0])
    path, stop, seen = folders.path_of("AGENTS.md"), threading.Event(), set()

    def write(text: str) -> None:
        while not stop.is_set():
            folders.write(root, path, text)

    writers = [threading.Thread(target=write, args=(text,)) for text in texts]
    for writer in writers:
        writer.start()
    try:
        for _ in range(100):
            seen.add(folders.read(root, path))
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert seen <= set(texts)
    assert os.listdir(root) == ["AGENTS.md"]
