"""The pages of runs, runners, sessions and failure rules, and what runs add to the pages of agents and issues."""

from heartbeat.admin import added, failure_rules, movement, runners, runs, sessions, standing

__all__ = ["added", "failure_rules", "movement", "runners", "runs", "sessions", "standing"]
