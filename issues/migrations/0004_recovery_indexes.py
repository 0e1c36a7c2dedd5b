from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('issues', '0003_tree_holds'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='issue',
            index=models.Index(condition=models.Q(('assignee_agent__isnull', False), ('hidden_at__isnull', True), ('status__in', ('todo', 'in_progress'))), fields=['id'], name='issue_open_of_agent'),
        ),
        migrations.AddIndex(
            model_name='issue',
            index=models.Index(condition=models.Q(('hidden_at__isnull', True), ('status__in', ('blocked', 'in_review'))), fields=['id'], name='issue_waiting'),
        ),
        migrations.AddIndex(
            model_name='issue',
            index=models.Index(condition=models.Q(('assignee_agent__isnull', True), ('assignee_user__isnull', True), ('created_by_agent__isnull', False), ('hidden_at__isnull', True), ('status__in', ('todo', 'blocked'))), fields=['id'], name='issue_let_go_by_agent'),
        ),
        migrations.AddIndex(
            model_name='issue',
            index=models.Index(condition=models.Q(('origin_kind__in', ('stale_active_run_evaluation', 'harness_liveness_escalation', 'issue_productivity_review', 'stranded_issue_recovery'))), fields=['company', '-created_at'], name='issue_recovery_newest'),
        ),
    ]
