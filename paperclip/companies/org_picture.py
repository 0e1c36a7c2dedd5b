"""The tree of agents as a picture, for what shows no drawings (C-50)."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from paperclip.companies import org_chart
from paperclip.companies.org import Node

# Twice as many dots as points, so that it is sharp on today's screens; fewer where a tree is so large that the
# picture would fill the memory.
_SCALE = 2.0
_MOST_DOTS = 12_000_000
_LONGEST_SIDE = 30_000
# Fonts with more letters than the one that comes along, where the host has them.
_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial.ttf")


def png(roots: Sequence[Node], *, style: str | None) -> bytes:
    """Return the picture of a tree; an unknown `style` is drawn in the usual one."""
    look, drawn = org_chart.style_of(style), org_chart.drawing(roots)
    scale = min(
        _SCALE,
        math.sqrt(_MOST_DOTS / (drawn.width * drawn.height)),
        _LONGEST_SIDE / max(drawn.width, drawn.height),
    )
    size = max(1, int(drawn.width * scale)), max(1, int(drawn.height * scale))
    picture = Image.new("RGB", size, look.paper)
    pen = ImageDraw.Draw(picture)
    for line in drawn.lines:
        pen.line([(x * scale, y * scale) for x, y in line], fill=look.edge, width=max(1, round(1.5 * scale)))
    name_font, about_font = _font(14 * scale), _font(11 * scale)
    for box in drawn.boxes:
        corners = [
            (box.x * scale, box.y * scale),
            ((box.x + org_chart.BOX_WIDTH) * scale, (box.y + org_chart.BOX_HEIGHT) * scale),
        ]
        pen.rounded_rectangle(
            corners, radius=8 * scale, fill=look.box, outline=look.edge, width=max(1, round(scale))
        )
        middle = (box.x + org_chart.BOX_WIDTH / 2) * scale
        pen.text((middle, (box.y + 25) * scale), box.name, font=name_font, fill=look.ink, anchor="ms")
        pen.text((middle, (box.y + 44) * scale), box.about, font=about_font, fill=look.quiet, anchor="ms")
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


@cache
def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue  # this host does not have it
    return ImageFont.load_default(size)
