import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('heartbeat', '0012_loop_stops_between_agents'),
    ]

    operations = [
        migrations.AlterField(
            model_name='runevent',
            name='run',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='events', to='heartbeat.run'),
        ),
    ]
