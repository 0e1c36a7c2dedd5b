"""`/issues/:id/interactions` (I-173 to I-178)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from issues import queries
from issues.api import paging
from issues.api.base import IssueView
from issues.api.policy import WholeInput, spoken
from issues.choices import Continuation, InteractionKind, IssuePriority, WorkMode
from issues.interactions import answers, asking
from issues.interactions.asking import Put
from issues.models import Interaction
from paperclip.core.api.fields import Bool, Enum, Int, Items, Text, Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import ModelOutput, Output
from paperclip.core.api.schema import operation

_TARGETS = ("issue_document", "custom")
_SELECTION = ("single", "multi")
# What a link must not start with, however it is written: programs, inline data, and other hosts in disguise (I-115).
_UNSAFE_LINK = re.compile(r"\s*(?:(?:javascript|data|vbscript)\s*:|[/\\]{2})", re.IGNORECASE)
_HIDDEN = re.compile(r"[\x00-\x20\x7f]+")


def _same(words: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(word, word) for word in words]


def _line(longest: int, **options: Any) -> Text:
    return Text(min_length=1, max_length=longest, trim_whitespace=True, **options)


def _optional(longest: int) -> Text:
    return Text(required=False, allow_null=True, max_length=longest)


def _doubled(values: Iterable[str]) -> bool:
    listed = list(values)
    return len(set(listed)) < len(listed)


# --- What is put -----------------------------------------------------------------------------------------


class SuggestedTaskInput(WholeInput):
    """A task that could be made."""

    client_key = _line(120)
    parent_client_key = Text(
        required=False, allow_null=True, min_length=1, max_length=120, trim_whitespace=True
    )
    parent_id = Uuid(required=False, allow_null=True)
    title = _line(240)
    description = _optional(20_000)
    priority = Enum(choices=IssuePriority.choices, required=False, allow_null=True)
    work_mode = Enum(choices=WorkMode.choices, required=False, allow_null=True)
    assignee_agent_id = Uuid(required=False, allow_null=True)
    assignee_user_id = Text(required=False, allow_null=True, min_length=1)
    project_id = Uuid(required=False, allow_null=True)
    goal_id = Uuid(required=False, allow_null=True)
    billing_code = _optional(120)
    labels = Items(child=_line(120), required=False, allow_null=True, max_length=20)
    hidden_in_preview = Bool(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a task for two assignees."""
        if attrs.get("assignee_agent_id") is not None and attrs.get("assignee_user_id") is not None:
            raise serializers.ValidationError("A task has an agent or a person as assignee, not both")
        return attrs


