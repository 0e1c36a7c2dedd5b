from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from paperclip.mcp import server


class Command(BaseCommand):
    help = (
        "Serve the API's tools to one MCP client over standard input and output, or to many over HTTP. "
        "PAPERCLIP_API_URL and PAPERCLIP_API_KEY say where and as whom; "
        "PAPERCLIP_COMPANY_ID, PAPERCLIP_AGENT_ID and PAPERCLIP_RUN_ID are used when set."
    )
    # It runs where the agent runs: what checks find about the control plane is not its business.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        server.add_arguments(parser)

    def handle(self, *args: Any, http: str | None, **options: Any) -> None:
        sys.exit(server.run(http=http))
