"""Every address of the product, gathered from the apps."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularJSONAPIView

from paperclip.companies import pages
from paperclip.companies.api import llms
from paperclip.companies.signin import sign_in
from paperclip.core.api import docs, fallback

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/")),
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
    path("favicon.ico", RedirectView.as_view(url=f"/{settings.STATIC_URL.strip('/')}/board/icon.svg")),
    path("sign-in/<str:token>", sign_in, name="sign-in"),
    path("invite/<str:token>", pages.invite, name="invite"),
    path("cli-auth/<uuid:challenge_id>", pages.cli_auth, name="cli-auth"),
    path("api/openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("api/docs", docs.page, name="api-docs"),
    path("", include(llms.beside_the_api)),
    path("api/", include("paperclip.companies.api.llms")),
    path("api/", include("paperclip.portability.api.urls")),
    path("api/", include("paperclip.companies.api.urls")),
    path("api/", include("paperclip.governance.api.urls")),
    path("api/", include("issues.api.urls")),
    path("api/", include("workspaces.api.urls")),
    path("api/", include("heartbeat.api.urls")),
    path("api/", include("routines.api.urls")),
    re_path(r"^api(?:/.*)?$", fallback.unknown_route),
]

handler404 = "paperclip.core.api.fallback.not_found"
handler500 = "paperclip.core.api.fallback.server_error"
handler400 = "paperclip.core.api.fallback.bad_request"
handler403 = "paperclip.core.api.fallback.forbidden"
