import django.db.models.deletion
import django.utils.timezone
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('companies', '0002_links'),
        ('issues', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='ProjectWorkspace',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('name', models.TextField()),
                ('source_type', models.CharField(choices=[('local_path', 'Local Path'), ('git_repo', 'Git Repo'), ('remote_managed', 'Remote Managed'), ('non_git_path', 'Non Git Path')], default='local_path', max_length=16)),
                ('cwd', models.TextField(blank=True, null=True)),
                ('repo_url', models.TextField(blank=True, null=True)),
                ('repo_ref', models.TextField(blank=True, null=True)),
                ('default_ref', models.TextField(blank=True, null=True)),
                ('visibility', models.CharField(choices=[('default', 'Default'), ('advanced', 'Advanced')], default='default', max_length=16)),
                ('setup_command', models.TextField(blank=True, null=True)),
                ('cleanup_command', models.TextField(blank=True, null=True)),
                ('remote_provider', models.TextField(blank=True, null=True)),
                ('remote_workspace_ref', models.TextField(blank=True, null=True)),
                ('shared_workspace_key', models.TextField(blank=True, null=True)),
                ('metadata', models.JSONField(blank=True, null=True)),
                ('runtime_config', models.JSONField(blank=True, null=True)),
                ('is_primary', models.BooleanField(default=False)),
                ('company', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company')),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='workspaces', to='companies.project')),
            ],
            options={
                'db_table': 'project_workspaces',
            },
        ),
        migrations.CreateModel(
            name='ExecutionWorkspace',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('mode', models.CharField(choices=[('shared_workspace', 'Shared Workspace'), ('isolated_workspace', 'Isolated Workspace'), ('operator_branch', 'Operator Branch'), ('adapter_managed', 'Adapter Managed'), ('cloud_sandbox', 'Cloud Sandbox')], max_length=24)),
                ('name', models.TextField()),
                ('status', models.CharField(choices=[('active', 'Active'), ('idle', 'Idle'), ('in_review', 'In Review'), ('archived', 'Archived'), ('cleanup_failed', 'Cleanup Failed')], default='active', max_length=16)),
                ('cwd', models.TextField(blank=True, null=True)),
                ('branch_name', models.TextField(blank=True, null=True)),
                ('base_ref', models.TextField(blank=True, null=True)),
                ('last_used_at', models.DateTimeField(blank=True, null=True)),
                ('opened_at', models.DateTimeField(blank=True, null=True)),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('company', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company')),
                ('project', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to='companies.project')),
                ('source_issue', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='issues.issue')),
                ('project_workspace', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to='workspaces.projectworkspace')),
            ],
            options={
                'db_table': 'execution_workspaces',
            },
        ),
        migrations.AddIndex(
            model_name='projectworkspace',
            index=models.Index(fields=['project', 'created_at'], name='project_workspace_oldest'),
        ),
        migrations.AddConstraint(
            model_name='projectworkspace',
            constraint=models.UniqueConstraint(condition=models.Q(('is_primary', True)), fields=('project',), name='project_workspace_one_primary'),
        ),
    ]
