"""System checks: settings that would fail later, named at start with an id and the way out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

SHORTEST_KEY = 32
FEWEST_KEY_CHARACTERS = 8


@register(Tags.database)
def check_database(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Only PostgreSQL has the locks, constraints and notifications everything here rests on."""
    engine = settings.DATABASES["default"].get("ENGINE", "")
    if engine == "django.db.backends.postgresql":
        return []
    return [
        Error(
            f"The database engine is {engine or 'not set'}, and only PostgreSQL will do.",
            hint="Set DATABASE_URL=postgresql://user:password@host/name, or unset it.",
            id="paperclip.E001",
        )
    ]


@register("queue")
def check_queue(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """django-q2 delivers at least once; these settings keep that from becoming twice, or for ever."""
    return list(_queue_faults(settings.Q_CLUSTER))


def _queue_faults(queue: dict[str, Any]) -> Iterator[CheckMessage]:
    timeout, retry = queue.get("timeout") or 0, queue.get("retry") or 0
    workers = queue.get("workers") or os.cpu_count() or 1
    shortest = timeout * (2 + queue.get("queue_limit", workers**2) / workers)
    if not timeout:
        yield Error(
            "Q_CLUSTER has no timeout: a task that hangs would hold its worker for ever.",
            hint="Set Q_CLUSTER['timeout'] to a number of seconds.",
            id="paperclip.E002",
        )
    elif retry <= shortest:
        yield Error(
            f"Q_CLUSTER['retry'] is {retry:g} s, but its clock starts when a task is fetched: those that "
            "wait behind slow ones would run twice.",
            hint=f"Set retry above timeout x (2 + queue_limit / workers) = {shortest:g} s.",
            id="paperclip.E003",
        )
    if not queue.get("max_attempts"):
        yield Error(
            "Q_CLUSTER has no max_attempts: a task that kills its worker would come back for ever.",
            hint="Set Q_CLUSTER['max_attempts'] to a small number.",
            id="paperclip.E004",
        )
    if not queue.get("ack_failures"):
        yield Error(
            "Q_CLUSTER['ack_failures'] is off: failed tasks would be delivered again and again.",
            hint="Set Q_CLUSTER['ack_failures'] = True.",
            id="paperclip.E005",
        )
    if queue.get("catch_up", True):
        yield Error(
            "Q_CLUSTER['catch_up'] is on: after a pause every missed tick would run, one by one.",
            hint="Set Q_CLUSTER['catch_up'] = False; what was missed is made up for by the ticks themselves.",
            id="paperclip.E006",
        )
    if queue.get("bulk", 1) != 1:
        yield Warning(
            "Q_CLUSTER['bulk'] is above 1: tasks fetched together wait for each other.",
            hint="Set Q_CLUSTER['bulk'] = 1.",
            id="paperclip.W007",
        )


@register("home")
def check_home(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Runs, the secret key and the embedded database live there."""
    home: Path = settings.PAPERCLIP_HOME
    nearest = next(each for each in (home, *home.parents) if each.exists())
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        return []
    return [
        Error(
            f"The home folder {home} cannot be written by this user.",
            hint="Give this user the folder, or set PAPERCLIP_HOME to another one.",
            id="paperclip.E008",
        )
    ]


@register(Tags.security)
def check_secret_key(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Sessions, run tokens and the sealing of secrets rest on it."""
    key = str(settings.SECRET_KEY)
    if len(key) >= SHORTEST_KEY and len(set(key)) >= FEWEST_KEY_CHARACTERS:
        return []
    return [
        Error(
            "PAPERCLIP_SECRET_KEY can be guessed.",
            hint=f"Unset it to have one made, or set at least {SHORTEST_KEY} random characters.",
            id="paperclip.E009",
        )
    ]


@register("web")
def check_web(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The address people and agents use, and the size of the web server."""
    return [*_public_url_faults(settings.PAPERCLIP_PUBLIC_URL), *_web_size_faults()]


def _public_url_faults(address: str) -> Iterator[CheckMessage]:
    try:
        parts = urlsplit(address)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good or parts.query or parts.fragment:
        yield Error(
            f"PAPERCLIP_PUBLIC_URL={address} is not the address of a web site.",
            hint="Write it as https://paperclip.example.org, with a port where one is needed.",
            id="paperclip.E010",
        )


def _web_size_faults() -> Iterator[CheckMessage]:
    for name, number in (
        ("PAPERCLIP_WEB_WORKERS", settings.WEB_WORKERS),
        ("PAPERCLIP_WEB_THREADS", settings.WEB_THREADS),
    ):
        if number < 1:
            yield Error(
                f"{name}={number} leaves nobody to answer.", hint="Set at least 1.", id="paperclip.E011"
            )
