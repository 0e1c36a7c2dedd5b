"""Who is named in a comment (I-78). One pass over the text, whatever is in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from uuid import UUID

from paperclip.companies.choices import AgentStatus
from paperclip.companies.models import Agent

_ENTITIES = {
    "amp": "&", "apos": "'", "copy": "\u00a9", "gt": ">", "lt": "<", "nbsp": "\u00a0", "quot": '"',
    "ensp": "\u2002", "emsp": "\u2003", "thinsp": "\u2009",
}  # fmt: skip
_ENTITY = re.compile(r"&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z]{2,6}));")
_AT = re.compile(r"(?<!\w)@(?=\S)")
_LINK = re.compile(r"\]\(agent://([0-9a-fA-F-]{36})(?:\?[^)\s]{0,100})?\)")
# What may follow a name: anything that could not be a part of a longer one.
_NAME_GOES_ON = re.compile(r"[\w-]")
_MAX_MENTIONS = 1000


def decode(text: str) -> str:
    """Return `text` with HTML entities as characters; unknown ones stay as they are."""
    return _ENTITY.sub(_decoded, text)


def normalise(token: str) -> str:
    """Return a mention without the wrapping an editor put around it."""
    return decode(token).strip()


def named(body: str, agents: Sequence[tuple[UUID, str]]) -> list[UUID]:
    """Return which of `agents` (id, name) the body names, in order, each once.

    `@Name` matches whole names in any case, also with spaces and dots; the longest wins.
    `[text](agent://<id>)` matches by id.
    """
    by_initial: dict[str, list[tuple[str, UUID]]] = {}
    for agent_id, name in sorted(agents, key=lambda agent: -len(agent[1])):
        name = name.strip().casefold()
        if name:
            by_initial.setdefault(name[0], []).append((name, agent_id))
    found: dict[UUID, None] = {}
    text = decode(body).casefold()
    for at in islice(_AT.finditer(text), _MAX_MENTIONS):
        meant = _name_at(text, at.end(), by_initial)
        if meant is not None:
            found[meant] = None
    known = {str(agent_id): agent_id for agent_id, _ in agents}
    for link in islice(_LINK.finditer(body), _MAX_MENTIONS):
        if link[1].lower() in known:
            found[known[link[1].lower()]] = None
    return list(found)


def agents_named(body: str, *, company_id: UUID) -> list[UUID]:
    """Return the ids of the company's agents that `body` names; those terminated have no name any more."""
    if "@" not in decode(body) and "agent://" not in body:
        return []
    agents = Agent.objects.filter(company_id=company_id).exclude(status=AgentStatus.TERMINATED)
    return named(body, list(agents.order_by("created_at", "pk").values_list("id", "name")))


def _name_at(text: str, start: int, by_initial: dict[str, list[tuple[str, UUID]]]) -> UUID | None:
    for name, agent_id in by_initial.get(text[start], ()):
        if text.startswith(name, start) and not _NAME_GOES_ON.match(text, start + len(name)):
            return agent_id
    return None


def _decoded(entity: re.Match[str]) -> str:
    decimal, hexadecimal, name = entity.groups()
    if name:
        return _ENTITIES.get(name, entity[0])
    code = int(decimal) if decimal else int(hexadecimal, 16)
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else entity[0]
