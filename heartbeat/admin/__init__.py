"""The pages of runs and runners, and what runs add to the pages of agents and issues."""

from heartbeat.admin import added, runners, runs

__all__ = ["added", "runners", "runs"]
