"""Whether an agent left its work waiting for somebody's judgement, in its own words (H-70)."""

from __future__ import annotations

import re

# The first list item below a heading "Next Action".
_NEXT_ACTION = re.compile(
    r"^[ \t]*#{1,6}[ \t]*Next Actions?\b[^\n]*\n(?:[ \t]*\n)*[ \t]*(?:[-*+]|\d+[.)])[ \t]+([^\n]+)",
    re.IGNORECASE | re.MULTILINE,
)
_WAITS = re.compile(
    r"\b(?:wait(?:s|ing)?|await(?:s|ing)?|hold(?:ing)?|pending)\b.{0,80}"
    r"\b(?:review|reviewers?|approvals?|board|human|users?|operators?)\b",
    re.IGNORECASE,
)


def waits_for_review(summary: str) -> bool:
    """Return whether the first next action of a continuation summary is to wait for somebody's judgement."""
    found = _NEXT_ACTION.search(summary)
    return found is not None and _WAITS.search(found[1]) is not None
