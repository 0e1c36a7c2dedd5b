from __future__ import annotations

from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    name = "paperclip.governance"
    label = "governance"

    def ready(self) -> None:
        from paperclip.companies import dashboard
        from paperclip.governance import approvals, budget_figures, costs, dismissals
        from paperclip.governance import receivers as receivers  # connects them

        dashboard.register("costs", costs.dashboard_piece)
        dashboard.register("pendingApprovals", approvals.pending_count)
        dashboard.register("budgets", budget_figures.dashboard_piece)
        dashboard.register_badge("approvals", approvals.open_count)
        dashboard.register_dismissed("approvals", "approval", dismissals.count)
        dashboard.register_badge("budgetAlerts", costs.budget_alerts)
