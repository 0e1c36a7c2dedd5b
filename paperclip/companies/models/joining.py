from __future__ import annotations

from django.db import models
from django.db.models import Q

from paperclip.companies.choices import InviteType, JoinStatus, JoinType, MemberRole
from paperclip.companies.models.agent import Agent
from paperclip.companies.models.company import Company
from paperclip.companies.models.people import BoardApiToken, User
from paperclip.core.models import ChangingRow


class Invite(ChangingRow):
    """A link that lets one person or one agent ask to join (C-36). Only the hash of its token is kept."""

    company = models.ForeignKey(
        Company, on_delete=models.CASCADE, null=True, blank=True, related_name="invites"
    )
    invite_type = models.CharField(max_length=16, choices=InviteType.choices, default=InviteType.COMPANY_JOIN)
    token_hash = models.CharField(max_length=64, unique=True)
    allowed_join_types = models.CharField(max_length=8, choices=JoinType.choices, default=JoinType.BOTH)
    human_role = models.CharField(max_length=16, choices=MemberRole.choices, null=True, blank=True)
    defaults_payload = models.JSONField(null=True, blank=True)
    agent_message = models.TextField(null=True, blank=True)
    expires_at = models.DateTimeField()
    invited_by_user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    invited_by_agent = models.ForeignKey(
        Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    revoked_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "invites"
        constraints = [
            models.CheckConstraint(
                condition=Q(company__isnull=False) | Q(invite_type=InviteType.BOOTSTRAP),
                name="invite_leads_somewhere",
            ),
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True) | Q(accepted_at__isnull=True),
                name="invite_revoked_or_accepted",
            ),
        ]
        indexes = [models.Index(fields=["company", "-created_at"], name="invite_by_company")]

    def __str__(self) -> str:
        return f"invite of {self.created_at:%Y-%m-%d}"


class JoinRequest(ChangingRow):
    """Somebody who came by an invite and waits to be let in (C-37, C-38)."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="join_requests")
    invite = models.OneToOneField(Invite, on_delete=models.CASCADE, related_name="join_request")
    request_type = models.CharField(max_length=8, choices=JoinType.choices)
    status = models.CharField(max_length=20, choices=JoinStatus.choices, default=JoinStatus.PENDING)
    request_ip = models.CharField(max_length=64, null=True, blank=True)
    requesting_user = models.ForeignKey(
        User, on_delete=models.CASCADE, null=True, blank=True, related_name="join_requests"
    )
    request_email = models.TextField(null=True, blank=True)
    agent_name = models.TextField(null=True, blank=True)
    adapter_type = models.TextField(null=True, blank=True)
    capabilities = models.TextField(null=True, blank=True)
    agent_defaults_payload = models.JSONField(null=True, blank=True)
    claim_secret_hash = models.CharField(max_length=64, null=True, blank=True)
    claim_secret_expires_at = models.DateTimeField(null=True, blank=True)
    claim_secret_consumed_at = models.DateTimeField(null=True, blank=True)
    created_agent = models.ForeignKey(
        Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    approved_by_user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    rejected_by_user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    rejected_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "join_requests"
        constraints = [
            models.CheckConstraint(
                condition=Q(request_type=JoinType.HUMAN, requesting_user__isnull=False)
                | Q(request_type=JoinType.AGENT, requesting_user__isnull=True, agent_name__isnull=False),
                name="join_request_one_kind",
            ),
            models.CheckConstraint(condition=Q(status__in=JoinStatus.values), name="join_status_known"),
        ]
        indexes = [models.Index(fields=["company", "status", "-created_at"], name="join_request_by_status")]

    def __str__(self) -> str:
        return self.agent_name or self.request_email or f"join request {self.id}"


class CliChallenge(ChangingRow):
    """A command line that asks a person to let it act in their name (C-21). Only hashes are kept."""

    secret_hash = models.CharField(max_length=64)
    command = models.CharField(max_length=240)
    client_name = models.CharField(max_length=120, null=True, blank=True)
    requested_access = models.CharField(max_length=32)
    requested_company = models.ForeignKey(
        Company, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    key_hash = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    approved_by_user = models.ForeignKey(
        User, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    board_token = models.ForeignKey(
        BoardApiToken, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        db_table = "cli_auth_challenges"
        constraints = [
            models.CheckConstraint(
                condition=Q(approved_at__isnull=True) | Q(cancelled_at__isnull=True),
                name="cli_challenge_one_end",
            ),
            models.CheckConstraint(
                condition=Q(approved_at__isnull=True, approved_by_user__isnull=True)
                | Q(approved_at__isnull=False, approved_by_user__isnull=False),
                name="cli_challenge_approved_by",
            ),
        ]
        indexes = [models.Index(fields=["expires_at"], name="cli_challenge_by_expiry")]

    def __str__(self) -> str:
        return self.command
