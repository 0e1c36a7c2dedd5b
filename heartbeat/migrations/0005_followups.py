from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('companies', '0003_rate_limits'),
        ('heartbeat', '0004_queue_index'),
        ('issues', '0002_links'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='wakeuprequest',
            name='wakeup_one_per_idempotency_key',
        ),
        migrations.AddField(
            model_name='run',
            name='comment_retry_count',
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='run',
            name='failure_advice',
            field=models.TextField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='run',
            name='failure_category',
            field=models.CharField(blank=True, max_length=32, null=True),
        ),
        migrations.AddField(
            model_name='run',
            name='handoff_attempt',
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='run',
            name='provider_key',
            field=models.CharField(blank=True, max_length=128, null=True),
        ),
        migrations.AddField(
            model_name='run',
            name='recovery_attempt',
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name='run',
            name='followup_mechanism',
            field=models.CharField(blank=True, choices=[('process_loss_retry', 'Process Loss Retry'), ('max_turns_continuation', 'Max Turns Continuation'), ('scheduled_retry', 'Scheduled Retry'), ('diagnostic_retry', 'Diagnostic Retry'), ('comment_retry', 'Comment Retry'), ('deferred_wake', 'Deferred Wake'), ('liveness_continuation', 'Liveness Continuation'), ('handoff', 'Handoff'), ('recovery', 'Recovery'), ('escalation', 'Escalation'), ('none', 'None')], max_length=24, null=True),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.CheckConstraint(condition=models.Q(('comment_retry_count__lte', 1), ('continuation_attempt__lte', 2), ('handoff_attempt__lte', 1), ('recovery_attempt__lte', 2)), name='run_followups_in_range'),
        ),
        migrations.AddConstraint(
            model_name='wakeuprequest',
            constraint=models.UniqueConstraint(condition=models.Q(('idempotency_key__isnull', False), models.Q(('status', 'cancelled'), _negated=True)), fields=('agent', 'idempotency_key'), name='wakeup_one_per_idempotency_key'),
        ),
    ]
