import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("companies", "0006_secrets"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("heartbeat", "0002_links"),
        ("routines", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="RoutineRevision",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("revision_number", models.PositiveIntegerField()),
                ("title", models.TextField()),
                ("description", models.TextField(blank=True, null=True)),
                ("snapshot", models.JSONField()),
                ("change_summary", models.TextField(blank=True, null=True)),
                (
                    "company",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="companies.company"),
                ),
                (
                    "created_by_agent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="companies.agent",
                    ),
                ),
                (
                    "created_by_run",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="heartbeat.run",
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
                    "restored_from_revision",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="routines.routinerevision",
                    ),
                ),
                (
                    "routine",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="revisions",
                        to="routines.routine",
                    ),
                ),
            ],
            options={
                "db_table": "routine_revisions",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("routine", "revision_number"), name="routine_revision_number_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="WebhookReceipt",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("digest", models.CharField(max_length=64)),
                ("expires_at", models.DateTimeField()),
                (
                    "trigger",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="receipts",
                        to="routines.trigger",
                    ),
                ),
            ],
            options={
                "db_table": "routine_webhook_receipts",
                "indexes": [models.Index(fields=["expires_at"], name="webhook_receipt_over")],
                "constraints": [
                    models.UniqueConstraint(fields=("trigger", "digest"), name="webhook_receipt_once")
                ],
            },
        ),
        migrations.AddField(
            model_name="routine",
            name="latest_revision_number",
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AddField(
            model_name="routine",
            name="variables",
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name="routinerun",
            name="outcome",
            field=models.CharField(
                blank=True,
                choices=[("completed", "Completed"), ("failed", "Failed")],
                max_length=16,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="routinerun",
            name="outcome_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="trigger",
            name="clock_changes",
            field=models.CharField(
                choices=[("once", "Once"), ("as_shown", "As Shown")], default="once", max_length=16
            ),
        ),
        migrations.AddField(
            model_name="trigger",
            name="grace_sec",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="trigger",
            name="last_rotated_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="trigger",
            name="public_id",
            field=models.CharField(blank=True, max_length=32, null=True, unique=True),
        ),
        migrations.AddField(
            model_name="trigger",
            name="replay_window_sec",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="trigger",
            name="retry_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="trigger",
            name="secret",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="companies.secret",
            ),
        ),
        migrations.AddField(
            model_name="trigger",
            name="signing_mode",
            field=models.CharField(
                blank=True,
                choices=[
                    ("bearer", "Bearer"),
                    ("hmac_sha256", "Hmac Sha256"),
                    ("github_hmac", "Github Hmac"),
                    ("none", "None"),
                ],
                max_length=16,
                null=True,
            ),
        ),
        migrations.AddConstraint(
            model_name="routinerun",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("outcome__isnull", True), ("outcome_at__isnull", True)),
                    models.Q(("outcome__in", ["completed", "failed"]), ("outcome_at__isnull", False)),
                    _connector="OR",
                ),
                name="routine_run_outcome_has_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="trigger",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "webhook"), ("public_id__isnull", False)),
                    models.Q(
                        models.Q(("kind", "webhook"), _negated=True),
                        ("last_rotated_at__isnull", True),
                        ("public_id__isnull", True),
                        ("replay_window_sec__isnull", True),
                        ("secret__isnull", True),
                        ("signing_mode__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="trigger_webhook_fields",
            ),
        ),
        migrations.AddConstraint(
            model_name="trigger",
            constraint=models.CheckConstraint(
                condition=models.Q(("clock_changes__in", ["once", "as_shown"])),
                name="trigger_clock_changes_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="trigger",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("signing_mode__isnull", True),
                    ("signing_mode__in", ["bearer", "hmac_sha256", "github_hmac", "none"]),
                    _connector="OR",
                ),
                name="trigger_signing_mode_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="trigger",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("replay_window_sec__isnull", True),
                    models.Q(("replay_window_sec__gte", 30), ("replay_window_sec__lte", 86400)),
                    _connector="OR",
                ),
                name="trigger_replay_window_in_range",
            ),
        ),
        migrations.AddField(
            model_name="routine",
            name="latest_revision",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="routines.routinerevision",
            ),
        ),
    ]
