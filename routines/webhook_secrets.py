"""Secrets of webhooks: made with the trigger, replaced on demand, destroyed with it (R-40, R-45, RW-15).

They lie among the company's secrets, bound to the routine. The plain value is returned once, to who makes it.
"""

from __future__ import annotations

import secrets as random
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from paperclip.companies import actors
from paperclip.companies.actors import Actor
from paperclip.companies.choices import SecretStatus, SecretTarget
from paperclip.companies.models import Secret
from paperclip.companies.secrets import resolving, store, usage
from paperclip.companies.secrets.resolving import Unresolved
from paperclip.companies.secrets.usage import LATEST, Reference
from paperclip.core.errors import NotFound
from routines.models import Routine, Trigger

_PUBLIC_ID_BYTES = 12
_SECRET_BYTES = 24
_SUFFIX_BYTES = 6
# Whoever may manage a routine need not hold its secrets to have them made.
_BINDER = actors.system("routine-triggers")
_SENDER = actors.system("routine-webhook")


@dataclass(frozen=True, repr=False)
class Material:
    """What the sender of a webhook needs, shown this once."""

    trigger_id: str
    url: str
    secret: str


def equip(trigger: Trigger, *, actor: Actor, now: datetime) -> Material:
    """Give a webhook that is not stored yet its address and a secret, and return both."""
    trigger.public_id = random.token_hex(_PUBLIC_ID_BYTES)
    return _keep_new(trigger, actor=actor, now=now)


def rotate(trigger: Trigger, *, actor: Actor, now: datetime) -> Material:
    """Replace the secret of a locked webhook; the earlier value is destroyed and verifies nothing from now on."""
    secret = trigger.secret
    if secret is None or secret.status == SecretStatus.DELETED:
        return _keep_new(trigger, actor=actor, now=now)
    value = random.token_hex(_SECRET_BYTES)
    rotated = store.rotate(secret=secret, fields={"value": value}, actor=actor, now=now)
    store.destroy_version(secret=rotated, version=rotated.latest_version - 1, actor=actor, now=now)
    trigger.last_rotated_at = now
    return Material(str(trigger.pk), url(trigger), value)


def rebind(routine: Routine, *, now: datetime) -> None:
    """Make the routine's bindings those of the webhooks it has."""
    rows = Trigger.objects.filter(routine=routine, secret__isnull=False)
    usage.rewrite(
        company_id=routine.company_id,
        target_type=SecretTarget.ROUTINE,
        target_id=routine.pk,
        references={
            f"webhookSecret:{secret_id}": Reference(secret_id, LATEST, "webhook")
            for secret_id in rows.values_list("secret_id", flat=True)
        },
        actor=_BINDER,
        now=now,
    )


def destroy(secret: Secret, *, actor: Actor, now: datetime) -> None:
    """Destroy the secret of a trigger that is gone and unbound."""
    if secret.status != SecretStatus.DELETED:
        store.delete(secret=secret, actor=actor, now=now, even_if_used=True)


def reveal(trigger: Trigger, *, now: datetime) -> str:
    """Return the current secret of a webhook, for checking a request; recorded. Raises NotFound when there is none."""
    secret = trigger.secret
    if secret is None:
        raise NotFound("Routine trigger secret not found")
    try:
        return resolving.reveal(
            secret=secret,
            target_type=SecretTarget.ROUTINE,
            target_id=trigger.routine_id,
            actor=_SENDER,
            now=now,
        )
    except Unresolved as error:
        raise NotFound("Routine trigger secret not found") from error


def url(trigger: Trigger) -> str:
    """Return the address that sets a webhook off."""
    return f"{settings.PAPERCLIP_PUBLIC_URL}/api/routine-triggers/public/{trigger.public_id}/fire"


def _keep_new(trigger: Trigger, *, actor: Actor, now: datetime) -> Material:
    value = random.token_hex(_SECRET_BYTES)
    name = f"routine-{trigger.routine_id}-{random.token_hex(_SUFFIX_BYTES)}"
    trigger.secret = store.create(
        company_id=trigger.company_id,
        fields={"name": name, "key": name, "value": value},
        actor=actor,
        now=now,
    )
    trigger.last_rotated_at = now
    return Material(str(trigger.pk), url(trigger), value)
