"""The account that runs the embedded database server when we are root, which PostgreSQL refuses to run as.

Root may open its own folders and files to that account, to pass and to use, never to write; what belongs to
others is left alone and named.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pwd
import stat
import subprocess
import time
from pathlib import Path

logger = logging.getLogger(__name__)

# The name the wheel's own code uses.
NAME = "pgserver"
ADD_SECONDS = 10


class AccountError(Exception):
    """There is no account to run the server as, or it cannot get there. The text says what to do."""


def choose(folder: Path) -> pwd.struct_passwd | None:
    """The account for a server whose files are in `folder`: None when it is our own, for whoever is not root.

    Root hands over to the owner of the folder, so that a user's server stays theirs; a folder that is new or
    root's own gets the service account, which is added when missing. Raises AccountError.
    """
    if os.geteuid() != 0:
        return None
    owner = folder.stat().st_uid if folder.exists() else 0
    if owner == 0:
        return _service_account()
    try:
        return pwd.getpwuid(owner)
    except KeyError as error:
        raise AccountError(
            f"{folder} belongs to user number {owner}, which has no account on this machine: "
            f"add that user, or run chown -R {NAME} {folder}"
        ) from error


def let_pass(folder: Path, account: pwd.struct_passwd) -> None:
    """Let `account` pass through `folder` and all above it, without reading them. Raises AccountError."""
    for each in (folder, *folder.parents):
        info = each.stat()
        if info.st_mode & stat.S_IXOTH or info.st_uid == account.pw_uid:
            continue
        if info.st_uid != 0:
            raise AccountError(
                f"The database server runs as {account.pw_name}, which may not pass through {each}: run "
                f"chmod o+x {each}, or choose another PAPERCLIP_HOME, or run as the owner of that folder."
            )
        if each != folder:
            logger.warning("%s: now lets the account %s pass through (chmod o+x)", each, account.pw_name)
        each.chmod(stat.S_IMODE(info.st_mode) | stat.S_IXOTH)


def let_use(programs: Path, account: pwd.struct_passwd) -> None:
    """Let `account` read and run what is in the folder `programs`, which a strict umask may have hidden."""
    let_pass(programs.parent, account)
    for each in (programs, *programs.rglob("*")):
        info = each.lstat()
        if info.st_uid != 0 or stat.S_ISLNK(info.st_mode):
            continue
        wanted = stat.S_IROTH | (stat.S_IXOTH if info.st_mode & stat.S_IXUSR else 0)
        if info.st_mode & wanted != wanted:
            each.chmod(stat.S_IMODE(info.st_mode) | wanted)


def _service_account() -> pwd.struct_passwd:
    shell = "/usr/sbin/nologin"
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", shell, NAME]
    problem = ""
    deadline = time.monotonic() + ADD_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(NAME)
        try:
            made = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            problem = str(error)
            break
        # Another process may be adding it right now: useradd then reports a lock or an existing name.
        problem = made.stderr.strip()
    raise AccountError(
        f"PostgreSQL does not run as root, and the account {NAME} could not be added ({problem}): "
        f"add it by hand, or run as an ordinary user."
    )
