"""What the interface says about issues: the answers of more than one endpoint (I-8 to I-19)."""

from __future__ import annotations

from typing import ClassVar

from rest_framework import serializers

from issues.api.policy import PolicyOut, StateOut
from issues.models import Comment, Issue, Label
from paperclip.core.api.outputs import ModelOutput, Output


class LabelOut(ModelOutput):
    """A label of a company."""

    class Meta:
        model = Label
        fields: ClassVar = ["id", "company_id", "name", "color", "created_at", "updated_at"]


class IssueOut(ModelOutput):
    """An issue, as every write answers it."""

    labels = LabelOut(many=True)
    label_ids = serializers.ListField(child=serializers.UUIDField())
    assignee_adapter_overrides = serializers.DictField(allow_null=True)
    execution_policy = PolicyOut(allow_null=True)
    execution_state = StateOut(allow_null=True)
    execution_workspace_settings = serializers.DictField(allow_null=True)

    class Meta:
        model = Issue
        fields: ClassVar = [
            "id", "company_id", "project_id", "project_workspace_id", "goal_id", "parent_id", "title",
            "description", "status", "work_mode", "priority", "assignee_agent_id", "assignee_user_id",
            "checkout_run_id", "execution_run_id", "execution_agent_name_key", "execution_locked_at",
            "created_by_agent_id", "created_by_user_id", "issue_number", "identifier", "origin_kind",
            "origin_id", "origin_run_id", "origin_fingerprint", "request_depth", "billing_code",
            "assignee_adapter_overrides", "execution_policy", "execution_state", "monitor_next_check_at",
            "monitor_wake_requested_at", "monitor_last_triggered_at", "monitor_attempt_count",
            "monitor_notes", "monitor_scheduled_by", "execution_workspace_id",
            "execution_workspace_preference", "execution_workspace_settings", "started_at", "completed_at",
            "cancelled_at", "hidden_at", "created_at", "updated_at", "last_activity_at", "labels",
            "label_ids",
        ]  # fmt: skip


class RelationOut(Output):
    """An issue that blocks or is blocked (I-15)."""

    id = serializers.UUIDField()
    identifier = serializers.CharField()
    title = serializers.CharField()
    status = serializers.CharField()
    priority = serializers.CharField()
    assignee_agent_id = serializers.UUIDField(allow_null=True)
    assignee_user_id = serializers.UUIDField(allow_null=True)
    terminal_blockers = serializers.ListField(child=serializers.DictField(), required=False)


class BlockerAttentionOut(Output):
    """Who has to move for a blocked issue to go on (I-86)."""

    state = serializers.ChoiceField(choices=["none", "covered", "stalled", "needs_attention"])
    reason = serializers.CharField(allow_null=True)
    unresolved_blocker_count = serializers.IntegerField()
    covered_blocker_count = serializers.IntegerField()
    stalled_blocker_count = serializers.IntegerField()
    attention_blocker_count = serializers.IntegerField()
    sample_blocker_identifier = serializers.CharField(allow_null=True)
    sample_stalled_blocker_identifier = serializers.CharField(allow_null=True)


class ScheduledRetryOut(Output):
    """A run of the issue that waits to be tried again (I-142)."""

    run_id = serializers.UUIDField()
    status = serializers.CharField()
    agent_id = serializers.UUIDField()
    agent_name = serializers.CharField()
    retry_of_run_id = serializers.UUIDField(allow_null=True)
    scheduled_retry_at = serializers.DateTimeField()
    scheduled_retry_attempt = serializers.IntegerField()
    scheduled_retry_reason = serializers.CharField(allow_null=True)
    error = serializers.CharField(allow_null=True)
    error_code = serializers.CharField(allow_null=True)


class ActiveRunOut(Output):
    """The run that works on an issue or is about to."""

    id = serializers.UUIDField()
    status = serializers.CharField()
    agent_id = serializers.UUIDField()
    invocation_source = serializers.CharField()
    trigger_detail = serializers.CharField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class CommentOut(ModelOutput):
    """One entry of a thread (I-11)."""

    presentation = serializers.DictField(allow_null=True)
    metadata = serializers.DictField(allow_null=True)

    class Meta:
        model = Comment
        fields: ClassVar = [
            "id", "company_id", "issue_id", "author_agent_id", "author_user_id", "author_type",
            "created_by_run_id", "body", "presentation", "metadata", "created_at", "updated_at",
        ]  # fmt: skip


class DocumentSummaryOut(Output):
    """A document without its text (I-19)."""

    id = serializers.UUIDField()
    company_id = serializers.UUIDField()
    issue_id = serializers.UUIDField()
    key = serializers.CharField()
    title = serializers.CharField(allow_null=True)
    format = serializers.CharField()
    latest_revision_id = serializers.UUIDField()
    latest_revision_number = serializers.IntegerField()
    created_by_agent_id = serializers.UUIDField(allow_null=True)
    created_by_user_id = serializers.UUIDField(allow_null=True)
    updated_by_agent_id = serializers.UUIDField(allow_null=True)
    updated_by_user_id = serializers.UUIDField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class DocumentOut(DocumentSummaryOut):
    """A document."""

    body = serializers.CharField()
