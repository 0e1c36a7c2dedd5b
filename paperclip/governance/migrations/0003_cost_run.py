import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('companies', '0002_links'),
        ('governance', '0002_cost_issue'),
        ('issues', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='costevent',
            name='issue',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='cost_events', to='issues.issue'),
        ),
        migrations.AddField(
            model_name='costevent',
            name='project',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to='companies.project'),
        ),
        migrations.AddIndex(
            model_name='approval',
            index=models.Index(fields=['company', 'status', '-created_at'], name='approval_by_status'),
        ),
        migrations.AddConstraint(
            model_name='approval',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'revision_requested', 'approved', 'rejected', 'cancelled'])), name='approval_status_known'),
        ),
        migrations.AddIndex(
            model_name='costevent',
            index=models.Index(fields=['company', 'occurred_at'], name='cost_by_company_time'),
        ),
        migrations.AddIndex(
            model_name='costevent',
            index=models.Index(fields=['agent', 'occurred_at'], name='cost_by_agent_time'),
        ),
        migrations.AddIndex(
            model_name='costevent',
            index=models.Index(fields=['heartbeat_run'], name='cost_by_run'),
        ),
    ]
