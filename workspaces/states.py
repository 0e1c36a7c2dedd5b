"""Which services of a workspace are to run: what a person last asked for, service by service (W-108).

Pure. The state of a service is its own, else that of the workspace.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workspaces.choices import DesiredState


@dataclass(frozen=True)
class Desired:
    """The state of the workspace as a whole, and of each service by its number as text."""

    state: str
    services: Mapping[str, str]


def current(
    state: str | None, services: Mapping[str, str] | None, *, count: int, any_running: bool
) -> Desired:
    """Return what is wanted now; where nothing was said, what runs is to run."""
    overall = state or (DesiredState.RUNNING if any_running else DesiredState.STOPPED)
    own = services or {}
    return Desired(str(overall), {str(index): str(own.get(str(index), overall)) for index in range(count)})


def after(desired: Desired, *, running: bool, selected: int | None) -> Desired:
    """Return what is wanted once the selected service, or all of them, were started or stopped.

    A `manual` entry is left alone.
    """
    word = str(DesiredState.RUNNING if running else DesiredState.STOPPED)
    services = {
        index: word
        if state != DesiredState.MANUAL and (selected is None or index == str(selected))
        else state
        for index, state in desired.services.items()
    }
    if desired.state == DesiredState.MANUAL and not services:
        return desired
    return Desired(_overall(services, desired.state), services)


def _overall(services: Mapping[str, str], before: str) -> str:
    states = set(services.values())
    for word in (DesiredState.RUNNING, DesiredState.MANUAL):
        if word in states:
            return str(word)
    return str(DesiredState.STOPPED) if states else before
