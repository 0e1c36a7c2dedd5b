"""What `manage.py` does before Django takes over: the database runs when a command needs it.

Trouble with the surroundings (home folder, database server) ends in a sentence and exit code 1, never in a
traceback.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from paperclip.core import postgres

# Everything else gets the database. `up` starts it itself, after making sure that it may; `doctor` looks.
WITHOUT_DATABASE = frozenset(
    ["", "help", "version", "check", "diffsettings", "makemigrations", "collectstatic", "doctor", "mcp", "up"]
)
ASKS_FOR_WORDS_ONLY = frozenset(["--help", "-h", "--version"])


def needs_database(arguments: Sequence[str]) -> bool:
    """Whether the command line `arguments`, without the program's name, wants a running database."""
    command = arguments[0] if arguments else ""
    return command not in WITHOUT_DATABASE and not ASKS_FOR_WORDS_ONLY & set(arguments)


def run(argv: Sequence[str]) -> int:
    """Run the command line `argv` (program name first) and return the exit code."""
    arguments = list(argv[1:])
    if arguments[:1] == ["up"]:
        _take_port(arguments[1:])
    try:
        _prepare(arguments)
    except (OSError, ValueError, ImproperlyConfigured, postgres.PostgresError) as error:
        print(f"paperclip: {error}", file=sys.stderr)  # noqa: T201 - the one line a person at the terminal needs
        return 1
    execute_from_command_line([argv[0], *arguments])
    return 0


def _prepare(arguments: Sequence[str]) -> None:
    from django.conf import settings  # reading them makes the home folder and the secret key, which may fail

    if settings.EMBEDDED_POSTGRES and needs_database(arguments):
        postgres.start(settings.PAPERCLIP_HOME)


def _take_port(arguments: Sequence[str]) -> None:
    """Let `up --port N` mean PORT=N, for every part and for the addresses that settings build from it."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--port")
    port = parser.parse_known_args(arguments)[0].port
    if port is not None and port.isdecimal():  # anything else is refused by the command's own parser
        os.environ["PORT"] = port
