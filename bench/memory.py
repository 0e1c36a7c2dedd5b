"""What the product occupies when nobody uses it."""

from __future__ import annotations

import contextlib
import re
import time
from collections import defaultdict
from pathlib import Path

from django.db import connections

from bench.measures import Measure
from bench.product import Product

IDLE_SECONDS = 40
_PART = re.compile(r"^(paperclip \w+|gunicorn|qcluster|postgres)")
_OTHERS = "the rest"


def idle(product: Product, *, when: str) -> Measure:
    """Return the memory of all processes, the database's included, after a time without requests and runs.

    Proportional set size: a page that several processes share is counted once, in equal parts. The database session of
    the benchmark itself is closed before, because it is none of the product's.
    """
    connections.close_all()
    time.sleep(IDLE_SECONDS)
    sizes: dict[str, float] = defaultdict(float)
    for pid, command in product.processes().items():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            sizes[_part(command)] += _pss_megabytes(pid)
    note = ", ".join(f"{part} {size:.0f}" for part, size in sorted(sizes.items(), key=lambda item: -item[1]))
    return Measure(f"idle memory, {when}", "MB", sum(sizes.values()), goal=350, note=note)


def _pss_megabytes(pid: int) -> float:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)[1]) / 1024


def _part(command: str) -> str:
    found = _PART.match(command.removeprefix("/").rpartition("/bin/")[2])
    return found[1].removeprefix("paperclip ") if found else _OTHERS
