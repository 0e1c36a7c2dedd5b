from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("heartbeat", "0003_runner_suspected_at"), ("django_q", "0018_task_success_index")]

    operations = [
        # django-q2's ORM broker polls its table by key and lock, on which it has no index of its own.
        migrations.RunSQL(
            "CREATE INDEX IF NOT EXISTS paperclip_ormq_by_lock ON django_q_ormq (key, lock)",
            "DROP INDEX IF EXISTS paperclip_ormq_by_lock",
        ),
    ]
