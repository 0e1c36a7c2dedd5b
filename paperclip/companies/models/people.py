from __future__ import annotations

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q

from paperclip.companies.choices import MemberRole, MemberStatus, Permission, PrincipalType
from paperclip.companies.models.company import Company
from paperclip.core.models import ChangingRow, Row


class User(AbstractUser):
    """A person on the board. A superuser is what the interface calls an instance admin."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    image = models.TextField(null=True, blank=True)

    class Meta:
        db_table = "users"

    @property
    def display_name(self) -> str:
        """The person's name, or failing that the sign-in name."""
        return self.get_full_name() or self.username

    def __str__(self) -> str:
        return self.display_name


class Member(ChangingRow):
    """A person's or an agent's place in a company (C-32). People are `user`, agents `agent` principals."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="members")
    principal_type = models.CharField(max_length=8, choices=PrincipalType.choices)
    principal_id = models.UUIDField()
    status = models.CharField(max_length=16, choices=MemberStatus.choices, default=MemberStatus.ACTIVE)
    membership_role = models.CharField(max_length=16, choices=MemberRole.choices, null=True, blank=True)

    class Meta:
        db_table = "company_memberships"
        constraints = [
            models.UniqueConstraint(
                fields=["company", "principal_type", "principal_id"], name="member_one_per_principal"
            ),
            models.CheckConstraint(condition=Q(status__in=MemberStatus.values), name="member_status_known"),
        ]
        indexes = [models.Index(fields=["principal_type", "principal_id"], name="member_by_principal")]

    def __str__(self) -> str:
        return f"{self.principal_type} {self.principal_id} ({self.membership_role})"


class Grant(ChangingRow):
    """One permission of one principal in one company (C-33)."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="grants")
    principal_type = models.CharField(max_length=8, choices=PrincipalType.choices)
    principal_id = models.UUIDField()
    permission_key = models.CharField(max_length=64, choices=Permission.choices)
    scope = models.JSONField(null=True, blank=True)
    granted_by_user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True)

    class Meta:
        db_table = "principal_permission_grants"
        constraints = [
            models.UniqueConstraint(
                fields=["company", "principal_type", "principal_id", "permission_key"],
                name="grant_one_per_key",
            )
        ]

    def __str__(self) -> str:
        return f"{self.permission_key} to {self.principal_type} {self.principal_id}"


class BoardApiToken(Row):
    """A person's token for the API (C-10). Only its hash is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.TextField()
    key_hash = models.CharField(max_length=64, unique=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "board_api_keys"
        verbose_name = "API key"
        verbose_name_plural = "API keys"

    def __str__(self) -> str:
        return self.name


class SignInLink(Row):
    """A one-time link that signs a person in. Only its hash is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_in_links")
    token_hash = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "sign_in_links"

    def __str__(self) -> str:
        return f"for {self.user_id}, until {self.expires_at:%Y-%m-%d %H:%M}"
