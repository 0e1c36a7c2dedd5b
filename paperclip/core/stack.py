"""Everything that runs on one host, put together for `up`: the parts, and what is done beside them."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
import webbrowser
from dataclasses import replace
from functools import partial
from importlib import import_module

from django.conf import settings
from django.core.management import ManagementUtility, call_command, get_commands, load_command_class
from django.db import connection
from django.utils.module_loading import import_string

from paperclip.core import postgres, webserver
from paperclip.core.supervisor import Chore, Part

# Ticks come at least every minute and are looked at every half minute: three minutes are no accident.
SCHEDULER_SILENT_SECONDS = 180
HEALTH_LOOK_SECONDS = 0.2
HEALTH_ANSWER_SECONDS = 5
MIGRATE_LOCK = 7_242_867_225_478_153  # any number nobody else locks
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - compared with, not bound to


def prepare_database() -> None:
    """Start the embedded server, if that is the one, and bring the tables up to date.

    One host at a time migrates a shared database. Raises PostgresError and django.db.DatabaseError.
    """
    if settings.EMBEDDED_POSTGRES:
        postgres.start(settings.PAPERCLIP_HOME)
    try:
        with connection.cursor() as cursor:
            # Asked again and again rather than waited for: a waiting statement would hold back the very
            # migrations (indexes built concurrently) it waits for.
            while not cursor.execute("SELECT pg_try_advisory_lock(%s)", [MIGRATE_LOCK]).fetchone()[0]:
                time.sleep(0.2)
        call_command("migrate", interactive=False, verbosity=0)
    finally:
        # Gives the lock back, too.
        connection.close()


def preload() -> None:
    """Import what the parts would each import by themselves, so that they share its memory."""
    for module in (settings.ROOT_URLCONF, settings.WSGI_APPLICATION.rpartition(".")[0], *webserver.MODULES):
        import_module(module)


def wind_up() -> None:
    """Stop the embedded server, if that is the one, after everything that uses it. Raises PostgresError."""
    if settings.EMBEDDED_POSTGRES:
        postgres.stop(settings.PAPERCLIP_HOME)


def parts(*, demo: bool = False, scheduler: bool = True, runner: bool = True) -> list[Part]:
    """The programs of this host. `demo` adds the one that fills the demo company, once."""
    found = [_part("web", "web")]
    if scheduler:
        found.append(
            replace(
                _part("scheduler", "qcluster"),
                silence=_tick_age,
                silence_limit_seconds=SCHEDULER_SILENT_SECONDS,
            )
        )
    if runner:
        found.append(replace(_part("runner", "runner"), rests=_why_runner_rests))
    if demo:
        found.append(replace(_part("demo", "seed_demo"), once=True))
    return found


def chores(*, open_browser: bool = False) -> list[Chore]:
    """What is done beside the parts: the greeting when the board answers, and the care of the database."""
    greeting = Chore("start", partial(_greet, open_browser=open_browser), every_seconds=1, once=True)
    if not settings.EMBEDDED_POSTGRES:
        return [greeting]
    database = Chore(
        "database",
        _revive_database,
        every_seconds=1,
        needed=_database_is_dead,
        limit_seconds=postgres.START_SECONDS + 60,
    )
    return [greeting, database]


def health_url() -> str:
    """Where the web server of this host can be asked whether it is well."""
    host = ANYWHERE.get(settings.BIND_HOST, settings.BIND_HOST)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.PORT}/api/health"


def _part(name: str, command: str) -> Part:
    """A part that is a command of `manage.py`, imported now to share its memory."""
    argv = ["manage.py", command]
    app = get_commands().get(command)
    if isinstance(app, str) and load_command_class(app, command).requires_system_checks:
        # `up` has been through them, and they touch, and thereby copy, much of the shared memory.
        argv.append("--skip-checks")
    return Part(name, ManagementUtility(argv).execute)


def _tick_age() -> float | None:
    age: float | None = import_string(settings.LAST_TICK_AGE)()
    return age


def _why_runner_rests() -> str | None:
    reason: str | None = import_string(settings.RUNNER_RESTS)()
    return reason


def _database_is_dead() -> bool:
    return not postgres.lives(settings.PAPERCLIP_HOME)


def _revive_database() -> None:
    postgres.start(settings.PAPERCLIP_HOME)
    print("the database server had ended; it runs again")  # noqa: T201 - chores speak by printing


def _greet(*, open_browser: bool) -> None:
    """Say what a person needs to begin, as soon as the web server answers."""
    while not _web_answers():
        time.sleep(HEALTH_LOOK_SECONDS)
    link: str = import_string(settings.SIGN_IN_LINK_FACTORY)()
    print(  # noqa: T201 - chores speak by printing
        f"\nPaperclip is running.\n"
        f"  Board   {link}\n"
        f"          (signs you in once; afterwards {settings.PAPERCLIP_PUBLIC_URL}/admin/)\n"
        f"  API     {settings.PAPERCLIP_PUBLIC_URL}/api\n"
        f"  Home    {settings.PAPERCLIP_HOME}\n"
        f"  Stop    Ctrl-C; agents at work go on and are found again by the next start\n"
    )
    if open_browser:
        webbrowser.open(link)


def _web_answers() -> bool:
    try:
        with urllib.request.urlopen(health_url(), timeout=HEALTH_ANSWER_SECONDS):  # noqa: S310 - our own address
            return True
    except urllib.error.HTTPError:
        # It answers; what it finds wrong stands in its own log.
        return True
    except OSError:
        return False
