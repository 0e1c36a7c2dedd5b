import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('companies', '0005_assets'),
        ('heartbeat', '0005_followups'),
        ('issues', '0005_attachments_work_products_references'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Decision',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('stage_id', models.UUIDField()),
                ('stage_type', models.CharField(choices=[('review', 'Review'), ('approval', 'Approval')], max_length=16)),
                ('outcome', models.CharField(choices=[('approved', 'Approved'), ('changes_requested', 'Changes Requested')], max_length=24)),
                ('body', models.TextField()),
                ('actor_agent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='companies.agent')),
                ('actor_user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('company', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company')),
                ('created_by_run', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='heartbeat.run')),
                ('issue', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='decisions', to='issues.issue')),
            ],
            options={
                'db_table': 'issue_execution_decisions',
                'indexes': [models.Index(fields=['issue', 'created_at'], name='decision_in_order')],
                'constraints': [models.CheckConstraint(condition=models.Q(('outcome__in', ['approved', 'changes_requested'])), name='decision_outcome_known'), models.CheckConstraint(condition=models.Q(('stage_type__in', ['review', 'approval'])), name='decision_stage_known')],
            },
        ),
        migrations.CreateModel(
            name='Interaction',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('kind', models.CharField(choices=[('suggest_tasks', 'Suggest Tasks'), ('ask_user_questions', 'Ask User Questions'), ('request_confirmation', 'Request Confirmation')], max_length=32)),
                ('status', models.CharField(choices=[('pending', 'Pending'), ('accepted', 'Accepted'), ('rejected', 'Rejected'), ('answered', 'Answered'), ('cancelled', 'Cancelled'), ('expired', 'Expired'), ('failed', 'Failed')], default='pending', max_length=16)),
                ('continuation_policy', models.CharField(choices=[('none', 'None'), ('wake_assignee', 'Wake Assignee'), ('wake_assignee_on_accept', 'Wake Assignee On Accept')], max_length=32)),
                ('idempotency_key', models.CharField(blank=True, max_length=255, null=True)),
                ('title', models.CharField(blank=True, max_length=240, null=True)),
                ('summary', models.TextField(blank=True, null=True)),
                ('payload', models.JSONField()),
                ('result', models.JSONField(blank=True, null=True)),
                ('resolved_at', models.DateTimeField(blank=True, null=True)),
                ('company', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company')),
                ('created_by_agent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='companies.agent')),
                ('created_by_user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('issue', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='interactions', to='issues.issue')),
                ('resolved_by_agent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='companies.agent')),
                ('resolved_by_user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('source_comment', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='issues.comment')),
                ('source_run', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='heartbeat.run')),
            ],
            options={
                'db_table': 'issue_thread_interactions',
                'indexes': [models.Index(fields=['issue', 'created_at', 'id'], name='interaction_in_order'), models.Index(condition=models.Q(('status', 'pending')), fields=['company', 'kind'], name='interaction_pending')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('idempotency_key__isnull', False)), fields=('company', 'issue', 'idempotency_key'), name='interaction_once_per_key'), models.CheckConstraint(condition=models.Q(('kind__in', ['suggest_tasks', 'ask_user_questions', 'request_confirmation'])), name='interaction_kind_known'), models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'accepted', 'rejected', 'answered', 'cancelled', 'expired', 'failed'])), name='interaction_status_known'), models.CheckConstraint(condition=models.Q(('continuation_policy__in', ['none', 'wake_assignee', 'wake_assignee_on_accept'])), name='interaction_policy_known'), models.CheckConstraint(condition=models.Q(models.Q(('resolved_at__isnull', True), ('status', 'pending')), models.Q(models.Q(('status', 'pending'), _negated=True), ('resolved_at__isnull', False)), _connector='OR'), name='interaction_resolved_has_time')],
            },
        ),
    ]
