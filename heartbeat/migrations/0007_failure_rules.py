import django.db.models.deletion
import django.utils.timezone
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('companies', '0004_run_limits'),
        ('heartbeat', '0006_loop_stops_provider_gates'),
    ]

    operations = [
        migrations.CreateModel(
            name='FailureRule',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('position', models.PositiveSmallIntegerField(default=1)),
                ('name', models.CharField(max_length=96)),
                ('pattern', models.CharField(max_length=300)),
                ('category', models.CharField(choices=[('process_killed', 'Program killed'), ('not_found', 'Something missing'), ('permission_denied', 'No permission'), ('rate_limit', 'Rate limit'), ('timeout', 'Took too long'), ('network_error', 'Connection broke'), ('eof_error', 'Answer cut off'), ('oom', 'Out of memory'), ('unknown', 'Unknown failure')], max_length=32)),
                ('is_retryable', models.BooleanField(default=False)),
                ('advice', models.TextField(blank=True)),
                ('is_enabled', models.BooleanField(default=True)),
                ('company', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='failure_rules', to='companies.company')),
            ],
            options={
                'db_table': 'heartbeat_failure_rules',
                'indexes': [models.Index(fields=['company', 'position', 'created_at'], name='failure_rule_order')],
                'constraints': [models.CheckConstraint(condition=models.Q(('category__in', ['process_killed', 'not_found', 'permission_denied', 'rate_limit', 'timeout', 'network_error', 'eof_error', 'oom', 'unknown'])), name='failure_rule_category_known'), models.UniqueConstraint(fields=('company', 'name'), name='failure_rule_name_once')],
            },
        ),
    ]
