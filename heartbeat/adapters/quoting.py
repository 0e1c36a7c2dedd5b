"""Words that people and agents wrote, put before a model as data: quoted, and never as orders (A-31)."""

from __future__ import annotations

import json
import re

_TICKS = re.compile(r"`+")
_LEAST_FENCE = 3


def fenced(text: str) -> str:
    """Return `text` in a fence that nothing in it can close."""
    longest = max((len(run) for run in _TICKS.findall(text)), default=0)
    fence = "`" * max(longest + 1, _LEAST_FENCE)
    return f"{fence}text\n{text}\n{fence}"


def scalar(text: str) -> str:
    """Return `text` on one line, in quotes as JSON writes them."""
    return json.dumps(text, ensure_ascii=False)


def on_one_line(text: str) -> str:
    """Return `text` without line ends, for a place where a new line would begin something else."""
    return " ".join(text.split())
