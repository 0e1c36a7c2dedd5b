"""What kind of failure ended a run, written on it for people (H-115)."""

from __future__ import annotations

from typing import Any

from heartbeat.choices import RunStatus
from heartbeat.models import Run
from heartbeat.retries import rules
from heartbeat.retries.classify import Diagnosis
from paperclip.core import redaction

_FAILED = (RunStatus.FAILED, RunStatus.TIMED_OUT)


def of(run: Run) -> Diagnosis | None:
    """Return the diagnosis of an ended run; None when it went well or was cancelled."""
    if run.status not in _FAILED:
        return None
    return rules.diagnose(run.company_id, rules.failure_of(run))


def columns(run: Run) -> dict[str, Any]:
    """Return the columns that tell the kind of failure of an ended run and what to do about it."""
    found = of(run)
    if found is None:
        return {"failure_category": None, "failure_advice": None}
    return {"failure_category": found.category, "failure_advice": redaction.text(found.advice)}
