"""Exports and imports of companies (C-106, C-107, K-15, K-16)."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies import auth
from paperclip.companies.api.base import ActorView, CompanyView
from paperclip.core.api.schema import operation
from paperclip.portability import exports, imports
from paperclip.portability.api import shapes
from paperclip.portability.api.shapes import (
    ExportIn,
    ExportOut,
    ExportPreviewOut,
    ImportIn,
    ImportOut,
    ImportPreviewOut,
)
from paperclip.portability.faults import Findings
from paperclip.portability.planning import Options, Plan


class CompanyExport(CompanyView):
    """A company as files."""

    @operation("Export a company [C-106]", reads=ExportIn, answers=ExportOut)
    def post(self, request: Request, company_id: str) -> Response:
        exports.require_exporter(self.actor)
        wish = shapes.wish_of(ExportIn.read(request.data))
        made = exports.export(company=self.company, wish=wish, actor=self.actor, now=self.now)
        return Response(shapes.export_told(made))


class CompanyExportPreview(CompanyView):
    """What an export would give."""

    @operation("Preview an export [C-106]", reads=ExportIn, answers=ExportPreviewOut)
    def post(self, request: Request, company_id: str) -> Response:
        exports.require_exporter(self.actor)
        wish = shapes.wish_of(ExportIn.read(request.data))
        return Response(shapes.preview_told(exports.preview(company=self.company, wish=wish)))


class _Import(ActorView):
    """An import by a person."""

    board_only = True

    def read(self, request: Request) -> tuple[dict[str, Any], Options]:
        """Return the body and what it asks for, once the caller is let in."""
        fields = ImportIn.read(request.data)
        options = shapes.options_of(fields)
        if options.company is not None:
            auth.admit(self.actor, options.company.pk, method="POST")
        imports.require_importer(self.actor, options.company)
        return fields, options

    def plan(self, request: Request) -> Plan:
        """Return what the import does."""
        fields, options = self.read(request)
        plan = _plan(fields, options)
        imports.require_hiring(self.actor, plan)
        return plan


class ImportPreview(_Import):
    """What an import would do."""

    @operation("Preview an import [C-107]", reads=ImportIn, answers=ImportPreviewOut)
    def post(self, request: Request) -> Response:
        return Response(shapes.plan_told(self.plan(request)))


class Import(_Import):
    """An import into a new or an existing company."""

    @operation("Import a company [C-107]", reads=ImportIn, answers=ImportOut)
    def post(self, request: Request) -> Response:
        result = imports.apply(plan=self.plan(request), actor=self.actor, now=self.now)
        return Response(shapes.result_told(result))


class _SafeImport(CompanyView):
    """An import by a person or the CEO, which can neither replace nor choose programs."""

    def plan(self, request: Request) -> Plan:
        """Return what the import would do."""
        imports.require_ceo(self.actor)
        fields = ImportIn.read(request.data)
        options = shapes.options_of(fields)
        imports.require_safe_importer(self.actor, options, self.company)
        return _plan(fields, options)


class SafeImportPreview(_SafeImport):
    """What a safe import would do."""

    @operation("Preview a safe import [C-107]", reads=ImportIn, answers=ImportPreviewOut)
    def post(self, request: Request, company_id: str) -> Response:
        plan = imports.safe_preview(self.actor, self.plan(request), self.company)
        return Response(shapes.plan_told(plan))


class SafeImport(_SafeImport):
    """A safe import."""

    @operation("Import safely [C-107]", reads=ImportIn, answers=ImportOut)
    def post(self, request: Request, company_id: str) -> Response:
        plan = self.plan(request)
        imports.require_safe_plan(self.actor, plan, self.company)
        result = imports.apply(plan=plan, actor=self.actor, now=self.now, safe_for=self.company)
        return Response(shapes.result_told(result))


def _plan(fields: dict[str, Any], options: Options) -> Plan:
    findings = Findings()
    files = shapes.files_of(fields, findings)
    return imports.plan(files, options, findings, selected_files=fields.get("selected_files") or ())
