import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('companies', '0005_assets'),
        ('heartbeat', '0001_initial'),
        ('issues', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='SecretMasterKey',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('fingerprint', models.CharField(max_length=16, unique=True)),
                ('status', models.CharField(choices=[('current', 'Current'), ('retiring', 'Retiring'), ('retired', 'Retired')], max_length=16)),
                ('retired_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'db_table': 'secret_master_keys',
                'constraints': [models.UniqueConstraint(condition=models.Q(('status', 'current')), fields=('status',), name='secret_master_key_one_current'), models.CheckConstraint(condition=models.Q(('status__in', ['current', 'retiring', 'retired'])), name='secret_master_key_status_known')],
            },
        ),
        migrations.CreateModel(
            name='SecretProviderConfig',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('provider', models.CharField(choices=[('local_encrypted', 'Here, encrypted'), ('aws_secrets_manager', 'AWS Secrets Manager'), ('gcp_secret_manager', 'Google Secret Manager'), ('vault', 'HashiCorp Vault')], max_length=32)),
                ('display_name', models.TextField()),
                ('status', models.CharField(choices=[('ready', 'Ready'), ('warning', 'Warning'), ('disabled', 'Disabled')], default='ready', max_length=16)),
                ('is_default', models.BooleanField(default=False)),
                ('config', models.JSONField(blank=True, default=dict)),
                ('health_message', models.TextField(blank=True, null=True)),
                ('health_checked_at', models.DateTimeField(blank=True, null=True)),
                ('disabled_at', models.DateTimeField(blank=True, null=True)),
                ('company', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company')),
                ('created_by_agent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='companies.agent')),
                ('created_by_user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'company_secret_provider_configs',
            },
        ),
        migrations.CreateModel(
            name='Secret',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('key', models.CharField(max_length=120)),
                ('name', models.TextField()),
                ('provider', models.CharField(choices=[('local_encrypted', 'Here, encrypted'), ('aws_secrets_manager', 'AWS Secrets Manager'), ('gcp_secret_manager', 'Google Secret Manager'), ('vault', 'HashiCorp Vault')], default='local_encrypted', max_length=32)),
                ('status', models.CharField(choices=[('active', 'Active'), ('disabled', 'Disabled'), ('archived', 'Archived'), ('deleted', 'Deleted')], default='active', max_length=16)),
                ('managed_mode', models.CharField(choices=[('paperclip_managed', 'Managed'), ('external_reference', 'External')], default='paperclip_managed', max_length=32)),
                ('external_ref', models.TextField(blank=True, null=True)),
                ('provider_metadata', models.JSONField(blank=True, null=True)),
                ('latest_version', models.PositiveIntegerField(default=1)),
                ('description', models.TextField(blank=True, null=True)),
                ('last_resolved_at', models.DateTimeField(blank=True, null=True)),
                ('last_rotated_at', models.DateTimeField(blank=True, null=True)),
                ('deleted_at', models.DateTimeField(blank=True, null=True)),
                ('company', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='secrets', to='companies.company')),
                ('created_by_agent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='companies.agent')),
                ('created_by_user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('provider_config', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='secrets', to='companies.secretproviderconfig')),
            ],
            options={
                'db_table': 'company_secrets',
            },
        ),
        migrations.CreateModel(
            name='SecretVersion',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('version', models.PositiveIntegerField()),
                ('status', models.CharField(choices=[('current', 'Current'), ('previous', 'Previous'), ('disabled', 'Disabled'), ('destroyed', 'Destroyed'), ('failed', 'Failed')], default='current', max_length=16)),
                ('material', models.JSONField(blank=True, null=True)),
                ('sealed_with', models.CharField(blank=True, max_length=16, null=True)),
                ('value_sha256', models.CharField(blank=True, max_length=64, null=True)),
                ('fingerprint_sha256', models.CharField(blank=True, max_length=64, null=True)),
                ('provider_version_ref', models.TextField(blank=True, null=True)),
                ('destroyed_at', models.DateTimeField(blank=True, null=True)),
                ('created_by_agent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='companies.agent')),
                ('created_by_user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('secret', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='companies.secret')),
            ],
            options={
                'db_table': 'company_secret_versions',
            },
        ),
        migrations.CreateModel(
            name='SecretAccess',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('version', models.PositiveIntegerField(blank=True, null=True)),
                ('provider', models.CharField(choices=[('local_encrypted', 'Here, encrypted'), ('aws_secrets_manager', 'AWS Secrets Manager'), ('gcp_secret_manager', 'Google Secret Manager'), ('vault', 'HashiCorp Vault')], max_length=32)),
                ('actor_type', models.CharField(choices=[('agent', 'Agent'), ('user', 'User'), ('system', 'System'), ('plugin', 'Plugin')], max_length=8)),
                ('actor_id', models.TextField()),
                ('consumer_type', models.CharField(choices=[('agent', 'Agent'), ('project', 'Project'), ('environment', 'Environment'), ('routine', 'Routine'), ('plugin', 'Plugin'), ('issue', 'Issue'), ('run', 'Run'), ('system', 'System')], max_length=16)),
                ('consumer_id', models.UUIDField()),
                ('config_path', models.TextField()),
                ('outcome', models.CharField(choices=[('success', 'Success'), ('failure', 'Failure')], max_length=8)),
                ('error_code', models.CharField(blank=True, max_length=48, null=True)),
                ('company', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company')),
                ('heartbeat_run', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='secret_accesses', to='heartbeat.run')),
                ('issue', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='issues.issue')),
                ('secret', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='accesses', to='companies.secret')),
            ],
            options={
                'db_table': 'secret_access_events',
                'indexes': [models.Index(fields=['secret', '-created_at', '-id'], name='secret_access_newest'), models.Index(fields=['company', 'created_at'], name='secret_access_oldest')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('error_code__isnull', True), ('outcome', 'success')), models.Q(('error_code__isnull', False), ('outcome', 'failure')), _connector='OR'), name='secret_access_failure_has_code')],
            },
        ),
        migrations.CreateModel(
            name='SecretBinding',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('target_type', models.CharField(choices=[('agent', 'Agent'), ('project', 'Project'), ('environment', 'Environment'), ('routine', 'Routine'), ('plugin', 'Plugin'), ('issue', 'Issue'), ('run', 'Run'), ('system', 'System')], max_length=16)),
                ('target_id', models.UUIDField()),
                ('config_path', models.TextField()),
                ('version_selector', models.CharField(default='latest', max_length=16)),
                ('required', models.BooleanField(default=True)),
                ('label', models.TextField(blank=True, null=True)),
                ('company', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company')),
                ('secret', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='bindings', to='companies.secret')),
            ],
            options={
                'db_table': 'company_secret_bindings',
                'constraints': [models.UniqueConstraint(fields=('target_type', 'target_id', 'config_path'), name='secret_binding_once_per_place'), models.CheckConstraint(condition=models.Q(('target_type__in', ['agent', 'project', 'environment', 'routine', 'plugin', 'issue', 'run', 'system'])), name='secret_binding_target_known'), models.CheckConstraint(condition=models.Q(('version_selector__regex', '^(latest|[1-9][0-9]{0,8})$')), name='secret_binding_selector_known')],
            },
        ),
        migrations.AddConstraint(
            model_name='secretproviderconfig',
            constraint=models.UniqueConstraint(condition=models.Q(('is_default', True)), fields=('company', 'provider'), name='provider_config_one_default'),
        ),
        migrations.AddConstraint(
            model_name='secretproviderconfig',
            constraint=models.CheckConstraint(condition=models.Q(('provider__in', ['local_encrypted', 'aws_secrets_manager', 'gcp_secret_manager', 'vault'])), name='provider_config_provider_known'),
        ),
        migrations.AddConstraint(
            model_name='secretproviderconfig',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('disabled_at__isnull', False), ('is_default', False), ('status', 'disabled')), models.Q(models.Q(('status', 'disabled'), _negated=True), ('disabled_at__isnull', True)), _connector='OR'), name='provider_config_disabled_has_time'),
        ),
        migrations.AddConstraint(
            model_name='secret',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'deleted'), _negated=True), fields=('company', 'key'), name='secret_key_once_per_company'),
        ),
        migrations.AddConstraint(
            model_name='secret',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'deleted'), _negated=True), fields=('company', 'name'), name='secret_name_once_per_company'),
        ),
        migrations.AddConstraint(
            model_name='secret',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['active', 'disabled', 'archived', 'deleted'])), name='secret_status_known'),
        ),
        migrations.AddConstraint(
            model_name='secret',
            constraint=models.CheckConstraint(condition=models.Q(('provider__in', ['local_encrypted', 'aws_secrets_manager', 'gcp_secret_manager', 'vault'])), name='secret_provider_known'),
        ),
        migrations.AddConstraint(
            model_name='secret',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('external_ref__isnull', True), ('managed_mode', 'paperclip_managed'), ('provider', 'local_encrypted')), models.Q(models.Q(('provider', 'local_encrypted'), _negated=True), ('external_ref__isnull', False), ('managed_mode', 'external_reference')), _connector='OR'), name='secret_value_here_or_reference'),
        ),
        migrations.AddConstraint(
            model_name='secret',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('deleted_at__isnull', False), ('status', 'deleted')), models.Q(models.Q(('status', 'deleted'), _negated=True), ('deleted_at__isnull', True)), _connector='OR'), name='secret_deleted_has_time'),
        ),
        migrations.AddConstraint(
            model_name='secret',
            constraint=models.CheckConstraint(condition=models.Q(('latest_version__gte', 1)), name='secret_version_positive'),
        ),
        migrations.AddIndex(
            model_name='secretversion',
            index=models.Index(fields=['sealed_with', 'id'], name='secret_version_by_key'),
        ),
        migrations.AddConstraint(
            model_name='secretversion',
            constraint=models.UniqueConstraint(fields=('secret', 'version'), name='secret_version_once'),
        ),
        migrations.AddConstraint(
            model_name='secretversion',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'current')), fields=('secret',), name='secret_one_current_version'),
        ),
        migrations.AddConstraint(
            model_name='secretversion',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['current', 'previous', 'disabled', 'destroyed', 'failed'])), name='secret_version_status_known'),
        ),
        migrations.AddConstraint(
            model_name='secretversion',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('material__isnull', True), ('sealed_with__isnull', True), ('value_sha256__isnull', True)), models.Q(('material__isnull', False), ('sealed_with__isnull', False), ('value_sha256__isnull', False)), _connector='OR'), name='secret_version_sealed_with_a_key'),
        ),
        migrations.AddConstraint(
            model_name='secretversion',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'destroyed'), _negated=True), models.Q(('destroyed_at__isnull', False), ('material__isnull', True)), _connector='OR'), name='secret_version_destroyed_is_empty'),
        ),
    ]
