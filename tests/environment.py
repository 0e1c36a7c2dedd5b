"""Gives a test run its own home and its own PostgreSQL, before Django's settings are read.

Loaded by `-p tests.environment`. The first process starts the server and takes it down at the end; the parallel
workers it spawns inherit the addresses.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from paperclip.core import postgres

if "PYTEST_XDIST_WORKER" not in os.environ:
    _home = Path(tempfile.mkdtemp(prefix="paperclip-test-"))
    _home.chmod(0o755)
    postgres.start(_home, durable=False)
    for _name in [name for name in os.environ if name.startswith("PAPERCLIP_")]:
        del os.environ[_name]
    os.environ["DATABASE_URL"] = postgres.url(_home)
    os.environ["PAPERCLIP_HOME"] = str(_home / "home")
    os.environ["PAPERCLIP_LOG_LEVEL"] = "WARNING"
    os.environ["PORT"] = "3199"

    @atexit.register
    def _take_down() -> None:
        postgres.stop(_home)
        shutil.rmtree(_home, ignore_errors=True)
