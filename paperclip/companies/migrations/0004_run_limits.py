from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('companies', '0003_rate_limits'),
    ]

    operations = [
        migrations.AddField(
            model_name='company',
            name='draining_since',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='company',
            name='max_concurrent_runs',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name='company',
            constraint=models.CheckConstraint(condition=models.Q(('max_concurrent_runs__isnull', True), ('max_concurrent_runs__gte', 1), _connector='OR'), name='company_run_cap_positive'),
        ),
    ]
