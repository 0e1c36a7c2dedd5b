import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('companies', '0007_activity_indexes'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='boardapitoken',
            options={'verbose_name': 'API key', 'verbose_name_plural': 'API keys'},
        ),
        migrations.CreateModel(
            name='InstanceSettings',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('is_only', models.BooleanField(default=True, unique=True)),
                ('censor_username_in_logs', models.BooleanField(blank=True, null=True)),
                ('graph_auto_recovery', models.BooleanField(blank=True, null=True)),
                ('graph_lookback_hours', models.PositiveSmallIntegerField(blank=True, null=True)),
            ],
            options={
                'verbose_name': 'installation',
                'verbose_name_plural': 'installation',
                'db_table': 'instance_settings',
                'constraints': [models.CheckConstraint(condition=models.Q(('is_only', True)), name='instance_settings_one_row'), models.CheckConstraint(condition=models.Q(('graph_lookback_hours__isnull', True), models.Q(('graph_lookback_hours__gte', 1), ('graph_lookback_hours__lte', 720)), _connector='OR'), name='instance_settings_lookback_bounds')],
            },
        ),
        migrations.CreateModel(
            name='Invite',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('invite_type', models.CharField(choices=[('company_join', 'Company Join'), ('bootstrap_ceo', 'Bootstrap')], default='company_join', max_length=16)),
                ('token_hash', models.CharField(max_length=64, unique=True)),
                ('allowed_join_types', models.CharField(choices=[('human', 'Human'), ('agent', 'Agent'), ('both', 'Both')], default='both', max_length=8)),
                ('human_role', models.CharField(blank=True, choices=[('owner', 'Owner'), ('admin', 'Admin'), ('operator', 'Operator'), ('viewer', 'Viewer'), ('member', 'Member')], max_length=16, null=True)),
                ('defaults_payload', models.JSONField(blank=True, null=True)),
                ('agent_message', models.TextField(blank=True, null=True)),
                ('expires_at', models.DateTimeField()),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('accepted_at', models.DateTimeField(blank=True, null=True)),
                ('company', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='invites', to='companies.company')),
                ('invited_by_agent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='companies.agent')),
                ('invited_by_user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'invites',
            },
        ),
        migrations.CreateModel(
            name='JoinRequest',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('request_type', models.CharField(choices=[('human', 'Human'), ('agent', 'Agent'), ('both', 'Both')], max_length=8)),
                ('status', models.CharField(choices=[('pending_approval', 'Pending'), ('approved', 'Approved'), ('rejected', 'Rejected')], default='pending_approval', max_length=20)),
                ('request_ip', models.CharField(blank=True, max_length=64, null=True)),
                ('request_email', models.TextField(blank=True, null=True)),
                ('agent_name', models.TextField(blank=True, null=True)),
                ('adapter_type', models.TextField(blank=True, null=True)),
                ('capabilities', models.TextField(blank=True, null=True)),
                ('agent_defaults_payload', models.JSONField(blank=True, null=True)),
                ('claim_secret_hash', models.CharField(blank=True, max_length=64, null=True)),
                ('claim_secret_expires_at', models.DateTimeField(blank=True, null=True)),
                ('claim_secret_consumed_at', models.DateTimeField(blank=True, null=True)),
                ('approved_at', models.DateTimeField(blank=True, null=True)),
                ('rejected_at', models.DateTimeField(blank=True, null=True)),
                ('approved_by_user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('company', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='join_requests', to='companies.company')),
                ('created_agent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='companies.agent')),
                ('invite', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='join_request', to='companies.invite')),
                ('rejected_by_user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('requesting_user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='join_requests', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'join_requests',
            },
        ),
        migrations.CreateModel(
            name='SidebarPreference',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('ordered_ids', models.JSONField(default=list)),
                ('company', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='companies.company')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sidebar_preferences', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'sidebar_preferences',
            },
        ),
        migrations.CreateModel(
            name='CliChallenge',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('secret_hash', models.CharField(max_length=64)),
                ('command', models.CharField(max_length=240)),
                ('client_name', models.CharField(blank=True, max_length=120, null=True)),
                ('requested_access', models.CharField(max_length=32)),
                ('key_hash', models.CharField(max_length=64, unique=True)),
                ('expires_at', models.DateTimeField()),
                ('approved_at', models.DateTimeField(blank=True, null=True)),
                ('cancelled_at', models.DateTimeField(blank=True, null=True)),
                ('approved_by_user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('board_token', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='companies.boardapitoken')),
                ('requested_company', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='companies.company')),
            ],
            options={
                'db_table': 'cli_auth_challenges',
                'indexes': [models.Index(fields=['expires_at'], name='cli_challenge_by_expiry')],
                'constraints': [models.CheckConstraint(condition=models.Q(('approved_at__isnull', True), ('cancelled_at__isnull', True), _connector='OR'), name='cli_challenge_one_end'), models.CheckConstraint(condition=models.Q(models.Q(('approved_at__isnull', True), ('approved_by_user__isnull', True)), models.Q(('approved_at__isnull', False), ('approved_by_user__isnull', False)), _connector='OR'), name='cli_challenge_approved_by')],
            },
        ),
        migrations.CreateModel(
            name='InboxDismissal',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('item_key', models.CharField(max_length=80)),
                ('dismissed_at', models.DateTimeField()),
                ('company', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='inbox_dismissals', to='companies.company')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='inbox_dismissals', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'inbox_dismissals',
                'constraints': [models.UniqueConstraint(fields=('company', 'user', 'item_key'), name='inbox_dismissal_once')],
            },
        ),
        migrations.AddIndex(
            model_name='invite',
            index=models.Index(fields=['company', '-created_at'], name='invite_by_company'),
        ),
        migrations.AddConstraint(
            model_name='invite',
            constraint=models.CheckConstraint(condition=models.Q(('company__isnull', False), ('invite_type', 'bootstrap_ceo'), _connector='OR'), name='invite_leads_somewhere'),
        ),
        migrations.AddConstraint(
            model_name='invite',
            constraint=models.CheckConstraint(condition=models.Q(('revoked_at__isnull', True), ('accepted_at__isnull', True), _connector='OR'), name='invite_revoked_or_accepted'),
        ),
        migrations.AddIndex(
            model_name='joinrequest',
            index=models.Index(fields=['company', 'status', '-created_at'], name='join_request_by_status'),
        ),
        migrations.AddConstraint(
            model_name='joinrequest',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('request_type', 'human'), ('requesting_user__isnull', False)), models.Q(('agent_name__isnull', False), ('request_type', 'agent'), ('requesting_user__isnull', True)), _connector='OR'), name='join_request_one_kind'),
        ),
        migrations.AddConstraint(
            model_name='joinrequest',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['pending_approval', 'approved', 'rejected'])), name='join_status_known'),
        ),
        migrations.AddConstraint(
            model_name='sidebarpreference',
            constraint=models.UniqueConstraint(fields=('user', 'company'), name='sidebar_preference_once', nulls_distinct=False),
        ),
    ]
