from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('heartbeat', '0011_retention_indexes'),
    ]

    operations = [
        migrations.AddField(
            model_name='loopstop',
            name='is_between_agents',
            field=models.BooleanField(default=False),
        ),
    ]
