"""Accounts of providers that refuse calls for a while: everybody who shares one waits, and one run finds out (11).

    open -> closed        a run was refused for its rate or usage
    closed -> probing     its time has come: one run is let through
    probing -> open       that run ended well
    probing -> closed     it did not; the wait grows

A gate is made when its account is first closed; no row means that the account takes calls.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from heartbeat.choices import GateState, RunStatus
from heartbeat.endings import PROCESS_LOST
from heartbeat.models import ProviderGate, Run
from paperclip.companies import activity
from paperclip.companies.actors import Actor
from paperclip.companies.models import Agent
from paperclip.core.errors import Conflict

BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 4, 8, 16, 30))
_LONGEST_KEY = 128
_MODEL_NUMBER = re.compile(r"[-_.:@ ]v?\d.*$")
_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET", re.IGNORECASE)


def key_of(agent: Agent) -> str:
    """Return what names the account an agent's program calls: at most 128 characters, never a secret's value.

    Made of the adapter type, and of provider, biller, model family and the reference of the API key's secret
    where the adapter's configuration gives them.
    """
    config = agent.adapter_config
    parts = [agent.adapter_type, *_names(config)]
    secret = _secret_reference(config.get("env"))
    if secret is not None:
        parts.append(hashlib.sha256(secret.encode()).hexdigest()[:12])
    key = ":".join(parts)
    if len(key) <= _LONGEST_KEY:
        return key
    return key[: _LONGEST_KEY - 33] + ":" + hashlib.sha256(key.encode()).hexdigest()[:32]


def close(*, run: Run, not_before: datetime | None, reason: str, now: datetime) -> ProviderGate:
    """Close the account of a run that was refused for its rate or usage, and return its gate.

    It stays closed until `not_before`, the provider's own word, but never for less than the back-off. Runs that
    were at work side by side and are all refused count as one failure. The caller is in a transaction.
    """
    key = run.provider_key or key_of(run.agent)
    gate, is_new = ProviderGate.objects.select_for_update(no_key=True).get_or_create(
        company_id=run.company_id,
        key=key,
        defaults={
            "label": label_of(run.agent),
            "state": GateState.CLOSED,
            "failures": 1,
            "not_before": _until(1, not_before, now),
            "closed_at": now,
            "reason": reason,
            "created_at": now,
            "updated_at": now,
        },
    )
    if is_new:
        return gate
    if gate.state == GateState.CLOSED:
        gate.not_before = max(filter(None, (gate.not_before, not_before)))
    elif gate.state == GateState.PROBING and gate.probe_run_id != run.pk:
        return gate  # the word of a run from before; the probe will tell
    else:
        _shut(gate, not_before=not_before, now=now)
    gate.reason, gate.updated_at = reason, now
    gate.save()
    return gate


def heard(*, run: Run, now: datetime) -> str | None:
    """Take note of how a run ended; return the new state of its account if it was the probe, else None.

    Costs one indexed look for a run that was not. The caller is in the transaction that ends the run.
    """
    if run.provider_key is None:
        return None
    gate = (
        ProviderGate.objects.select_for_update(no_key=True)
        .filter(company_id=run.company_id, key=run.provider_key, state=GateState.PROBING, probe_run=run)
        .first()
    )
    if gate is None:
        return None
    if run.status == RunStatus.SUCCEEDED:
        _open(gate, now=now)
    elif run.status == RunStatus.CANCELLED or run.error_code == PROCESS_LOST:
        # It says nothing of the account: the next run may try at once.
        gate.state, gate.probe_run, gate.not_before, gate.updated_at = GateState.CLOSED, None, now, now
    else:
        _shut(gate, not_before=None, now=now)
    gate.save()
    return gate.state


def admit(*, run: Run, agent: Agent, now: datetime) -> bool:
    """Whether a run that is being claimed may call its account now; of those that wait, one becomes the probe.

    The caller claims the run in the same transaction.
    """
    gates = ProviderGate.objects.filter(company_id=run.company_id, key=key_of(agent))
    state = gates.values_list("state", flat=True).first()
    if state is None or state == GateState.OPEN:
        return True
    # Locked first, looked at second: a claim that waited here must see the probe of the one it waited for.
    list(gates.select_for_update(no_key=True).values_list("pk"))
    return bool(
        gates.filter(_lets_one_in(now)).update(state=GateState.PROBING, probe_run=run, updated_at=now)
    )


def shut_keys(company_ids: Iterable[UUID], *, now: datetime) -> set[tuple[UUID, str]]:
    """Return the accounts of the companies that no run may call now, as (company, key)."""
    rows = ProviderGate.objects.filter(company_id__in=set(company_ids)).exclude(state=GateState.OPEN)
    return set(rows.exclude(_lets_one_in(now)).values_list("company_id", "key"))


def closed_for(agent: Agent, *, now: datetime) -> ProviderGate | None:
    """Return the account of the agent when no run may call it now, None when one may."""
    gates = ProviderGate.objects.filter(company_id=agent.company_id, key=key_of(agent))
    return gates.exclude(state=GateState.OPEN).exclude(_lets_one_in(now)).first()


def open_by_hand(*, gate: ProviderGate, actor: Actor, now: datetime) -> ProviderGate:
    """Let the runs of an account start again because a person says so. Raises Conflict when it is open."""
    with transaction.atomic():
        row = ProviderGate.objects.select_for_update(no_key=True).get(pk=gate.pk)
        if row.state == GateState.OPEN:
            raise Conflict("The account takes calls already")
        _open(row, now=now)
        row.save()
        activity.record(
            company_id=row.company_id,
            actor=actor,
            action="provider_gate.opened",
            entity_type="provider_gate",
            entity_id=row.pk,
            details={"key": row.key, "label": row.label},
            now=now,
        )
    return row


def not_open(company_id: UUID) -> list[ProviderGate]:
    """Return the accounts of a company that do not take calls, the longest closed first."""
    rows = ProviderGate.objects.filter(company_id=company_id).exclude(state=GateState.OPEN)
    return list(rows.select_related("probe_run").order_by("closed_at"))


def label_of(agent: Agent) -> str:
    """Return the account in words for people."""
    return " · ".join([agent.adapter_type, *_names(agent.adapter_config)])


def _lets_one_in(now: datetime) -> Q:
    """Gates whose time has come, and those whose probe is not there any more."""
    probes = Run.objects.filter(pk=OuterRef("probe_run_id"), status=RunStatus.RUNNING)
    return Q(state=GateState.CLOSED, not_before__lte=now) | Q(~Exists(probes), state=GateState.PROBING)


def _shut(gate: ProviderGate, *, not_before: datetime | None, now: datetime) -> None:
    gate.failures = 1 if gate.state == GateState.OPEN else gate.failures + 1
    if gate.state == GateState.OPEN:
        gate.closed_at = now
    gate.state, gate.probe_run, gate.updated_at = GateState.CLOSED, None, now
    gate.not_before = _until(gate.failures, not_before, now)


def _open(gate: ProviderGate, *, now: datetime) -> None:
    gate.state, gate.probe_run, gate.failures = GateState.OPEN, None, 0
    gate.not_before, gate.reason, gate.opened_at, gate.updated_at = None, None, now, now


def _until(failures: int, not_before: datetime | None, now: datetime) -> datetime:
    back_off = now + BACK_OFF[min(failures, len(BACK_OFF)) - 1]
    return max(back_off, not_before) if not_before is not None else back_off


def _names(config: Mapping[str, Any]) -> list[str]:
    """Provider, biller, model family and host, as far as the configuration names them."""
    names = [_word(config.get("provider")), _word(config.get("biller")), _family(_word(config.get("model")))]
    return [name for name in (*names, _host(_word(config.get("url")))) if name]


def _host(url: str) -> str:
    """Return the host that an agent over HTTP is called at: each is an account of its own."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _family(model: str) -> str:
    """Return a model's name without its numbers and dates: limits are set per family."""
    return _MODEL_NUMBER.sub("", model.rpartition("/")[2])


def _word(value: Any) -> str:
    return value.strip().lower() if isinstance(value, str) else ""


def _secret_reference(env: Any) -> str | None:
    """Return which secret is bound as the program's key; values are never looked at."""
    if not isinstance(env, Mapping):
        return None
    bound = [
        str(binding.get("secretId"))
        for name, binding in sorted(env.items())
        if _SECRET_NAME.search(name) and isinstance(binding, Mapping) and binding.get("type") == "secret_ref"
    ]
    return "|".join(bound) or None
