"""Reading a crontab: each of its entries as the routine it would become. Pure.

What cron does with an entry and a routine cannot do is said by line, not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from paperclip.core import redaction
from paperclip.core.errors import Unprocessable
from routines import schedule
from routines.choices import TITLE_MAX

_NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_ZONES = ("CRON_TZ", "TZ")
_FIELDS = 5
_PERCENT = re.compile(r"(?<!\\)%")
# Would be read as the name of a variable.
_PLACEHOLDER = re.compile(r"\{\{\s*[A-Za-z]")


@dataclass(frozen=True)
class Entry:
    """One line of a crontab: when, in which zone, and what. `title` is the comment above it, or the command.

    `settings` are the variables that stand above it, `fault` says why it cannot become a routine.
    """

    line: int
    expression: str
    zone: str
    title: str
    command: str
    stdin: str | None = None
    user: str | None = None
    settings: Sequence[str] = ()
    fault: str | None = None

    @property
    def description(self) -> str:
        """Return what the routine's agent is told to do."""
        parts = [f"Run this command:\n\n```sh\n{self.command}\n```"]
        if self.user is not None:
            parts.append(f"It used to run as the user `{self.user}`.")
        if self.settings:
            parts.append("With these settings:\n\n```sh\n" + "\n".join(self.settings) + "\n```")
        if self.stdin is not None:
            parts.append(f"Its input:\n\n```\n{self.stdin}\n```")
        return "\n\n".join(parts)


def read(text: str, *, zone: str, has_user: bool = False) -> list[Entry]:
    """Return the entries of a crontab. `zone` holds until a CRON_TZ line; `has_user` reads /etc/crontab's form."""
    return list(_entries(text, zone, has_user))


def _entries(text: str, zone: str, has_user: bool) -> Iterator[Entry]:
    settings: dict[str, str] = {}
    comment = ""
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line:
            comment = ""
        elif line.startswith("#"):
            comment = line.lstrip("# ").strip()
        elif setting := _VARIABLE.fullmatch(line):
            name, value = setting[1], setting[2].strip("\"'")
            if redaction.names_secret(name):
                value = redaction.MARKER  # everybody of the company reads the routine
            if name in _ZONES:
                zone = value
            else:
                settings[name] = f"{name}={value}"
        else:
            yield _entry(number, line, zone, comment, tuple(settings.values()), has_user)
            comment = ""


def _entry(number: int, line: str, zone: str, comment: str, settings: Sequence[str], has_user: bool) -> Entry:
    expression, rest = _split(line)
    user = None
    if has_user:
        user, _, rest = rest.partition(" ")
        rest = rest.strip()
    command, stdin = _command(rest)
    entry = Entry(
        number,
        expression,
        zone,
        (comment or command.splitlines()[0] if command else line)[:TITLE_MAX],
        command,
        stdin,
        user,
        settings,
    )
    fault = _fault(entry)
    return replace(entry, fault=fault)


def _split(line: str) -> tuple[str, str]:
    """Return the five fields, a nickname written out, and what follows."""
    words = line.split(None, 1)
    if words[0].startswith("@"):
        return _NICKNAMES.get(words[0].lower(), words[0]), words[1].strip() if words[1:] else ""
    parts = line.split(None, _FIELDS)
    return " ".join(parts[:_FIELDS]), parts[_FIELDS].strip() if parts[_FIELDS:] else ""


def _command(rest: str) -> tuple[str, str | None]:
    """Return the command and its input: to cron, a percent sign ends a line, the first one the command."""
    command, *lines = (part.replace("\\%", "%") for part in _PERCENT.split(rest))
    return command.strip(), "\n".join(lines) if lines else None


def _fault(entry: Entry) -> str | None:
    if entry.expression.startswith("@"):
        return f"{entry.expression} names no time; a routine needs one"
    if not entry.command:
        return "there is no command"
    if _PLACEHOLDER.search(entry.description + entry.title):
        return "{{name}} would be read as a variable of the routine"
    try:
        schedule.require_valid(entry.expression, entry.zone)
    except Unprocessable as error:
        return error.message
    return None
