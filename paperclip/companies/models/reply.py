from __future__ import annotations

from django.db import models

from paperclip.core.models import Row


class Reply(Row):
    """What a request with an `Idempotency-Key` was answered, to be said again when it is repeated."""

    # `agent:<id>` or `user:<id>`: keys of different callers do not meet.
    caller = models.CharField(max_length=64)
    key = models.CharField(max_length=255)
    # Of method, address and body: the same key for something else is a mistake.
    digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.TextField(default="")

    class Meta:
        db_table = "api_replies"
        constraints = [models.UniqueConstraint(fields=["caller", "key"], name="reply_key_once")]
        indexes = [models.Index(fields=["created_at"], name="reply_oldest")]

    def __str__(self) -> str:
        return f"{self.caller} {self.key}"
