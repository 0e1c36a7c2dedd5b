from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from django.utils.module_loading import import_string

from paperclip.core import ports, webserver


class Command(BaseCommand):
    help = "Serve the board and the API. `up` runs this beside the scheduler and the runner."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=settings.BIND_HOST)
        parser.add_argument("--port", type=int, default=settings.PORT)
        parser.add_argument("--workers", type=int, default=settings.WEB_WORKERS, help="processes")
        parser.add_argument(
            "--threads", type=int, default=settings.WEB_THREADS, help="threads of each process"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        complaint = ports.complaint(options["host"], options["port"])
        if complaint:
            raise CommandError(complaint)
        self.stdout.write(f"serving on {options['host']}:{options['port']}")
        webserver.serve(
            lambda: import_string(settings.WSGI_APPLICATION),
            host=options["host"],
            port=options["port"],
            workers=options["workers"],
            threads=options["threads"],
            at_thread_end=connections.close_all,
        )
