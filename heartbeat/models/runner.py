"""The process on some host that starts programs and follows them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from heartbeat.choices import RunnerState
from paperclip.core.models import ChangingRow


class Runner(ChangingRow):
    """A runner process and its lease: silent past `lease_expires_at`, its runs are another runner's to recover."""

    name = models.TextField()
    host = models.TextField()
    pid = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=RunnerState.choices, default=RunnerState.ACTIVE)
    capacity = models.PositiveIntegerField()
    last_seen_at = models.DateTimeField()
    lease_expires_at = models.DateTimeField()
    suspected_at = models.DateTimeField(
        null=True, blank=True
    )  # when a recovery pass first found the lease expired
    stopped_at = models.DateTimeField(null=True, blank=True)
    # Until it is told to take work again it lets its live runs end and claims nothing, also after a restart.
    drain_requested_at = models.DateTimeField(null=True, blank=True)
    lost_at = models.DateTimeField(null=True, blank=True)  # when people were told that it does not come back

    class Meta:
        db_table = "runners"
        constraints = [
            # A home has one runner: its run directories are followed by one process at a time.
            models.UniqueConstraint(
                fields=["name"], condition=~Q(state=RunnerState.STOPPED), name="runner_one_per_name"
            )
        ]

    def __str__(self) -> str:
        return self.name
