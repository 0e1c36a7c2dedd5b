"""Markdown of issues, comments and documents, made safe for a browser.

The text is written by agents and people: raw HTML is shown as text, links lead nowhere but to the web, to
mail and to places of this site, and no image is loaded from elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

_TAGS = {
    "p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "strong", "em", "s", "code", "pre", "blockquote",
    "ul", "ol", "li", "a", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}, "code": {"class"}, "th": {"align"}, "td": {"align"}}
_SCHEMES = {"http", "https", "mailto"}
_MAX_CHARS = 400_000

_REFERENCE_LINK = re.compile(r"/[A-Z][A-Z0-9]*/issues/([A-Z][A-Z0-9]*-\d+)(#[\w-]*)?")


@dataclass(frozen=True)
class Identifiers:
    """Names of issues to turn into links: those that begin with `prefix`, led to by `url(identifier)`."""

    prefix: str
    url: Callable[[str], str]


def render(
    text: str | None, identifiers: Identifiers | None = None, *, keeps_lines: bool = True
) -> SafeString:
    """Return `text` as HTML that may stand on a page.

    Lines end where they do in the text, as people type; without `keeps_lines` they flow, as in files that are wrapped.
    Issues of `identifiers` are linked where their name stands as a word, and where the text uses the interface's
    own addresses (`/PAP/issues/PAP-12`). Texts beyond 400,000 characters are cut, so that one document cannot
    hold up a page.
    """
    if not text:
        return SafeString("")
    parser = _parser if keeps_lines else _flowing
    html = parser.render(text[:_MAX_CHARS], {"identifiers": identifiers})

    def attribute(tag: str, name: str, value: str) -> str | None:
        known = _REFERENCE_LINK.fullmatch(value) if tag == "a" and name == "href" and identifiers else None
        return f"{identifiers.url(known[1])}{known[2] or ''}" if known and identifiers else value

    clean = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        attribute_filter=attribute,
        link_rel="noopener nofollow",
    )
    return mark_safe(clean)  # noqa: S308  the sanitiser has the last word


def _link_identifiers(state: StateCore) -> None:
    """Turn names of issues in running text into links; code and links are left as they are."""
    identifiers: Identifiers | None = state.env.get("identifiers")
    if identifiers is None:
        return
    pattern = re.compile(rf"\b{re.escape(identifiers.prefix)}-\d{{1,10}}\b")
    for block in state.tokens:
        if block.type == "inline" and block.children:
            block.children = list(_with_links(block.children, pattern, identifiers))


def _with_links(tokens: list[Token], pattern: re.Pattern[str], identifiers: Identifiers) -> Iterator[Token]:
    depth = 0
    for token in tokens:
        depth += (token.type == "link_open") - (token.type == "link_close")
        if token.type != "text" or depth:
            yield token
            continue
        end = 0
        for found in pattern.finditer(token.content):
            yield _text(token.content[end : found.start()])
            yield Token("link_open", "a", 1, attrs={"href": identifiers.url(found[0])})
            yield _text(found[0])
            yield Token("link_close", "a", -1)
            end = found.end()
        yield _text(token.content[end:])


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _made(*, breaks: bool) -> MarkdownIt:
    options = {"html": False, "linkify": False, "typographer": False, "breaks": breaks}
    parser = MarkdownIt("js-default", options)
    parser.disable("image")
    parser.core.ruler.push("issue_identifiers", _link_identifiers)
    return parser


_parser, _flowing = _made(breaks=True), _made(breaks=False)
