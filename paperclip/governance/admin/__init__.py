"""The pages of approvals and notifications."""

from paperclip.governance.admin import approvals, notifications

__all__ = ["approvals", "notifications"]
