"""Wakes, runs, and the runners that carry them out.

A wakeup request says why an agent is called, a run is one call of its program, a runner is the process on some
host that starts programs and follows them.
"""

from heartbeat.models.run import Run, RunEvent
from heartbeat.models.runner import Runner
from heartbeat.models.state import RuntimeState, TaskSession, Tick
from heartbeat.models.wakeup import WakeupRequest

__all__ = ["Run", "RunEvent", "Runner", "RuntimeState", "TaskSession", "Tick", "WakeupRequest"]
