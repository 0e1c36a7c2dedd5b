"""The pages of approvals, budgets and notifications."""

from paperclip.governance.admin import approvals, budgets, notifications

__all__ = ["approvals", "budgets", "notifications"]
