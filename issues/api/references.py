"""What the interface says of issues that name each other (I-143)."""

from __future__ import annotations

from rest_framework import serializers

from issues.choices import ReferenceKind
from paperclip.core.api.outputs import Output


class ReferencedIssueOut(Output):
    """The issue at the other end."""

    id = serializers.UUIDField()
    identifier = serializers.CharField()
    title = serializers.CharField()
    status = serializers.CharField()
    priority = serializers.CharField()
    assignee_agent_id = serializers.UUIDField(allow_null=True)
    assignee_user_id = serializers.UUIDField(allow_null=True)


class ReferenceSourceOut(Output):
    """A place that names it."""

    kind = serializers.ChoiceField(choices=ReferenceKind.choices)
    source_record_id = serializers.UUIDField(allow_null=True)
    # A caption; the base class means something else by the name.
    label = serializers.CharField()  # type: ignore[assignment]
    matched_text = serializers.CharField(allow_null=True)


class RelatedIssueOut(Output):
    """An issue and the places that name it."""

    issue = ReferencedIssueOut()
    mention_count = serializers.IntegerField()
    sources = ReferenceSourceOut(many=True)


class RelatedWorkOut(Output):
    """The issues that an issue names, and those that name it; the most named first."""

    outbound = RelatedIssueOut(many=True)
    inbound = RelatedIssueOut(many=True)