class SuggestTasksPayload(WholeInput):
    """Tasks a person may choose from."""

    version = Int(min_value=1, max_value=1)
    default_parent_id = Uuid(required=False, allow_null=True)
    tasks = Items(child=SuggestedTaskInput(), allow_empty=False, max_length=50)

    def validate_tasks(self, tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Refuse two tasks of one key."""
        if _doubled(task["client_key"] for task in tasks):
            raise serializers.ValidationError("Each clientKey may be used once")
        return tasks


class OptionInput(WholeInput):
    """One of the answers offered."""

    id = _line(120)
    # What is offered; the base class means something else by the name.
    label = _line(120)  # type: ignore[assignment]
    description = _optional(500)


class QuestionInput(WholeInput):
    """Something a person is asked."""

    id = _line(120)
    prompt = _line(500)
    # A hint below the question; the base class means something else by the name.
    help_text = _optional(1000)  # type: ignore[assignment]
    selection_mode = Enum(choices=_same(_SELECTION))
    # Whether it must be answered; the base class means something else by the name.
    required = Bool(required=False)  # type: ignore[assignment]
    options = Items(child=OptionInput(), allow_empty=False, max_length=10)

    def validate_options(self, options: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Refuse two options of one id."""
        if _doubled(option["id"] for option in options):
            raise serializers.ValidationError("Each option id may be used once per question")
        return options


class AskQuestionsPayload(WholeInput):
    """Questions a person may answer."""

    version = Int(min_value=1, max_value=1)
    title = _optional(240)
    submit_label = _optional(120)
    questions = Items(child=QuestionInput(), allow_empty=False, max_length=10)

    def validate_questions(self, questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Refuse two questions of one id."""
        if _doubled(question["id"] for question in questions):
            raise serializers.ValidationError("Each question id may be used once")
        return questions


class TargetInput(WholeInput):
    """What a confirmation is about: a revision of a document, or something of the sender's own (I-115)."""

    type = Enum(choices=_same(_TARGETS))
    issue_id = Uuid(required=False, allow_null=True)
    document_id = Uuid(required=False, allow_null=True)
    key = _line(120)
    revision_id = Text(required=False, allow_null=True, min_length=1, max_length=255)
    revision_number = Int(required=False, allow_null=True, min_value=1)
    # What the link says; the base class means something else by the name.
    label = _optional(120)  # type: ignore[assignment]
    href = _optional(2000)

    def validate_href(self, href: str | None) -> str | None:
        """Refuse links that run programs or lead elsewhere in disguise."""
        if href is not None and _UNSAFE_LINK.match(_HIDDEN.sub("", href)):
            raise serializers.ValidationError("This kind of link is not allowed")
        return href

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a document without its revision, and parts of a document on anything else."""
        if attrs["type"] == "custom":
            return {name: value for name, value in attrs.items() if name not in ("issue_id", "document_id")}
        revision = attrs.get("revision_id")
        try:
            attrs["revision_id"] = str(UUID(revision or ""))
        except ValueError:
            raise serializers.ValidationError({"revisionId": ["Expected the id of a revision"]}) from None
        attrs["key"] = attrs["key"].lower()
        return attrs


class ConfirmationPayload(WholeInput):
    """A yes or no a person may give."""

    version = Int(min_value=1, max_value=1)
    prompt = _line(1000)
    accept_label = _optional(80)
    reject_label = _optional(80)
    reject_requires_reason = Bool(required=False)
    reject_reason_label = _optional(160)
    allow_decline_reason = Bool(required=False, default=True)
    decline_reason_placeholder = _optional(240)
    details_markdown = _optional(20_000)
    supersede_on_user_comment = Bool(required=False)
    target = TargetInput(required=False, allow_null=True)


class _PutInput(Input):
    idempotency_key = Text(
        required=False, allow_null=True, min_length=1, max_length=255, trim_whitespace=True
    )
    source_comment_id = Uuid(required=False, allow_null=True)
    source_run_id = Uuid(required=False, allow_null=True)
    title = Text(required=False, allow_null=True, max_length=240, trim_whitespace=True)
    summary = Text(required=False, allow_null=True, max_length=1000, trim_whitespace=True)
    continuation_policy = Enum(choices=Continuation.choices, required=False)


class SuggestTasksInput(_PutInput):
    """Suggest tasks to a person."""

    kind = Enum(choices=_same(("suggest_tasks",)))
    payload = SuggestTasksPayload()


class AskUserQuestionsInput(_PutInput):
    """Ask a person questions."""

    kind = Enum(choices=_same(("ask_user_questions",)))
    payload = AskQuestionsPayload()


class RequestConfirmationInput(_PutInput):
    """Ask a person for a yes or no."""

    kind = Enum(choices=_same(("request_confirmation",)))
    payload = ConfirmationPayload()


class _KindInput(Input):
    kind = Enum(choices=InteractionKind.choices)


_INPUTS: dict[str, Any] = {
    "suggest_tasks": SuggestTasksInput,
    "ask_user_questions": AskUserQuestionsInput,
    "request_confirmation": RequestConfirmationInput,
}


def _read(data: Any) -> Put:
    kind = _KindInput.read(data)["kind"]
    values: dict[str, Any] = _INPUTS[kind].read(data)
    values["payload"] = spoken(values["payload"])
    return Put(**values)


# --- What is answered ------------------------------------------------------------------------------------


class AcceptInput(Input):
    """A yes, to all of what was suggested or to some of it."""

    selected_client_keys = Items(
        child=_line(120), required=False, allow_null=True, allow_empty=False, max_length=50
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a key that is named twice."""
        if _doubled(attrs.get("selected_client_keys") or ()):
            raise serializers.ValidationError({"selectedClientKeys": ["Each clientKey may be selected once"]})
        return attrs


class ReasonInput(Input):
    """Why, if there is anything to say."""

    reason = Text(required=False, allow_null=True, max_length=4000)


class AnswerInput(Input):
    """The chosen options of one question."""

    question_id = _line(120)
    option_ids = Items(child=_line(120), max_length=20)


class RespondInput(Input):
    """Answers to questions."""

    answers = Items(child=AnswerInput(), max_length=20)
    summary_markdown = Text(required=False, allow_null=True, max_length=20_000)


# --- What is shown ---------------------------------------------------------------------------------------


class CreatedTaskOut(Output):
    """A suggested task that was made."""

    client_key = serializers.CharField()
    issue_id = serializers.UUIDField()
    identifier = serializers.CharField()
    title = serializers.CharField()
    parent_issue_id = serializers.UUIDField()
    parent_identifier = serializers.CharField(allow_null=True)


class AnswerOut(Output):
    """The chosen options of one question."""

    question_id = serializers.CharField()
    option_ids = serializers.ListField(child=serializers.CharField())


class InteractionResultOut(Output):
    """What came of an interaction: of its parts, those of its kind."""

    created_tasks = CreatedTaskOut(many=True, required=False)
    skipped_client_keys = serializers.ListField(child=serializers.CharField(), required=False)
    rejection_reason = serializers.CharField(required=False, allow_null=True)
    answers = AnswerOut(many=True, required=False)
    summary_markdown = serializers.CharField(required=False, allow_null=True)
    cancelled = serializers.BooleanField(required=False)
    cancellation_reason = serializers.CharField(required=False, allow_null=True)
    outcome = serializers.ChoiceField(
        choices=_same(("accepted", "rejected", "superseded_by_comment", "stale_target")), required=False
    )
    reason = serializers.CharField(required=False, allow_null=True)
    comment_id = serializers.UUIDField(required=False)
    stale_target = TargetInput(required=False)


@extend_schema_field(
    PolymorphicProxySerializer(
        component_name="InteractionPayload",
        serializers=[SuggestTasksPayload, AskQuestionsPayload, ConfirmationPayload],
        resource_type_field_name=None,
    )
)
class PayloadField(serializers.DictField):
    """What was put, by its kind."""


@extend_schema_field(InteractionResultOut)
class ResultField(serializers.DictField):
    """What came of it."""


class InteractionOut(ModelOutput):
    """Something that was put to a person in a thread (I-25)."""

    payload = PayloadField()
    result = ResultField(allow_null=True)

    class Meta:
        model = Interaction
        fields: ClassVar = [
            "id", "company_id", "issue_id", "kind", "status", "continuation_policy", "idempotency_key",
            "source_comment_id", "source_run_id", "title", "summary", "created_by_agent_id",
            "created_by_user_id", "resolved_by_agent_id", "resolved_by_user_id", "payload", "result",
            "resolved_at", "created_at", "updated_at",
        ]  # fmt: skip


_ANY_INPUT = PolymorphicProxySerializer(
    component_name="InteractionInput",
    serializers=_INPUTS,
    resource_type_field_name="kind",
)


class InteractionsView(IssueView):
    """`GET` and `POST /issues/:id/interactions`."""

    @operation(
        "List what was put to people on an issue [I-173]",
        answers=InteractionOut,
        many=True,
        query=paging.PIECE,
    )
    def get(self, request: Request, issue_id: str) -> Response:
        """Answer the interactions, oldest first."""
        target, after, limit = self.locate(issue_id), paging.anchor(request), paging.limit(request)
        return Response(InteractionOut.render_many(queries.interactions(target, after=after, limit=limit)))

    @operation(
        "Put tasks, questions or a yes or no to a person [I-174]",
        reads=_ANY_INPUT,
        answers=InteractionOut,
        status=201,
    )
    def post(self, request: Request, issue_id: str) -> Response:
        """Put it, or answer what the same put under its key became."""
        target = self.locate(issue_id)
        row = asking.put(issue_id=target, what=_read(request.data), actor=self.actor, now=self.now)
        return Response(InteractionOut.render(row), status=201)


class _AnswerView(IssueView):
    board_only = True

    def named(self, issue_id: str, interaction_id: str) -> dict[str, Any]:
        """Return what every answer says: which interaction of which issue, who, and when."""
        return {
            "issue_id": self.locate(issue_id),
            "interaction_id": self.part(interaction_id, what="Interaction"),
            "actor": self.actor,
            "now": self.now,
        }


class AcceptView(_AnswerView):
    """`POST /issues/:id/interactions/:interactionId/accept`."""

    @operation("Accept what was put [I-175]", reads=AcceptInput, answers=InteractionOut)
    def post(self, request: Request, issue_id: str, interaction_id: str) -> Response:
        """Make the suggested tasks, or confirm."""
        named = self.named(issue_id, interaction_id)
        row = answers.accept(**named, **AcceptInput.read(request.data))
        return Response(InteractionOut.render(row))


class RejectView(_AnswerView):
    """`POST /issues/:id/interactions/:interactionId/reject`."""

    @operation("Reject what was put [I-176]", reads=ReasonInput, answers=InteractionOut)
    def post(self, request: Request, issue_id: str, interaction_id: str) -> Response:
        """Say no, and why."""
        named = self.named(issue_id, interaction_id)
        row = answers.reject(**named, **ReasonInput.read(request.data))
        return Response(InteractionOut.render(row))


class RespondView(_AnswerView):
    """`POST /issues/:id/interactions/:interactionId/respond`."""

    @operation("Answer questions [I-177]", reads=RespondInput, answers=InteractionOut)
    def post(self, request: Request, issue_id: str, interaction_id: str) -> Response:
        """Keep the chosen options."""
        named = self.named(issue_id, interaction_id)
        values = RespondInput.read(request.data)
        row = answers.respond(
            **named,
            answers=[spoken(dict(answer)) for answer in values["answers"]],
            summary_markdown=values.get("summary_markdown"),
        )
        return Response(InteractionOut.render(row))


class CancelView(_AnswerView):
    """`POST /issues/:id/interactions/:interactionId/cancel`."""

    @operation("Put questions away [I-178]", reads=ReasonInput, answers=InteractionOut)
    def post(self, request: Request, issue_id: str, interaction_id: str) -> Response:
        """Close the questions without an answer."""
        named = self.named(issue_id, interaction_id)
        row = answers.cancel(**named, **ReasonInput.read(request.data))
        return Response(InteractionOut.render(row))
