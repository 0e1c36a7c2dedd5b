"""How services are started and found again: what the floor above, which owns the shims, does for this one.

A launch is one start of a service. It has an id and a folder of its own, and lives on when the control plane dies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True)
class Ended:
    """How a launch ended; `is_lost` when nobody saw it, as after a restart of the host."""

    exit_code: int | None = None
    signal: str | None = None
    error: str | None = None
    is_lost: bool = False

    @property
    def is_fine(self) -> bool:
        """Whether it ended as programs do that are asked to (W-96)."""
        return self.error is None and (self.exit_code == 0 or self.signal == "SIGTERM")


class Programs(Protocol):
    """Keeps the programs of services on this host."""

    @property
    def host(self) -> str:
        """The name of this host, by which rows say where their process is."""
        ...

    def start(self, launch_id: UUID, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> None:
        """Start a program that outlives us. Raises OSError."""
        ...

    def pid(self, launch_id: UUID) -> int | None:
        """Return the process of a launch, None before it runs."""
        ...

    def ended(self, launch_id: UUID) -> Ended | None:
        """Return how a launch ended, None while it lives."""
        ...

    def ask_to_end(self, launch_id: UUID, reason: str) -> None:
        """Have a launch ended with all it started: SIGTERM, and SIGKILL shortly after. May be repeated."""
        ...

    def tail(self, launch_id: UUID) -> str:
        """Return the end of what a launch has printed."""
        ...

    def forget(self, launch_id: UUID) -> None:
        """Remove the folder of a launch that has ended."""
        ...


_kept: list[Programs] = []


def use(programs: Programs) -> None:
    """Say who keeps the programs of services."""
    _kept[:] = [programs]


def here() -> Programs:
    """Return who keeps the programs of services on this host."""
    return _kept[0]
