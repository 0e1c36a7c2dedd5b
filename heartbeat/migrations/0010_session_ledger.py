from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('heartbeat', '0009_watchdog'),
    ]

    operations = [
        migrations.AddField(
            model_name='tasksession',
            name='raw_cached_input_tokens',
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='tasksession',
            name='raw_input_tokens',
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='tasksession',
            name='raw_output_tokens',
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='tasksession',
            name='run_count',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='tasksession',
            name='set_aside_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='tasksession',
            name='set_aside_reason',
            field=models.TextField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='tasksession',
            name='started_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
