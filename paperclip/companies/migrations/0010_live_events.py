import django.db.models.deletion
from django.db import migrations, models

# A row names the transaction that wrote it, so that a reader can ask for what it had not seen at its last look:
# numbers are drawn before the commit, and do not tell.
TABLE = """
ALTER TABLE live_events ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX live_event_by_transaction ON live_events (xid);
"""

# A moment as the interface writes it.
MOMENT = """
CREATE FUNCTION live_moment(moment timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;
"""

# A JSON value, unless it is longer than an event may be.
BOUNDED = """
CREATE FUNCTION live_bounded(given jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN octet_length(given::text) <= 8192 THEN given END
$$;
"""

TELL = """
CREATE FUNCTION live_tell(company uuid, kind text, told jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO live_events (company_id, type, payload, created_at) VALUES (company, kind, told, clock_timestamp());
  PERFORM pg_notify('paperclip_live', '');
END $$;
"""

# Rows that people wrote themselves are not told (C-97).
ACTIVITY = """
CREATE FUNCTION live_activity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM live_tell(NEW.company_id, 'activity.logged', jsonb_build_object(
    'actorType', NEW.actor_type, 'actorId', NEW.actor_id, 'action', NEW.action, 'entityType', NEW.entity_type,
    'entityId', NEW.entity_id, 'agentId', NEW.agent_id, 'runId', NEW.run_id, 'details', live_bounded(NEW.details)));
  RETURN NULL;
END $$;
CREATE TRIGGER live_activity AFTER INSERT ON activity_log FOR EACH ROW
  WHEN (NEW.details IS NULL OR NOT NEW.details ? 'recordedByUserId') EXECUTE FUNCTION live_activity();
"""

# What the beginning and the end of a run do to its agent is told with the run.
AGENT = """
CREATE FUNCTION live_agent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM live_tell(NEW.company_id, 'agent.status', jsonb_build_object(
    'agentId', NEW.id, 'status', NEW.status, 'outcome', NULL,
    'lastHeartbeatAt', live_moment(NEW.last_heartbeat_at)));
  RETURN NULL;
END $$;
CREATE TRIGGER live_agent AFTER UPDATE OF status ON agents FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status AND NEW.status <> 'running'
        AND OLD.last_heartbeat_at IS NOT DISTINCT FROM NEW.last_heartbeat_at)
  EXECUTE FUNCTION live_agent();
"""

UNDO = """
DROP TRIGGER live_agent ON agents;
DROP TRIGGER live_activity ON activity_log;
DROP FUNCTION live_agent();
DROP FUNCTION live_activity();
DROP FUNCTION live_tell(uuid, text, jsonb);
DROP FUNCTION live_bounded(jsonb);
DROP FUNCTION live_moment(timestamptz);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('companies', '0009_replies'),
    ]

    operations = [
        migrations.CreateModel(
            name='LiveEvent',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('company_id', models.UUIDField()),
                ('type', models.CharField(max_length=48)),
                ('payload', models.JSONField()),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'live_events',
            },
        ),
        migrations.CreateModel(
            name='LiveListener',
            fields=[
                ('company', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, serialize=False, to='companies.company')),
                ('until', models.DateTimeField()),
            ],
            options={
                'db_table': 'live_listeners',
            },
        ),
        migrations.RunSQL(TABLE, migrations.RunSQL.noop),
        migrations.RunSQL([MOMENT, BOUNDED, TELL, ACTIVITY, AGENT], UNDO),
    ]
