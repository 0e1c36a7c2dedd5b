"""What an approval asks, in plain words."""

from __future__ import annotations

from typing import Any

from paperclip.core import redaction
from paperclip.governance.choices import ApprovalType
from paperclip.governance.models import Approval

_KINDS: dict[str, str] = {
    ApprovalType.HIRE_AGENT: "Hire an agent",
    ApprovalType.APPROVE_CEO_STRATEGY: "Agree to the strategy",
    ApprovalType.BUDGET_OVERRIDE_REQUIRED: "Raise a budget",
    ApprovalType.REQUEST_BOARD_APPROVAL: "Request",
}
_SAID_IN = ("title", "name", "summary", "reason", "recommendedAction", "description")
_CHARS = 160


def kind(approval: Approval) -> str:
    """Return what kind of question it is."""
    return _KINDS.get(approval.type, approval.type.replace("_", " ").capitalize())


def summary(approval: Approval) -> str:
    """Return what is asked, in one line without secrets; empty when the payload says nothing readable."""
    payload: dict[str, Any] = redaction.data(approval.payload)
    said = next((str(payload[key]) for key in _SAID_IN if payload.get(key)), "").strip()
    line = said.splitlines()[0] if said else ""
    return line if len(line) <= _CHARS else line[: _CHARS - 1] + "…"
