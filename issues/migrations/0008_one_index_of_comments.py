import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('issues', '0007_list_order'),
    ]

    operations = [
        migrations.AlterField(
            model_name='comment',
            name='created_by_run',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='comments', to='heartbeat.run'),
        ),
    ]
