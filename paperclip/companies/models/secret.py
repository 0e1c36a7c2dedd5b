from __future__ import annotations

from django.db import models
from django.db.models import Q

from paperclip.companies.choices import (
    AccessOutcome,
    ActorType,
    ProviderConfigStatus,
    SecretKeyStatus,
    SecretMode,
    SecretProvider,
    SecretStatus,
    SecretTarget,
    SecretVersionStatus,
)
from paperclip.companies.models.agent import Agent
from paperclip.companies.models.company import Company
from paperclip.companies.models.people import User
from paperclip.core.models import ChangingRow, Row


class SecretProviderConfig(ChangingRow):
    """How a company reaches a vault outside (C-102). Never holds a credential: it names the secret that does."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    provider = models.CharField(max_length=32, choices=SecretProvider.choices)
    display_name = models.TextField()
    status = models.CharField(
        max_length=16, choices=ProviderConfigStatus.choices, default=ProviderConfigStatus.READY
    )
    is_default = models.BooleanField(default=False)
    config = models.JSONField(default=dict, blank=True)
    health_message = models.TextField(null=True, blank=True)
    health_checked_at = models.DateTimeField(null=True, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    created_by_agent = models.ForeignKey(
        Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_by_user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        db_table = "company_secret_provider_configs"
        verbose_name = "vault"
        constraints = [
            models.UniqueConstraint(
                fields=["company", "provider"],
                condition=Q(is_default=True),
                name="provider_config_one_default",
            ),
            models.CheckConstraint(
                condition=Q(provider__in=SecretProvider.values), name="provider_config_provider_known"
            ),
            models.CheckConstraint(
                condition=Q(status=ProviderConfigStatus.DISABLED, is_default=False, disabled_at__isnull=False)
                | Q(~Q(status=ProviderConfigStatus.DISABLED), disabled_at__isnull=True),
                name="provider_config_disabled_has_time",
            ),
        ]

    def __str__(self) -> str:
        return self.display_name


class Secret(ChangingRow):
    """A value that people keep and runs are given; its name is public, its value leaves for a run's environment only.

    A deleted one stays as a row without values, so that the record of who used it stays too.
    """

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="secrets")
    key = models.CharField(max_length=120)
    name = models.TextField()
    provider = models.CharField(max_length=32, choices=SecretProvider.choices, default=SecretProvider.LOCAL)
    status = models.CharField(max_length=16, choices=SecretStatus.choices, default=SecretStatus.ACTIVE)
    managed_mode = models.CharField(max_length=32, choices=SecretMode.choices, default=SecretMode.MANAGED)
    external_ref = models.TextField(null=True, blank=True)
    provider_config = models.ForeignKey(
        SecretProviderConfig, on_delete=models.SET_NULL, null=True, blank=True, related_name="secrets"
    )
    provider_metadata = models.JSONField(null=True, blank=True)
    latest_version = models.PositiveIntegerField(default=1)
    description = models.TextField(null=True, blank=True)
    last_resolved_at = models.DateTimeField(null=True, blank=True)
    last_rotated_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    created_by_agent = models.ForeignKey(
        Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_by_user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        db_table = "company_secrets"
        constraints = [
            models.UniqueConstraint(
                fields=["company", "key"],
                condition=~Q(status=SecretStatus.DELETED),
                name="secret_key_once_per_company",
            ),
            models.UniqueConstraint(
                fields=["company", "name"],
                condition=~Q(status=SecretStatus.DELETED),
                name="secret_name_once_per_company",
            ),
            models.CheckConstraint(condition=Q(status__in=SecretStatus.values), name="secret_status_known"),
            models.CheckConstraint(
                condition=Q(provider__in=SecretProvider.values), name="secret_provider_known"
            ),
            models.CheckConstraint(
                condition=Q(
                    managed_mode=SecretMode.MANAGED, provider=SecretProvider.LOCAL, external_ref__isnull=True
                )
                | Q(
                    ~Q(provider=SecretProvider.LOCAL),
                    managed_mode=SecretMode.EXTERNAL,
                    external_ref__isnull=False,
                ),
                name="secret_value_here_or_reference",
            ),
            models.CheckConstraint(
                condition=Q(status=SecretStatus.DELETED, deleted_at__isnull=False)
                | Q(~Q(status=SecretStatus.DELETED), deleted_at__isnull=True),
                name="secret_deleted_has_time",
            ),
            models.CheckConstraint(condition=Q(latest_version__gte=1), name="secret_version_positive"),
        ]

    def __str__(self) -> str:
        return self.name


class SecretVersion(Row):
    """One value of a secret, sealed; or, of an external one, which version out there is meant."""

    secret = models.ForeignKey(Secret, on_delete=models.CASCADE, related_name="versions")
    version = models.PositiveIntegerField()
    status = models.CharField(
        max_length=16, choices=SecretVersionStatus.choices, default=SecretVersionStatus.CURRENT
    )
    material = models.JSONField(null=True, blank=True)
    sealed_with = models.CharField(max_length=16, null=True, blank=True)
    value_sha256 = models.CharField(max_length=64, null=True, blank=True)
    fingerprint_sha256 = models.CharField(max_length=64, null=True, blank=True)
    provider_version_ref = models.TextField(null=True, blank=True)
    created_by_agent = models.ForeignKey(
        Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_by_user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    destroyed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "company_secret_versions"
        constraints = [
            models.UniqueConstraint(fields=["secret", "version"], name="secret_version_once"),
            models.UniqueConstraint(
                fields=["secret"],
                condition=Q(status=SecretVersionStatus.CURRENT),
                name="secret_one_current_version",
            ),
            models.CheckConstraint(
                condition=Q(status__in=SecretVersionStatus.values), name="secret_version_status_known"
            ),
            models.CheckConstraint(
                condition=Q(material__isnull=True, sealed_with__isnull=True, value_sha256__isnull=True)
                | Q(material__isnull=False, sealed_with__isnull=False, value_sha256__isnull=False),
                name="secret_version_sealed_with_a_key",
            ),
            models.CheckConstraint(
                condition=~Q(status=SecretVersionStatus.DESTROYED)
                | Q(material__isnull=True, destroyed_at__isnull=False),
                name="secret_version_destroyed_is_empty",
            ),
        ]
        indexes = [models.Index(fields=["sealed_with", "id"], name="secret_version_by_key")]

    def __str__(self) -> str:
        return f"version {self.version} of {self.secret_id}"


class SecretBinding(ChangingRow):
    """That a target uses a secret at a place of its configuration (C-100); rewritten whenever that is saved."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    secret = models.ForeignKey(Secret, on_delete=models.CASCADE, related_name="bindings")
    target_type = models.CharField(max_length=16, choices=SecretTarget.choices)
    target_id = models.UUIDField()
    config_path = models.TextField()
    version_selector = models.CharField(max_length=16, default="latest")
    required = models.BooleanField(default=True)
    label = models.TextField(null=True, blank=True)

    class Meta:
        db_table = "company_secret_bindings"
        constraints = [
            models.UniqueConstraint(
                fields=["target_type", "target_id", "config_path"], name="secret_binding_once_per_place"
            ),
            models.CheckConstraint(
                condition=Q(target_type__in=SecretTarget.values), name="secret_binding_target_known"
            ),
            models.CheckConstraint(
                condition=Q(version_selector__regex=r"^(latest|[1-9][0-9]{0,8})$"),
                name="secret_binding_selector_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.target_type} {self.target_id} {self.config_path}"


class SecretAccess(Row):
    """One resolution of a secret: for whom, for which run, and how it went (C-101). Append-only."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    secret = models.ForeignKey(Secret, on_delete=models.CASCADE, related_name="accesses")
    version = models.PositiveIntegerField(null=True, blank=True)
    provider = models.CharField(max_length=32, choices=SecretProvider.choices)
    actor_type = models.CharField(max_length=8, choices=ActorType.choices)
    actor_id = models.TextField()
    consumer_type = models.CharField(max_length=16, choices=SecretTarget.choices)
    consumer_id = models.UUIDField()
    config_path = models.TextField()
    issue = models.ForeignKey(
        "issues.Issue", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    heartbeat_run = models.ForeignKey(
        "heartbeat.Run", on_delete=models.SET_NULL, null=True, blank=True, related_name="secret_accesses"
    )
    outcome = models.CharField(max_length=8, choices=AccessOutcome.choices)
    error_code = models.CharField(max_length=48, null=True, blank=True)

    class Meta:
        db_table = "secret_access_events"
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome=AccessOutcome.SUCCESS, error_code__isnull=True)
                | Q(outcome=AccessOutcome.FAILURE, error_code__isnull=False),
                name="secret_access_failure_has_code",
            )
        ]
        indexes = [
            models.Index(fields=["secret", "-created_at", "-id"], name="secret_access_newest"),
            models.Index(fields=["company", "created_at"], name="secret_access_oldest"),
        ]

    def __str__(self) -> str:
        return f"{self.outcome} of {self.secret_id}"


class SecretMasterKey(Row):
    """A master key by its fingerprint, never the key: which one seals now is the same for every process and host."""

    fingerprint = models.CharField(max_length=16, unique=True)
    status = models.CharField(max_length=16, choices=SecretKeyStatus.choices)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "secret_master_keys"
        constraints = [
            models.UniqueConstraint(
                fields=["status"],
                condition=Q(status=SecretKeyStatus.CURRENT),
                name="secret_master_key_one_current",
            ),
            models.CheckConstraint(
                condition=Q(status__in=SecretKeyStatus.values), name="secret_master_key_status_known"
            ),
        ]

    def __str__(self) -> str:
        return self.fingerprint
