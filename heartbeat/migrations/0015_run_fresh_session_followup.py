from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("heartbeat", "0014_live_events"),
    ]

    operations = [
        migrations.AlterField(
            model_name="run",
            name="followup_mechanism",
            field=models.CharField(
                blank=True,
                choices=[
                    ("process_loss_retry", "Process Loss Retry"),
                    ("max_turns_continuation", "Max Turns Continuation"),
                    ("scheduled_retry", "Scheduled Retry"),
                    ("diagnostic_retry", "Diagnostic Retry"),
                    ("fresh_session", "Fresh Session"),
                    ("comment_retry", "Comment Retry"),
                    ("deferred_wake", "Deferred Wake"),
                    ("liveness_continuation", "Liveness Continuation"),
                    ("handoff", "Handoff"),
                    ("recovery", "Recovery"),
                    ("escalation", "Escalation"),
                    ("none", "None"),
                ],
                max_length=24,
                null=True,
            ),
        ),
    ]
