from django.db import migrations

RUN = """
CREATE FUNCTION live_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.status = 'queued' THEN
    PERFORM live_tell(NEW.company_id, 'heartbeat.run.queued', jsonb_build_object(
      'runId', NEW.id, 'agentId', NEW.agent_id, 'issueId', NEW.issue_id,
      'invocationSource', NEW.invocation_source, 'triggerDetail', NEW.trigger_detail,
      'wakeupRequestId', NEW.wakeup_request_id));
  ELSE
    PERFORM live_tell(NEW.company_id, 'heartbeat.run.status', jsonb_build_object(
      'runId', NEW.id, 'agentId', NEW.agent_id, 'issueId', NEW.issue_id, 'status', NEW.status,
      'invocationSource', NEW.invocation_source, 'triggerDetail', NEW.trigger_detail,
      'error', left(NEW.error, 2048), 'errorCode', NEW.error_code,
      'startedAt', live_moment(NEW.started_at), 'finishedAt', live_moment(NEW.finished_at)));
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER live_run_made AFTER INSERT ON heartbeat_runs FOR EACH ROW EXECUTE FUNCTION live_run();
CREATE TRIGGER live_run_moved AFTER UPDATE OF status ON heartbeat_runs FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION live_run();
"""

EVENT = """
CREATE FUNCTION live_run_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM live_tell(NEW.company_id, 'heartbeat.run.event', jsonb_build_object(
    'runId', NEW.run_id, 'agentId', NEW.agent_id, 'seq', NEW.seq, 'eventType', NEW.event_type,
    'stream', NEW.stream, 'level', NEW.level, 'color', NEW.color, 'message', left(NEW.message, 2048),
    'payload', live_bounded(NEW.payload)));
  RETURN NULL;
END $$;
CREATE TRIGGER live_run_event AFTER INSERT ON heartbeat_run_events FOR EACH ROW EXECUTE FUNCTION live_run_event();
"""

# At the commit, when both the run and its agent are what they will be.
AGENT = """
CREATE FUNCTION live_run_agent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM live_tell(NEW.company_id, 'agent.status', jsonb_build_object(
    'agentId', agent.id, 'status', agent.status, 'outcome', NEW.status,
    'lastHeartbeatAt', live_moment(agent.last_heartbeat_at)))
  FROM agents AS agent WHERE agent.id = NEW.agent_id;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER live_run_agent AFTER UPDATE OF status ON heartbeat_runs
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status AND 'running' IN (OLD.status, NEW.status))
  EXECUTE FUNCTION live_run_agent();
"""

UNDO = """
DROP TRIGGER live_run_agent ON heartbeat_runs;
DROP TRIGGER live_run_event ON heartbeat_run_events;
DROP TRIGGER live_run_moved ON heartbeat_runs;
DROP TRIGGER live_run_made ON heartbeat_runs;
DROP FUNCTION live_run_agent();
DROP FUNCTION live_run_event();
DROP FUNCTION live_run();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('heartbeat', '0013_one_index_of_run_events'),
        ('companies', '0010_live_events'),
    ]

    operations = [
        migrations.RunSQL([RUN, EVENT, AGENT], UNDO),
    ]
