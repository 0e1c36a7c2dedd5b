"""How every status word looks: one table for the board, its charts and its filters.

A group says what a state asks of the reader; the style sheet draws groups, never single words. The icon is a
Material Symbol, so that no state is told by colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass

# What a state asks of the reader, from quiet to loud.
REST, READY, LIVE, WAITING, WRONG, GOOD, ENDED = "rest", "ready", "live", "waiting", "wrong", "good", "ended"
GROUPS = (REST, READY, LIVE, WAITING, WRONG, GOOD, ENDED)


@dataclass(frozen=True)
class Look:
    """How one status word is shown: its group, its icon and its words."""

    group: str
    icon: str
    label: str


STATUS_LOOK: dict[str, Look] = {
    "backlog": Look(REST, "more_horiz", "Backlog"),
    "idle": Look(REST, "bedtime", "Idle"),
    "draft": Look(REST, "edit", "Draft"),
    "planned": Look(REST, "event", "Planned"),
    "archived": Look(REST, "archive", "Archived"),
    "skipped": Look(REST, "skip_next", "Skipped"),
    "withdrawn": Look(REST, "undo", "Withdrawn"),
    "coalesced": Look(REST, "merge", "Coalesced"),
    "active": Look(READY, "radio_button_checked", "Active"),
    "todo": Look(READY, "radio_button_unchecked", "To do"),
    "queued": Look(READY, "hourglass_empty", "Queued"),
    "scheduled_retry": Look(READY, "schedule", "Scheduled retry"),
    "deferred_issue_execution": Look(READY, "schedule", "Deferred"),
    "in_progress": Look(LIVE, "clock_loader_40", "In progress"),
    "running": Look(LIVE, "play_circle", "Running"),
    "starting": Look(LIVE, "play_circle", "Starting"),
    "issue_created": Look(LIVE, "task_alt", "Issue created"),
    "claimed": Look(LIVE, "play_circle", "Claimed"),
    "ready_for_review": Look(WAITING, "visibility", "Ready for review"),
    "needs_board_review": Look(WAITING, "front_hand", "Needs your review"),
    "changes_requested": Look(WAITING, "edit_note", "Changes requested"),
    "in_review": Look(WAITING, "visibility", "In review"),
    "pending": Look(WAITING, "approval", "Pending"),
    "pending_approval": Look(WAITING, "approval", "Pending approval"),
    "revision_requested": Look(WAITING, "edit_note", "Revision requested"),
    "paused": Look(WAITING, "pause_circle", "Paused"),
    "disabled": Look(WAITING, "pause_circle", "Disabled"),
    "suspended": Look(WAITING, "pause_circle", "Suspended"),
    "draining": Look(WAITING, "hourglass_bottom", "Draining"),
    "drained": Look(WAITING, "do_not_disturb_on", "Drained"),
    "needs_attention": Look(WAITING, "front_hand", "Needs attention"),
    "warning": Look(WAITING, "warning", "Does not answer"),
    "blocked": Look(WRONG, "block", "Blocked"),
    "failed": Look(WRONG, "error", "Failed"),
    "timed_out": Look(WRONG, "timer_off", "Timed out"),
    "error": Look(WRONG, "error", "Error"),
    "exhausted": Look(WRONG, "battery_0_bar", "Exhausted"),
    "silent": Look(WRONG, "cloud_off", "Silent"),
    "lost": Look(WRONG, "cloud_off", "Lost"),
    "given_up": Look(WRONG, "error", "Given up"),
    "unhealthy": Look(WRONG, "heart_broken", "Unhealthy"),
    "delivered": Look(GOOD, "check_circle", "Delivered"),
    "done": Look(GOOD, "check_circle", "Done"),
    "succeeded": Look(GOOD, "check_circle", "Succeeded"),
    "completed": Look(GOOD, "check_circle", "Completed"),
    "achieved": Look(GOOD, "check_circle", "Achieved"),
    "approved": Look(GOOD, "check_circle", "Approved"),
    "accepted": Look(GOOD, "check_circle", "Accepted"),
    "answered": Look(GOOD, "check_circle", "Answered"),
    "merged": Look(GOOD, "merge", "Merged"),
    "ready": Look(GOOD, "check_circle", "Ready"),
    "healthy": Look(GOOD, "check_circle", "Healthy"),
    "deleted": Look(ENDED, "delete", "Deleted"),
    "rejected": Look(ENDED, "do_not_disturb_on", "Rejected"),
    "expired": Look(ENDED, "hourglass_disabled", "Expired"),
    "closed": Look(ENDED, "do_not_disturb_on", "Closed"),
    "cancelled": Look(ENDED, "cancel", "Cancelled"),
    "terminated": Look(ENDED, "person_off", "Terminated"),
    "stopped": Look(ENDED, "stop_circle", "Stopped"),
}

PRIORITY_LOOK: dict[str, Look] = {
    "critical": Look(WRONG, "keyboard_double_arrow_up", "Critical"),
    "high": Look(WAITING, "keyboard_arrow_up", "High"),
    "medium": Look(REST, "drag_handle", "Medium"),
    "low": Look(REST, "keyboard_arrow_down", "Low"),
}


def of(status: str | None) -> Look:
    """Return how `status` is shown; a word nobody has given a look rests under its own name."""
    known = STATUS_LOOK.get(status or "")
    return known or Look(REST, "radio_button_unchecked", (status or "unknown").replace("_", " ").capitalize())


def of_priority(priority: str) -> Look:
    """Return how an issue's priority is shown."""
    return PRIORITY_LOOK.get(priority) or Look(REST, "drag_handle", priority.capitalize())
