"""`/issues/:id/tree-control/…` and `/issues/:id/tree-holds…` (I-203 to I-207)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from issues import holds, tree_control
from issues.api.base import IssueView
from issues.choices import HoldMode, HoldStatus, ReleaseStrategy
from issues.models import TreeHold, TreeHoldMember
from paperclip.core.api.fields import Enum, Object, Text
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import ModelOutput, Output
from paperclip.core.api.schema import operation, query
from paperclip.core.api.views import flag
from paperclip.core.errors import NotFound

_LISTED_AT_MOST = 200


class ReleasePolicyInput(Input):
    """How a hold ends."""

    strict = True

    strategy = Enum(choices=ReleaseStrategy.choices)
    note = Text(required=False, min_length=1, max_length=500)


class PreviewInput(Input):
    """An order to look at before it is given."""

    strict = True

    mode = Enum(choices=HoldMode.choices)
    release_policy = ReleasePolicyInput(required=False)


class HoldInput(PreviewInput):
    """An order over a tree."""

    reason = Text(required=False, allow_null=True, min_length=1, max_length=1000)
    metadata = Object(required=False, allow_null=True)


class ReleaseInput(Input):
    """The end of a hold."""

    strict = True

    reason = Text(required=False, allow_null=True, min_length=1, max_length=1000)
    release_policy = ReleasePolicyInput(required=False)
    metadata = Object(required=False, allow_null=True)


class TreeRunOut(Output):
    """A run at work in the tree, or about to be."""

    id = serializers.UUIDField()
    issue_id = serializers.UUIDField()
    agent_id = serializers.UUIDField()
    status = serializers.CharField()
    started_at = serializers.DateTimeField(allow_null=True)


class TreeIssueOut(Output):
    """An issue of the tree, and why the order leaves it alone, if it does."""

    id = serializers.UUIDField()
    identifier = serializers.CharField()
    title = serializers.CharField()
    status = serializers.CharField()
    parent_id = serializers.UUIDField(allow_null=True)
    depth = serializers.IntegerField()
    assignee_agent_id = serializers.UUIDField(allow_null=True)
    assignee_user_id = serializers.UUIDField(allow_null=True)
    active_run = TreeRunOut(allow_null=True)
    skipped = serializers.BooleanField()
    skip_reason = serializers.CharField(allow_null=True)


class TreeTotalsOut(Output):
    """The figures of a preview."""

    total_issues = serializers.IntegerField()
    affected_issues = serializers.IntegerField()
    skipped_issues = serializers.IntegerField()
    active_runs = serializers.IntegerField()
    queued_runs = serializers.IntegerField()
    affected_agents = serializers.IntegerField()


class TreeAgentOut(Output):
    """An agent whose work the order concerns."""

    agent_id = serializers.UUIDField()
    issue_count = serializers.IntegerField()
    active_run_count = serializers.IntegerField()


class TreeWarningOut(Output):
    """Something to know before the order is given."""

    code = serializers.CharField()
    message = serializers.CharField()
    issue_ids = serializers.ListField(child=serializers.UUIDField())


class TreePreviewOut(Output):
    """What an order would come to (I-126)."""

    company_id = serializers.UUIDField()
    root_issue_id = serializers.UUIDField()
    mode = serializers.ChoiceField(choices=HoldMode.choices)
    generated_at = serializers.DateTimeField()
    release_policy = serializers.DictField(child=serializers.CharField())
    totals = TreeTotalsOut()
    counts_by_status = serializers.DictField(child=serializers.IntegerField())
    issues = TreeIssueOut(many=True)
    skipped_issues = TreeIssueOut(many=True)
    active_runs = TreeRunOut(many=True)
    affected_agents = TreeAgentOut(many=True)
    warnings = TreeWarningOut(many=True)


class HoldMemberOut(ModelOutput):
    """An issue as it was when the hold was laid on its tree (I-27)."""

    class Meta:
        model = TreeHoldMember
        fields: ClassVar = [
            "id", "company_id", "hold_id", "issue_id", "parent_issue_id", "depth", "issue_identifier",
            "issue_title", "issue_status", "assignee_agent_id", "assignee_user_id", "active_run_id",
            "active_run_status", "skipped", "skip_reason", "created_at",
        ]  # fmt: skip


class HoldOut(ModelOutput):
    """An order over a tree (I-27)."""

    release_policy = serializers.DictField(child=serializers.CharField())
    release_metadata = serializers.DictField(allow_null=True)
    members = HoldMemberOut(many=True, required=False)

    class Meta:
        model = TreeHold
        fields: ClassVar = [
            "id", "company_id", "root_issue_id", "mode", "status", "reason", "release_policy",
            "created_by_actor_type", "created_by_agent_id", "created_by_user_id", "created_by_run_id",
            "released_at", "released_by_actor_type", "released_by_agent_id", "released_by_user_id",
            "released_by_run_id", "release_reason", "release_metadata", "created_at", "updated_at", "members",
        ]  # fmt: skip


class HoldDoneOut(Output):
    """An order that was carried out."""

    hold = HoldOut()
    preview = TreePreviewOut()
    resumed_pause_hold_ids = serializers.ListField(child=serializers.UUIDField(), required=False)


class GateOut(Output):
    """The pause that holds an issue (H-6)."""

    hold_id = serializers.UUIDField()
    root_issue_id = serializers.UUIDField()
    mode = serializers.CharField()
    reason = serializers.CharField(allow_null=True)
    release_policy = serializers.DictField(child=serializers.CharField())


class TreeStateOut(Output):
    """Whether a pause holds the issue."""

    active_pause_hold = GateOut(allow_null=True)


class TreePreviewView(IssueView):
    """`POST /issues/:id/tree-control/preview`."""

    board_only = True

    @operation("See what an order over a tree would do [I-203]", reads=PreviewInput, answers=TreePreviewOut)
    def post(self, request: Request, issue_id: str) -> Response:
        """Answer what the order comes to; nothing changes."""
        values = PreviewInput.read(request.data)
        plan = tree_control.preview(
            root_id=self.root(issue_id), actor=self.actor, now=self.now, **_order(values)
        )
        return Response(TreePreviewOut.render(plan))

    def root(self, issue_id: str) -> Any:
        """Return the id of the tree's root."""
        try:
            return self.locate(issue_id)
        except NotFound:
            raise NotFound("Root issue not found") from None


