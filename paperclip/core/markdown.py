"""Markdown of issues, comments and documents, made safe for a browser.

The text is written by agents and people: raw HTML is shown as text, links lead nowhere but to the web, to
mail and to places of this site, and no image is loaded from elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

_TAGS = {
    "p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "strong", "em", "s", "code", "pre", "blockquote",
    "ul", "ol", "li", "a", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}, "code": {"class"}, "th": {"align"}, "td": {"align"}}
_SCHEMES = {"http", "https", "mailto"}
_MAX_CHARS = 400_000

_parser = MarkdownIt("js-default", {"html": False, "linkify": False, "typographer": False, "breaks": True})
_parser.disable("image")


def render(text: str | None, *, rewrite_link: Callable[[str], str] | None = None) -> SafeString:
    """Return `text` as HTML that may stand on a page.

    `rewrite_link` may turn an address the text uses into one of this site. Texts beyond 400,000 characters
    are cut, so that one document cannot hold up a page.
    """
    if not text:
        return SafeString("")
    html = _parser.render(text[:_MAX_CHARS])

    def attribute(tag: str, name: str, value: str) -> str | None:
        if tag == "a" and name == "href" and rewrite_link is not None:
            return rewrite_link(value)
        return value

    clean = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        attribute_filter=attribute,
        link_rel="noopener nofollow",
    )
    return mark_safe(clean)  # noqa: S308  the sanitiser has the last word
