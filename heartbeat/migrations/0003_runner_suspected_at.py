from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('heartbeat', '0002_links'),
    ]

    operations = [
        migrations.AddField(
            model_name='runner',
            name='suspected_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
