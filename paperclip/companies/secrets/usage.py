"""Where secrets are used: the binding rows of agents, projects and whatever else is given one (C-100, C-101)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count

from paperclip.companies.actors import Actor
from paperclip.companies.choices import SecretStatus, SecretTarget, SecretVersionStatus
from paperclip.companies.models import Secret, SecretBinding, SecretVersion
from paperclip.core.errors import Forbidden, Unprocessable

LATEST = "latest"


@dataclass(frozen=True)
class Reference:
    """One use of a secret: which, and its version by number or the latest. `label` is what people call the place."""

    secret_id: UUID
    selector: str
    label: str


def rewrite(
    *,
    company_id: UUID,
    target_type: str,
    target_id: UUID,
    references: Mapping[str, Reference],
    actor: Actor,
    now: datetime,
) -> None:
    """Make the bindings of a target equal to `references`, by the path of its configuration they stand at.

    Call it in the transaction that saves the configuration. Raises Unprocessable for a secret or a version that the
    company does not have; Forbidden when an agent hands on what it is not given itself. What the target used before
    it may go on using, deleted or not.
    """
    stored = SecretBinding.objects.filter(target_type=target_type, target_id=target_id)
    before = {row.config_path: row for row in stored.select_for_update()}
    if not before and not references:
        return
    _require_usable(company_id, references, held={row.secret_id for row in before.values()}, actor=actor)
    gone = [row.pk for path, row in before.items() if path not in references]
    SecretBinding.objects.filter(pk__in=gone).delete()
    for path, reference in references.items():
        row = before.get(path)
        values = {
            "secret_id": reference.secret_id,
            "version_selector": reference.selector,
            "label": reference.label,
        }
        if row is None:
            SecretBinding.objects.create(
                company_id=company_id,
                target_type=target_type,
                target_id=target_id,
                config_path=path,
                created_at=now,
                updated_at=now,
                **values,
            )
        elif any(getattr(row, name) != value for name, value in values.items()):
            SecretBinding.objects.filter(pk=row.pk).update(**values, updated_at=now)


def drop(*, target_type: str, target_id: UUID) -> None:
    """Forget what a target used; it is gone for good."""
    SecretBinding.objects.filter(target_type=target_type, target_id=target_id).delete()


def bound(targets: Collection[tuple[str, UUID]]) -> set[UUID]:
    """Return the secrets that any of the targets (type, id) is given."""
    found: set[UUID] = set()
    rows = SecretBinding.objects.filter(target_id__in=[target_id for _, target_id in targets])
    for target_type, target_id, secret_id in rows.values_list("target_type", "target_id", "secret_id"):
        if (target_type, target_id) in targets:
            found.add(secret_id)
    return found


def counts(secret_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return in how many places each secret is used, in one query; those used nowhere are left out."""
    rows = SecretBinding.objects.filter(secret_id__in=secret_ids).order_by().values_list("secret_id")
    return dict(rows.annotate(Count("id")))


def _require_usable(
    company_id: UUID, references: Mapping[str, Reference], *, held: set[UUID], actor: Actor
) -> None:
    ids = {reference.secret_id for reference in references.values()}
    # Held to the end of the transaction, so that none is deleted while it is being bound.
    rows = Secret.objects.filter(company_id=company_id, pk__in=ids).order_by("pk")
    known = {row.pk: row for row in rows.select_for_update(no_key=True)}
    own = bound({(SecretTarget.AGENT.value, actor.agent_id)}) if actor.agent_id is not None else None
    for reference in references.values():
        secret = known.get(reference.secret_id)
        is_held = reference.secret_id in held
        if secret is None or (secret.status == SecretStatus.DELETED and not is_held):
            raise Unprocessable(f"{reference.label}: secret not found: {reference.secret_id}")
        if own is not None and not is_held and reference.secret_id not in own:
            raise Forbidden(f"{reference.label}: agents can hand on only secrets they are given themselves")
        if reference.selector != LATEST and not is_held:
            _require_version(secret, reference)


def _require_version(secret: Secret, reference: Reference) -> None:
    rows = SecretVersion.objects.filter(secret=secret, version=int(reference.selector))
    if not rows.filter(status__in=(SecretVersionStatus.CURRENT, SecretVersionStatus.PREVIOUS)).exists():
        raise Unprocessable(f"{reference.label}: secret {secret.key} has no version {reference.selector}")
