import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('companies', '0006_secrets'),
    ]

    operations = [
        migrations.AlterField(
            model_name='activity',
            name='run',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='activity', to='heartbeat.run'),
        ),
        migrations.AddIndex(
            model_name='activity',
            index=models.Index(condition=models.Q(('action__in', ('issue.successful_run_handoff_required', 'issue.successful_run_handoff_resolved', 'issue.successful_run_handoff_escalated'))), fields=['entity_id', '-created_at', '-id'], name='activity_handoffs'),
        ),
    ]
