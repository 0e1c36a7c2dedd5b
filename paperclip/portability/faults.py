"""What is wrong with a package, told with the file and the field where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


class Fault(Exception):
    """Something in a package that cannot be read; the text names file and field."""

    def __init__(self, path: str, message: str, *, name: str = "") -> None:
        super().__init__(f"{path}: {name}: {message}" if name else f"{path}: {message}")


@dataclass
class Findings:
    """What is found while a package is read: errors forbid its import, warnings do not."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note a fault of the block and go on behind it, so that all faults are told at once."""
        try:
            yield
        except Fault as fault:
            self.errors.append(str(fault))
