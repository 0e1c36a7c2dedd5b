from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('companies', '0010_live_events'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='secretproviderconfig',
            options={'verbose_name': 'vault'},
        ),
    ]
