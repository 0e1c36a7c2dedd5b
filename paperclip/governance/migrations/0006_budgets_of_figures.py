from django.db import migrations

# Figures that were set before budgets were enforced become budgets; what was spent this month counts.
COMPANIES = """
INSERT INTO budget_policies (id, company_id, scope_type, metric, window_kind, amount, warn_percent, hard_stop_enabled,
    notify_enabled, is_active, observed_amount, window_start, window_end, created_at, updated_at)
SELECT gen_random_uuid(), company.id, 'company', 'billed_cents', 'calendar_month_utc', company.budget_monthly_cents,
    80, true, true, true,
    coalesce((SELECT sum(cost.cost_cents) FROM cost_events AS cost WHERE cost.company_id = company.id
              AND cost.occurred_at >= month.start AND cost.occurred_at < month.stop), 0),
    month.start, month.stop, now(), now()
FROM companies AS company
CROSS JOIN (SELECT date_trunc('month', now(), 'UTC') AS start,
                   date_trunc('month', date_trunc('month', now(), 'UTC') + interval '32 days', 'UTC') AS stop) AS month
WHERE company.budget_monthly_cents > 0
ON CONFLICT DO NOTHING
"""
AGENTS = """
INSERT INTO budget_policies (id, company_id, scope_type, agent_id, metric, window_kind, amount, warn_percent,
    hard_stop_enabled, notify_enabled, is_active, observed_amount, window_start, window_end, created_at, updated_at)
SELECT gen_random_uuid(), agent.company_id, 'agent', agent.id, 'billed_cents', 'calendar_month_utc',
    agent.budget_monthly_cents, 80, true, true, true,
    coalesce((SELECT sum(cost.cost_cents) FROM cost_events AS cost WHERE cost.agent_id = agent.id
              AND cost.occurred_at >= month.start AND cost.occurred_at < month.stop), 0),
    month.start, month.stop, now(), now()
FROM agents AS agent
CROSS JOIN (SELECT date_trunc('month', now(), 'UTC') AS start,
                   date_trunc('month', date_trunc('month', now(), 'UTC') + interval '32 days', 'UTC') AS stop) AS month
WHERE agent.budget_monthly_cents > 0
ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [("governance", "0005_budgets")]

    operations = [
        migrations.RunSQL(COMPANIES, migrations.RunSQL.noop),
        migrations.RunSQL(AGENTS, migrations.RunSQL.noop),
    ]
