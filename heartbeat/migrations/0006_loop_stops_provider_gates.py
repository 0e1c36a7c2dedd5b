import django.db.models.deletion
import django.utils.timezone
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('companies', '0004_run_limits'),
        ('heartbeat', '0005_followups'),
        ('issues', '0003_tree_holds'),
    ]

    operations = [
        migrations.CreateModel(
            name='LoopStop',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('runs', models.PositiveSmallIntegerField()),
                ('reason', models.TextField()),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('closed_by_actor_type', models.CharField(blank=True, choices=[('agent', 'Agent'), ('user', 'User'), ('system', 'System'), ('plugin', 'Plugin')], max_length=8, null=True)),
                ('closed_by_actor_id', models.TextField(blank=True, null=True)),
                ('close_reason', models.TextField(blank=True, null=True)),
                ('agent', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='loop_stops', to='companies.agent')),
                ('company', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company')),
                ('issue', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='loop_stops', to='issues.issue')),
                ('run', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='heartbeat.run')),
            ],
            options={
                'db_table': 'loop_stops',
                'indexes': [models.Index(condition=models.Q(('closed_at__isnull', True)), fields=['company'], name='loop_stop_open')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('closed_at__isnull', True), ('issue__isnull', False)), fields=('agent', 'issue'), name='loop_stop_one_open_per_issue'), models.UniqueConstraint(condition=models.Q(('closed_at__isnull', True), ('issue__isnull', True)), fields=('agent',), name='loop_stop_one_open_without_issue')],
            },
        ),
        migrations.CreateModel(
            name='ProviderGate',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('key', models.CharField(max_length=128)),
                ('label', models.TextField()),
                ('state', models.CharField(choices=[('open', 'Open'), ('closed', 'Closed'), ('probing', 'Probing')], default='open', max_length=8)),
                ('not_before', models.DateTimeField(blank=True, null=True)),
                ('reason', models.TextField(blank=True, null=True)),
                ('failures', models.PositiveSmallIntegerField(default=0)),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('opened_at', models.DateTimeField(blank=True, null=True)),
                ('company', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='provider_gates', to='companies.company')),
                ('probe_run', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='heartbeat.run')),
            ],
            options={
                'db_table': 'provider_gates',
                'indexes': [models.Index(condition=models.Q(('state', 'open'), _negated=True), fields=['company'], name='provider_gate_not_open')],
                'constraints': [models.UniqueConstraint(fields=('company', 'key'), name='provider_gate_one_per_key'), models.CheckConstraint(condition=models.Q(('state__in', ['open', 'closed', 'probing'])), name='provider_gate_state_known'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'closed'), _negated=True), models.Q(('closed_at__isnull', False), ('not_before__isnull', False)), _connector='OR'), name='provider_gate_closed_has_times')],
            },
        ),
    ]
