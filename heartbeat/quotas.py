"""What the gates of accounts say of the quotas of providers."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from heartbeat.choices import GateState
from heartbeat.models import ProviderGate
from paperclip.governance.quotas import Quota, QuotaWindow


def of_gates(company_id: UUID, now: datetime) -> list[Quota]:
    """Return the accounts that were ever closed; one that is closed now is used up until its time has come."""
    gates = ProviderGate.objects.filter(company_id=company_id).order_by("label", "key")
    return [Quota(provider=gate.label, windows=_windows(gate, now)) for gate in gates]


def _windows(gate: ProviderGate, now: datetime) -> list[QuotaWindow]:
    if gate.state == GateState.OPEN:
        return []
    waits = gate.not_before if gate.not_before is not None and gate.not_before > now else None
    return [
        QuotaWindow(
            label="Account",
            used_percent=100 if gate.state == GateState.CLOSED else None,
            resets_at=waits,
            value_label="closed" if gate.state == GateState.CLOSED else "being tried",
            detail=gate.reason,
        )
    ]
