from __future__ import annotations

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("companies", "0007_activity_indexes"),
        ("issues", "0008_one_index_of_comments"),
    ]

    operations = [
        migrations.CreateModel(
            name="ReferenceScan",
            fields=[
                ("name", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("after_id", models.UUIDField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={"db_table": "issue_reference_scans"},
        ),
        migrations.CreateModel(
            name="FeedbackVote",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "target_type",
                    models.CharField(
                        choices=[("issue_comment", "Comment"), ("issue_document_revision", "Revision")],
                        max_length=32,
                    ),
                ),
                ("target_id", models.UUIDField()),
                ("vote", models.CharField(choices=[("up", "Up"), ("down", "Down")], max_length=4)),
                ("reason", models.TextField(blank=True, null=True)),
                ("is_shared", models.BooleanField(default=False)),
                ("consent_version", models.TextField(blank=True, null=True)),
                ("payload", models.JSONField(default=dict)),
                (
                    "author_user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "company",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to="companies.company"
                    ),
                ),
                (
                    "issue",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="feedback_votes",
                        to="issues.issue",
                    ),
                ),
            ],
            options={
                "db_table": "feedback_votes",
                "constraints": [
                    models.UniqueConstraint(
                        fields=["company", "target_type", "target_id", "author_user"],
                        name="feedback_once_per_person",
                    ),
                    models.CheckConstraint(
                        condition=Q(vote__in=["up", "down"]), name="feedback_vote_known"
                    ),
                    models.CheckConstraint(
                        condition=Q(target_type__in=["issue_comment", "issue_document_revision"]),
                        name="feedback_target_known",
                    ),
                ],
                "indexes": [models.Index(fields=["company", "-created_at"], name="feedback_newest")],
            },
        ),
    ]
