"""What the routines floor does on news from lower floors. Inside the transaction of the cause; own rows only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models.signals import pre_delete
from django.dispatch import receiver

from issues import signals as issue_signals
from issues.choices import OriginKind
from issues.models import Issue
from paperclip.core import clock
from routines import following


@receiver(issue_signals.status_changed)
def follow_issue(*, issue: Issue, now: datetime, **_: Any) -> None:
    """Let runs follow the issue they made, whoever moved it and by whatever door (RW-8)."""
    if issue.origin_kind == OriginKind.ROUTINE_EXECUTION:
        following.follow(issue=issue, now=now)


@receiver(pre_delete, sender=Issue)
def lose_issue(*, instance: Issue, **_: Any) -> None:
    """Let runs know that their issue goes; its row's deletion is all that is told of it."""
    if instance.origin_kind == OriginKind.ROUTINE_EXECUTION:
        following.lose(issue=instance, now=clock.now())
