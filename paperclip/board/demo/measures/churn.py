"""What changes most, from the history that git keeps. Bounded in commits and in time."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from paperclip.board.demo import markdown
from paperclip.board.demo.files import Survey
from paperclip.board.demo.markdown import Findings
from paperclip.board.demo.voice import Voice

MOST_COMMITS = 2_000
_READING_SECONDS = 12.0
_QUICK_SECONDS = 10.0
_SHOWN_FILES = 15
_SHOWN_WEEKS = 12
_COMMIT = "\x1e"


class GitError(Exception):
    """Git is missing or says no; the message is a sentence for people."""


@dataclass
class History:
    """What the newest commits changed."""

    commits: int = 0
    authors: set[str] = field(default_factory=set)
    touches: Counter[str] = field(default_factory=Counter)
    added: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)
    weeks: Counter[str] = field(default_factory=Counter)
    newest: datetime | None = None
    oldest: datetime | None = None


def measure(surveyed: Survey, say: Voice) -> Findings:
    """Read the newest commits and rank files by how often they changed; without git, say so."""
    try:
        tracked = _tracked(surveyed.root)
        history, is_whole = _read(surveyed.root)
    except GitError as error:
        say(f"No history: {error}")
        return Findings(headline=f"There is no history to read: {error}", figures={"commits read": 0})
    changed = markdown.count(len(history.touches), "file")
    say(f"{markdown.count(history.commits, 'commit')} read: {changed} changed")
    present = {file.path for file in surveyed.files}
    return Findings(
        headline=_headline(history),
        figures={
            "commits read": history.commits,
            "contributors": len(history.authors),
            "files changed": len(history.touches),
            "lines added": history.added.total(),
            "lines removed": history.removed.total(),
            "files tracked by git": tracked,
        },
        sections=_sections(history, present) if history.touches else [],
        remarks=[] if is_whole else [f"Older history: the newest {history.commits:,} commits were read"],
    )


def parse(lines: Iterable[str]) -> Iterator[tuple[str, list[tuple[int, int, str]]]]:
    """Yield `(heading, changes)` per commit of a `git log --numstat` whose headings begin with a record mark.

    A change is `(lines added, lines removed, path)`; git counts no lines of binary files.
    """
    heading: str | None = None
    changes: list[tuple[int, int, str]] = []
    for line in lines:
        if line.startswith(_COMMIT):
            if heading is not None:
                yield heading, changes
            heading, changes = line[1:].rstrip("\n"), []
        elif line.count("\t") >= 2:
            added, removed, path = line.rstrip("\n").split("\t", 2)
            changes.append((_lines(added), _lines(removed), path.strip('"')))
    if heading is not None:
        yield heading, changes


def _lines(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _tracked(root: Path) -> int:
    listed = _git(root, "ls-files", "-z")
    return listed.count("\0")


def _read(root: Path) -> tuple[History, bool]:
    """Return what was read and whether that is the whole history."""
    history = History()
    command = _command(
        root, "log", f"--max-count={MOST_COMMITS + 1}", "--numstat", "--no-renames", "--relative",
        "--no-ext-diff", "--no-textconv", "--no-show-signature", "--format=%x1e%ct %aE", "--", ".",
    )  # fmt: skip
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(),
        text=True,
        errors="replace",
    ) as git:
        late = threading.Timer(_READING_SECONDS, git.kill)
        late.start()
        try:
            assert git.stdout is not None
            is_whole = _take(history, parse(git.stdout))
            if not is_whole:
                git.kill()
        finally:
            late.cancel()
        said = git.stderr.read() if git.stderr is not None else ""
    if git.returncode > 0 and not history.commits and "does not have any commits" not in said:
        raise GitError(_last_line(said))
    return history, is_whole and git.returncode >= 0


def _take(history: History, commits: Iterable[tuple[str, list[tuple[int, int, str]]]]) -> bool:
    """Add commits to `history` up to the limit and return whether that was all."""
    for heading, changes in commits:
        if history.commits == MOST_COMMITS:
            return False
        when, _, author = heading.partition(" ")
        moment = datetime.fromtimestamp(int(when), UTC)
        history.commits += 1
        history.authors.add(author.lower())
        history.newest = max(history.newest or moment, moment)
        history.oldest = min(history.oldest or moment, moment)
        history.weeks["{}, week {:02}".format(*moment.isocalendar())] += 1
        for added, removed, path in changes:
            history.touches[path] += 1
            history.added[path] += added
            history.removed[path] += removed
    return True


def _headline(history: History) -> str:
    if not history.touches or history.newest is None or history.oldest is None:
        return "The repository has no commits yet, so there is no history to read."
    path, times = history.touches.most_common(1)[0]
    busiest = sum(amount for _, amount in history.touches.most_common(10))
    people = markdown.count(len(history.authors), "contributor")
    return (
        f"{markdown.count(history.commits, 'commit')} by {people} {_span(history.oldest, history.newest)};"
        f" {markdown.code(path)} changed most often,"
        f" {markdown.count(times, 'time')}."
        f" The ten busiest files took {markdown.share(busiest, history.touches.total())} of all changes."
    )


def _span(oldest: datetime, newest: datetime) -> str:
    if oldest.date() == newest.date():
        return f"on {newest:%Y-%m-%d}"
    return f"between {oldest:%Y-%m-%d} and {newest:%Y-%m-%d}"


def _sections(history: History, present: set[str]) -> list[str]:
    rows = [
        [
            markdown.code(path),
            f"{times:,}",
            f"{history.added[path]:,}",
            f"{history.removed[path]:,}",
            "yes" if path in present else "no",
        ]
        for path, times in history.touches.most_common(_SHOWN_FILES)
    ]
    newest = sorted(history.weeks, reverse=True)[:_SHOWN_WEEKS]
    weeks = [[week, f"{history.weeks[week]:,}"] for week in newest]
    headings = ["File", "Commits", "Lines added", "Lines removed", "Still there"]
    return [
        markdown.section("Files that change most", markdown.table(headings, rows, right=[1, 2, 3])),
        markdown.section("Commits by week", markdown.table(["Week", "Commits"], weeks, right=[1])),
    ]


def _git(root: Path, *arguments: str) -> str:
    """Return what a quick git command says. Raises GitError."""
    command = _command(root, *arguments)
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            env=_environment(),
            timeout=_QUICK_SECONDS,
            check=False,
            text=True,
            errors="replace",
        )
    except subprocess.TimeoutExpired as error:
        raise GitError(f"git {arguments[0]} took longer than {_QUICK_SECONDS:g} s") from error
    if done.returncode:
        raise GitError(_last_line(done.stderr))
    return done.stdout


def _command(root: Path, *arguments: str) -> list[str]:
    git = shutil.which("git")
    if git is None:
        raise GitError("git is not installed on this host")
    # A repository may name programs for git to start; of those, the one that a reading command would start.
    options = ["--no-pager", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false"]
    return [git, "-C", str(root), *options, *arguments]


def _environment() -> dict[str, str]:
    return {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}


def _last_line(said: str) -> str:
    """Return git's reason: its first complaint, for what follows is advice."""
    complaints = [line for line in said.splitlines() if line.startswith(("fatal:", "error:"))]
    return (complaints or said.strip().splitlines() or ["git failed without a word"])[0].strip()
