import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("companies", "0005_assets"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("governance", "0004_notices"),
        ("heartbeat", "0011_retention_indexes"),
        ("issues", "0007_list_order"),
    ]

    operations = [
        migrations.CreateModel(
            name="ApprovalComment",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("body", models.TextField()),
                (
                    "approval",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="comments",
                        to="governance.approval",
                    ),
                ),
                (
                    "author_agent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="companies.agent",
                    ),
                ),
                (
                    "author_user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "company",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="companies.company"
                    ),
                ),
            ],
            options={
                "db_table": "approval_comments",
                "indexes": [
                    models.Index(fields=["approval", "created_at", "id"], name="approval_comment_in_order")
                ],
            },
        ),
        migrations.CreateModel(
            name="BudgetPolicy",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "scope_type",
                    models.CharField(
                        choices=[("company", "Company"), ("agent", "Agent"), ("project", "Project")],
                        max_length=16,
                    ),
                ),
                (
                    "metric",
                    models.CharField(
                        choices=[("billed_cents", "Billed Cents")], default="billed_cents", max_length=16
                    ),
                ),
                (
                    "window_kind",
                    models.CharField(
                        choices=[("calendar_month_utc", "Each month"), ("lifetime", "In all")],
                        default="calendar_month_utc",
                        max_length=24,
                    ),
                ),
                ("amount", models.PositiveBigIntegerField()),
                ("warn_percent", models.PositiveSmallIntegerField(default=80)),
                ("hard_stop_enabled", models.BooleanField(default=True)),
                ("notify_enabled", models.BooleanField(default=True)),
                ("is_active", models.BooleanField(default=True)),
                ("observed_amount", models.PositiveBigIntegerField(default=0)),
                ("window_start", models.DateTimeField()),
                ("window_end", models.DateTimeField()),
                (
                    "agent",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="budget_policies",
                        to="companies.agent",
                    ),
                ),
                (
                    "company",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="budget_policies",
                        to="companies.company",
                    ),
                ),
                (
                    "created_by_user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="budget_policies",
                        to="companies.project",
                    ),
                ),
                (
                    "updated_by_user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "budget",
                "db_table": "budget_policies",
                "indexes": [
                    models.Index(
                        condition=models.Q(
                            ("hard_stop_enabled", True),
                            ("is_active", True),
                            ("observed_amount__gte", models.F("amount")),
                        ),
                        fields=["company"],
                        name="budget_policy_spent",
                    ),
                    models.Index(
                        condition=models.Q(("is_active", True)),
                        fields=["window_end"],
                        name="budget_policy_window_due",
                    ),
                    models.Index(
                        condition=models.Q(("agent__isnull", False)),
                        fields=["agent"],
                        name="budget_policy_by_agent",
                    ),
                    models.Index(
                        condition=models.Q(("project__isnull", False)),
                        fields=["project"],
                        name="budget_policy_by_project",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("agent__isnull", True), ("project__isnull", True), ("scope_type", "company")
                            ),
                            models.Q(
                                ("agent__isnull", False), ("project__isnull", True), ("scope_type", "agent")
                            ),
                            models.Q(
                                ("agent__isnull", True), ("project__isnull", False), ("scope_type", "project")
                            ),
                            _connector="OR",
                        ),
                        name="budget_policy_names_its_scope",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("metric__in", ["billed_cents"])),
                        name="budget_policy_metric_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("window_kind__in", ["calendar_month_utc", "lifetime"]),
                            ("window_start__lt", models.F("window_end")),
                        ),
                        name="budget_policy_window_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("warn_percent__gte", 1), ("warn_percent__lte", 99)),
                        name="budget_policy_warns_in_range",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("is_active", False), ("amount__gt", 0), _connector="OR"),
                        name="budget_policy_active_has_amount",
                    ),
                    models.UniqueConstraint(
                        fields=("company", "scope_type", "agent", "project", "metric", "window_kind"),
                        name="budget_policy_one_per_scope_and_window",
                        nulls_distinct=False,
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="FinanceEvent",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("billing_code", models.TextField(blank=True, null=True)),
                ("description", models.CharField(blank=True, max_length=500, null=True)),
                (
                    "event_kind",
                    models.CharField(
                        choices=[
                            ("inference_charge", "Inference Charge"),
                            ("platform_fee", "Platform Fee"),
                            ("credit_purchase", "Credit Purchase"),
                            ("credit_refund", "Credit Refund"),
                            ("credit_expiry", "Credit Expiry"),
                            ("byok_fee", "Byok Fee"),
                            ("gateway_overhead", "Gateway Overhead"),
                            ("log_storage_charge", "Log Storage Charge"),
                            ("logpush_charge", "Logpush Charge"),
                            ("provisioned_capacity_charge", "Provisioned Capacity Charge"),
                            ("training_charge", "Training Charge"),
                            ("custom_model_import_charge", "Custom Model Import Charge"),
                            ("custom_model_storage_charge", "Custom Model Storage Charge"),
                            ("manual_adjustment", "Manual Adjustment"),
                        ],
                        max_length=40,
                    ),
                ),
                (
                    "direction",
                    models.CharField(
                        choices=[("debit", "Debit"), ("credit", "Credit")], default="debit", max_length=8
                    ),
                ),
                ("biller", models.TextField()),
                ("provider", models.TextField(blank=True, null=True)),
                ("execution_adapter_type", models.TextField(blank=True, null=True)),
                ("pricing_tier", models.TextField(blank=True, null=True)),
                ("region", models.TextField(blank=True, null=True)),
                ("model", models.TextField(blank=True, null=True)),
                ("quantity", models.PositiveBigIntegerField(blank=True, null=True)),
                (
                    "unit",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("input_token", "Input Token"),
                            ("output_token", "Output Token"),
                            ("cached_input_token", "Cached Input Token"),
                            ("request", "Request"),
                            ("credit_usd", "Credit Usd"),
                            ("credit_unit", "Credit Unit"),
                            ("model_unit_minute", "Model Unit Minute"),
                            ("model_unit_hour", "Model Unit Hour"),
                            ("gb_month", "Gb Month"),
                            ("train_token", "Train Token"),
                            ("unknown", "Unknown"),
                        ],
                        max_length=24,
                        null=True,
                    ),
                ),
                ("amount_cents", models.PositiveBigIntegerField()),
                ("currency", models.CharField(default="USD", max_length=3)),
                ("estimated", models.BooleanField(default=False)),
                ("external_invoice_id", models.TextField(blank=True, null=True)),
                ("metadata_json", models.JSONField(blank=True, null=True)),
                ("occurred_at", models.DateTimeField()),
                (
                    "agent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="companies.agent",
                    ),
                ),
                (
                    "company",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="finance_events",
                        to="companies.company",
                    ),
                ),
                (
                    "cost_event",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="finance_events",
                        to="governance.costevent",
                    ),
                ),
                (
                    "goal",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="companies.goal",
                    ),
                ),
                (
                    "heartbeat_run",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="heartbeat.run",
                    ),
                ),
                (
                    "issue",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="issues.issue",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="companies.project",
                    ),
                ),
            ],
            options={
                "db_table": "finance_events",
                "indexes": [
                    models.Index(fields=["company", "-occurred_at", "-id"], name="finance_event_newest")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "event_kind__in",
                                [
                                    "inference_charge",
                                    "platform_fee",
                                    "credit_purchase",
                                    "credit_refund",
                                    "credit_expiry",
                                    "byok_fee",
                                    "gateway_overhead",
                                    "log_storage_charge",
                                    "logpush_charge",
                                    "provisioned_capacity_charge",
                                    "training_charge",
                                    "custom_model_import_charge",
                                    "custom_model_storage_charge",
                                    "manual_adjustment",
                                ],
                            )
                        ),
                        name="finance_event_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("direction__in", ["debit", "credit"])),
                        name="finance_event_direction_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("currency__regex", "^[A-Z]{3}$")),
                        name="finance_event_currency_three_letters",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BudgetIncident",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("window_start", models.DateTimeField()),
                ("window_end", models.DateTimeField()),
                (
                    "threshold_type",
                    models.CharField(choices=[("soft", "Soft"), ("hard", "Hard")], max_length=8),
                ),
                ("amount_limit", models.PositiveBigIntegerField()),
                ("amount_observed", models.PositiveBigIntegerField()),
                (
                    "status",
                    models.CharField(
                        choices=[("open", "Open"), ("resolved", "Resolved"), ("dismissed", "Dismissed")],
                        default="open",
                        max_length=16,
                    ),
                ),
                ("resolved_at", models.DateTimeField(blank=True, null=True)),
                (
                    "approval",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="budget_incidents",
                        to="governance.approval",
                    ),
                ),
                (
                    "company",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="budget_incidents",
                        to="companies.company",
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="incidents",
                        to="governance.budgetpolicy",
                    ),
                ),
            ],
            options={
                "db_table": "budget_incidents",
                "indexes": [
                    models.Index(
                        condition=models.Q(("status", "open")),
                        fields=["company", "-created_at"],
                        name="budget_incident_open",
                    ),
                    models.Index(fields=["policy", "-created_at"], name="budget_incident_of_policy"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("threshold_type__in", ["soft", "hard"])),
                        name="budget_incident_threshold_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("resolved_at__isnull", True), ("status", "open")),
                            models.Q(
                                ("resolved_at__isnull", False), ("status__in", ["resolved", "dismissed"])
                            ),
                            _connector="OR",
                        ),
                        name="budget_incident_ends_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("status", "open")),
                        fields=("policy", "window_start", "threshold_type"),
                        name="budget_incident_one_open",
                    ),
                ],
            },
        ),
        migrations.RemoveIndex(
            model_name="costevent",
            name="cost_by_company_time",
        ),
        migrations.RemoveIndex(
            model_name="costevent",
            name="cost_by_agent_time",
        ),
        migrations.AddField(
            model_name="costevent",
            name="idempotency_key",
            field=models.CharField(blank=True, max_length=200, null=True),
        ),
        migrations.AlterField(
            model_name="costevent",
            name="agent",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="cost_events",
                to="companies.agent",
            ),
        ),
        migrations.AlterField(
            model_name="costevent",
            name="company",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, to="companies.company"
            ),
        ),
        migrations.AlterField(
            model_name="costevent",
            name="heartbeat_run",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                to="heartbeat.run",
            ),
        ),
        migrations.AlterField(
            model_name="costevent",
            name="project",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                to="companies.project",
            ),
        ),
        migrations.AddIndex(
            model_name="costevent",
            index=models.Index(
                fields=["company", "occurred_at"], include=("cost_cents",), name="cost_by_company"
            ),
        ),
        migrations.AddIndex(
            model_name="costevent",
            index=models.Index(
                fields=["agent", "occurred_at"], include=("cost_cents",), name="cost_by_agent"
            ),
        ),
        migrations.AddIndex(
            model_name="costevent",
            index=models.Index(
                fields=["project", "occurred_at"], include=("cost_cents",), name="cost_by_project"
            ),
        ),
        migrations.AddConstraint(
            model_name="costevent",
            constraint=models.UniqueConstraint(
                condition=models.Q(("idempotency_key__isnull", False)),
                fields=("agent", "idempotency_key"),
                name="cost_one_per_idempotency_key",
            ),
        ),
    ]
