import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('governance', '0001_initial'),
        ('heartbeat', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='costevent',
            name='heartbeat_run',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to='heartbeat.run'),
        ),
    ]
