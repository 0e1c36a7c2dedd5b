from __future__ import annotations

from django.db import models
from django.db.models import Q

from paperclip.companies.models.agent import Agent
from paperclip.companies.models.company import Company
from paperclip.companies.models.people import User
from paperclip.core.models import ChangingRow


class Asset(ChangingRow):
    """A file that was handed in (I-20). Several may share one file on disk, found by its hash.

    `object_key` is its name to the outside; where the file lies is `sha256`'s business alone.
    """

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="assets")
    provider = models.CharField(max_length=32, default="local_disk")
    object_key = models.TextField()
    content_type = models.CharField(max_length=255)
    byte_size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    original_filename = models.CharField(max_length=255, null=True, blank=True)
    created_by_agent = models.ForeignKey(
        Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_by_user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        db_table = "assets"
        constraints = [
            models.UniqueConstraint(fields=["company", "object_key"], name="asset_key_once"),
            models.CheckConstraint(condition=Q(byte_size__gte=1), name="asset_not_empty"),
        ]
        indexes = [models.Index(fields=["sha256"], name="asset_by_hash")]

    def __str__(self) -> str:
        return self.original_filename or str(self.id)


class CompanyLogo(ChangingRow):
    """Which asset is the company's logo (C-29)."""

    company = models.OneToOneField(Company, on_delete=models.CASCADE, related_name="logo")
    asset = models.OneToOneField(Asset, on_delete=models.CASCADE, related_name="logo_of")

    class Meta:
        db_table = "company_logos"

    def __str__(self) -> str:
        return f"logo of {self.company_id}"
