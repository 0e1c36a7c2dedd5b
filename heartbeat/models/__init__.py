"""Wakes, runs, and the runners that carry them out.

A wakeup request says why an agent is called, a run is one call of its program, a runner is the process on some
host that starts programs and follows them.
"""

from heartbeat.models.failure_rule import FailureRule
from heartbeat.models.loop_stop import LoopStop
from heartbeat.models.provider_gate import ProviderGate
from heartbeat.models.run import Run, RunEvent
from heartbeat.models.runner import Runner
from heartbeat.models.state import RuntimeState, TaskSession, Tick
from heartbeat.models.wakeup import WakeupRequest
from heartbeat.models.watchdog import WatchdogDecision

__all__ = [
    "FailureRule",
    "LoopStop",
    "ProviderGate",
    "Run",
    "RunEvent",
    "Runner",
    "RuntimeState",
    "TaskSession",
    "Tick",
    "WakeupRequest",
    "WatchdogDecision",
]
