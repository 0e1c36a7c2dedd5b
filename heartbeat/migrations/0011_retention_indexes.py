from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('companies', '0005_assets'),
        ('heartbeat', '0010_session_ledger'),
        ('issues', '0007_list_order'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='run',
            index=models.Index(condition=models.Q(('stdout_excerpt__isnull', False)), fields=['finished_at'], name='run_with_excerpt'),
        ),
        migrations.AddIndex(
            model_name='wakeuprequest',
            index=models.Index(condition=models.Q(('status', 'skipped')), fields=['requested_at'], name='wakeup_skipped'),
        ),
    ]
