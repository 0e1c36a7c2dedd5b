from __future__ import annotations

from django.urls import URLPattern, path

from paperclip.portability.api import views

_COMPANY = "companies/<str:company_id>"

urlpatterns: list[URLPattern] = [
    path("companies/import/preview", views.ImportPreview.as_view()),
    path("companies/import", views.Import.as_view()),
    path(f"{_COMPANY}/export", views.CompanyExport.as_view()),
    path(f"{_COMPANY}/exports", views.CompanyExport.as_view()),
    path(f"{_COMPANY}/exports/preview", views.CompanyExportPreview.as_view()),
    path(f"{_COMPANY}/imports/preview", views.SafeImportPreview.as_view()),
    path(f"{_COMPANY}/imports/apply", views.SafeImport.as_view()),
]
