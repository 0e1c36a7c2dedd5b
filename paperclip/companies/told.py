"""The activity log in sentences: who did what to which thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.urls import reverse

from paperclip.companies.choices import ActorType
from paperclip.companies.models import Activity, User
from paperclip.core import links, naming
from paperclip.core.links import Link

_VERBS: dict[str, str] = {
    "issue.created": "created",
    "issue.updated": "updated",
    "issue.comment_added": "commented on",
    "issue.checked_out": "checked out",
    "issue.released": "released",
    "issue.child_created": "created",
    "issue.admin_force_release": "released the checkout of",
    "issue.checkout_lock_adopted": "took over the checkout of",
    "issue.comment_cancelled": "took back a comment on",
    "issue.document_deleted": "deleted a document of",
    "issue.document_restored": "restored a document of",
    "issue.approval_linked": "linked an approval to",
    "issue.approval_unlinked": "unlinked an approval from",
    "issue.inbox_archived": "put away",
    "issue.inbox_unarchived": "brought back",
    "issue.read_marked": "has read",
    "issue.read_unmarked": "marked as unread",
    "issue.document_created": "wrote a document on",
    "issue.document_updated": "revised a document on",
    "issue.attachment_added": "attached a file to",
    "issue.attachment_removed": "removed a file from",
    "issue.work_product_created": "added a result to",
    "issue.work_product_updated": "changed a result of",
    "issue.work_product_deleted": "removed a result from",
    "issue.deleted": "deleted",
    "issue.blockers_updated": "changed what blocks",
    "issue.thread_interaction_created": "put something to the board on",
    "issue.thread_interaction_accepted": "said yes on",
    "issue.thread_interaction_rejected": "said no on",
    "issue.thread_interaction_answered": "answered questions on",
    "issue.thread_interaction_cancelled": "put questions away on",
    "issue.thread_interaction_expired": "let a question lapse on",
    "issue.reviewers_updated": "changed who reviews",
    "issue.approvers_updated": "changed who approves",
    "issue.monitor_scheduled": "set a monitor on",
    "issue.monitor_cleared": "took the monitor off",
    "issue.monitor_triggered": "looked again at",
    "issue.monitor_skipped": "could not look again at",
    "issue.monitor_exhausted": "ended the monitor of",
    "issue.monitor_recovery_wake_queued": "called the agent to see to",
    "issue.monitor_recovery_issue_created": "opened an issue to see to",
    "issue.monitor_escalated_to_board": "asks a person to look at",
    "issue.tree_control_previewed": "looked at an order over",
    "issue.tree_hold_created": "gave an order over",
    "issue.tree_hold_released": "ended an order over",
    "issue.tree_cancel_status_updated": "cancelled what is open below",
    "issue.tree_restore_status_updated": "brought back what was cancelled below",
    "issue.tree_hold_wakeup_deferred": "kept a call back from",
    "issue.tree_hold_run_interrupted": "stopped",
    "issue.tree_restore_wakeup_requested": "called again",
    "issue.loop_stopped": "stopped calls that went in circles on",
    "issue.loop_cleared": "let the agent go on with",
    "agent.runtime_session_reset": "forgot a session of",
    "agent.loop_stopped": "stopped the idle calls of",
    "agent.loop_cleared": "let go on",
    "agent.created": "hired",
    "agent.hire_created": "asked to hire",
    "agent.updated": "changed",
    "agent.paused": "paused",
    "agent.resumed": "resumed",
    "agent.approved": "agreed to",
    "agent.terminated": "terminated",
    "agent.deleted": "removed",
    "agent.key_created": "made a key for",
    "agent.key_revoked": "revoked a key of",
    "agent.config_rolled_back": "rolled back the configuration of",
    "agent.budget_updated": "set the budget of",
    "agent.instructions_path_updated": "named the instructions of",
    "agent.instructions_bundle_updated": "moved the instructions of",
    "agent.instructions_file_updated": "wrote instructions of",
    "agent.instructions_file_deleted": "deleted instructions of",
    "agent.skills_synced": "chose the skills of",
    "hire_hook.succeeded": "told the program of its hire:",
    "hire_hook.failed": "could not tell the program of its hire:",
    "hire_hook.error": "could not tell the program of its hire:",
    "issue.feedback_vote_saved": "judged what was written on",
    "company.branding_updated": "changed the look of",
    "company.created": "founded",
    "company.updated": "changed",
    "company.archived": "archived",
    "company.exported": "exported",
    "company.imported": "imported a package into",
    "company.drained": "let nothing new start in",
    "company.undrained": "let work start again in",
    "provider_gate.opened": "opened the provider's account for",
    "company.budget_updated": "set the budget of",
    "project.created": "created",
    "project.updated": "changed",
    "goal.created": "set",
    "goal.updated": "changed",
    "approval.created": "asked for",
    "approval.approved": "approved",
    "approval.rejected": "rejected",
    "approval.revision_requested": "sent back",
    "approval.resubmitted": "asked again for",
    "notification_target.created": "set up",
    "notification_target.updated": "changed",
    "notification_target.enabled": "switched on",
    "notification_target.disabled": "switched off",
    "notification_target.secret_renewed": "renewed the secret of",
    "secret.created": "keeps",
    "secret.updated": "changed",
    "secret.rotated": "gave a new value to",
    "secret.deleted": "destroyed",
    "secret.version_destroyed": "destroyed an older value of",
    "secret_provider_config.created": "set up the vault",
    "secret_provider_config.updated": "changed the vault",
    "secret_provider_config.disabled": "switched off the vault",
    "secret_provider_config.default_set": "made the default",
    "secret_provider_config.health_checked": "asked after the vault",
    "secret.remote_import.previewed": "looked into the vault",
    "secret.remote_import.completed": "linked secrets of the vault",
    "routine.created": "set up",
    "routine.updated": "changed",
    "routine.revision_created": "kept a revision of",
    "routine.revision_restored": "restored a revision of",
    "routine.trigger_created": "gave a trigger to",
    "routine.trigger_updated": "changed a trigger of",
    "routine.trigger_deleted": "took a trigger from",
    "routine.trigger_secret_rotated": "gave a new secret to",
    "routine.run_triggered": "set off",
    "failure_rule.created": "set up",
    "failure_rule.updated": "changed",
    "failure_rule.enabled": "switched on",
    "failure_rule.disabled": "switched off",
    "issue.scheduled_retry_retry_now": "did not wait for the retry of",
    "heartbeat.retry_now": "did not wait for",
    "heartbeat.invoked": "woke",
    "heartbeat.cancelled": "stopped",
    "issue.successful_run_handoff_required": "asked how the work stands on",
    "issue.successful_run_handoff_resolved": "said how the work stands on",
    "issue.successful_run_handoff_escalated": "handed on",
    "issue.harness_liveness_escalation_created": "had somebody see to",
    "issue.blockers.updated": "changed what blocks",
    "heartbeat.output_stale_detected": "noticed the silence of",
    "heartbeat.output_stale_escalated": "pressed about the silence of",
    "heartbeat.watchdog_snoozed": "left alone for a while",
    "heartbeat.watchdog_decision_recorded": "decided about the silence of",
    "cost.reported": "reported costs",
    "finance_event.reported": "reported a charge",
    "budget.policy_upserted": "set",
    "budget.soft_threshold_crossed": "warns: most is spent of",
    "budget.hard_threshold_crossed": "stopped the work: nothing is left of",
    "budget.incident_resolved": "decided about",
    "company.paused": "paused",
    "company.resumed": "let go on",
    "project.paused": "paused",
    "project.resumed": "let go on",
    "approval.comment_added": "commented on",
    "approval.cancelled": "withdrew",
    "asset.created": "uploaded an image",
    "invite.created": "invited somebody",
    "invite.openclaw_prompt_created": "invited an agent",
    "invite.revoked": "revoked an invite",
    "join.requested": "asked to join",
    "join.request_replayed": "asked again to join",
    "join.approved": "let in",
    "join.rejected": "turned away",
    "agent_api_key.claimed": "gave the first key to",
    "board_api_key.created": "made an API key",
    "board_api_key.revoked": "revoked an API key",
    "company_member.added": "let in",
    "company_member.updated": "changed the place of",
    "company_member.access_updated": "changed what is allowed to",
    "company_member.permissions_updated": "changed what is allowed to",
    "company_member.archived": "removed",
    "instance.settings.general_updated": "changed the settings of the installation",
    "instance.settings.experimental_updated": "changed the settings of the installation",
}
_KIND_OF_SYSTEM = "Paperclip"


@dataclass(frozen=True)
class Told:
    """One entry of the log as a sentence: `actor` `verb` `subject`, with `more` behind it."""

    row: Activity
    actor: Link
    verb: str
    subject: Link | None
    more: str
    icon: str


_ACTION_ICONS = {
    "issue.created": "add_circle", "issue.child_created": "add_circle", "issue.blockers_updated": "block",
    "issue.updated": "edit", "issue.comment_added": "chat_bubble",
    "issue.checked_out": "back_hand", "issue.released": "waving_hand",
    "issue.document_created": "description", "issue.document_updated": "description",
    "agent.paused": "pause_circle", "agent.resumed": "play_circle",
    "agent.terminated": "person_off", "agent.key_created": "key", "agent.key_revoked": "key_off",
    "heartbeat.invoked": "notifications_active", "heartbeat.cancelled": "stop_circle",
}  # fmt: skip
_ICONS = {
    "issue": "task_alt", "agent": "smart_toy", "heartbeat_run": "play_circle", "company": "domain",
    "project": "folder", "goal": "flag", "approval": "approval", "cost_event": "payments",
    "routine": "event_repeat", "routine_trigger": "schedule", "routine_run": "event_repeat",
    "budget_policy": "savings", "budget_incident": "savings", "finance_event": "payments", "label": "label",
}  # fmt: skip


def tell(
    rows: Sequence[Activity], *, company_id: UUID, known: Mapping[tuple[str, str], Link] | None = None
) -> list[Told]:
    """Return the sentences of `rows`, in one query for people and one per kind of thing. `agent` is read.

    `known` are the links to things that the caller has at hand, by kind and id.
    """
    people = _people(rows)
    subjects = dict(known or {})
    wanted = {(row.entity_type, row.entity_id) for row in rows} - set(subjects)
    subjects |= links.resolve(company_id, wanted)
    return [
        Told(
            row=row,
            actor=_actor(row, people),
            verb=_VERBS.get(row.action) or _plain(row.action),
            subject=subjects.get((row.entity_type, row.entity_id)) or _named_in(row),
            more=_more(row),
            icon=_ACTION_ICONS.get(row.action) or _ICONS.get(row.entity_type, "history"),
        )
        for row in rows
    ]


def _people(rows: Sequence[Activity]) -> dict[str, str]:
    read = (naming.as_field_uuid(row.actor_id) for row in rows if row.actor_type == ActorType.USER)
    ids = {person_id for person_id in read if person_id is not None}
    if not ids:
        return {}
    return {str(user.pk): user.display_name for user in User.objects.filter(pk__in=ids)}


def _actor(row: Activity, people: dict[str, str]) -> Link:
    if row.agent is not None:
        return Link(row.agent.name, reverse("admin:companies_agent_change", args=[row.agent.pk]))
    if row.actor_type == ActorType.USER:
        return Link(people.get(row.actor_id, "Somebody"), "")
    return Link(_KIND_OF_SYSTEM, "", title=row.actor_id)


def _named_in(row: Activity) -> Link | None:
    details: dict[str, Any] = row.details or {}
    for key in ("identifier", "issueIdentifier", "name", "title"):
        if isinstance(details.get(key), str):
            return Link(details[key], "")
    return None


def _more(row: Activity) -> str:
    details: dict[str, Any] = row.details or {}
    before = details.get("_previous")
    if row.action == "issue.updated" and isinstance(details.get("status"), str):
        was = before.get("status") if isinstance(before, dict) else None
        now = details["status"].replace("_", " ")
        return f"{str(was).replace('_', ' ')} → {now}" if was else f"→ {now}"
    if row.action.startswith("issue.document") and isinstance(details.get("key"), str):
        return str(details["key"])
    if row.action.startswith("agent.instructions_file") and isinstance(details.get("path"), str):
        return str(details["path"])
    if row.action == "issue.attachment_added" and isinstance(details.get("originalFilename"), str):
        return str(details["originalFilename"])
    if row.action == "routine.revision_created" and isinstance(details.get("changeSummary"), str):
        return str(details["changeSummary"])
    if row.action == "issue.updated":
        return ", ".join(_words(key) for key in details if not key.startswith("_") and key not in _SILENT)
    return ""


_SILENT = {
    "identifier", "issueIdentifier", "source", "updatedAt", "reopened", "addedReferencedIssues",
    "removedReferencedIssues", "currentReferencedIssues",
}  # fmt: skip


def _words(key: str) -> str:
    """Return `assigneeAgentId` as `assignee agent`."""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in key)
    return words.removesuffix(" id")


def _plain(action: str) -> str:
    return action.partition(".")[2].replace("_", " ").replace(".", " ") or action
