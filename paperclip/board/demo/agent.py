"""The demo's agent program: a lead or a worker, one heartbeat, then it ends.

Started by the run engine like any other program, as `python -I -S agent.py ROLE`. It knows the standard
library, the variables it is given and the public REST API, nothing else.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from pathlib import Path

# Isolated from its folder (`-I`), the program finds the modules beside it by the name they are tested under.
sys.path.append(str(Path(__file__).resolve().parents[3]))

from paperclip.board.demo import lead, shift, worker
from paperclip.board.demo.client import ApiError
from paperclip.board.demo.shift import Json, Shift, Trouble
from paperclip.board.demo.voice import Voice, complain

_ROLES = {"lead": lead.work, "worker": worker.work}


def main(arguments: list[str]) -> int:
    """Work for one heartbeat; return 0 when the work is done or waits, 1 when it failed and said why."""
    options = _options(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        at = shift.begin(os.environ, Voice(options.pace))
        issue = shift.choose(at)
    except (Trouble, ApiError) as error:
        complain(str(error))
        return 1
    if issue is None:
        return 0
    try:
        _ROLES[options.role](at, issue)
    except (Trouble, ApiError) as error:
        _give_up(at, issue, str(error))
        return 1
    return 0


def _give_up(at: Shift, issue: Json, why: str) -> None:
    """Say why on the issue and, last, on standard error, where it becomes the error of the run."""
    try:
        shift.give_up(at, issue, why)
        at.say(f"{issue['identifier']} is blocked")
    except ApiError as error:
        complain(f"{issue['identifier']} could not be set to blocked: {error}")
    complain(why)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="An agent of the demo company; one heartbeat of it.")
    parser.add_argument("role", choices=sorted(_ROLES))
    parser.add_argument(
        "--pace", type=float, default=0, metavar="SECONDS", help="pause after each line it says"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
