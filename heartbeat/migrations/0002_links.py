import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('companies', '0002_links'),
        ('heartbeat', '0001_initial'),
        ('issues', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='run',
            name='issue',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='runs', to='issues.issue'),
        ),
        migrations.AddField(
            model_name='run',
            name='issue_comment_satisfied_by_comment',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='issues.comment'),
        ),
        migrations.AddField(
            model_name='run',
            name='project',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='companies.project'),
        ),
        migrations.AddField(
            model_name='run',
            name='retry_of_run',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='retries', to='heartbeat.run'),
        ),
        migrations.AddField(
            model_name='runevent',
            name='agent',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.agent'),
        ),
        migrations.AddField(
            model_name='runevent',
            name='company',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company'),
        ),
        migrations.AddField(
            model_name='runevent',
            name='run',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='events', to='heartbeat.run'),
        ),
        migrations.AddConstraint(
            model_name='runner',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'stopped'), _negated=True), fields=('name',), name='runner_one_per_name'),
        ),
        migrations.AddField(
            model_name='run',
            name='runner',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='runs', to='heartbeat.runner'),
        ),
        migrations.AddField(
            model_name='runtimestate',
            name='company',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company'),
        ),
        migrations.AddField(
            model_name='tasksession',
            name='agent',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='task_sessions', to='companies.agent'),
        ),
        migrations.AddField(
            model_name='tasksession',
            name='company',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company'),
        ),
        migrations.AddField(
            model_name='wakeuprequest',
            name='agent',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='wakeups', to='companies.agent'),
        ),
        migrations.AddField(
            model_name='wakeuprequest',
            name='company',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company'),
        ),
        migrations.AddField(
            model_name='wakeuprequest',
            name='issue',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='wakeups', to='issues.issue'),
        ),
        migrations.AddField(
            model_name='wakeuprequest',
            name='run',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='heartbeat.run'),
        ),
        migrations.AddField(
            model_name='run',
            name='wakeup_request',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='runs', to='heartbeat.wakeuprequest'),
        ),
        migrations.AddConstraint(
            model_name='runevent',
            constraint=models.UniqueConstraint(fields=('run', 'seq'), name='run_event_seq_once'),
        ),
        migrations.AddConstraint(
            model_name='tasksession',
            constraint=models.UniqueConstraint(fields=('company', 'agent', 'adapter_type', 'task_key'), name='task_session_one_per_task'),
        ),
        migrations.AddIndex(
            model_name='wakeuprequest',
            index=models.Index(condition=models.Q(('status', 'deferred_issue_execution')), fields=['issue', 'requested_at'], name='wakeup_deferred'),
        ),
        migrations.AddIndex(
            model_name='wakeuprequest',
            index=models.Index(fields=['agent', '-requested_at'], name='wakeup_by_agent'),
        ),
        migrations.AddIndex(
            model_name='wakeuprequest',
            index=models.Index(fields=['company', '-requested_at'], name='wakeup_newest'),
        ),
        migrations.AddConstraint(
            model_name='wakeuprequest',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['queued', 'deferred_issue_execution', 'claimed', 'coalesced', 'skipped', 'completed', 'failed', 'cancelled', 'timed_out'])), name='wakeup_status_known'),
        ),
        migrations.AddConstraint(
            model_name='wakeuprequest',
            constraint=models.UniqueConstraint(condition=models.Q(('idempotency_key__isnull', False)), fields=('agent', 'idempotency_key'), name='wakeup_one_per_idempotency_key'),
        ),
        migrations.AddConstraint(
            model_name='wakeuprequest',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'deferred_issue_execution')), fields=('agent', 'issue'), name='wakeup_one_deferred_per_issue'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(condition=models.Q(('status', 'queued')), fields=['created_at'], name='run_queue'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(condition=models.Q(('status', 'running')), fields=['agent'], name='run_running_by_agent'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(condition=models.Q(('status', 'scheduled_retry')), fields=['scheduled_retry_at', 'created_at'], name='run_retry_due'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(condition=models.Q(('status', 'running')), fields=['runner'], name='run_running_by_runner'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(fields=['company', '-created_at'], name='run_newest'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(fields=['agent', '-created_at'], name='run_by_agent'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(fields=['issue', '-created_at'], name='run_by_issue'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(fields=['company', 'status', '-created_at'], name='run_by_status'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['queued', 'scheduled_retry', 'running', 'succeeded', 'failed', 'cancelled', 'timed_out'])), name='run_status_known'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'running'), _negated=True), models.Q(('claim_token__isnull', False), ('runner__isnull', False), ('started_at__isnull', False)), _connector='OR'), name='run_running_is_claimed'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'scheduled_retry'), _negated=True), ('scheduled_retry_at__isnull', False), _connector='OR'), name='run_scheduled_retry_has_due_time'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.CheckConstraint(condition=models.Q(('process_loss_retry_count__lte', 1)), name='run_process_loss_retries_in_range'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.CheckConstraint(condition=models.Q(('diagnostic_retry_count__lte', 2)), name='run_diagnostic_retries_in_range'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.UniqueConstraint(condition=models.Q(('retry_of_run__isnull', False)), fields=('retry_of_run',), name='run_one_followup_per_run'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.UniqueConstraint(condition=models.Q(('issue__isnull', False), ('status__in', ('queued', 'running', 'scheduled_retry'))), fields=('issue',), name='run_one_live_per_issue'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.UniqueConstraint(condition=models.Q(('claim_token__isnull', False)), fields=('claim_token',), name='run_claim_token_once'),
        ),
    ]
