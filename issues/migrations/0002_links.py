import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('companies', '0002_links'),
        ('issues', '0001_initial'),
        ('workspaces', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='issue',
            name='execution_workspace',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='issues', to='workspaces.executionworkspace'),
        ),
        migrations.AddField(
            model_name='issue',
            name='goal',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='issues', to='companies.goal'),
        ),
        migrations.AddField(
            model_name='issue',
            name='parent',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='children', to='issues.issue'),
        ),
        migrations.AddField(
            model_name='issue',
            name='project',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='issues', to='companies.project'),
        ),
        migrations.AddField(
            model_name='issue',
            name='project_workspace',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='issues', to='workspaces.projectworkspace'),
        ),
        migrations.AddField(
            model_name='inboxarchive',
            name='issue',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='inbox_archives', to='issues.issue'),
        ),
        migrations.AddField(
            model_name='comment',
            name='issue',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='comments', to='issues.issue'),
        ),
        migrations.AddField(
            model_name='approvallink',
            name='issue',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='approval_links', to='issues.issue'),
        ),
        migrations.AddField(
            model_name='issuedocument',
            name='company',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company'),
        ),
        migrations.AddField(
            model_name='issuedocument',
            name='document',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='issue_link', to='issues.document'),
        ),
        migrations.AddField(
            model_name='issuedocument',
            name='issue',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='document_links', to='issues.issue'),
        ),
        migrations.AddField(
            model_name='issuelabel',
            name='company',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company'),
        ),
        migrations.AddField(
            model_name='issuelabel',
            name='issue',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='label_links', to='issues.issue'),
        ),
        migrations.AddField(
            model_name='label',
            name='company',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='labels', to='companies.company'),
        ),
        migrations.AddField(
            model_name='issuelabel',
            name='label',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='issue_links', to='issues.label'),
        ),
        migrations.AddField(
            model_name='readstate',
            name='company',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company'),
        ),
        migrations.AddField(
            model_name='readstate',
            name='issue',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='read_states', to='issues.issue'),
        ),
        migrations.AddField(
            model_name='readstate',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='relation',
            name='company',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company'),
        ),
        migrations.AddField(
            model_name='relation',
            name='created_by_agent',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='companies.agent'),
        ),
        migrations.AddField(
            model_name='relation',
            name='created_by_user',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='relation',
            name='issue',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='blocks_links', to='issues.issue'),
        ),
        migrations.AddField(
            model_name='relation',
            name='related_issue',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='blocked_by_links', to='issues.issue'),
        ),
        migrations.AddConstraint(
            model_name='documentrevision',
            constraint=models.UniqueConstraint(fields=('document', 'revision_number'), name='revision_number_once'),
        ),
        migrations.AddIndex(
            model_name='issue',
            index=models.Index(fields=['company', 'status', '-last_activity_at'], name='issue_by_status'),
        ),
        migrations.AddIndex(
            model_name='issue',
            index=models.Index(fields=['company', '-last_activity_at'], name='issue_by_activity'),
        ),
        migrations.AddIndex(
            model_name='issue',
            index=models.Index(fields=['assignee_agent', 'status'], name='issue_by_agent'),
        ),
        migrations.AddIndex(
            model_name='issue',
            index=models.Index(fields=['company', 'project'], name='issue_by_project'),
        ),
        migrations.AddIndex(
            model_name='issue',
            index=models.Index(fields=['origin_kind', 'origin_id'], name='issue_by_origin'),
        ),
        migrations.AddIndex(
            model_name='issue',
            index=models.Index(condition=models.Q(('monitor_next_check_at__isnull', False)), fields=['monitor_next_check_at'], name='issue_monitor_due'),
        ),
        migrations.AddConstraint(
            model_name='issue',
            constraint=models.UniqueConstraint(fields=('company', 'issue_number'), name='issue_number_once'),
        ),
        migrations.AddConstraint(
            model_name='issue',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['backlog', 'todo', 'in_progress', 'in_review', 'done', 'blocked', 'cancelled'])), name='issue_status_known'),
        ),
        migrations.AddConstraint(
            model_name='issue',
            constraint=models.CheckConstraint(condition=models.Q(('priority__in', ['critical', 'high', 'medium', 'low'])), name='issue_priority_known'),
        ),
        migrations.AddConstraint(
            model_name='issue',
            constraint=models.CheckConstraint(condition=models.Q(('assignee_agent__isnull', True), ('assignee_user__isnull', True), _connector='OR'), name='issue_one_assignee_kind'),
        ),
        migrations.AddConstraint(
            model_name='issue',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'in_progress'), _negated=True), ('assignee_agent__isnull', False), ('assignee_user__isnull', False), _connector='OR'), name='issue_in_progress_has_assignee'),
        ),
        migrations.AddConstraint(
            model_name='issue',
            constraint=models.CheckConstraint(condition=models.Q(('parent__isnull', True), models.Q(('parent', models.F('id')), _negated=True), _connector='OR'), name='issue_not_its_own_parent'),
        ),
        migrations.AddConstraint(
            model_name='issue',
            constraint=models.CheckConstraint(condition=models.Q(('request_depth__lte', 1024)), name='issue_depth_in_range'),
        ),
        migrations.AddConstraint(
            model_name='issue',
            constraint=models.UniqueConstraint(condition=models.Q(models.Q(('status__in', ('done', 'cancelled')), _negated=True), ('hidden_at__isnull', True), ('origin_kind__in', ('stale_active_run_evaluation', 'harness_liveness_escalation', 'issue_productivity_review', 'stranded_issue_recovery'))), fields=('company', 'origin_kind', 'origin_id'), name='issue_one_open_per_origin'),
        ),
        migrations.AddConstraint(
            model_name='issue',
            constraint=models.UniqueConstraint(condition=models.Q(models.Q(('status__in', ('done', 'cancelled')), _negated=True), ('hidden_at__isnull', True), ('origin_kind', 'harness_liveness_escalation'), models.Q(('origin_fingerprint', 'default'), _negated=True)), fields=('company', 'origin_kind', 'origin_fingerprint'), name='issue_one_open_escalation'),
        ),
        migrations.AddConstraint(
            model_name='issue',
            constraint=models.UniqueConstraint(condition=models.Q(models.Q(('status__in', ('done', 'cancelled')), _negated=True), ('hidden_at__isnull', True), ('origin_kind', 'routine_execution'), ('execution_run__isnull', False)), fields=('company', 'origin_kind', 'origin_id', 'origin_fingerprint'), name='issue_one_live_routine_execution'),
        ),
        migrations.AddConstraint(
            model_name='inboxarchive',
            constraint=models.UniqueConstraint(fields=('company', 'issue', 'user'), name='inbox_archive_once'),
        ),
        migrations.AddIndex(
            model_name='comment',
            index=models.Index(fields=['issue', 'created_at', 'number'], name='comment_in_order'),
        ),
        migrations.AddIndex(
            model_name='comment',
            index=models.Index(fields=['created_by_run'], name='comment_by_run'),
        ),
        migrations.AddConstraint(
            model_name='approvallink',
            constraint=models.UniqueConstraint(fields=('issue', 'approval'), name='issue_approval_once'),
        ),
        migrations.AddConstraint(
            model_name='issuedocument',
            constraint=models.UniqueConstraint(fields=('company', 'issue', 'key'), name='issue_document_key_once'),
        ),
        migrations.AddConstraint(
            model_name='label',
            constraint=models.UniqueConstraint(fields=('company', 'name'), name='label_name_once'),
        ),
        migrations.AddConstraint(
            model_name='issuelabel',
            constraint=models.UniqueConstraint(fields=('issue', 'label'), name='issue_label_once'),
        ),
        migrations.AddConstraint(
            model_name='readstate',
            constraint=models.UniqueConstraint(fields=('company', 'issue', 'user'), name='read_state_once'),
        ),
        migrations.AddConstraint(
            model_name='relation',
            constraint=models.UniqueConstraint(fields=('company', 'issue', 'related_issue', 'type'), name='relation_once'),
        ),
        migrations.AddConstraint(
            model_name='relation',
            constraint=models.CheckConstraint(condition=models.Q(('issue', models.F('related_issue')), _negated=True), name='relation_not_to_itself'),
        ),
    ]
