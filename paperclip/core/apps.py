from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import pre_migrate


class CoreConfig(AppConfig):
    name = "paperclip.core"
    label = "core"

    def ready(self) -> None:
        from paperclip.core import checks as checks  # registers the system checks
        from paperclip.core import migrating

        pre_migrate.connect(migrating.bundle_plan, sender=self)
