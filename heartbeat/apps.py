from __future__ import annotations

from django.apps import AppConfig


class HeartbeatConfig(AppConfig):
    name = "heartbeat"
