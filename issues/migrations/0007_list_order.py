from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("issues", "0006_policy_decisions_interactions")]

    operations = [
        migrations.AddIndex(
            model_name="issue",
            index=models.Index(
                models.F("company"),
                models.Case(
                    models.When(priority="critical", then=models.Value(0)),
                    models.When(priority="high", then=models.Value(1)),
                    models.When(priority="medium", then=models.Value(2)),
                    models.When(priority="low", then=models.Value(3)),
                    output_field=models.IntegerField(),
                ),
                models.OrderBy(models.F("last_activity_at"), descending=True),
                models.OrderBy(models.F("updated_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("hidden_at__isnull", True)),
                name="issue_in_list_order",
            ),
        ),
    ]
