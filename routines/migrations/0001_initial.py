import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('companies', '0002_links'),
        ('issues', '0002_links'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Routine',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('title', models.TextField()),
                ('description', models.TextField(blank=True, null=True)),
                ('priority', models.CharField(choices=[('critical', 'Critical'), ('high', 'High'), ('medium', 'Medium'), ('low', 'Low')], default='medium', max_length=16)),
                ('status', models.CharField(choices=[('active', 'Active'), ('paused', 'Paused'), ('archived', 'Archived')], default='active', max_length=16)),
                ('concurrency_policy', models.CharField(choices=[('coalesce_if_active', 'Coalesce If Active'), ('always_enqueue', 'Always Enqueue'), ('skip_if_active', 'Skip If Active')], default='coalesce_if_active', max_length=24)),
                ('catch_up_policy', models.CharField(choices=[('skip_missed', 'Skip Missed'), ('enqueue_missed_with_cap', 'Enqueue Missed With Cap')], default='skip_missed', max_length=32)),
                ('last_triggered_at', models.DateTimeField(blank=True, null=True)),
                ('last_enqueued_at', models.DateTimeField(blank=True, null=True)),
                ('assignee_agent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.RESTRICT, related_name='routines', to='companies.agent')),
                ('company', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='routines', to='companies.company')),
                ('created_by_agent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='companies.agent')),
                ('created_by_user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('goal', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='companies.goal')),
                ('parent_issue', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='issues.issue')),
                ('project', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='routines', to='companies.project')),
                ('updated_by_agent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='companies.agent')),
                ('updated_by_user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'routines',
            },
        ),
        migrations.CreateModel(
            name='Trigger',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('kind', models.CharField(choices=[('schedule', 'Schedule'), ('webhook', 'Webhook'), ('api', 'Api')], max_length=16)),
                ('label', models.CharField(blank=True, max_length=120, null=True)),
                ('enabled', models.BooleanField(default=True)),
                ('cron_expression', models.CharField(blank=True, max_length=255, null=True)),
                ('timezone', models.CharField(blank=True, max_length=64, null=True)),
                ('next_run_at', models.DateTimeField(blank=True, null=True)),
                ('last_fired_at', models.DateTimeField(blank=True, null=True)),
                ('last_result', models.TextField(blank=True, null=True)),
                ('company', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company')),
                ('created_by_agent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='companies.agent')),
                ('created_by_user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('routine', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='triggers', to='routines.routine')),
                ('updated_by_agent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='companies.agent')),
                ('updated_by_user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'routine_triggers',
            },
        ),
        migrations.CreateModel(
            name='RoutineRun',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('source', models.CharField(choices=[('schedule', 'Schedule'), ('manual', 'Manual'), ('api', 'Api'), ('webhook', 'Webhook')], max_length=16)),
                ('status', models.CharField(choices=[('received', 'Received'), ('coalesced', 'Coalesced'), ('skipped', 'Skipped'), ('issue_created', 'Issue Created'), ('completed', 'Completed'), ('failed', 'Failed')], default='received', max_length=16)),
                ('triggered_at', models.DateTimeField()),
                ('scheduled_at', models.DateTimeField(blank=True, null=True)),
                ('idempotency_key', models.CharField(blank=True, max_length=255, null=True)),
                ('trigger_payload', models.JSONField(blank=True, null=True)),
                ('dispatch_fingerprint', models.CharField(blank=True, max_length=64, null=True)),
                ('coalesced_into_run_id', models.UUIDField(blank=True, null=True)),
                ('reason', models.TextField(blank=True, null=True)),
                ('completed_at', models.DateTimeField(blank=True, null=True)),
                ('company', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company')),
                ('linked_issue', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='routine_runs', to='issues.issue')),
                ('routine', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='runs', to='routines.routine')),
                ('trigger', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='runs', to='routines.trigger')),
            ],
            options={
                'db_table': 'routine_runs',
            },
        ),
        migrations.AddIndex(
            model_name='routine',
            index=models.Index(fields=['company', 'status'], name='routine_by_status'),
        ),
        migrations.AddIndex(
            model_name='routine',
            index=models.Index(fields=['company', '-updated_at'], name='routine_newest'),
        ),
        migrations.AddConstraint(
            model_name='routine',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['active', 'paused', 'archived'])), name='routine_status_known'),
        ),
        migrations.AddConstraint(
            model_name='routine',
            constraint=models.CheckConstraint(condition=models.Q(('priority__in', ['critical', 'high', 'medium', 'low'])), name='routine_priority_known'),
        ),
        migrations.AddConstraint(
            model_name='routine',
            constraint=models.CheckConstraint(condition=models.Q(('concurrency_policy__in', ['coalesce_if_active', 'always_enqueue', 'skip_if_active'])), name='routine_concurrency_known'),
        ),
        migrations.AddConstraint(
            model_name='routine',
            constraint=models.CheckConstraint(condition=models.Q(('catch_up_policy__in', ['skip_missed', 'enqueue_missed_with_cap'])), name='routine_catch_up_known'),
        ),
        migrations.AddConstraint(
            model_name='routine',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'active'), _negated=True), ('assignee_agent__isnull', False), _connector='OR'), name='routine_active_has_assignee'),
        ),
        migrations.AddIndex(
            model_name='trigger',
            index=models.Index(condition=models.Q(('enabled', True), ('next_run_at__isnull', False)), fields=['next_run_at', 'created_at'], name='trigger_due'),
        ),
        migrations.AddConstraint(
            model_name='trigger',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['schedule', 'webhook', 'api'])), name='trigger_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='trigger',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('cron_expression__isnull', False), ('kind', 'schedule'), ('timezone__isnull', False)), models.Q(models.Q(('kind', 'schedule'), _negated=True), ('cron_expression__isnull', True), ('next_run_at__isnull', True), ('timezone__isnull', True)), _connector='OR'), name='trigger_schedule_fields'),
        ),
        migrations.AddIndex(
            model_name='routinerun',
            index=models.Index(fields=['routine', '-created_at', '-id'], name='routine_run_newest'),
        ),
        migrations.AddIndex(
            model_name='routinerun',
            index=models.Index(fields=['trigger', '-created_at'], name='routine_run_by_trigger'),
        ),
        migrations.AddIndex(
            model_name='routinerun',
            index=models.Index(fields=['routine', 'dispatch_fingerprint'], name='routine_run_by_fingerprint'),
        ),
        migrations.AddIndex(
            model_name='routinerun',
            index=models.Index(condition=models.Q(('idempotency_key__isnull', False)), fields=['routine', 'idempotency_key'], name='routine_run_by_key'),
        ),
        migrations.AddConstraint(
            model_name='routinerun',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['received', 'coalesced', 'skipped', 'issue_created', 'completed', 'failed'])), name='routine_run_status_known'),
        ),
        migrations.AddConstraint(
            model_name='routinerun',
            constraint=models.CheckConstraint(condition=models.Q(('source__in', ['schedule', 'manual', 'api', 'webhook'])), name='routine_run_source_known'),
        ),
        migrations.AddConstraint(
            model_name='routinerun',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('scheduled_at__isnull', False), ('source', 'schedule')), models.Q(models.Q(('source', 'schedule'), _negated=True), ('scheduled_at__isnull', True)), _connector='OR'), name='routine_run_of_schedule_has_occurrence'),
        ),
        migrations.AddConstraint(
            model_name='routinerun',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status__in', ('coalesced', 'skipped', 'failed')), _negated=True), ('reason__isnull', False), _connector='OR'), name='routine_run_says_why'),
        ),
        migrations.AddConstraint(
            model_name='routinerun',
            constraint=models.UniqueConstraint(fields=('trigger', 'scheduled_at'), name='routine_run_one_per_occurrence'),
        ),
    ]
