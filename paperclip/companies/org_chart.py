"""The tree of agents as a drawing that stands by itself: for documents, chats and printers (C-50)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from paperclip.companies.org import Node

DEFAULT_STYLE = "warmth"
BOX_WIDTH = 184
BOX_HEIGHT = 58
_GAP = 24
_RISE = 52
_MARGIN = 24
_MOST_LETTERS = 24


@dataclass(frozen=True)
class Style:
    """The colours of a drawing."""

    paper: str
    box: str
    edge: str
    ink: str
    quiet: str


STYLES = {
    "warmth": Style(paper="#fbf7f1", box="#fffdf9", edge="#d9c7b0", ink="#3d2f22", quiet="#8a745c"),
    "monochrome": Style(paper="#ffffff", box="#ffffff", edge="#9ca3af", ink="#111827", quiet="#6b7280"),
    "night": Style(paper="#0f172a", box="#1e293b", edge="#475569", ink="#f1f5f9", quiet="#94a3b8"),
}


@dataclass(frozen=True)
class _Placed:
    """A node with its middle, counted in boxes from the left, and its row from the top."""

    node: Node
    middle: float
    row: int
    below: Sequence[_Placed]


@dataclass(frozen=True)
class Box:
    """One agent on the paper: the corner of its box, and the two lines that stand in it."""

    x: float
    y: float
    name: str
    about: str


@dataclass(frozen=True)
class Drawing:
    """Everything on the paper, in points: the boxes, and the lines between them by their corners."""

    width: float
    height: float
    boxes: Sequence[Box]
    lines: Sequence[Sequence[tuple[float, float]]]


def style_of(name: str | None) -> Style:
    """Return a style by its name; an unknown one is the usual one (C-50)."""
    return STYLES.get(name or DEFAULT_STYLE, STYLES[DEFAULT_STYLE])


def drawing(roots: Sequence[Node]) -> Drawing:
    """Return where everything of a tree stands."""
    placed, columns = _place(roots, 0, 0.0)
    boxes = list(_all(placed))
    rows = max((box.row for box in boxes), default=0) + 1
    return Drawing(
        width=max(columns, 1) * (BOX_WIDTH + _GAP) - _GAP + 2 * _MARGIN,
        height=rows * (BOX_HEIGHT + _RISE) - _RISE + 2 * _MARGIN,
        boxes=[_box(each) for each in boxes],
        lines=[_line(each, below) for each in boxes for below in each.below],
    )


def svg(roots: Sequence[Node], *, title: str, style: str | None) -> str:
    """Return the drawing of a tree; an unknown `style` is drawn in the usual one."""
    look, drawn = style_of(style), drawing(roots)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{drawn.width:.0f}" height="{drawn.height:.0f}"'
        f' viewBox="0 0 {drawn.width:.0f} {drawn.height:.0f}" role="img" font-family="system-ui, sans-serif">',
        f"<title>{_text(title)}</title>",
        f'<rect width="100%" height="100%" fill="{look.paper}"/>',
        *(_svg_line(line, look) for line in drawn.lines),
        *(_svg_box(box, look) for box in drawn.boxes),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _place(nodes: Sequence[Node], row: int, left: float) -> tuple[list[_Placed], float]:
    """Put each node above the middle of those that report to it; return them and where the next may begin."""
    placed = []
    for node in nodes:
        below, right = _place(node.reports, row + 1, left)
        middle = (below[0].middle + below[-1].middle) / 2 if below else left
        placed.append(_Placed(node, middle, row, below))
        left = right if below else left + 1
    return placed, left


def _all(placed: Sequence[_Placed]) -> Iterator[_Placed]:
    for box in placed:
        yield box
        yield from _all(box.below)


def _corner(box: _Placed) -> tuple[float, float]:
    return _MARGIN + box.middle * (BOX_WIDTH + _GAP), _MARGIN + box.row * (BOX_HEIGHT + _RISE)


def _line(above: _Placed, below: _Placed) -> list[tuple[float, float]]:
    (x, y), (to_x, to_y) = _corner(above), _corner(below)
    x, y, to_x = x + BOX_WIDTH / 2, y + BOX_HEIGHT, to_x + BOX_WIDTH / 2
    half = y + _RISE / 2
    return [(x, y), (x, half), (to_x, half), (to_x, to_y)]


def _box(placed: _Placed) -> Box:
    node = placed.node
    return Box(*_corner(placed), _short(node.name), f"{node.role} · {node.status.replace('_', ' ')}")


def _svg_line(corners: Sequence[tuple[float, float]], look: Style) -> str:
    (x, y), (_, half), _, (to_x, to_y) = corners
    return (
        f'<path d="M{x:.1f} {y:.1f}V{half:.1f}H{to_x:.1f}V{to_y:.1f}" fill="none" stroke="{look.edge}"'
        ' stroke-width="1.5"/>'
    )


def _svg_box(box: Box, look: Style) -> str:
    middle = box.x + BOX_WIDTH / 2
    return (
        f'<g><rect x="{box.x:.1f}" y="{box.y:.1f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="8"'
        f' fill="{look.box}" stroke="{look.edge}"/>'
        f'<text x="{middle:.1f}" y="{box.y + 25:.1f}" text-anchor="middle" font-size="14" font-weight="600"'
        f' fill="{look.ink}">{_text(box.name)}</text>'
        f'<text x="{middle:.1f}" y="{box.y + 44:.1f}" text-anchor="middle" font-size="11"'
        f' fill="{look.quiet}">{_text(box.about)}</text></g>'
    )


def _short(name: str) -> str:
    return name if len(name) <= _MOST_LETTERS else name[: _MOST_LETTERS - 1] + "…"


def _text(text: str) -> str:
    """Return text for a drawing; characters that XML does not know are left out."""
    return escape("".join(letter for letter in text if letter.isprintable()))
