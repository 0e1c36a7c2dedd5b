import django.db.models.deletion
import django.utils.timezone
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('companies', '0005_assets'),
        ('heartbeat', '0005_followups'),
        ('issues', '0004_recovery_indexes'),
        ('workspaces', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Attachment',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('asset', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='attachment', to='companies.asset')),
                ('company', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company')),
                ('issue', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attachments', to='issues.issue')),
                ('issue_comment', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='attachments', to='issues.comment')),
            ],
            options={
                'db_table': 'issue_attachments',
                'indexes': [models.Index(fields=['issue', '-created_at'], name='attachment_newest')],
            },
        ),
        migrations.CreateModel(
            name='ReferenceMention',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('source_kind', models.CharField(choices=[('title', 'Title'), ('description', 'Description'), ('document', 'Document'), ('comment', 'Comment')], max_length=16)),
                ('source_record_id', models.UUIDField(blank=True, null=True)),
                ('document_key', models.CharField(blank=True, max_length=64, null=True)),
                ('matched_text', models.TextField(blank=True, null=True)),
                ('company', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company')),
                ('source_issue', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='references_made', to='issues.issue')),
                ('target_issue', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='references_had', to='issues.issue')),
            ],
            options={
                'db_table': 'issue_reference_mentions',
                'constraints': [models.UniqueConstraint(condition=models.Q(('source_record_id__isnull', False)), fields=('source_issue', 'source_record_id', 'target_issue'), name='reference_once_per_record'), models.UniqueConstraint(condition=models.Q(('source_record_id__isnull', True)), fields=('source_issue', 'source_kind', 'target_issue'), name='reference_once_per_kind'), models.CheckConstraint(condition=models.Q(('source_issue', models.F('target_issue')), _negated=True), name='reference_not_to_itself')],
            },
        ),
        migrations.CreateModel(
            name='WorkProduct',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('runtime_service_id', models.UUIDField(blank=True, null=True)),
                ('type', models.CharField(choices=[('preview_url', 'Preview Url'), ('runtime_service', 'Runtime Service'), ('pull_request', 'Pull Request'), ('branch', 'Branch'), ('commit', 'Commit'), ('artifact', 'Artifact'), ('document', 'Document')], max_length=16)),
                ('provider', models.TextField()),
                ('external_id', models.TextField(blank=True, null=True)),
                ('title', models.TextField()),
                ('url', models.TextField(blank=True, null=True)),
                ('status', models.CharField(choices=[('active', 'Active'), ('ready_for_review', 'Ready For Review'), ('approved', 'Approved'), ('changes_requested', 'Changes Requested'), ('merged', 'Merged'), ('closed', 'Closed'), ('failed', 'Failed'), ('archived', 'Archived'), ('draft', 'Draft')], default='active', max_length=20)),
                ('review_state', models.CharField(choices=[('none', 'None'), ('needs_board_review', 'Needs Board Review'), ('approved', 'Approved'), ('changes_requested', 'Changes Requested')], default='none', max_length=20)),
                ('is_primary', models.BooleanField(default=False)),
                ('health_status', models.CharField(choices=[('unknown', 'Unknown'), ('healthy', 'Healthy'), ('unhealthy', 'Unhealthy')], default='unknown', max_length=16)),
                ('summary', models.TextField(blank=True, null=True)),
                ('metadata', models.JSONField(blank=True, null=True)),
                ('company', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company')),
                ('created_by_run', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='work_products', to='heartbeat.run')),
                ('execution_workspace', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='work_products', to='workspaces.executionworkspace')),
                ('issue', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='work_products', to='issues.issue')),
                ('project', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='companies.project')),
            ],
            options={
                'db_table': 'issue_work_products',
                'indexes': [models.Index(fields=['issue', '-updated_at'], name='work_product_newest')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('is_primary', True)), fields=('issue', 'type'), name='work_product_one_primary'), models.CheckConstraint(condition=models.Q(('type__in', ['preview_url', 'runtime_service', 'pull_request', 'branch', 'commit', 'artifact', 'document'])), name='work_product_type_known'), models.CheckConstraint(condition=models.Q(('status__in', ['active', 'ready_for_review', 'approved', 'changes_requested', 'merged', 'closed', 'failed', 'archived', 'draft'])), name='work_product_status_known')],
            },
        ),
    ]
