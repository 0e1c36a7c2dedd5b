"""What every page of the board inherits: scope, permission, forms and deeds.

A person sees the companies they are a member of, one at a time. Pages write through verbs: a form or a button
calls one function of the app, and what it refuses is shown where the person clicked. Nothing is deleted here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from paperclip.core import forms, fragments, lists, naming
from paperclip.core.errors import Refusal
from paperclip.core.scope import COMPANY_KEY, scope_of

_LIST_ROWS = "list-rows"  # the part of a list's page that is asked for alone


@dataclass(frozen=True)
class Crumb:
    """One step of the way back shown above a page."""

    text: str
    url: str


@dataclass
class FormPage:
    """What a form page shows around its form."""

    title: str
    submit: str
    intro: str = ""
    crumbs: list[Crumb] = field(default_factory=list)


class BoardModelAdmin(ModelAdmin):
    """The list and the pages of one model.

    A subclass names its `row_template` and `page_template`, fills `page_context`, and maps the names of its
    deeds to methods in `deeds`. A deed is a POST on a row; its method calls a verb and returns a sentence or
    a response.
    """

    company_path: ClassVar[str] = "company"  # the lookup that leads to the row's company
    board_name: ClassVar[str] = ""  # the name under which panels and columns are registered
    icon: ClassVar[str] = "list"
    row_template: ClassVar[str] = ""
    page_template: ClassVar[str] = ""
    headings: ClassVar[Sequence[lists.Heading]] = ()
    deferred: ClassVar[Sequence[str]] = ()  # wide columns that lists never load
    deeds: ClassVar[Mapping[str, str]] = {}
    form_class: ClassVar[type[forms.BoardForm] | None] = None
    may_add: ClassVar[bool] = False
    empty_title: ClassVar[str] = "Nothing here yet"
    empty_text: ClassVar[str] = ""
    intro: ClassVar[str] = ""
    live_on: ClassVar[str] = ""  # the live events at which a list that is looked at asks for its rows anew

    change_list_template = "board/list.html"
    paginator = lists.BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 0
    list_display_links = None
    ordering: Sequence[str] = ("-created_at",)
    actions = None

    # Permission: membership of the company, and nothing else.

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the person sees any of these."""
        return bool(scope_of(request).companies)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whether the person is a member of the company the row belongs to."""
        scope = scope_of(request)
        return bool(scope.companies) and (obj is None or self.company_id_of(obj) in scope.company_ids)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whether the person may change the row's company."""
        scope = scope_of(request)
        return scope.may_write if obj is None else self.company_id_of(obj) in scope.writable

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whether the person may make one in the chosen company."""
        return self.may_add and self.form_class is not None and scope_of(request).may_write

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never: things are archived, cancelled or terminated instead."""
        return False

    # Scope, in one place.

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows of the chosen company, as lists, searches and choices of related rows see them."""
        rows = self.rows_of(request, [scope_of(request).company_id]).defer(*self.deferred)
        return rows.order_by(*self.get_ordering(request))

    def rows_of(self, request: HttpRequest, company_ids: Sequence[UUID | None]) -> QuerySet[Any]:
        """Return the rows of some companies."""
        rows: QuerySet[Any] = self.model._default_manager.all()
        return rows.filter(**{f"{self.company_path}__in": company_ids})

    def company_id_of(self, row: Any) -> UUID:
        """Return the id of the company a row belongs to."""
        company_id: UUID = row.company_id
        return company_id

    def find(self, request: HttpRequest, reference: str, *, to_write: bool = False) -> Any:
        """Return the row that an address names, among all companies of the person.

        Raises Http404 for a row that is none of theirs, PermissionDenied for a change they may not make.
        """
        row_id = naming.as_field_uuid(reference)
        scope = scope_of(request)
        row = None if row_id is None else self.page_rows(request, scope.company_ids).filter(pk=row_id).first()
        if row is None:
            raise Http404(f"There is no such {self.opts.verbose_name}.")
        if to_write and not self.has_change_permission(request, row):
            raise PermissionDenied
        return row

    def page_rows(self, request: HttpRequest, company_ids: Sequence[UUID]) -> QuerySet[Any]:
        """Return the rows a page may show, with what it needs of them."""
        return self.rows_of(request, company_ids)

    # Lists.

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the bounded list."""
        return lists.BoundedChangeList

    def get_list_display(self, request: HttpRequest) -> Sequence[str]:
        """Return a stand-in: rows are drawn by their template, headings by `headings`."""
        return ("__str__",)

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Put on each row the cells that other floors add, with a fixed number of queries."""
        lists.fill(self.board_name, rows, request)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list; a list that is shown already gets its rows alone."""
        if scope_of(request).company is None:
            return redirect("admin:index")
        title = str(self.opts.verbose_name_plural).capitalize()
        may_write = self.has_change_permission(request)
        context = {"title": title, "page_admin": self, "intro": self.intro, "may_write": may_write}
        context |= extra_context or {}
        response: HttpResponse = super().changelist_view(request, context)
        if isinstance(response, TemplateResponse) and request.headers.get("HX-Target") == _LIST_ROWS:
            return fragments.answer(request, "board/list_rows.html", response.context_data or {})
        return response

    # One row.

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the page of one row; a row of another of the person's companies chooses that company first."""
        row = self.find(request, object_id)
        if self.company_path and self.company_id_of(row) != scope_of(request).company_id:
            request.session[COMPANY_KEY] = str(self.company_id_of(row))
            return redirect(request.get_full_path())
        return self.show_page(request, row, **(extra_context or {}))

    def show_page(self, request: HttpRequest, row: Any, **extra: Any) -> HttpResponse:
        """Return the page of a row."""
        context = {
            **self.admin_site.each_context(request),
            "title": self.title_of(row),
            "row": row,
            "crumbs": [Crumb(str(self.opts.verbose_name_plural).capitalize(), self.list_url())],
            "may_write": self.has_change_permission(request, row),
            "deed_url": self.deed_url,
            **self.page_context(request, row),
            **extra,
        }
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        return TemplateResponse(request, self.page_template, context)

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Return what the page template needs besides the row."""
        return {}

    def title_of(self, row: Any) -> str:
        """Return what people call a row: the heading of its page."""
        return str(row)

    # Addresses.

    def list_url(self) -> str:
        """Return the address of the list."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")

    def row_url(self, row: Any) -> str:
        """Return the address of a row's page."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk])

    def deed_url(self, row: Any, deed: str) -> str:
        """Return the address that does `deed` to a row."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_deed", args=[row.pk, deed])

    def get_urls(self) -> list[URLPattern]:
        """Return the addresses: list, page, form, deeds. There is none to delete with."""
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        view = self.admin_site.admin_view
        return [
            *(self._path_from_custom_url(custom) for custom in self.get_custom_urls()),
            path("", view(self.changelist_view), name=f"{prefix}_changelist"),
            path("add/", view(self.add_view), name=f"{prefix}_add"),
            path("<str:object_id>/change/", view(self.change_view), name=f"{prefix}_change"),
            path("<str:object_id>/edit/", view(self.edit_view), name=f"{prefix}_edit"),
            path("<str:object_id>/do/<slug:deed>/", view(self.deed_view), name=f"{prefix}_deed"),
        ]

    # Deeds.

    def deed_view(self, request: HttpRequest, object_id: str, deed: str) -> HttpResponse:
        """Do one deed to one row, then lead back; what the verb refuses is shown as a message."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        row = self.find(request, object_id, to_write=True)
        method = self.deeds.get(deed)
        if method is None:
            raise Http404("There is no such action.")
        try:
            answer = getattr(self, method)(request, row)
        except Refusal as refusal:
            messages.error(request, forms.sentence(refusal))
        else:
            if isinstance(answer, HttpResponse):
                return answer
            messages.success(request, answer)
        return self.way_back(request, row)

    def way_back(self, request: HttpRequest, row: Any) -> HttpResponseRedirect:
        """Lead to the page a form came from when it names one of ours, else to the row."""
        asked = request.POST.get("next", "")
        is_ours = url_has_allowed_host_and_scheme(
            asked, {request.get_host()}, require_https=request.is_secure()
        )
        return HttpResponseRedirect(asked if asked and is_ours else self.row_url(row))

    # Forms.

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the form that makes one, and make it."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        name = str(self.opts.verbose_name)
        page = FormPage(title=f"New {name}", submit=f"Create {name}", crumbs=self.crumbs())
        return self.answer_form(request, None, page, lambda values: self.create(request, values))

    def edit_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the form that changes one, and change it."""
        row = self.find(request, object_id, to_write=True)
        if self.form_class is None:
            raise Http404("This has no form.")
        title = self.title_of(row)
        crumbs = [*self.crumbs(), Crumb(title, self.row_url(row))]
        page = FormPage(title=f"Edit {title}", submit="Save", crumbs=crumbs)
        return self.answer_form(request, row, page, lambda values: self.update(request, row, values))

    def crumbs(self) -> list[Crumb]:
        """Return the way back to the list."""
        return [Crumb(str(self.opts.verbose_name_plural).capitalize(), self.list_url())]

    def answer_form(
        self, request: HttpRequest, row: Any | None, page: FormPage, save: Callable[[dict[str, Any]], Any]
    ) -> HttpResponse:
        """Show a form, or save what was posted and lead to its row. Refusals appear beside their fields."""
        if self.form_class is None:
            raise Http404("This has no form.")
        form = self.form_class(request.POST or None, scope=scope_of(request), row=row)
        if request.method == "POST" and form.is_valid():
            try:
                saved = save(form.cleaned_data)
            except Refusal as refusal:
                form.add_refusal(refusal)
            else:
                return (
                    self.after_create(request, saved)
                    if row is None
                    else HttpResponseRedirect(self.row_url(saved))
                )
        context = {
            **self.admin_site.each_context(request),
            "title": page.title,
            "crumbs": page.crumbs,
            "page": page,
            "form": form,
            "cancel_url": self.row_url(row) if row is not None else self.list_url(),
        }
        return TemplateResponse(request, "board/form.html", context)

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Any:
        """Make a row of validated `values` through its verb and return it."""
        raise NotImplementedError

    def after_create(self, request: HttpRequest, row: Any) -> HttpResponse:
        """Lead to the page of what was made."""
        return HttpResponseRedirect(self.row_url(row))

    def update(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> Any:
        """Change a row through its verb and return it."""
        raise NotImplementedError
