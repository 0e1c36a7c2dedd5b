"""Tags every page of the board is made of. Their looks are shown in docs/components.md."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from paperclip.core import clock, markdown, redaction, status_look

register = template.Library()

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_LONGEST_ABBREVIATION = 3


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """Draw a Material Symbol that says nothing to a screen reader: words stand beside it."""
    return format_html(
        '<span class="material-symbols-outlined icon {}" aria-hidden="true">{}</span>', css, name
    )


@register.inclusion_tag("board/parts/chip.html")
def chip(status: str, stuck: bool = False) -> dict[str, Any]:
    """Draw a status as icon and word; `stuck` fills it, for states that nobody will move."""
    return {"look": status_look.of(status), "status": status, "stuck": stuck}


@register.inclusion_tag("board/parts/status_icon.html")
def status_icon(status: str) -> dict[str, Any]:
    """Draw a status as its icon alone, with the word for screen readers and the pointer."""
    return {"look": status_look.of(status), "status": status}


@register.inclusion_tag("board/parts/status_icon.html")
def priority_icon(priority: str) -> dict[str, Any]:
    """Draw a priority as its icon, with the word for screen readers and the pointer."""
    return {"look": status_look.of_priority(priority), "status": priority}


@register.inclusion_tag("board/parts/time.html")
def ago(moment: datetime | None) -> dict[str, Any]:
    """Draw a moment as its distance from now, with the absolute time when the pointer rests on it."""
    return {"moment": moment, "kind": "ago", "text": distance(moment) if moment else ""}


@register.inclusion_tag("board/parts/time.html")
def elapsed(start: datetime | None, end: datetime | None = None) -> dict[str, Any]:
    """Draw how long something took; without `end`, how long it has been going on, counting by itself."""
    if start is None:
        return {"moment": None}
    taken = (end or clock.now()) - start
    return {"moment": start, "kind": "" if end else "elapsed", "text": duration(taken)}


@register.inclusion_tag("board/parts/time.html")
def countdown(moment: datetime | None) -> dict[str, Any]:
    """Draw how long it is until a moment, counting down by itself to `due now`."""
    if moment is None:
        return {"moment": None}
    left = moment - clock.now()
    text = f"in {duration(left)}" if left > timedelta(0) else "due now"
    return {"moment": moment, "kind": "due", "text": text}


@register.simple_tag
def options(changelist: Any, spec: Any) -> list[dict[str, Any]]:
    """Return the choices of a list's filter, with the address of each."""
    return list(spec.choices(changelist))


@register.filter
def distance(moment: datetime, now: datetime | None = None) -> str:
    """Return a moment as words: `just now`, `5 min ago`, `in 8 min`, and beyond four weeks the date."""
    seconds = ((now or clock.now()) - moment).total_seconds()
    size = abs(seconds)
    if size < 45:
        return "just now" if seconds >= 0 else "in a moment"
    if size > 28 * _DAY:
        return f"{moment.day} {moment:%b %Y}"
    words = _coarse(size)
    return f"{words} ago" if seconds > 0 else f"in {words}"


def roughly(length: timedelta) -> str:
    """Return a length of time as one coarse word: `42 s`, `3 min`, `5 h`."""
    seconds = max(0.0, length.total_seconds())
    return f"{int(seconds)} s" if seconds < _MINUTE else _coarse(seconds)


@register.filter
def duration(length: timedelta | None) -> str:
    """Return a length of time as words: `0.4 s`, `42 s`, `2 min 5 s`, `3 h 10 min`, `2 d 4 h`."""
    if length is None:
        return ""
    seconds = max(0.0, length.total_seconds())
    if seconds < 1:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


@register.filter
def money(cents: int | None) -> str:
    """Return cents as `$1,234.50`."""
    return f"${(cents or 0) / 100:,.2f}"


@register.filter
def count(number: int | None) -> str:
    """Return a large number in short: `812`, `14k`, `3.2M`."""
    size = float(number or 0)
    if size < 1000:
        return str(int(size))
    return f"{size / 1000:.0f}k" if size < 1_000_000 else f"{size / 1_000_000:.1f}M"


@register.filter
def bytes_size(count: int | None) -> str:
    """Return a count of bytes as `812 B`, `14 kB`, `3.2 MB`."""
    size = float(count or 0)
    if size < 1000:
        return f"{int(size)} B"
    return f"{size / 1000:.0f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"


@register.filter
def short_id(value: Any) -> str:
    """Return the first eight characters of an id, as people compare them."""
    return str(value)[:8]


@register.filter(name="markdown")
def markdown_filter(text: str | None, prefix: str = "") -> SafeString:
    """Return Markdown as safe HTML; with a company's `prefix`, the names of its issues become links."""
    return markdown.render(text, markdown.Identifiers(prefix, _issue_url) if prefix else None)


@register.filter
def markdown_file(text: str | None) -> SafeString:
    """Return Markdown out of a file as safe HTML: its lines are wrapped for an editor, and flow here."""
    return markdown.render(text, keeps_lines=False)


def _issue_url(identifier: str) -> str:
    return reverse("admin:issues_issue_change", args=[identifier])


@register.filter
def pretty_json(value: Any) -> str:
    """Return JSON data indented, with secrets taken out."""
    return json.dumps(redaction.data(value), indent=2, ensure_ascii=False, sort_keys=True, default=str)


@register.filter
def role_words(role: str) -> str:
    """Return an agent's role as people write it: `CEO`, `QA`, `DevOps`, `Engineer`."""
    if role == "devops":
        return "DevOps"
    return role.upper() if len(role) <= _LONGEST_ABBREVIATION else role.capitalize()


@register.filter
def label_of(status: str) -> str:
    """Return the words for a status."""
    return status_look.of(status).label


def _coarse(seconds: float) -> str:
    if seconds < _HOUR:
        return f"{max(1, round(seconds / _MINUTE))} min"
    if seconds < 2 * _DAY:
        return f"{round(seconds / _HOUR)} h"
    return f"{round(seconds / _DAY)} d"
