import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('companies', '0001_initial'),
        ('heartbeat', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='activity',
            name='run',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='activity', to='heartbeat.run'),
        ),
        migrations.AddField(
            model_name='agent',
            name='reports_to',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='reports', to='companies.agent'),
        ),
        migrations.AddField(
            model_name='activity',
            name='agent',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to='companies.agent'),
        ),
        migrations.AddField(
            model_name='agentapikey',
            name='agent',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='api_keys', to='companies.agent'),
        ),
        migrations.AddField(
            model_name='agentconfigrevision',
            name='agent',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='config_revisions', to='companies.agent'),
        ),
        migrations.AddField(
            model_name='agentconfigrevision',
            name='created_by_agent',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='companies.agent'),
        ),
        migrations.AddField(
            model_name='agentconfigrevision',
            name='created_by_user',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='agentconfigrevision',
            name='rolled_back_from_revision',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to='companies.agentconfigrevision'),
        ),
        migrations.AddField(
            model_name='boardapitoken',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='api_tokens', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='company',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['active', 'paused', 'archived'])), name='company_status_known'),
        ),
        migrations.AddConstraint(
            model_name='company',
            constraint=models.CheckConstraint(condition=models.Q(('attachment_max_bytes__gte', 1), ('attachment_max_bytes__lte', 1073741824)), name='company_attachment_limit_in_range'),
        ),
        migrations.AddField(
            model_name='agentconfigrevision',
            name='company',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company'),
        ),
        migrations.AddField(
            model_name='agentapikey',
            name='company',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company'),
        ),
        migrations.AddField(
            model_name='agent',
            name='company',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='agents', to='companies.company'),
        ),
        migrations.AddField(
            model_name='activity',
            name='company',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='companies.company'),
        ),
        migrations.AddField(
            model_name='goal',
            name='company',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='goals', to='companies.company'),
        ),
        migrations.AddField(
            model_name='goal',
            name='owner_agent',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='goals', to='companies.agent'),
        ),
        migrations.AddField(
            model_name='goal',
            name='parent',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='children', to='companies.goal'),
        ),
        migrations.AddField(
            model_name='grant',
            name='company',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='grants', to='companies.company'),
        ),
        migrations.AddField(
            model_name='grant',
            name='granted_by_user',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='member',
            name='company',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='members', to='companies.company'),
        ),
        migrations.AddField(
            model_name='project',
            name='company',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='projects', to='companies.company'),
        ),
        migrations.AddField(
            model_name='project',
            name='lead_agent',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='led_projects', to='companies.agent'),
        ),
        migrations.AddField(
            model_name='projectgoal',
            name='goal',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='project_links', to='companies.goal'),
        ),
        migrations.AddField(
            model_name='projectgoal',
            name='project',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='goal_links', to='companies.project'),
        ),
        migrations.AddField(
            model_name='project',
            name='goals',
            field=models.ManyToManyField(related_name='projects', through='companies.ProjectGoal', to='companies.goal'),
        ),
        migrations.AddField(
            model_name='signinlink',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sign_in_links', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='agentconfigrevision',
            index=models.Index(fields=['agent', '-created_at'], name='agent_revision_newest'),
        ),
        migrations.AddIndex(
            model_name='agent',
            index=models.Index(fields=['company', 'status'], name='agent_by_company_status'),
        ),
        migrations.AddIndex(
            model_name='agent',
            index=models.Index(fields=['reports_to'], name='agent_by_manager'),
        ),
        migrations.AddConstraint(
            model_name='agent',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['active', 'idle', 'running', 'error', 'paused', 'pending_approval', 'terminated'])), name='agent_status_known'),
        ),
        migrations.AddConstraint(
            model_name='agent',
            constraint=models.CheckConstraint(condition=models.Q(('reports_to__isnull', True), models.Q(('reports_to', models.F('id')), _negated=True), _connector='OR'), name='agent_not_its_own_manager'),
        ),
        migrations.AddIndex(
            model_name='activity',
            index=models.Index(fields=['company', '-created_at', '-id'], name='activity_newest'),
        ),
        migrations.AddIndex(
            model_name='activity',
            index=models.Index(fields=['entity_type', 'entity_id', '-created_at'], name='activity_by_entity'),
        ),
        migrations.AddIndex(
            model_name='activity',
            index=models.Index(fields=['agent', '-created_at'], name='activity_by_agent'),
        ),
        migrations.AddIndex(
            model_name='activity',
            index=models.Index(fields=['run'], name='activity_by_run'),
        ),
        migrations.AddIndex(
            model_name='goal',
            index=models.Index(fields=['company', 'level', 'status', 'created_at'], name='goal_by_level'),
        ),
        migrations.AddConstraint(
            model_name='goal',
            constraint=models.CheckConstraint(condition=models.Q(('parent__isnull', True), models.Q(('parent', models.F('id')), _negated=True), _connector='OR'), name='goal_not_its_own_parent'),
        ),
        migrations.AddConstraint(
            model_name='grant',
            constraint=models.UniqueConstraint(fields=('company', 'principal_type', 'principal_id', 'permission_key'), name='grant_one_per_key'),
        ),
        migrations.AddIndex(
            model_name='member',
            index=models.Index(fields=['principal_type', 'principal_id'], name='member_by_principal'),
        ),
        migrations.AddConstraint(
            model_name='member',
            constraint=models.UniqueConstraint(fields=('company', 'principal_type', 'principal_id'), name='member_one_per_principal'),
        ),
        migrations.AddConstraint(
            model_name='member',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'active', 'suspended', 'archived'])), name='member_status_known'),
        ),
        migrations.AddConstraint(
            model_name='projectgoal',
            constraint=models.UniqueConstraint(fields=('project', 'goal'), name='project_goal_once'),
        ),
        migrations.AddIndex(
            model_name='project',
            index=models.Index(fields=['company', 'created_at'], name='project_by_company'),
        ),
    ]
