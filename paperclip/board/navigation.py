"""What the board's frame shows: title, colours, style sheet, script, switcher and sidebar.

Read with the settings, so nothing here may touch a model; what needs the request is named by dotted path and
lives in `paperclip.board.frame`.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static


def _style(request: HttpRequest) -> str:
    return static("board/board.css")


def _script(request: HttpRequest) -> str:
    return static("board/board.js")


def _live_script(request: HttpRequest) -> str:
    return static("board/live.js")


def _favicon(request: HttpRequest) -> str:
    return static("board/icon.svg")


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Paperclip",
    "SITE_HEADER": "paperclip.board.frame.company_name",
    "SITE_SUBHEADER": "paperclip.board.frame.company_line",
    "SITE_SYMBOL": "attach_file",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _favicon}],
    "SITE_URL": None,
    "SITE_DROPDOWN": "paperclip.board.frame.switcher",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "STYLES": [_style],
    "SCRIPTS": [_script, _live_script],
    "COLORS": {
        "primary": {
            "50": "oklch(97% .014 254.6)",
            "100": "oklch(93.2% .032 255.6)",
            "200": "oklch(88.2% .059 254.1)",
            "300": "oklch(80.9% .105 251.8)",
            "400": "oklch(71% .143 254.6)",
            "500": "oklch(66% .16 258)",
            "600": "oklch(52% .18 260)",
            "700": "oklch(45.5% .17 260.5)",
            "800": "oklch(39.5% .14 260.6)",
            "900": "oklch(34.5% .11 261)",
            "950": "oklch(26% .08 262)",
        },
    },
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "show_all_applications": False,
        "navigation": "paperclip.board.frame.sidebar",
    },
}
