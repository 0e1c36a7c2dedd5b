from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('heartbeat', '0007_failure_rules'),
    ]

    operations = [
        migrations.AddField(
            model_name='runner',
            name='drain_requested_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='runner',
            name='lost_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
