"""What every table has."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone


class Row(models.Model):
    """A row with a random id and the time it was made. Doers pass `created_at`; the default is for shells."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        abstract = True


class ChangingRow(Row):
    """A row that is edited after it was made."""

    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        abstract = True
