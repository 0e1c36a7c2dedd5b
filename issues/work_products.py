"""What came of the work on an issue (I-21, I-139): pull requests, branches, previews, files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from issues import checkout, locks, placement, trail
from issues.models import Issue, WorkProduct
from paperclip.companies.actors import Actor
from paperclip.companies.models import Company
from paperclip.core import naming
from paperclip.core.errors import NotFound, Unprocessable


def add(*, issue_id: UUID, fields: Mapping[str, Any], actor: Actor, now: datetime) -> WorkProduct:
    """Put a work product on an issue and return it.

    `fields` by column name; without `project_id` it belongs to the issue's project, and an agent's belongs to the run
    it acts from, whatever is sent (IW-46). Raises NotFound, Unauthorized, Forbidden, Conflict or Unprocessable.
    """
    with transaction.atomic():
        issue = locks.issue(issue_id)
        checkout.require_ownership(issue=issue, actor=actor, now=now)
        columns = _columns(issue, fields, actor)
        columns.setdefault("project_id", issue.project_id)
        if actor.is_agent:
            columns["created_by_run_id"] = actor.run_id
        if columns.get("is_primary"):
            _step_back(issue, columns["type"], now)
        product = WorkProduct.objects.create(
            company_id=issue.company_id, issue=issue, created_at=now, updated_at=now, **columns
        )
        details = {"workProductId": product.pk, "type": product.type, "provider": product.provider}
        trail.record(issue, "issue.work_product_created", actor=actor, now=now, details=details)
        trail.touch(issue, now=now)
    return product


def update(*, product_id: UUID, fields: Mapping[str, Any], actor: Actor, now: datetime) -> WorkProduct:
    """Change what was sent of a work product and return it; see `add`. At most one of a type is the primary one."""
    with transaction.atomic():
        issue, product = _locked(product_id, actor, now)
        columns = _columns(issue, fields, actor)
        is_primary = columns.get("is_primary", product.is_primary)
        if is_primary:
            _step_back(issue, columns.get("type", product.type), now, besides=product.pk)
        for column, value in (columns | {"updated_at": now}).items():
            setattr(product, column, value)
        product.save(update_fields=[*columns, "updated_at"])
        details = {"workProductId": product.pk, "changedKeys": sorted(naming.camel(name) for name in fields)}
        trail.record(issue, "issue.work_product_updated", actor=actor, now=now, details=details)
        trail.touch(issue, now=now)
    return product


def remove(*, product_id: UUID, actor: Actor, now: datetime) -> WorkProduct:
    """Take a work product from its issue and return what it was. Raises as `update` does."""
    with transaction.atomic():
        issue, product = _locked(product_id, actor, now)
        details = {"workProductId": product.pk, "type": product.type}
        trail.record(issue, "issue.work_product_deleted", actor=actor, now=now, details=details)
        trail.touch(issue, now=now)
        WorkProduct.objects.filter(pk=product.pk).delete()
    return product


def of(issue_id: UUID) -> QuerySet[WorkProduct]:
    """Return the work products of an issue: the primary ones first, then by their last change."""
    return WorkProduct.objects.filter(issue_id=issue_id).order_by("-is_primary", "-updated_at", "-id")


def _locked(product_id: UUID, actor: Actor, now: datetime) -> tuple[Issue, WorkProduct]:
    issue_id = WorkProduct.objects.filter(pk=product_id).values_list("issue_id", flat=True).first()
    if issue_id is None:
        raise NotFound("Work product not found")
    issue = locks.issue(issue_id)
    checkout.require_ownership(issue=issue, actor=actor, now=now)
    product = WorkProduct.objects.filter(pk=product_id).first()
    if product is None:
        raise NotFound("Work product not found")
    return issue, product


def _columns(issue: Issue, fields: Mapping[str, Any], actor: Actor) -> dict[str, Any]:
    """Return what is stored of `fields`, whose links must stay within the company."""
    columns = dict(fields)
    if columns.get("project_id") is not None:
        placement.require_project(issue.company_id, columns["project_id"])
    workspace_id = columns.get("execution_workspace_id")
    if workspace_id is not None and not _company_has(issue, executionworkspace=workspace_id):
        raise Unprocessable("executionWorkspaceId: the company has no such workspace")
    if actor.is_agent:
        columns.pop("created_by_run_id", None)
    run_id = columns.get("created_by_run_id")
    if run_id is not None and not _company_has(issue, runs=run_id):
        raise Unprocessable("createdByRunId: the company has no such run")
    return columns


def _company_has(issue: Issue, **link: UUID) -> bool:
    """Whether the issue's company has a row of a higher floor, asked through that row's key to the company."""
    return Company.objects.filter(pk=issue.company_id, **link).exists()


def _step_back(issue: Issue, kind: str, now: datetime, *, besides: UUID | None = None) -> None:
    """Let no other of that type be the primary one (IW-46: the type it will have counts)."""
    others = WorkProduct.objects.filter(issue=issue, type=kind, is_primary=True)
    if besides is not None:
        others = others.exclude(pk=besides)
    others.update(is_primary=False, updated_at=now)
