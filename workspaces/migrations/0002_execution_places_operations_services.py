import django.db.models.deletion
import django.utils.timezone
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('companies', '0011_vault_name'),
        ('heartbeat', '0014_live_events'),
        ('issues', '0009_feedback_reference_scans'),
        ('workspaces', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='RuntimeService',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('scope_type', models.CharField(choices=[('project_workspace', 'Project Workspace'), ('execution_workspace', 'Execution Workspace'), ('run', 'Run'), ('agent', 'Agent')], max_length=24)),
                ('scope_id', models.TextField(blank=True, null=True)),
                ('service_name', models.TextField()),
                ('status', models.CharField(choices=[('starting', 'Starting'), ('running', 'Running'), ('stopped', 'Stopped'), ('failed', 'Failed')], max_length=16)),
                ('lifecycle', models.CharField(choices=[('shared', 'Shared'), ('ephemeral', 'Ephemeral')], max_length=16)),
                ('reuse_key', models.CharField(blank=True, max_length=64, null=True)),
                ('command', models.TextField(blank=True, null=True)),
                ('cwd', models.TextField(blank=True, null=True)),
                ('port', models.PositiveIntegerField(blank=True, null=True)),
                ('url', models.TextField(blank=True, null=True)),
                ('provider', models.CharField(choices=[('local_process', 'Local Process'), ('adapter_managed', 'Adapter Managed')], default='local_process', max_length=16)),
                ('provider_ref', models.TextField(blank=True, null=True)),
                ('last_used_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('started_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('stopped_at', models.DateTimeField(blank=True, null=True)),
                ('stop_policy', models.JSONField(blank=True, null=True)),
                ('health_status', models.CharField(choices=[('unknown', 'Unknown'), ('healthy', 'Healthy'), ('unhealthy', 'Unhealthy')], default='unknown', max_length=16)),
                ('config_index', models.PositiveIntegerField(blank=True, null=True)),
                ('host', models.TextField(blank=True, null=True)),
                ('launch_id', models.UUIDField(blank=True, null=True)),
                ('stop_at', models.DateTimeField(blank=True, null=True)),
                ('health_checked_at', models.DateTimeField(blank=True, null=True)),
                ('readiness', models.JSONField(blank=True, null=True)),
                ('ready_by', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'db_table': 'workspace_runtime_services',
            },
        ),
        migrations.CreateModel(
            name='RuntimeServiceLease',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'db_table': 'workspace_runtime_service_leases',
            },
        ),
        migrations.CreateModel(
            name='WorkspaceOperation',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('phase', models.CharField(choices=[('worktree_prepare', 'Worktree Prepare'), ('workspace_provision', 'Workspace Provision'), ('workspace_teardown', 'Workspace Teardown'), ('worktree_cleanup', 'Worktree Cleanup')], max_length=24)),
                ('command', models.TextField(blank=True, null=True)),
                ('cwd', models.TextField(blank=True, null=True)),
                ('status', models.CharField(choices=[('running', 'Running'), ('succeeded', 'Succeeded'), ('failed', 'Failed'), ('skipped', 'Skipped')], default='running', max_length=16)),
                ('exit_code', models.IntegerField(blank=True, null=True)),
                ('log_store', models.CharField(blank=True, max_length=16, null=True)),
                ('log_ref', models.TextField(blank=True, null=True)),
                ('log_bytes', models.BigIntegerField(blank=True, null=True)),
                ('log_sha256', models.CharField(blank=True, max_length=64, null=True)),
                ('log_compressed', models.BooleanField(default=False)),
                ('stdout_excerpt', models.TextField(blank=True, null=True)),
                ('stderr_excerpt', models.TextField(blank=True, null=True)),
                ('metadata', models.JSONField(blank=True, null=True)),
                ('started_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'db_table': 'workspace_operations',
            },
        ),
        migrations.AddField(
            model_name='executionworkspace',
            name='cleanup_eligible_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='executionworkspace',
            name='cleanup_reason',
            field=models.TextField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='executionworkspace',
            name='created_by_runtime',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='executionworkspace',
            name='derived_from_execution_workspace',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='workspaces.executionworkspace'),
        ),
        migrations.AddField(
            model_name='executionworkspace',
            name='managed_path',
            field=models.CharField(blank=True, max_length=1024, null=True),
        ),
        migrations.AddField(
            model_name='executionworkspace',
            name='metadata',
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='executionworkspace',
            name='provider_ref',
            field=models.TextField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='executionworkspace',
            name='provider_type',
            field=models.CharField(choices=[('local_fs', 'Local Fs'), ('git_worktree', 'Git Worktree'), ('adapter_managed', 'Adapter Managed'), ('cloud_sandbox', 'Cloud Sandbox')], default='local_fs', max_length=24),
        ),
        migrations.AddField(
            model_name='executionworkspace',
            name='repo_root',
            field=models.TextField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='executionworkspace',
            name='repo_url',
            field=models.TextField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='executionworkspace',
            name='strategy_type',
            field=models.CharField(choices=[('project_primary', 'Project Primary'), ('git_worktree', 'Git Worktree'), ('adapter_managed', 'Adapter Managed'), ('cloud_sandbox', 'Cloud Sandbox')], default='project_primary', max_length=24),
        ),
        migrations.AddIndex(
            model_name='executionworkspace',
            index=models.Index(models.F('company'), models.OrderBy(models.F('last_used_at'), descending=True, nulls_last=True), models.F('id'), name='execution_workspace_newest'),
        ),
        migrations.AddConstraint(
            model_name='executionworkspace',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['active', 'idle', 'in_review', 'archived', 'cleanup_failed'])), name='execution_workspace_status_known'),
        ),
        migrations.AddConstraint(
            model_name='executionworkspace',
            constraint=models.UniqueConstraint(condition=models.Q(('mode', 'shared_workspace'), ('status__in', ('active', 'idle', 'in_review'))), fields=('project_workspace',), name='execution_workspace_one_shared'),
        ),
        migrations.AddConstraint(
            model_name='executionworkspace',
            constraint=models.UniqueConstraint(condition=models.Q(('mode', 'shared_workspace'), ('project_workspace__isnull', True), ('status__in', ('active', 'idle', 'in_review'))), fields=('project',), name='execution_workspace_one_shared_without_code'),
        ),
        migrations.AddConstraint(
            model_name='executionworkspace',
            constraint=models.UniqueConstraint(condition=models.Q(('managed_path__isnull', False), models.Q(('status', 'archived'), _negated=True)), fields=('managed_path',), name='execution_workspace_folder_once'),
        ),
        migrations.AddField(
            model_name='runtimeservice',
            name='company',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company'),
        ),
        migrations.AddField(
            model_name='runtimeservice',
            name='execution_workspace',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='services', to='workspaces.executionworkspace'),
        ),
        migrations.AddField(
            model_name='runtimeservice',
            name='issue',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='issues.issue'),
        ),
        migrations.AddField(
            model_name='runtimeservice',
            name='owner_agent',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='companies.agent'),
        ),
        migrations.AddField(
            model_name='runtimeservice',
            name='project',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to='companies.project'),
        ),
        migrations.AddField(
            model_name='runtimeservice',
            name='project_workspace',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='services', to='workspaces.projectworkspace'),
        ),
        migrations.AddField(
            model_name='runtimeservice',
            name='started_by_run',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='heartbeat.run'),
        ),
        migrations.AddField(
            model_name='runtimeservicelease',
            name='run',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='service_leases', to='heartbeat.run'),
        ),
        migrations.AddField(
            model_name='runtimeservicelease',
            name='service',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='leases', to='workspaces.runtimeservice'),
        ),
        migrations.AddField(
            model_name='workspaceoperation',
            name='company',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company'),
        ),
        migrations.AddField(
            model_name='workspaceoperation',
            name='execution_workspace',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='operations', to='workspaces.executionworkspace'),
        ),
        migrations.AddField(
            model_name='workspaceoperation',
            name='heartbeat_run',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='heartbeat.run'),
        ),
        migrations.AddField(
            model_name='workspaceoperation',
            name='project_workspace',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='operations', to='workspaces.projectworkspace'),
        ),
        migrations.AddIndex(
            model_name='runtimeservice',
            index=models.Index(fields=['execution_workspace', '-updated_at'], name='runtime_service_execution'),
        ),
        migrations.AddIndex(
            model_name='runtimeservice',
            index=models.Index(fields=['project_workspace', '-updated_at'], name='runtime_service_project'),
        ),
        migrations.AddIndex(
            model_name='runtimeservice',
            index=models.Index(fields=['company', 'reuse_key', '-updated_at'], name='runtime_service_by_key'),
        ),
        migrations.AddIndex(
            model_name='runtimeservice',
            index=models.Index(models.F('stop_at'), condition=models.Q(('stop_at__isnull', False)), name='runtime_service_stop_due'),
        ),
        migrations.AddIndex(
            model_name='runtimeservice',
            index=models.Index(models.F('host'), condition=models.Q(('status__in', ('starting', 'running'))), name='runtime_service_live'),
        ),
        migrations.AddConstraint(
            model_name='runtimeservice',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['starting', 'running', 'stopped', 'failed'])), name='runtime_service_status_known'),
        ),
        migrations.AddConstraint(
            model_name='runtimeservice',
            constraint=models.UniqueConstraint(condition=models.Q(('reuse_key__isnull', False), ('status__in', ('starting', 'running'))), fields=('company', 'reuse_key'), name='runtime_service_one_live_per_key'),
        ),
        migrations.AddConstraint(
            model_name='runtimeservice',
            constraint=models.UniqueConstraint(condition=models.Q(('host__isnull', False), ('port__isnull', False), ('provider', 'local_process'), ('status__in', ('starting', 'running'))), fields=('host', 'port'), name='runtime_service_one_port_per_host'),
        ),
        migrations.AddConstraint(
            model_name='runtimeservicelease',
            constraint=models.UniqueConstraint(fields=('service', 'run'), name='runtime_service_lease_once'),
        ),
        migrations.AddIndex(
            model_name='workspaceoperation',
            index=models.Index(fields=['execution_workspace', '-started_at'], name='workspace_operation_newest'),
        ),
        migrations.AddIndex(
            model_name='workspaceoperation',
            index=models.Index(fields=['project_workspace', '-started_at'], name='workspace_operation_project'),
        ),
        migrations.AddConstraint(
            model_name='workspaceoperation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('finished_at__isnull', True), ('status', 'running')), models.Q(models.Q(('status', 'running'), _negated=True), ('finished_at__isnull', False)), _connector='OR'), name='workspace_operation_finished_has_time'),
        ),
    ]
