import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('companies', '0003_rate_limits'),
        ('heartbeat', '0005_followups'),
        ('issues', '0002_links'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='TreeHold',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('mode', models.CharField(choices=[('pause', 'Pause'), ('resume', 'Resume'), ('cancel', 'Cancel'), ('restore', 'Restore')], max_length=8)),
                ('status', models.CharField(choices=[('active', 'Active'), ('released', 'Released')], default='active', max_length=8)),
                ('reason', models.TextField(blank=True, null=True)),
                ('release_policy', models.JSONField()),
                ('created_by_actor_type', models.CharField(choices=[('agent', 'Agent'), ('user', 'User'), ('system', 'System'), ('plugin', 'Plugin')], max_length=8)),
                ('released_at', models.DateTimeField(blank=True, null=True)),
                ('released_by_actor_type', models.CharField(blank=True, choices=[('agent', 'Agent'), ('user', 'User'), ('system', 'System'), ('plugin', 'Plugin')], max_length=8, null=True)),
                ('release_reason', models.TextField(blank=True, null=True)),
                ('release_metadata', models.JSONField(blank=True, null=True)),
                ('company', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company')),
                ('created_by_agent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='companies.agent')),
                ('created_by_run', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='heartbeat.run')),
                ('created_by_user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('released_by_agent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='companies.agent')),
                ('released_by_run', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='heartbeat.run')),
                ('released_by_user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('root_issue', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tree_holds', to='issues.issue')),
            ],
            options={
                'db_table': 'issue_tree_holds',
            },
        ),
        migrations.CreateModel(
            name='TreeHoldMember',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('parent_issue_id', models.UUIDField(blank=True, null=True)),
                ('depth', models.PositiveSmallIntegerField()),
                ('issue_identifier', models.CharField(max_length=80)),
                ('issue_title', models.TextField()),
                ('issue_status', models.CharField(max_length=16)),
                ('assignee_agent_id', models.UUIDField(blank=True, null=True)),
                ('assignee_user_id', models.UUIDField(blank=True, null=True)),
                ('active_run_id', models.UUIDField(blank=True, null=True)),
                ('active_run_status', models.CharField(blank=True, max_length=16, null=True)),
                ('skipped', models.BooleanField(default=False)),
                ('skip_reason', models.CharField(blank=True, max_length=48, null=True)),
                ('company', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company')),
                ('hold', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='members', to='issues.treehold')),
                ('issue', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='hold_memberships', to='issues.issue')),
            ],
            options={
                'db_table': 'issue_tree_hold_members',
            },
        ),
        migrations.AddIndex(
            model_name='treehold',
            index=models.Index(condition=models.Q(('status', 'active')), fields=['root_issue', 'mode'], name='tree_hold_active_by_root'),
        ),
        migrations.AddIndex(
            model_name='treehold',
            index=models.Index(fields=['root_issue', '-created_at'], name='tree_hold_newest'),
        ),
        migrations.AddConstraint(
            model_name='treehold',
            constraint=models.CheckConstraint(condition=models.Q(('mode__in', ['pause', 'resume', 'cancel', 'restore'])), name='tree_hold_mode_known'),
        ),
        migrations.AddConstraint(
            model_name='treehold',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('released_at__isnull', True), ('status', 'active')), models.Q(('released_at__isnull', False), ('status', 'released')), _connector='OR'), name='tree_hold_released_has_time'),
        ),
        migrations.AddConstraint(
            model_name='treeholdmember',
            constraint=models.UniqueConstraint(fields=('hold', 'issue'), name='tree_hold_member_once'),
        ),
    ]
