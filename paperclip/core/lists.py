"""Lists that stay bounded: no table is counted whole, and every page costs a fixed number of queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.views import ChangeList

COUNT_LIMIT = 1000


class BoundedPaginator(Paginator):
    """A paginator that never counts a whole table: past a thousand rows it only says that there are more."""

    template_name = "board/pager.html"

    @cached_property
    def count(self) -> int:
        """The number of rows, at most `COUNT_LIMIT`."""
        rows: Any = self.object_list
        if isinstance(rows, QuerySet):
            return rows.order_by()[:COUNT_LIMIT].count()
        return min(len(rows), COUNT_LIMIT)

    @property
    def is_cut(self) -> bool:
        """Whether there are more rows than this lists."""
        return self.count >= COUNT_LIMIT


@dataclass(frozen=True)
class Heading:
    """One column of a list: its title, the field it may be ordered by, and a class for its cells."""

    title: str
    order: str = ""
    css: str = ""


@dataclass(frozen=True)
class Column:
    """A column a higher floor adds to a list: `cells` returns what to draw by row id, for a page at once."""

    key: str
    cells: Callable[[Sequence[Any], HttpRequest], Mapping[UUID, Any]]


_columns: dict[str, dict[str, Column]] = {}


def register_column(page: str, column: Column) -> None:
    """Add `column` to the list `page`, such as `issue`; its row template draws it as `row.cells.<key>`."""
    _columns.setdefault(page, {})[column.key] = column


def fill(page: str, rows: Sequence[Any], request: HttpRequest) -> None:
    """Put on each row, as `row.cells`, what the columns added to `page` draw of it."""
    for row in rows:
        row.cells = {}
    if not rows:
        return
    for column in _columns.get(page, {}).values():
        cells = column.cells(rows, request)
        for row in rows:
            row.cells[column.key] = cells.get(row.pk, "")


class BoundedChangeList(ChangeList):
    """A list ordered by its headings, whose rows carry the cells that other floors add."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str]:
        """Return the order asked for in `o`, or the list's own; the id last, so that pages never overlap."""
        asked = self.params.get("o", "")
        headings = self.model_admin.headings
        number = asked.removeprefix("-")
        if number.isdecimal() and int(number) < len(headings) and headings[int(number)].order:
            order = headings[int(number)].order
            sign = "-" if asked.startswith("-") else ""
            return [sign + order, "-pk"]
        return [*self.model_admin.get_ordering(request), "-pk"]

    def get_results(self, request: HttpRequest) -> None:
        """Load the page of rows, then every added column for all of them."""
        super().get_results(request)
        self.result_list: list[Any] = list(self.result_list)
        self.full_result_count = self.result_count
        self.model_admin.prepare_rows(request, self.result_list)

    @property
    def narrowing(self) -> list[str]:
        """The parameters that narrow the list beyond its tab: search and filters in force."""
        tabs = {spec.parameter_name for spec in self.filter_specs if getattr(spec, "is_tabs", False)}
        searched = ["q"] if self.query else []
        return [*searched, *(name for name in self.filter_params if name not in tabs)]

    @property
    def wide_url(self) -> str:
        """The address of the same tab without search and filters."""
        return str(self.get_query_string({}, [*self.narrowing, "p"]))

    @property
    def previous_page(self) -> int:
        """The number of the page before."""
        return int(self.page_num) - 1

    @property
    def next_page(self) -> int:
        """The number of the page after."""
        return int(self.page_num) + 1

    def headings(self) -> list[dict[str, Any]]:
        """Return the headings with the address that orders by each and the direction in force."""
        asked = self.params.get("o", "")
        drawn = []
        for index, heading in enumerate(self.model_admin.headings):
            direction = "descending" if asked == f"-{index}" else "ascending" if asked == str(index) else ""
            following = str(index) if direction == "descending" else f"-{index}"
            url = self.get_query_string({"o": following}, ["p"]) if heading.order else ""
            drawn.append({"title": heading.title, "css": heading.css, "url": url, "direction": direction})
        return drawn
