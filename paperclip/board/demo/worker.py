"""A worker: measures one part of the repository, writes it down, says the main thing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from paperclip.board.demo import crosscheck, parts, shift
from paperclip.board.demo.files import Survey
from paperclip.board.demo.markdown import Findings
from paperclip.board.demo.measures import churn, largest, markers, ratio, size
from paperclip.board.demo.parts import Part
from paperclip.board.demo.shift import Json, Shift, Trouble
from paperclip.board.demo.voice import Voice

_MEASURES: Mapping[str, Callable[[Survey, Voice], Findings]] = {
    "size": size.measure,
    "churn": churn.measure,
    "markers": markers.measure,
    "largest": largest.measure,
    "tests": ratio.measure,
}


def work(at: Shift, issue: Json) -> None:
    """Do the part that `issue` names. Raises Trouble and ApiError."""
    if not shift.take(at, issue):
        return
    part = parts.of(issue["description"])
    if part is None:
        known = ", ".join(f"`{known.key}`" for known in parts.PARTS)
        raise Trouble(
            f"I do not know this kind of work. Add a line such as `Part: size` to the description ({known})"
        )
    findings = _findings(at, issue, part)
    shift.write_document(at, issue, key=part.key, title=part.title, body=findings.document())
    shift.finish(at, issue, f"{findings.headline}\n\nThe tables are in the document `{part.key}`.")


def _findings(at: Shift, issue: Json, part: Part) -> Findings:
    surveyed = shift.survey(at, issue)
    if part == parts.CROSS_CHECK:
        return crosscheck.check(at, issue, surveyed)
    return _MEASURES[part.key](surveyed, at.say)
