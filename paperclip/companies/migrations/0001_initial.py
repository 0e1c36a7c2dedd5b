import django.contrib.auth.models
import django.contrib.auth.validators
import django.core.validators
import django.utils.timezone
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.CreateModel(
            name='Activity',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('actor_type', models.CharField(choices=[('agent', 'Agent'), ('user', 'User'), ('system', 'System'), ('plugin', 'Plugin')], max_length=8)),
                ('actor_id', models.TextField()),
                ('action', models.CharField(max_length=96)),
                ('entity_type', models.CharField(max_length=48)),
                ('entity_id', models.TextField()),
                ('details', models.JSONField(blank=True, null=True)),
            ],
            options={
                'verbose_name_plural': 'activity',
                'db_table': 'activity_log',
            },
        ),
        migrations.CreateModel(
            name='Agent',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('name', models.TextField()),
                ('role', models.CharField(choices=[('ceo', 'Ceo'), ('cto', 'Cto'), ('cmo', 'Cmo'), ('cfo', 'Cfo'), ('security', 'Security'), ('engineer', 'Engineer'), ('designer', 'Designer'), ('pm', 'Pm'), ('qa', 'Qa'), ('devops', 'Devops'), ('researcher', 'Researcher'), ('general', 'General')], default='general', max_length=16)),
                ('title', models.TextField(blank=True, null=True)),
                ('icon', models.CharField(blank=True, max_length=32, null=True)),
                ('capabilities', models.TextField(blank=True, null=True)),
                ('status', models.CharField(choices=[('active', 'Active'), ('idle', 'Idle'), ('running', 'Running'), ('error', 'Error'), ('paused', 'Paused'), ('pending_approval', 'Pending Approval'), ('terminated', 'Terminated')], default='idle', max_length=20)),
                ('pause_reason', models.CharField(blank=True, choices=[('manual', 'Manual'), ('budget', 'Budget'), ('system', 'System')], max_length=16, null=True)),
                ('paused_at', models.DateTimeField(blank=True, null=True)),
                ('adapter_type', models.CharField(default='process', max_length=64)),
                ('adapter_config', models.JSONField(blank=True, default=dict)),
                ('runtime_config', models.JSONField(blank=True, default=dict)),
                ('permissions', models.JSONField(blank=True, default=dict)),
                ('budget_monthly_cents', models.PositiveBigIntegerField(default=0)),
                ('last_heartbeat_at', models.DateTimeField(blank=True, null=True)),
                ('metadata', models.JSONField(blank=True, null=True)),
            ],
            options={
                'db_table': 'agents',
            },
        ),
        migrations.CreateModel(
            name='AgentApiKey',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('name', models.TextField()),
                ('key_hash', models.CharField(max_length=64, unique=True)),
                ('last_used_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'db_table': 'agent_api_keys',
            },
        ),
        migrations.CreateModel(
            name='AgentConfigRevision',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('source', models.CharField(choices=[('patch', 'Patch'), ('rollback', 'Rollback'), ('skill-sync', 'Skill Sync'), ('instructions_path_patch', 'Instructions Path Patch'), ('instructions_bundle_patch', 'Instructions Bundle Patch'), ('instructions_bundle_file_put', 'Instructions Bundle File Put')], default='patch', max_length=32)),
                ('changed_keys', models.JSONField(default=list)),
                ('before_config', models.JSONField(default=dict)),
                ('after_config', models.JSONField(default=dict)),
            ],
            options={
                'db_table': 'agent_config_revisions',
            },
        ),
        migrations.CreateModel(
            name='BoardApiToken',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('name', models.TextField()),
                ('key_hash', models.CharField(max_length=64, unique=True)),
                ('last_used_at', models.DateTimeField(blank=True, null=True)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'db_table': 'board_api_keys',
            },
        ),
        migrations.CreateModel(
            name='Company',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('name', models.TextField()),
                ('description', models.TextField(blank=True, null=True)),
                ('status', models.CharField(choices=[('active', 'Active'), ('paused', 'Paused'), ('archived', 'Archived')], default='active', max_length=16)),
                ('pause_reason', models.CharField(blank=True, choices=[('manual', 'Manual'), ('budget', 'Budget'), ('system', 'System')], max_length=16, null=True)),
                ('paused_at', models.DateTimeField(blank=True, null=True)),
                ('issue_prefix', models.CharField(max_length=64, unique=True)),
                ('issue_counter', models.PositiveIntegerField(default=0)),
                ('budget_monthly_cents', models.PositiveBigIntegerField(default=0)),
                ('attachment_max_bytes', models.PositiveIntegerField(default=10485760, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1073741824)])),
                ('require_board_approval_for_new_agents', models.BooleanField(default=False)),
                ('feedback_data_sharing_enabled', models.BooleanField(default=False)),
                ('feedback_data_sharing_consent_at', models.DateTimeField(blank=True, null=True)),
                ('feedback_data_sharing_consent_by_user_id', models.TextField(blank=True, null=True)),
                ('feedback_data_sharing_terms_version', models.TextField(blank=True, null=True)),
                ('brand_color', models.CharField(blank=True, max_length=7, null=True)),
            ],
            options={
                'verbose_name_plural': 'companies',
                'db_table': 'companies',
            },
        ),
        migrations.CreateModel(
            name='Goal',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('title', models.TextField()),
                ('description', models.TextField(blank=True, null=True)),
                ('level', models.CharField(choices=[('company', 'Company'), ('team', 'Team'), ('agent', 'Agent'), ('task', 'Task')], default='task', max_length=16)),
                ('status', models.CharField(choices=[('planned', 'Planned'), ('active', 'Active'), ('achieved', 'Achieved'), ('cancelled', 'Cancelled')], default='planned', max_length=16)),
            ],
            options={
                'db_table': 'goals',
            },
        ),
        migrations.CreateModel(
            name='Grant',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('principal_type', models.CharField(choices=[('user', 'User'), ('agent', 'Agent')], max_length=8)),
                ('principal_id', models.UUIDField()),
                ('permission_key', models.CharField(choices=[('agents:create', 'Agents Create'), ('environments:manage', 'Environments Manage'), ('users:invite', 'Users Invite'), ('users:manage_permissions', 'Users Manage Permissions'), ('tasks:assign', 'Tasks Assign'), ('tasks:assign_scope', 'Tasks Assign Scope'), ('tasks:manage_active_checkouts', 'Tasks Manage Active Checkouts'), ('joins:approve', 'Joins Approve')], max_length=64)),
                ('scope', models.JSONField(blank=True, null=True)),
            ],
            options={
                'db_table': 'principal_permission_grants',
            },
        ),
        migrations.CreateModel(
            name='Member',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('principal_type', models.CharField(choices=[('user', 'User'), ('agent', 'Agent')], max_length=8)),
                ('principal_id', models.UUIDField()),
                ('status', models.CharField(choices=[('pending', 'Pending'), ('active', 'Active'), ('suspended', 'Suspended'), ('archived', 'Archived')], default='active', max_length=16)),
                ('membership_role', models.CharField(blank=True, choices=[('owner', 'Owner'), ('admin', 'Admin'), ('operator', 'Operator'), ('viewer', 'Viewer'), ('member', 'Member')], max_length=16, null=True)),
            ],
            options={
                'db_table': 'company_memberships',
            },
        ),
        migrations.CreateModel(
            name='Project',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('name', models.TextField()),
                ('description', models.TextField(blank=True, null=True)),
                ('status', models.CharField(choices=[('backlog', 'Backlog'), ('planned', 'Planned'), ('in_progress', 'In Progress'), ('completed', 'Completed'), ('cancelled', 'Cancelled')], default='backlog', max_length=16)),
                ('target_date', models.DateField(blank=True, null=True)),
                ('color', models.CharField(blank=True, max_length=32, null=True)),
                ('env', models.JSONField(blank=True, null=True)),
                ('pause_reason', models.CharField(blank=True, choices=[('manual', 'Manual'), ('budget', 'Budget'), ('system', 'System')], max_length=16, null=True)),
                ('paused_at', models.DateTimeField(blank=True, null=True)),
                ('archived_at', models.DateTimeField(blank=True, null=True)),
                ('execution_workspace_policy', models.JSONField(blank=True, null=True)),
            ],
            options={
                'db_table': 'projects',
            },
        ),
        migrations.CreateModel(
            name='ProjectGoal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField(default=0)),
            ],
            options={
                'db_table': 'project_goals',
                'ordering': ['position', 'id'],
            },
        ),
        migrations.CreateModel(
            name='SignInLink',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('token_hash', models.CharField(max_length=64, unique=True)),
                ('expires_at', models.DateTimeField()),
                ('used_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'db_table': 'sign_in_links',
            },
        ),
        migrations.CreateModel(
            name='User',
            fields=[
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('username', models.CharField(error_messages={'unique': 'A user with that username already exists.'}, help_text='Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.', max_length=150, unique=True, validators=[django.contrib.auth.validators.UnicodeUsernameValidator()], verbose_name='username')),
                ('first_name', models.CharField(blank=True, max_length=150, verbose_name='first name')),
                ('last_name', models.CharField(blank=True, max_length=150, verbose_name='last name')),
                ('email', models.EmailField(blank=True, max_length=254, verbose_name='email address')),
                ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                ('date_joined', models.DateTimeField(default=django.utils.timezone.now, verbose_name='date joined')),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('image', models.TextField(blank=True, null=True)),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
            ],
            options={
                'db_table': 'users',
            },
            managers=[
                ('objects', django.contrib.auth.models.UserManager()),
            ],
        ),
    ]
