"""The parts of an audit: what the lead gives out and the workers know how to do."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MARK = re.compile(r"^Part: `?([a-z][a-z-]*)`?\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Part:
    """One part. `key` names it in the issue's description and is the key of its document."""

    key: str
    title: str
    task: str
    worker: str
    after_all_others: bool = False

    def description(self) -> str:
        """Return the text of the part's issue; its last line tells a worker what to do."""
        return f"{self.task}\n\nPart: `{self.key}`"


PARTS = (
    Part(
        "size",
        "Measure size and languages",
        "Count files, lines and bytes of the repository, by language and by folder.",
        worker="Surveyor",
    ),
    Part(
        "churn",
        "Find what changes most",
        "Read the history that git keeps: which files change most often, how many people work here, when.",
        worker="Historian",
    ),
    Part(
        "markers",
        "Collect TODO and FIXME markers",
        "Find the places the authors meant to come back to, and say where most of them stand.",
        worker="Inspector",
    ),
    Part(
        "largest",
        "List the largest files",
        "Rank the files by size and the programs by length: what is hard to read, what makes a clone slow?",
        worker="Surveyor",
    ),
    Part(
        "tests",
        "Weigh tests against code",
        "Compare lines of tests with lines of other code, by language and by folder.",
        worker="Inspector",
    ),
    Part(
        "cross-check",
        "Cross-check the findings",
        "Read the documents of the other parts and check that their figures agree. Waits for all of them.",
        worker="Historian",
        after_all_others=True,
    ),
)
CROSS_CHECK = next(part for part in PARTS if part.after_all_others)


def of(description: str | None) -> Part | None:
    """Return the part that an issue's description names, None when it names none."""
    match = _MARK.search(description or "")
    return next((part for part in PARTS if match and part.key == match[1]), None)
