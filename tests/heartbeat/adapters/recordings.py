"""What real programs printed, recorded with their real exit codes; `samples/` holds them, folders renamed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from heartbeat.adapters.base import Ended

SAMPLES = Path(__file__).parent / "samples"
NOW = datetime(2026, 11, 20, 6, 20, tzinfo=UTC)


def names(program: str) -> set[str]:
    """Every recording of a program."""
    return {path.name.removesuffix(".stdout.jsonl") for path in SAMPLES.glob(f"{program}-*.stdout.jsonl")}


def ended(name: str, exit_code: int | None, **changes) -> Ended:
    """The end of the program that left the recording `name` behind."""
    errors = SAMPLES / f"{name}.stderr.txt"
    return Ended(
        exit_code=exit_code,
        signal=changes.pop("signal", None),
        timed_out=changes.pop("timed_out", False),
        timeout_seconds=changes.pop("timeout_seconds", 0),
        stdout=(SAMPLES / f"{name}.stdout.jsonl").read_text(),
        stderr=errors.read_text() if errors.exists() else "",
        ended_at=changes.pop("ended_at", NOW),
        memo=changes.pop("memo", {}),
    )
