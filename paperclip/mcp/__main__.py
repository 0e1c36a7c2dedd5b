"""`python -m paperclip.mcp`: the MCP server where nothing else of the product is set up."""

from __future__ import annotations

import sys

from paperclip.mcp import server

sys.exit(server.main())
