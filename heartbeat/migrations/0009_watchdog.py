import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('companies', '0004_run_limits'),
        ('heartbeat', '0008_runner_drain'),
        ('issues', '0004_recovery_indexes'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='WatchdogDecision',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('decision', models.CharField(choices=[('snooze', 'Look again later'), ('continue', 'It may go on'), ('dismissed_false_positive', 'Nothing is wrong')], max_length=32)),
                ('snoozed_until', models.DateTimeField(blank=True, null=True)),
                ('reason', models.TextField(blank=True, null=True)),
                ('company', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company')),
                ('created_by_agent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='companies.agent')),
                ('created_by_run', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='heartbeat.run')),
                ('created_by_user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('evaluation_issue', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='issues.issue')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='watchdog_decisions', to='heartbeat.run')),
            ],
            options={
                'db_table': 'heartbeat_run_watchdog_decisions',
                'indexes': [models.Index(fields=['run', '-created_at'], name='watchdog_by_run')],
                'constraints': [models.CheckConstraint(condition=models.Q(('decision__in', ['snooze', 'continue', 'dismissed_false_positive'])), name='watchdog_decision_known'), models.CheckConstraint(condition=models.Q(('decision', 'dismissed_false_positive'), ('snoozed_until__isnull', False), _connector='OR'), name='watchdog_quiet_has_end')],
            },
        ),
    ]
