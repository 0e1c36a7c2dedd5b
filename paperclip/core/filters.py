"""Filters every list may use."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from paperclip.core import naming, status_look
from paperclip.core.scope import scope_of


class StatusFilter(admin.SimpleListFilter):
    """A filter by status, in the words the board uses everywhere."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the statuses the model knows."""
        choices = model_admin.model._meta.get_field("status").choices
        return [(value, status_look.of(value).label) for value, _ in choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of that status."""
        return queryset if self.value() is None else queryset.filter(status=self.value())


class ScopedFilter(admin.SimpleListFilter):
    """A filter by a related row of the chosen company, such as an issue's assignee."""

    model: ClassVar[type[Model]]
    field: ClassVar[str]
    limit: ClassVar[int] = 100

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the related rows of the chosen company."""
        rows = self.model._default_manager.filter(company_id=scope_of(request).company_id)
        return [(str(row.pk), str(row)) for row in self.choose(rows)[: self.limit]]

    def choose(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows offered, in their order."""
        return rows.order_by("name")

    def has_output(self) -> bool:
        """Offered even when there is only one row to choose."""
        return len(self.lookup_choices) > 0

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows that belong to the chosen one."""
        value = self.value()
        if value is None:
            return queryset
        row_id = naming.as_field_uuid(value)
        return queryset.none() if row_id is None else queryset.filter(**{self.field: row_id})
