from __future__ import annotations

from django.urls import URLPattern, path

from paperclip.governance.api import approvals, budgets, costs, hires

_COMPANY = "companies/<str:company_id>"
_APPROVAL = "approvals/<str:approval_id>"

urlpatterns: list[URLPattern] = [
    path(f"{_COMPANY}/agent-hires", hires.Hire.as_view()),
    path(f"{_COMPANY}/approvals", approvals.ApprovalList.as_view()),
    path(_APPROVAL, approvals.ApprovalDetail.as_view()),
    path(f"{_APPROVAL}/approve", approvals.ApprovalApprove.as_view()),
    path(f"{_APPROVAL}/reject", approvals.ApprovalReject.as_view()),
    path(f"{_APPROVAL}/request-revision", approvals.ApprovalRequestRevision.as_view()),
    path(f"{_APPROVAL}/resubmit", approvals.ApprovalResubmit.as_view()),
    path(f"{_COMPANY}/cost-events", costs.CostEventList.as_view()),
    path(f"{_COMPANY}/costs/summary", costs.CostSummary.as_view()),
    path(f"{_COMPANY}/costs/by-agent", costs.CostByAgent.as_view()),
    path(f"{_COMPANY}/budgets", budgets.CompanyBudget.as_view()),
    path("agents/<str:agent_ref>/budgets", budgets.AgentBudget.as_view()),
]
