"""What the board decides on, what the work costs and may cost, and what a person is told of.

Import from here; the modules behind are split by subject only for reading.
"""

from paperclip.governance.models.approval import Approval, ApprovalComment
from paperclip.governance.models.budget import BudgetIncident, BudgetPolicy
from paperclip.governance.models.money import CostEvent, FinanceEvent
from paperclip.governance.models.notice import Notice, NoticeDelivery, NotificationTarget

__all__ = [
    "Approval",
    "ApprovalComment",
    "BudgetIncident",
    "BudgetPolicy",
    "CostEvent",
    "FinanceEvent",
    "Notice",
    "NoticeDelivery",
    "NotificationTarget",
]
