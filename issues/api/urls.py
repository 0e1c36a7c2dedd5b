from __future__ import annotations

from django.urls import path

from issues.api import (
    activity,
    approvals,
    attachments,
    checkout,
    comments,
    documents,
    feedback,
    inbox,
    interactions,
    issues,
    labels,
    listing,
    monitors,
    search,
    tree_control,
    work_products,
)

urlpatterns = [
    path("issues", listing.IssuesView.as_view()),
    path("companies/<str:company_id>/issues", listing.CompanyIssuesView.as_view()),
    path("companies/<str:company_id>/issues/count", listing.CompanyIssueCountView.as_view()),
    path("companies/<str:company_id>/labels", labels.LabelsView.as_view()),
    path("companies/<str:company_id>/search", search.SearchView.as_view()),
    path("labels/<str:label_id>", labels.LabelView.as_view()),
    path("agents/me/inbox-lite", inbox.InboxLiteView.as_view()),
    path("agents/me/inbox/mine", inbox.InboxMineView.as_view()),
    path("issues/<str:issue_id>", issues.IssueItemView.as_view()),
    path("issues/<str:issue_id>/children", issues.ChildrenView.as_view()),
    path("issues/<str:issue_id>/heartbeat-context", issues.HeartbeatContextView.as_view()),
    path("issues/<str:issue_id>/checkout", checkout.CheckoutView.as_view()),
    path("issues/<str:issue_id>/release", checkout.ReleaseView.as_view()),
    path("issues/<str:issue_id>/admin/force-release", checkout.ForceReleaseView.as_view()),
    path("issues/<str:issue_id>/tree-control/preview", tree_control.TreePreviewView.as_view()),
    path("issues/<str:issue_id>/tree-control/state", tree_control.TreeStateView.as_view()),
    path("issues/<str:issue_id>/tree-holds", tree_control.TreeHoldsView.as_view()),
    path("issues/<str:issue_id>/tree-holds/<str:hold_id>", tree_control.TreeHoldView.as_view()),
    path(
        "issues/<str:issue_id>/tree-holds/<str:hold_id>/release", tree_control.TreeHoldReleaseView.as_view()
    ),
    path("issues/<str:issue_id>/comments", comments.CommentsView.as_view()),
    path("issues/<str:issue_id>/comments/<str:comment_id>", comments.CommentItemView.as_view()),
    path("issues/<str:issue_id>/documents", documents.DocumentsView.as_view()),
    path("issues/<str:issue_id>/documents/<str:key>", documents.DocumentView.as_view()),
    path("issues/<str:issue_id>/documents/<str:key>/revisions", documents.RevisionsView.as_view()),
    path(
        "issues/<str:issue_id>/documents/<str:key>/revisions/<str:revision_id>/restore",
        documents.RestoreView.as_view(),
    ),
    path("issues/<str:issue_id>/attachments", attachments.IssueAttachmentsView.as_view()),
    path(
        "companies/<str:company_id>/issues/<str:issue_id>/attachments", attachments.AttachmentsView.as_view()
    ),
    path("attachments/<str:attachment_id>/content", attachments.AttachmentContentView.as_view()),
    path("attachments/<str:attachment_id>", attachments.AttachmentView.as_view()),
    path("issues/<str:issue_id>/work-products", work_products.WorkProductsView.as_view()),
    path("work-products/<str:product_id>", work_products.WorkProductView.as_view()),
    path("issues/<str:issue_id>/interactions", interactions.InteractionsView.as_view()),
    path("issues/<str:issue_id>/interactions/<str:interaction_id>/accept", interactions.AcceptView.as_view()),
    path("issues/<str:issue_id>/interactions/<str:interaction_id>/reject", interactions.RejectView.as_view()),
    path(
        "issues/<str:issue_id>/interactions/<str:interaction_id>/respond", interactions.RespondView.as_view()
    ),
    path("issues/<str:issue_id>/interactions/<str:interaction_id>/cancel", interactions.CancelView.as_view()),
    path("issues/<str:issue_id>/monitor/check-now", monitors.CheckNowView.as_view()),
    path("issues/<str:issue_id>/read", inbox.ReadView.as_view()),
    path("issues/<str:issue_id>/inbox-archive", inbox.InboxArchiveView.as_view()),
    path("issues/<str:issue_id>/approvals", approvals.IssueApprovalsView.as_view()),
    path("issues/<str:issue_id>/approvals/<str:approval_id>", approvals.IssueApprovalView.as_view()),
    path("approvals/<str:approval_id>/issues", approvals.ApprovalIssuesView.as_view()),
    path("issues/<str:issue_id>/activity", activity.IssueActivityView.as_view()),
    path("issues/<str:issue_id>/feedback-votes", feedback.FeedbackVotesView.as_view()),
    path("issues/<str:issue_id>/feedback-traces", feedback.IssueTracesView.as_view()),
    path("companies/<str:company_id>/feedback-traces", feedback.CompanyTracesView.as_view()),
    path("feedback-traces/<str:trace_id>", feedback.TraceView.as_view()),
    path("feedback-traces/<str:trace_id>/bundle", feedback.TraceBundleView.as_view()),
]
