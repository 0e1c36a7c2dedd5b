"""What the board's frame shows: title, colours and the sidebar."""

from __future__ import annotations

from typing import Any

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Paperclip",
    "SITE_HEADER": "Paperclip",
    "SITE_SYMBOL": "attach_file",
}
