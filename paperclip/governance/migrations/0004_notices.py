import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('companies', '0003_rate_limits'),
        ('governance', '0003_cost_run'),
    ]

    operations = [
        migrations.CreateModel(
            name='Notice',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('kind', models.CharField(choices=[('run_exhausted', 'A run failed for good'), ('issue_stuck', 'An issue is stuck'), ('loop_stopped', 'A loop without progress was stopped'), ('budget_incident', 'A budget was reached'), ('approval_waiting', 'A question waits for an answer'), ('run_silent', 'A run has gone silent'), ('runner_lost', 'A host that runs agents was lost'), ('service_failed', 'A service of a workspace failed'), ('disk_full', 'A disk is nearly full')], max_length=24)),
                ('key', models.CharField(max_length=200)),
                ('title', models.CharField(max_length=200)),
                ('body', models.TextField(blank=True)),
                ('path', models.TextField(blank=True)),
                ('repeats', models.PositiveIntegerField(default=1)),
                ('last_told_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('company', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='notices', to='companies.company')),
            ],
            options={
                'db_table': 'notices',
            },
        ),
        migrations.CreateModel(
            name='NotificationTarget',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('channel', models.CharField(choices=[('webhook', 'Webhook'), ('email', 'E-mail')], max_length=16)),
                ('address', models.TextField()),
                ('kinds', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('run_exhausted', 'A run failed for good'), ('issue_stuck', 'An issue is stuck'), ('loop_stopped', 'A loop without progress was stopped'), ('budget_incident', 'A budget was reached'), ('approval_waiting', 'A question waits for an answer'), ('run_silent', 'A run has gone silent'), ('runner_lost', 'A host that runs agents was lost'), ('service_failed', 'A service of a workspace failed'), ('disk_full', 'A disk is nearly full')], max_length=24), default=list, size=None)),
                ('hears_installation', models.BooleanField(default=False)),
                ('is_enabled', models.BooleanField(default=True)),
                ('secret_version', models.PositiveIntegerField(default=1)),
                ('last_outcome', models.TextField(blank=True, null=True)),
                ('last_outcome_at', models.DateTimeField(blank=True, null=True)),
                ('last_outcome_ok', models.BooleanField(blank=True, null=True)),
                ('company', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notification_targets', to='companies.company')),
            ],
            options={
                'verbose_name': 'notification',
                'db_table': 'notification_targets',
            },
        ),
        migrations.CreateModel(
            name='NoticeDelivery',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('state', models.CharField(choices=[('pending', 'Pending'), ('delivered', 'Delivered'), ('given_up', 'Given Up'), ('withdrawn', 'Withdrawn')], default='pending', max_length=16)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('next_try_at', models.DateTimeField()),
                ('settled_at', models.DateTimeField(blank=True, null=True)),
                ('error', models.TextField(blank=True, null=True)),
                ('notice', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='governance.notice')),
                ('target', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='governance.notificationtarget')),
            ],
            options={
                'db_table': 'notice_deliveries',
            },
        ),
        migrations.AddIndex(
            model_name='notice',
            index=models.Index(fields=['created_at'], name='notice_by_age'),
        ),
        migrations.AddConstraint(
            model_name='notice',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['run_exhausted', 'issue_stuck', 'loop_stopped', 'budget_incident', 'approval_waiting', 'run_silent', 'runner_lost', 'service_failed', 'disk_full'])), name='notice_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='notice',
            constraint=models.UniqueConstraint(condition=models.Q(('closed_at__isnull', True), ('company__isnull', False)), fields=('company', 'kind', 'key'), name='notice_one_open_per_company'),
        ),
        migrations.AddConstraint(
            model_name='notice',
            constraint=models.UniqueConstraint(condition=models.Q(('closed_at__isnull', True), ('company__isnull', True)), fields=('kind', 'key'), name='notice_one_open_of_installation'),
        ),
        migrations.AddConstraint(
            model_name='notificationtarget',
            constraint=models.CheckConstraint(condition=models.Q(('channel__in', ['webhook', 'email'])), name='notification_target_channel_known'),
        ),
        migrations.AddIndex(
            model_name='noticedelivery',
            index=models.Index(condition=models.Q(('state', 'pending')), fields=['next_try_at'], name='notice_delivery_due'),
        ),
        migrations.AddIndex(
            model_name='noticedelivery',
            index=models.Index(fields=['target', '-created_at'], name='notice_delivery_by_target'),
        ),
        migrations.AddConstraint(
            model_name='noticedelivery',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['pending', 'delivered', 'given_up', 'withdrawn'])), name='notice_delivery_state_known'),
        ),
        migrations.AddConstraint(
            model_name='noticedelivery',
            constraint=models.UniqueConstraint(fields=('notice', 'target'), name='notice_delivery_once_per_target'),
        ),
    ]
