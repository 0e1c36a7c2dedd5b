"""What `manage.py doctor` says of the secrets that companies keep."""

from __future__ import annotations

from paperclip.companies.secrets import providers
from paperclip.core.doctor import Finding, State, looks_at

_STATES: dict[str, State] = {"ok": "ok", "warn": "warn", "error": "fail"}


@looks_at("secrets")
def look_at_secrets() -> Finding:
    """Whether this host can open what is sealed, and whether its key lies safe."""
    health = providers.local_health()
    return Finding("secrets", _STATES[health.status], health.message)
