"""The board: Django's admin, as the place a company is run from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.urls import URLPattern, path
from unfold.sites import UnfoldAdminSite

from paperclip.board import costs, home, org, scoping, search, switching
from paperclip.companies import skill_pages
from paperclip.companies.login_form import LoginForm
from paperclip.core.admin import BoardModelAdmin
from paperclip.portability import pages as portability_pages


class BoardSite(UnfoldAdminSite):
    """The admin site of the product: every view of it knows whose company it shows."""

    index_title = "Home"
    login_form = LoginForm
    enable_nav_sidebar = True

    def register(self, model_or_iterable: Any, admin_class: type[Any] | None = None, **options: Any) -> None:
        """Take the pages made for the board; those of other packages know no companies and no verbs."""
        if admin_class is not None and issubclass(admin_class, BoardModelAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def admin_view(
        self, view: Callable[..., HttpResponse], cacheable: bool = False
    ) -> Callable[..., HttpResponse]:
        """Wrap a view so that it is for signed-in people only and its request carries the scope."""

        def scoped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if any("\x00" in value for _, values in request.POST.lists() for value in values):
                return HttpResponseBadRequest(
                    "Text may not contain a NUL character.", content_type="text/plain"
                )
            request.scope = scoping.scope(request)  # type: ignore[attr-defined]
            return view(request, *args, **kwargs)

        for mark in ("csrf_exempt", "xframe_options_exempt"):
            if hasattr(view, mark):
                setattr(scoped, mark, getattr(view, mark))
        wrapped: Callable[..., HttpResponse] = super().admin_view(scoped, cacheable)
        return wrapped

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether the person may open the board at all."""
        return bool(request.user.is_active and getattr(request.user, "is_staff", False))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show home."""
        return home.page(request, self)

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Answer the command palette."""
        return search.page(request)

    def get_urls(self) -> list[URLPattern]:
        """Return the addresses of the board."""
        return [
            path("company/", self.admin_view(switching.switch), name="board_switch"),
            path("home/<slug:part>/", self.admin_view(home.part), name="board_home_part"),
            path("costs/", self.admin_view(lambda request: costs.page(request, self)), name="board_costs"),
            path("org/", self.admin_view(lambda request: org.page(request, self)), name="board_org"),
            *skill_pages.urls(self),
            *portability_pages.urls(self),
            *super().get_urls(),
        ]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Return nothing: the sidebar is the map, and Django's would ask for every model on every page."""
        return []
