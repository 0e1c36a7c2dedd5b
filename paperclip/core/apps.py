from __future__ import annotations

from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "paperclip.core"
    label = "core"

    def ready(self) -> None:
        from paperclip.core import checks as checks  # registers the system checks