class TreeStateView(IssueView):
    """`GET /issues/:id/tree-control/state`."""

    board_only = True

    @operation("See whether an issue is paused [I-204]", answers=TreeStateOut)
    def get(self, request: Request, issue_id: str) -> Response:
        """Answer the pause that holds the issue, its own or one above it."""
        gate = holds.gate(self.locate(issue_id))
        return Response({"activePauseHold": None if gate is None else gate.told()})


class TreeHoldsView(IssueView):
    """`/issues/:id/tree-holds`."""

    board_only = True

    @operation(
        "List the orders over a tree [I-206]",
        answers=HoldOut,
        many=True,
        query=[
            query("status", enum=HoldStatus.values),
            query("mode", enum=HoldMode.values),
            query("includeMembers", bool),
        ],
    )
    def get(self, request: Request, issue_id: str) -> Response:
        """Answer the orders whose root the issue is, newest first; an unknown word finds none."""
        rows = TreeHold.objects.filter(root_issue_id=self.locate(issue_id)).order_by("-created_at", "-id")
        for name in ("status", "mode"):
            if request.query_params.get(name):
                rows = rows.filter(**{name: request.query_params[name]})
        found = list(rows[:_LISTED_AT_MOST])
        return Response(_with_members(found) if flag(request, "includeMembers") else _bare(found))

    @operation(
        "Pause, resume, cancel or restore a tree [I-205]",
        reads=HoldInput,
        answers=HoldDoneOut,
        status=201,
        also={200: HoldDoneOut},
    )
    def post(self, request: Request, issue_id: str) -> Response:
        """Carry out the order; 201 for a pause or cancel, 200 for what ends one."""
        target = self.locate(issue_id)
        values = HoldInput.read(request.data)
        done = tree_control.give(
            root_id=target,
            actor=self.actor,
            now=self.now,
            reason=values.get("reason"),
            metadata=values.get("metadata"),
            **_order(values),
        )
        answer: dict[str, Any] = {
            "hold": _with_members([done.hold])[0],
            "preview": TreePreviewOut.render(done.plan),
        }
        if done.hold.mode == HoldMode.RESUME:
            answer["resumedPauseHoldIds"] = [hold.pk for hold in done.ended]
        ends_others = done.hold.mode in (HoldMode.RESUME, HoldMode.RESTORE)
        return Response(answer, status=200 if ends_others else 201)


class TreeHoldView(IssueView):
    """`GET /issues/:id/tree-holds/:holdId`."""

    board_only = True

    @operation("Get an order over a tree [I-206]", answers=HoldOut)
    def get(self, request: Request, issue_id: str, hold_id: str) -> Response:
        """Answer the order with its snapshot."""
        root_id = self.locate(issue_id)
        part_id = self.part(hold_id, what="Issue tree hold")
        hold = TreeHold.objects.filter(pk=part_id, root_issue_id=root_id).first()
        if hold is None:
            raise NotFound("Issue tree hold not found")
        return Response(_with_members([hold])[0])


class TreeHoldReleaseView(IssueView):
    """`POST /issues/:id/tree-holds/:holdId/release`."""

    board_only = True

    @operation("End an order over a tree [I-207]", reads=ReleaseInput, answers=HoldOut)
    def post(self, request: Request, issue_id: str, hold_id: str) -> Response:
        """End the hold; what a pause had stopped is called again."""
        root_id = self.locate(issue_id)
        values = ReleaseInput.read(request.data)
        hold = tree_control.release(
            hold_id=self.part(hold_id, what="Issue tree hold"),
            root_id=root_id,
            actor=self.actor,
            now=self.now,
            **values,
        )
        return Response(_bare([hold])[0])


def _order(values: dict[str, Any]) -> dict[str, Any]:
    return {"mode": values["mode"], "release_policy": values.get("release_policy")}


def _bare(rows: Iterable[TreeHold]) -> list[dict[str, Any]]:
    answers = [HoldOut.render(row, members=None) for row in rows]
    for answer in answers:
        del answer["members"]
    return answers


def _with_members(rows: list[TreeHold]) -> list[dict[str, Any]]:
    members: dict[Any, list[TreeHoldMember]] = {row.pk: [] for row in rows}
    found = TreeHoldMember.objects.filter(hold__in=rows).order_by("depth", "issue_identifier", "id")
    for member in found:
        members[member.hold_id].append(member)
    return [HoldOut.render(row, members=HoldMemberOut.render_many(members[row.pk])) for row in rows]
